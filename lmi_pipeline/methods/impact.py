"""What new weights change: Tables 4 and 5 of the ONS reweighting article, as rows of the impact table.

Every function here and in :mod:`impact_growth` and :mod:`impact_editions` returns rows of
``est_reweighting__impact``: one number a row, with its measure and unit in words. Source of the layouts: ONS,
"Using Real Time Information data to reweight the LFS" (2021).
"""

from collections.abc import Mapping, Sequence
from itertools import product

import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.areas import NATIONAL_AREA
from lmi_pipeline.methods.quarters import QUARTERS_IN_YEAR, shift_quarter
from lmi_pipeline.methods.tables import require_columns, require_unique

IMPACT_COLUMNS = (
    "impact_table", "weight_vintage", "compared_with", "quarter", "area_code", "category", "impact_measure",
    "impact_value", "unit", "synthetic",
)  # fmt: skip
IMPACT_KEY = IMPACT_COLUMNS[:7]
ALL = "all"
NONE = "none"
PERSONS, PER_CENT, POINTS = "persons", "per cent", "percentage points"
LEVELS = ("population_level", "employment_level", "unemployment_level", "inactivity_level")
RATES = ("employment_rate", "unemployment_rate", "inactivity_rate")

_THOUSAND = 1000
_KEY = ["quarter", "breakdown", "category", "age_range", "measure"]


def impact_rows(rows: pd.DataFrame | Sequence[Mapping[str, object]], **fixed: str) -> pd.DataFrame:
    """Complete rows of the impact table: absent text keys become "all", or "none" for `compared_with`.

    Raises
    ------
    MethodError
        If two rows have the same key, or there is no row.
    """
    defaults = {"compared_with": NONE, "quarter": ALL, "area_code": NATIONAL_AREA, "category": ALL}
    frame = pd.DataFrame(rows).assign(**fixed)
    if frame.empty:
        raise MethodError(f"{fixed.get('impact_table', 'impact')}: no rows")
    for column, text in defaults.items():
        if column not in frame:
            frame[column] = text
    require_columns(frame, IMPACT_COLUMNS, "impact")
    require_unique(frame, IMPACT_KEY, "impact")
    texts = dict.fromkeys([*IMPACT_KEY, "unit", "synthetic"], "str")
    return frame[list(IMPACT_COLUMNS)].astype({**texts, "impact_value": "float"}).reset_index(drop=True)


def melt_measures(wide: pd.DataFrame, units: Mapping[str, str], **fixed: str) -> pd.DataFrame:
    """Turn one column for each measure into rows; cells without a number are left out."""
    keys = [column for column in wide.columns if column not in units]
    present = [measure for measure in units if measure in wide.columns]
    long = wide.melt(keys, present, var_name="impact_measure", value_name="impact_value")
    long = long[long["impact_value"].notna()]
    return impact_rows(long.assign(unit=long["impact_measure"].map(dict(units))), **fixed)


def synthetic_of(*frames: pd.DataFrame) -> str:
    """``true`` or ``false`` where all rows used agree, otherwise ``mixed``."""
    seen = {str(flag) for frame in frames if "synthetic" in frame for flag in frame["synthetic"].unique()}
    return seen.pop() if len(seen) == 1 else "mixed"


