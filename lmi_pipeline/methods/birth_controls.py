"""Population controls by country of birth, from last year's population and the growth of RTI employees.

ONS, "Using Real Time Information data to reweight the LFS" (2021), from equation (11) to the calibration
totals::

    non-UK group p:  N(p, Q) = N(p, Q-4) [1 + g_N(p, base) + k (gA(p, Q) - gA(p, base))]
    UK-born:         N(uk, Q) = N(uk, Q-4) + natural change
    total:           the sum

Q-4 is the observed stock up to the base quarter and the estimate after it, so from 2021 the estimates chain;
the base stays where it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.areas import NATIONAL_AREA
from lmi_pipeline.methods.birth_groups import NON_UK, STATED, TOTAL
from lmi_pipeline.methods.estimator import (
    COEFFICIENT,
    GrowthEstimate,
    error_bounds,
    estimate_population_growth,
    growth_from_migration,
    uk_adjusted_growth,
)
from lmi_pipeline.methods.quarters import QUARTERS_IN_YEAR, shift_quarter
from lmi_pipeline.methods.tables import FloatArray, labels, require_codes, require_columns, to_array, to_long

UkReference = Literal["own_area", "national"]

_GROUPS = (*STATED, TOTAL)


@dataclass(frozen=True, slots=True)
class BirthControls:
    """Population controls by quarter, area and country-of-birth group, with what made them.

    Attributes
    ----------
    frame : DataFrame
        Key ``quarter, area_code, birth_group`` (uk, eu, non_eu, total). ``population_count`` and
        ``previous_year_count`` in persons; ``growth_rate``, ``base_growth_rate``, ``growth_adjustment`` and
        ``rti_growth_rate`` (net of UK nationals if `uk_adjusted`) proportions, the last three only for the
        non-UK groups. The base quarter is among the rows: its adjustment is exactly zero.
    base_quarter : str
    coefficient : float
    uk_adjusted : bool
    uk_reference : {"own_area", "national"}
    """

    frame: pd.DataFrame
    base_quarter: str
    coefficient: float
    uk_adjusted: bool
    uk_reference: UkReference


def birth_group_controls(
    stocks: pd.DataFrame,
    growth: pd.DataFrame,
    natural_change: pd.DataFrame,
    base_growth: pd.DataFrame,
    *,
    quarters: Sequence[str],
    base_quarter: str,
    coefficient: float = COEFFICIENT,
    uk_adjusted: bool = True,
    uk_reference: UkReference = "own_area",
    national_area: str = NATIONAL_AREA,
) -> BirthControls:
    """Estimate the population controls of every quarter and area of one weight vintage.

    Parameters
    ----------
    stocks : DataFrame
        ``quarter, area_code, birth_group`` (uk, eu, non_eu), ``population_count`` (persons): the quarters a
        year before `quarters`, as far as they are not after the base quarter. A total is accepted and not
        used.
    growth : DataFrame
        ``quarter, area_code, nationality_group`` (uk, eu, non_eu), ``growth_rate``: RTI employees. May hold
        more.
    natural_change : DataFrame
        ``quarter, area_code, natural_change_count``: births to the UK-born less their deaths over four
        quarters.
    base_growth : DataFrame
        ``area_code, birth_group`` (eu, non_eu), ``growth_rate``: population growth in the base quarter. Its
        areas are the areas of the result.
    quarters : sequence of str
        Quarters to estimate; the base quarter is added.
    base_quarter : str
        ``2019-10`` for October to December 2019.
    coefficient : float, default 0.5
        k = 1 + tau.
    uk_adjusted : bool, default True
        Subtract the RTI growth of UK nationals: equation (11) rather than (9).
    uk_reference : {"own_area", "national"}
        Whose UK nationals: those of the area itself, or those of `national_area`.
    national_area : str
        Area code of the nation in `growth`.

    Raises
    ------
    MethodError
        Naming what is missing (table, quarter, area, group; how many), unknown or unequal areas and groups,
        or a population that is not positive.
    """
    periods = _periods(quarters, base_quarter)
    areas = _areas(base_growth, stocks, natural_change)
    uk_areas = _uk_areas(uk_reference, areas, national_area) if uk_adjusted else None
    rti = _rti_growth(growth, periods, areas, uk_areas)
    base = to_array(base_growth, "growth_rate", {"area_code": areas, "birth_group": NON_UK}, "base growth")
    rti_base = rti[periods.index(base_quarter)]
    estimate = estimate_population_growth(base, rti, rti_base, coefficient=coefficient)
    by_area = {"quarter": periods, "area_code": areas}
    natural = to_array(natural_change, "natural_change_count", by_area, "natural change")
    observed = _observed(stocks, periods, areas, base_quarter)
    previous, population = _project(observed, estimate, natural, periods)
    if (population <= 0).any():
        raise MethodError(f"controls: {int((population <= 0).sum())} populations would not be positive")
    columns = {
        "population_count": population,
        "previous_year_count": previous,
        "growth_rate": population / previous - 1,
        "base_growth_rate": _non_uk_only(np.broadcast_to(base, rti.shape)),
        "growth_adjustment": _non_uk_only(estimate.adjustment),
        "rti_growth_rate": _non_uk_only(rti),
    }
    frame = to_long(columns, {**by_area, "birth_group": _GROUPS})
    return BirthControls(frame, base_quarter, coefficient, uk_adjusted, uk_reference)


def uniform_base_growth(
    net_migration: Mapping[str, float], stocks: pd.DataFrame, *, stock_quarter: str
) -> pd.DataFrame:
    """Derive base growth from national net migration, the same in every area.

    Net long-term migration is published for the nation; the growth rate, net migration over the stock, is
    applied to each area. An assumption.

    Parameters
    ----------
    net_migration : mapping of str to float
        ``eu`` and ``non_eu`` -> persons in the year ending with the base quarter.
    stocks : DataFrame
        As for `birth_group_controls`.
    stock_quarter : str
        The quarter whose stocks, added over areas, are the denominator.

    Returns
    -------
    DataFrame
        ``area_code, birth_group, growth_rate``.
    """
    absent = [group for group in NON_UK if group not in net_migration]
    if absent:
        raise MethodError(f"net migration: no group {', '.join(absent)}")
    areas = labels(stocks, "area_code", "stocks")
    axes = {"quarter": [stock_quarter], "area_code": areas, "birth_group": NON_UK}
    national = to_array(stocks, "population_count", axes, "stocks").sum(axis=(0, 1))
    rate = growth_from_migration([net_migration[group] for group in NON_UK], national)
    everywhere = np.tile(rate, (len(areas), 1))
    return to_long({"growth_rate": everywhere}, {"area_code": areas, "birth_group": NON_UK})


def add_national_controls(controls: BirthControls, *, national_area: str = NATIONAL_AREA) -> BirthControls:
    """Add the nation to the controls, as the sum of its areas.

    National base growth and adjustment are the areas' means, weighted by last year's population, so that
    growth is still their sum. A national RTI growth rate is not defined by the areas' and stays empty.
    """
    areas = controls.frame
    if (areas["area_code"] == national_area).any():
        raise MethodError(f"controls: area {national_area} is there already")
    rates = ["base_growth_rate", "growth_adjustment"]
    weighted = areas.assign(**{rate: areas[rate] * areas["previous_year_count"] for rate in rates})
    summed = ["population_count", "previous_year_count", *rates]
    nation = weighted.groupby(["quarter", "birth_group"])[summed].sum(min_count=1).reset_index()
    nation[rates] = nation[rates].div(nation["previous_year_count"], axis=0)
    nation["growth_rate"] = nation["population_count"] / nation["previous_year_count"] - 1
    nation = nation.assign(area_code=national_area, rti_growth_rate=np.nan)
    frame = pd.concat([areas, nation[list(areas.columns)]], ignore_index=True)
    in_order = frame["birth_group"].map(_GROUPS.index)
    ordered = frame.assign(order=in_order).sort_values(["quarter", "area_code", "order"], ignore_index=True)
    return replace(controls, frame=ordered[list(areas.columns)])


def control_error_bounds(controls: BirthControls) -> pd.DataFrame:
    """How far off each non-UK control may be because tau is not known: Appendix 3, in persons.

    Covers one year's growth; an error in last year's population, sampling error and error in the base growth
    come on top.

    Returns
    -------
    DataFrame
        ``quarter, area_code, birth_group``, ``root_mean_square_count``, ``mean_absolute_count``,
        ``worst_count`` for the rows that have an RTI growth rate.
    """
    used = controls.frame.dropna(subset=["rti_growth_rate"])
    key = ["area_code", "birth_group"]
    base = used[used["quarter"] == controls.base_quarter].set_index(key)["rti_growth_rate"]
    change = used["rti_growth_rate"].to_numpy() - base.reindex(pd.MultiIndex.from_frame(used[key])).to_numpy()
    bounds = error_bounds(change, coefficient=controls.coefficient)
    persons = used["previous_year_count"].to_numpy()
    return used[["quarter", *key]].assign(
        root_mean_square_count=bounds.root_mean_square * persons,
        mean_absolute_count=bounds.mean_absolute * persons,
        worst_count=bounds.worst * persons,
    )


def _periods(quarters: Sequence[str], base_quarter: str) -> list[str]:
    early = sorted(quarter for quarter in quarters if quarter < base_quarter)
    if early:
        raise MethodError(f"quarter {early[0]} is before the base quarter {base_quarter}")
    return sorted({*quarters, base_quarter})


def _areas(base_growth: pd.DataFrame, stocks: pd.DataFrame, natural_change: pd.DataFrame) -> list[str]:
    """The areas of the base growth; the other area tables must have the same."""
    areas = labels(base_growth, "area_code", "base growth")
    for table, frame in {"stocks": stocks, "natural change": natural_change}.items():
        unequal = sorted(set(areas) ^ set(labels(frame, "area_code", table)))
        if unequal:
            raise MethodError(f"{table} and base growth do not have the same areas: {', '.join(unequal)}")
    return areas


def _uk_areas(uk_reference: UkReference, areas: list[str], national_area: str) -> list[str]:
    """Return the areas whose UK nationals are subtracted: one for each area, or one for all."""
    choices = {"own_area": areas, "national": [national_area]}
    if uk_reference not in choices:
        raise MethodError(f"no UK reference '{uk_reference}'; expected {' or '.join(choices)}")
    return choices[uk_reference]


def _rti_growth(growth: pd.DataFrame, periods: list[str], areas: list[str], uk_areas: list[str] | None) -> FloatArray:
    """RTI growth of the non-UK groups, shape (quarter, area, group), net of UK nationals if `uk_areas`."""
    axes = {"quarter": periods, "area_code": areas, "nationality_group": NON_UK}
    non_uk = to_array(growth, "growth_rate", axes, "RTI growth")
    if uk_areas is None:
        return non_uk
    uk_axes = {"quarter": periods, "area_code": uk_areas, "nationality_group": ("uk",)}
    return uk_adjusted_growth(non_uk, to_array(growth, "growth_rate", uk_axes, "RTI growth"))


def _observed(stocks: pd.DataFrame, periods: list[str], areas: list[str], base_quarter: str) -> dict[str, FloatArray]:
    """Quarter -> observed stocks, shape (area, group), for every Q-4 that is not after the base quarter."""
    require_columns(stocks, ["birth_group"], "stocks")
    require_codes(stocks, "birth_group", _GROUPS, "stocks")
    year_before = [shift_quarter(quarter, -QUARTERS_IN_YEAR) for quarter in periods]
    needed = [quarter for quarter in year_before if quarter <= base_quarter]
    chained = sorted(set(year_before) - set(needed) - set(periods))
    if chained:
        raise MethodError(f"{len(chained)} quarters are needed to chain on and not estimated; first {chained[0]}")
    axes = {"quarter": needed, "area_code": areas, "birth_group": STATED}
    persons = to_array(stocks, "population_count", axes, "stocks")
    if (persons <= 0).any():
        raise MethodError(f"stocks: {int((persons <= 0).sum())} of {persons.size} populations are not positive")
    return dict(zip(needed, persons, strict=True))


def _project(
    observed: Mapping[str, FloatArray], estimate: GrowthEstimate, natural: FloatArray, periods: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Last year's and this year's population, both of shape (quarter, area, group with total)."""
    level = dict(observed)
    previous, population = [], []
    for quarter, growth_rate, change in zip(periods, estimate.growth_rate, natural, strict=True):
        before = level[shift_quarter(quarter, -QUARTERS_IN_YEAR)]
        now = np.column_stack([before[:, 0] + change, before[:, 1:] * (1 + growth_rate)])
        level.setdefault(quarter, now)
        previous.append(before)
        population.append(now)
    return _with_total(np.stack(previous)), _with_total(np.stack(population))


def _with_total(groups: FloatArray) -> FloatArray:
    return np.concatenate([groups, groups.sum(axis=-1, keepdims=True)], axis=-1)


def _non_uk_only(non_uk: FloatArray) -> FloatArray:
    """Shape (quarter, area, group with total), empty for the UK-born and the total."""
    empty = np.full_like(non_uk[..., :1], np.nan)
    return np.concatenate([empty, non_uk, empty], axis=-1)
