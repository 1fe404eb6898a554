"""Choosing the inputs of a weight vintage: which release, which edition, which areas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import GrowthModel, RtiInput, WeightVintage
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.areas import combine_areas
from lmi_pipeline.methods.birth_controls import uniform_base_growth
from lmi_pipeline.methods.birth_groups import NOT_STATED, STATED, distribute_not_stated
from lmi_pipeline.methods.growth_releases import roll_forward
from lmi_pipeline.methods.quarters import quarter_range, shift_quarter
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake

_SUFFIX = r"_pwt(\d\d)(?:[_+]|$)"
BASE_YEAR_ENDING = {"10": "12", "07": "09", "04": "06", "01": "03"}


@dataclass(frozen=True)
class ControlInputs:
    """Inputs of one vintage's controls, at the vintage's geography.

    Attributes
    ----------
    stocks, growth, natural_change, base_growth : DataFrame
        As :func:`lmi_pipeline.methods.birth_controls.birth_group_controls` takes them.
    quarters : tuple of str
        Quarters to estimate, in order, from the base quarter on: later ones chain on earlier ones.
    rti_release : str
        Release the vintage begins with.
    release_of : dict of str to str
        RTI release of each quarter.
    left_out : tuple of str
        Quarters that cannot be estimated because RTI growth, or the quarter a year before, is missing.
    not_stated_share : float
        Share of the base population whose country of birth is not stated, spread over the groups.
    later_editions : tuple of str
        Editions of the stocks that are later than the vintage, as a quarter has no other.
    synthetic : str
        true, false or mixed.
    """

    stocks: pd.DataFrame
    growth: pd.DataFrame
    natural_change: pd.DataFrame
    base_growth: pd.DataFrame
    quarters: tuple[str, ...]
    rti_release: str
    release_of: dict[str, str]
    left_out: tuple[str, ...]
    not_stated_share: float
    later_editions: tuple[str, ...]
    synthetic: str


@dataclass(frozen=True)
class VintageEditions:
    """One edition of each quarter, as a vintage may have it.

    Attributes
    ----------
    frame : DataFrame
        Rows of those editions.
    later : tuple of str
        Editions among them that are later than the vintage: their quarters have no other.
    """

    frame: pd.DataFrame
    later: tuple[str, ...]


def choose_release(wanted: str, available: Iterable[str], if_absent: str, what: str) -> str:
    """The release a vintage asks for, or the one its rule puts in its place.

    Raises
    ------
    MethodError
        It is not there and the rule is to fail, or no release fits the rule.
    """
    there = sorted(available)
    if wanted in there:
        return wanted
    later = [release for release in there if release > wanted]
    if if_absent == "earliest_later" and later:
        return later[0]
    if if_absent == "latest" and there:
        return there[-1]
    raise MethodError(
        f"{what} release {wanted} is not in the panel (there: {', '.join(there) or 'none'});"
        " put its file in the landing folder"
    )


def newest_edition(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of each quarter's edition with the highest weight suffix; of several, the last by name."""
    return _picked(rows, _listed(rows).sort_values(["suffix", "edition"]))


def editions_for(rows: pd.DataFrame, vintage: WeightVintage) -> VintageEditions:
    """Rows of each quarter's newest edition that is not later than a vintage; the earliest later one for want of it.

    Parameters
    ----------
    rows : DataFrame
        ``quarter`` and ``edition``, and if there ``analysis_weight_year``, the suffix of the weight inside.
    vintage : WeightVintage
    """
    listed = _listed(rows)
    beyond = (listed["suffix"] - vintage.suffix).clip(lower=0)
    frame = _picked(rows, listed.assign(beyond=-beyond).sort_values(["beyond", "suffix", "edition"]))
    later = listed.loc[beyond > 0, "edition"]
    return VintageEditions(frame, tuple(sorted(set(later) & set(frame["edition"]))))


def _listed(rows: pd.DataFrame) -> pd.DataFrame:
    """Quarter, edition and weight suffix; a name without a suffix is of the first delivery, before every other."""
    if "analysis_weight_year" in rows:
        listed = rows[["quarter", "edition", "analysis_weight_year"]].drop_duplicates()
        return listed.rename(columns={"analysis_weight_year": "suffix"})
    listed = rows[["quarter", "edition"]].drop_duplicates()
    return listed.assign(suffix=listed["edition"].str.extract(_SUFFIX, expand=False).fillna("0").astype(int))


def _picked(rows: pd.DataFrame, ordered: pd.DataFrame) -> pd.DataFrame:
    """Rows of the last edition of each quarter."""
    return rows[rows["edition"] == rows["quarter"].map(ordered.groupby("quarter")["edition"].last())]


