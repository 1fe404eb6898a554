"""What publications on other weights changed in the same series and period: EMP06 and INAC01, edition by edition."""

from collections.abc import Mapping

import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.impact import PERSONS, POINTS, impact_rows, synthetic_of
from lmi_pipeline.methods.tables import require_columns

_COLUMNS = ["release", "dataset", "sheet", "basis", "category", "measure", "period", "measure_value"]
_DATASETS = ("emp06", "inac01")


def vintage_of_release(release: str, published_on: Mapping[str, str], *, before_first: str = "earlier") -> str:
    """Weight vintage an edition was published on: the last one issued by the date of the edition.

    Parameters
    ----------
    release : str
        Date of the edition, ``2020-11-10`` (``.2`` may follow).
    published_on : mapping of str to str
        Vintage -> date of its first publication, ISO; the month alone (``2019-02``) will do.
    before_first : str
        Answer for an edition before the first date.
    """
    issued = [(date, name) for name, date in published_on.items() if date <= release]
    return max(issued)[1] if issued else before_first


def published_editions(series: pd.DataFrame, *, published_on: Mapping[str, str]) -> pd.DataFrame:
    """Differences of the same series and period between an edition and the one before that has a number.

    An edition that suspended a series is skipped for it: EMP06 of May 2021 has no number by country of birth
    from January 2020 on, so July 2021 is compared with November 2020.

    Parameters
    ----------
    series : DataFrame
        Rows of ``core_lfs__quarterly_published_series``; other datasets than EMP06 and INAC01 are left out.
    published_on : mapping of str to str
        As for `vintage_of_release`; leave out vintages that ONS never issued.

    Returns
    -------
    DataFrame
        Rows of the impact table. ``weight_vintage`` is that of the later edition, ``compared_with`` names both
        editions (``emp06 2020-11-10 (pwt18_tenure) to 2021-07-15``), ``category`` is
        ``dataset/basis/category`` (INAC01: ``inac01/men/retired``). Measures: ``level_difference`` (persons)
        and ``rate_difference`` (percentage points) where the number changed; for each pair of editions, with
        quarter ``all``, ``..._compared`` and ``..._changed`` (numbers of series and periods),
        ``..._mean_difference`` and ``..._largest_absolute_difference`` of those changed. A period before the
        vintage's first reweighted quarter is on older weights in both editions.

    Raises
    ------
    MethodError
        If no series has a number for the same period in two editions.
    """
    require_columns(series, _COLUMNS, "published series")
    used = series[series["dataset"].isin(_DATASETS) & series["measure"].isin(["level", "rate"])]
    used = used[used["measure_value"].notna()]
    pairs = _consecutive(used.assign(series=_names(used)))
    if pairs.empty:
        raise MethodError("published editions: no series of EMP06 or INAC01 has one period in two editions")
    old = pairs["earlier"].map({r: vintage_of_release(r, published_on) for r in pairs["earlier"].unique()})
    facts = pd.DataFrame(
        {
            "weight_vintage": pairs["release"].map(
                {r: vintage_of_release(r, published_on) for r in pairs["release"].unique()}
            ),
            "compared_with": pairs["dataset"] + " " + pairs["earlier"] + " (" + old + ") to " + pairs["release"],
            "quarter": pairs["period"],
            "category": pairs["series"],
            "kind": pairs["measure"],
            "impact_value": pairs["difference"],
        }
    )
    changed = facts[facts["impact_value"] != 0]
    unit = changed["kind"].map({"level": PERSONS, "rate": POINTS})
    detail = changed.assign(impact_measure=changed["kind"] + "_difference", unit=unit)
    rows = pd.concat([detail.drop(columns="kind"), _summary(facts)], ignore_index=True)
    return impact_rows(rows, impact_table="published_editions", synthetic=synthetic_of(used))


def _names(series: pd.DataFrame) -> "pd.Series[str]":
    """``emp06/nationality/eu``; INAC01 has the same categories for people, men and women."""
    sheet = series["sheet"].str.lower().where(series["dataset"] == "inac01", series["basis"])
    return series["dataset"] + "/" + sheet + "/" + series["category"]


def _consecutive(series: pd.DataFrame) -> pd.DataFrame:
    key = ["dataset", "series", "measure", "period"]
    ordered = series.drop_duplicates([*key, "release"]).sort_values([*key, "release"])
    groups = ordered.groupby(key, sort=False)
    ordered = ordered.assign(
        earlier=groups["release"].shift(), difference=ordered["measure_value"] - groups["measure_value"].shift()
    )
    return ordered[ordered["earlier"].notna()]


def _summary(facts: pd.DataFrame) -> pd.DataFrame:
    """One row for each pair of editions, kind of number and measure."""
    rows = []
    for (vintage, pair, kind), group in facts.groupby(["weight_vintage", "compared_with", "kind"], sort=False):
        changed = group.loc[group["impact_value"] != 0, "impact_value"]
        unit = PERSONS if kind == "level" else POINTS
        numbers = {"compared": (float(len(group)), "number"), "changed": (float(len(changed)), "number")}
        if len(changed):
            numbers["mean_difference"] = (float(changed.mean()), unit)
            numbers["largest_absolute_difference"] = (float(changed.abs().max()), unit)
        rows += [
            {
                "weight_vintage": vintage, "compared_with": pair, "quarter": "all", "category": "all",
                "impact_measure": f"{kind}_{name}", "impact_value": value, "unit": text,
            }
            for name, (value, text) in numbers.items()
        ]  # fmt: skip
    return pd.DataFrame(rows)