def table_5(estimates: pd.DataFrame, *, old: str, new: str) -> pd.DataFrame:
    """Levels and rates with the old and with the new weights, by quarter and breakdown.

    Parameters
    ----------
    estimates : DataFrame
        Rows of ``est_lfs__quarterly_estimate`` (levels in persons, rates in per cent) with both vintages.
    old, new : str
        Weight vintages.

    Returns
    -------
    DataFrame
        Rows of the impact table. ``category`` is ``breakdown/category/age range`` (``all/all/16+``); measures
        are the measure with ``_before``, ``_after``, ``_difference``, ``_standard_error_before`` and
        ``_standard_error_after``. The two estimates come from the same respondents, so the standard error of
        the difference is not the root of the two squared, and is not given.

    Raises
    ------
    MethodError
        If a vintage has no estimate, or no estimate of both is of the same thing.
    """
    require_columns(estimates, ["weight_vintage", *_KEY, "estimate_value", "standard_error"], "estimates")
    sides = {side: _vintage(estimates, name, "Table 5") for side, name in (("before", old), ("after", new))}
    both = _pair(sides["before"], sides["after"], old, new)
    pieces = []
    for measure, rows in both.groupby("measure", sort=False):
        level = measure in LEVELS
        unit, gap = (PERSONS, PERSONS) if level else (PER_CENT, POINTS)
        names = ("before", "after", "standard_error_before", "standard_error_after")
        units = {f"{measure}_{name}": gap if name.startswith("standard") else unit for name in names}
        keys = pd.DataFrame(
            {
                "quarter": rows["quarter"],
                "area_code": rows["category"].where(rows["breakdown"] == "region", NATIONAL_AREA),
                "category": rows["breakdown"] + "/" + rows["category"] + "/" + rows["age_range"],
            }
        )
        values = rows[list(names)].set_axis(list(units), axis=1)
        wide = pd.concat([keys, values], axis=1)
        wide[f"{measure}_difference"] = rows["after"] - rows["before"]
        units[f"{measure}_difference"] = gap
        pieces.append(melt_measures(wide, units, **_facts("table_5", new, old, synthetic_of(*sides.values()))))
    return pd.concat(pieces, ignore_index=True)