def control_inputs(lake: Lake, vintage: WeightVintage) -> ControlInputs:
    """Read what a vintage's controls need, at its geography."""
    rti, model = vintage.rti, vintage.growth
    if rti is None or model is None or vintage.from_quarter is None:
        raise MethodError(f"weight vintage {vintage.name} does not control for country of birth")
    release, growth, release_of = _growth(lake, rti, model)
    first, base_quarter = shift_quarter(model.base_quarter, -4), model.base_quarter
    held = lake.read("est_population__quarterly_stock")
    stock = editions_for(held[held["quarter"].between(first, base_quarter)], vintage)
    stocks, share = stated_stocks(stock.frame, model, first, base_quarter)
    natural = _natural_change(lake, model)
    migration, base = _base_growth(lake, model, stocks)
    last = min(growth["quarter"].max(), natural["quarter"].max())
    until = min(last, vintage.to_quarter or last)
    quarters = chainable(sorted(q for q in growth["quarter"].unique() if model.base_quarter <= q <= until), model)
    wanted = quarter_range(model.base_quarter, until)
    return ControlInputs(
        stocks=stocks,
        growth=growth.drop(columns="synthetic"),
        natural_change=natural.drop(columns="synthetic"),
        base_growth=base,
        quarters=quarters,
        rti_release=release,
        release_of=release_of,
        left_out=tuple(quarter for quarter in wanted if quarter not in quarters),
        not_stated_share=share,
        later_editions=stock.later,
        synthetic=combine_synthetic(
            growth["synthetic"], stock.frame["synthetic"], natural["synthetic"], migration["synthetic"]
        ),
    )


def areas_of(model: GrowthModel) -> dict[str, str]:
    """Control area of each region, for the vintage's geography."""
    if model.geography == "national":
        return dict.fromkeys(catalog.codes("region"), catalog.UNITED_KINGDOM)
    return catalog.mapping("region", "region_group")


def chainable(quarters: Iterable[str], model: GrowthModel) -> tuple[str, ...]:
    """Quarters whose population a year before is observed or estimated itself."""
    kept: list[str] = []
    for quarter in quarters:
        before = shift_quarter(quarter, -4)
        if before <= model.base_quarter or before in kept:
            kept.append(quarter)
    return tuple(kept)


def _growth(lake: Lake, rti: RtiInput, model: GrowthModel) -> tuple[str, pd.DataFrame, dict[str, str]]:
    frame = lake.read(
        "est_rti__quarterly_growth",
        where={"is_seasonally_adjusted": rti.seasonally_adjusted, "month_lag": rti.month_lag},
    )
    release = choose_release(rti.release, frame["release"].unique(), rti.if_absent, "RTI")
    areas = {*areas_of(model).values(), catalog.UNITED_KINGDOM}
    kept = frame[frame["area_code"].isin(areas) & (frame["nationality_group"] != "total")]
    if not rti.rolls_forward:
        kept = kept[kept["release"] == release]
    rolled = roll_forward(kept, release, model.base_quarter)
    used = kept.loc[kept["release"].isin(set(rolled.release_of.values())), "synthetic"]
    return release, rolled.frame.assign(synthetic=combine_synthetic(used)), rolled.release_of


def stated_stocks(stock: pd.DataFrame, model: GrowthModel, first: str, last: str) -> tuple[pd.DataFrame, float]:
    """Population by control area and birth group, not stated spread over the groups; and the share not stated.

    The share is that of the newest quarter.
    """
    kept = stock[stock["area_code"].isin(catalog.codes("region")) & stock["birth_group"].isin([*STATED, NOT_STATED])]
    kept = kept[kept["quarter"].between(first, last)]
    wide = kept.pivot(index=["quarter", "area_code"], columns="birth_group", values="population_count")
    counted = wide.reindex(columns=[*STATED, NOT_STATED]).fillna(0.0)
    regional = (
        counted.rename_axis(columns="birth_group").melt(ignore_index=False, value_name="population_count").reset_index()
    )
    grouped = combine_areas(regional, areas_of(model), "population_count", table="stocks")
    stated = distribute_not_stated(grouped)
    newest = grouped[grouped["quarter"] == grouped["quarter"].max()].groupby("birth_group")["population_count"].sum()
    return stated.frame, float(newest[NOT_STATED] / newest.sum())


def _natural_change(lake: Lake, model: GrowthModel) -> pd.DataFrame:
    frame = lake.read("core_population__quarterly_natural_change")
    frame = frame[frame["release"] == frame["release"].max()]
    regional = frame[frame["area_code"].isin(catalog.codes("region"))]
    flag = combine_synthetic(frame["synthetic"])
    rows = regional[["quarter", "area_code", "natural_change_count"]]
    grouped = combine_areas(rows, areas_of(model), "natural_change_count", table="natural change")
    return grouped.assign(synthetic=flag)


def _base_growth(lake: Lake, model: GrowthModel, stocks: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    migration = lake.read("core_migration__yearly_net")
    release = choose_release(model.migration_release, migration["release"].unique(), "fail", "migration")
    year, month = model.base_quarter.split("-")
    ending = f"{year}-{BASE_YEAR_ENDING[month]}"
    kept = migration[(migration["release"] == release) & (migration["year_ending"] == ending)]
    net = kept[kept["nationality_group"].isin(["eu", "non_eu"])].set_index("nationality_group")["net_migration_count"]
    if len(net) != 2:
        raise MethodError(f"migration release {release} has no EU and non-EU figures for the year ending {ending}")
    before = shift_quarter(model.base_quarter, -4)
    return kept, uniform_base_growth(
        {str(group): float(count) for group, count in net.items()}, stocks, stock_quarter=before
    )