def table_4(estimates: pd.DataFrame, *, old: str, new: str, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Year-on-year change of the population by country of birth, old weights against new.

    Parameters
    ----------
    estimates : DataFrame
        Rows of ``est_lfs__quarterly_estimate``; used are population levels of all ages by birth group, in
        persons. Where a vintage has no estimate a year before (it starts later), the old vintage's stands in.
    old, new : str
        Weight vintages.
    published : DataFrame, optional
        ONS's own Table 4: ``quarter`` and ``lfs_uk, lfs_non_uk, lfs_all, rti_uk, rti_non_uk, rti_all``,
        thousands.

    Returns
    -------
    DataFrame
        Rows of the impact table in thousand persons; categories uk, eu, non_eu, non_uk, all. Measures
        ``yearly_change_before``, ``_after``, ``_difference``; ``level_before``, ``_after``, ``_difference``;
        with `published` also ``published_yearly_change_before`` and ``_after``. Persons whose country of birth
        is not stated are spread over the groups, so uk + non_uk = all.

    Raises
    ------
    MethodError
        If a vintage has no population by country of birth, or no quarter has its year before.
    """
    after_only = _stated_population(_vintage(estimates, new, "Table 4"), new)
    before = _stated_population(_vintage(estimates, old, "Table 4"), old)
    chain = pd.concat([after_only, before.loc[~before.index.isin(after_only.index)]])
    common = before.index.intersection(after_only.index)
    quarters = [
        q for q in common if shift_quarter(q, -QUARTERS_IN_YEAR) in chain.index and _year_before(q) in before.index
    ]
    if not quarters:
        raise MethodError(f"Table 4: no quarter with {old}, {new} and the same quarter a year before")
    earlier = [_year_before(quarter) for quarter in quarters]
    values = {
        "level_before": before.loc[quarters],
        "level_after": after_only.loc[quarters],
        "yearly_change_before": before.loc[quarters] - before.loc[earlier].to_numpy(),
        "yearly_change_after": after_only.loc[quarters] - chain.loc[earlier].to_numpy(),
    }
    for kind in ("level", "yearly_change"):
        values[f"{kind}_difference"] = values[f"{kind}_after"] - values[f"{kind}_before"]
    wide = pd.DataFrame({name: (frame / _THOUSAND).stack() for name, frame in values.items()})
    wide = wide.rename_axis(["quarter", "category"]).reset_index()
    units = dict.fromkeys(values, "thousand persons")
    rows = melt_measures(wide, units, **_facts("table_4", new, old, synthetic_of(estimates)))
    if published is None:
        return rows
    return pd.concat([rows, published_table_4(published, old=old, new=new)], ignore_index=True)


def published_table_4(published: pd.DataFrame, *, old: str, new: str) -> pd.DataFrame:
    """Table 4 as ONS published it (24 cells), as rows of the impact table."""
    groups = ("uk", "non_uk", "all")
    require_columns(published, ["quarter", *(f"{p}_{g}" for p, g in product(("lfs", "rti"), groups))], "Table 4")
    rows = [
        {
            "quarter": record["quarter"], "category": group, "impact_value": record[f"{prefix}_{group}"],
            "impact_measure": f"published_yearly_change_{side}", "unit": "thousand persons",
        }
        for record in published.to_dict("records")
        for group in groups
        for prefix, side in (("lfs", "before"), ("rti", "after"))
    ]  # fmt: skip
    return impact_rows(rows, **_facts("table_4", new, old, "false"))


def identity_gap(rows: pd.DataFrame) -> float:
    """Largest size of uk + non_uk - all over quarters and measures of Table 4, in the unit of the rows."""
    wide = rows.pivot(index=["quarter", "impact_measure"], columns="category", values="impact_value")
    return float((wide["uk"] + wide["non_uk"] - wide["all"]).abs().max())


def _facts(table: str, new: str, old: str, synthetic: str) -> dict[str, str]:
    return {"impact_table": table, "weight_vintage": new, "compared_with": old, "synthetic": synthetic}


def _year_before(quarter: str) -> str:
    return shift_quarter(quarter, -QUARTERS_IN_YEAR)


def _vintage(estimates: pd.DataFrame, vintage: str, table: str) -> pd.DataFrame:
    rows = estimates[estimates["weight_vintage"] == vintage]
    if rows.empty:
        raise MethodError(f"{table}: no LFS estimates with the weights {vintage}; estimate that vintage first")
    return rows


def _pair(before: pd.DataFrame, after: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    for name, frame in ((old, before), (new, after)):
        require_unique(frame, _KEY, f"estimates of {name}")
    names = {"estimate_value": "", "standard_error": "standard_error_"}
    sides = [
        frame[[*_KEY, *names]].rename(columns={column: f"{text}{side}" for column, text in names.items()})
        for side, frame in (("before", before), ("after", after))
    ]
    both = sides[0].merge(sides[1], on=_KEY)
    both = both[both["measure"].isin([*LEVELS, *RATES])]
    if both.empty:
        raise MethodError(f"Table 5: {old} and {new} have no quarter and estimate in common")
    return both


def _stated_population(estimates: pd.DataFrame, vintage: str) -> pd.DataFrame:
    """Persons by quarter (rows) and uk, eu, non_eu, non_uk, all; those not stated spread over the groups."""
    rows = estimates[(estimates["breakdown"] == "birth_group") & (estimates["measure"] == "population_level")]
    widest = next((ages for ages in (ALL, "16+") if (rows["age_range"] == ages).any()), ALL)
    rows = rows[rows["age_range"] == widest]
    wide = rows.pivot(index="quarter", columns="category", values="estimate_value")
    groups = ["uk", "eu", "non_eu"]
    if rows.empty or not set(groups) <= set(wide.columns):
        raise MethodError(f"Table 4: no population by country of birth (uk, eu, non_eu) with the weights {vintage}")
    stated = wide[groups].dropna()
    whole = wide.loc[stated.index, [*groups, *(c for c in ("not_stated",) if c in wide)]].sum(axis=1)
    scaled = stated.mul(whole / stated.sum(axis=1), axis=0)
    return scaled.assign(non_uk=scaled["eu"] + scaled["non_eu"], all=whole)
