"""The population behind the calibration controls: region by sex by age, and by country of birth.

ONS, "Using Real Time Information data to reweight the LFS" (2021), section 3, has the weighted file of 2019, its
weights scaled by the growth of each country-of-birth group, supply the totals of the whole population and by country
of birth. Here the structure of the base year is not taken from the file cell by cell, where it would carry sampling
error, but from population estimates, split by country of birth so that both the estimates and the stocks by country
of birth are met.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, labels, to_array

IndexArray = NDArray[np.int64]
_MID_YEAR = 0.5
_STEPS = 500
_TOLERANCE = 1e-12


def quarter_position(quarter: str) -> float:
    """Middle of a calendar quarter on the scale of years: ``2020-01`` is 2020.125."""
    year, month = quarter.split("-")
    return int(year) + (int(month) - 1 + 1.5) / 12


def years_around(quarter: str) -> tuple[int, int]:
    """The two years whose mid-years lie before and after the middle of a quarter."""
    before = int(np.floor(quarter_position(quarter) - _MID_YEAR))
    return before, before + 1


def interpolate_mid_years(
    mid_year: pd.DataFrame, quarter: str, *, areas: Sequence[str], sexes: Sequence[str], ages: Sequence[str]
) -> FloatArray:
    """Population in the middle of a quarter, straight between two mid-years.

    Parameters
    ----------
    mid_year : DataFrame
        ``year, area_code, sex, age_group, population_count``: persons on 30 June.
    quarter : str
        ``2020-01`` is January to March 2020.
    areas, sexes, ages : sequence of str
        Labels, in the order of the result.

    Returns
    -------
    ndarray
        Persons, shape (areas, sexes, ages).

    Raises
    ------
    MethodError
        A mid-year or a cell of it is missing.
    """
    first, second = years_around(quarter)
    there = {int(year) for year in mid_year["year"].unique()}
    absent = sorted({first, second} - there)
    if absent:
        raise MethodError(
            f"population: {quarter} needs mid-{first} and mid-{second}; mid-{absent[0]} is not there"
            f" (there: {min(there, default='none')} to {max(there, default='none')})"
        )
    two = mid_year[mid_year["year"].isin([first, second])].assign(year=lambda f: f["year"].astype(str))
    axes = {"year": [str(first), str(second)], "area_code": areas, "sex": sexes, "age_group": ages}
    persons = to_array(two, "population_count", axes, "population")
    share = quarter_position(quarter) - _MID_YEAR - first
    result: FloatArray = (1 - share) * persons[0] + share * persons[1]
    return result


def split_by_birth_group(
    cells: FloatArray, birth_totals: FloatArray, area_of_region: IndexArray, age_profile: FloatArray
) -> FloatArray:
    """Split population cells by country of birth, meeting the cells and the groups' totals by area.

    The seed takes a group's share of an area times its relative share of the age; iterative proportional fitting
    then meets both margins (Deming and Stephan 1940).

    Parameters
    ----------
    cells : ndarray
        Persons by region, sex and age, shape (r, s, g).
    birth_totals : ndarray
        Persons by control area and birth group, shape (a, p). Scaled to the cells of each area first: only the
        shares of the groups count.
    area_of_region : ndarray of int
        Control area of each region, shape (r,).
    age_profile : ndarray
        Persons by age and birth group in the nation, shape (g, p), on any scale; gives relative shares only.

    Returns
    -------
    ndarray
        Persons, shape (r, s, g, p).

    Raises
    ------
    MethodError
        Negative numbers, an area without persons, or no convergence.
    """
    if min(cells.min(), birth_totals.min(), age_profile.min()) < 0:
        raise MethodError("population cells, totals by country of birth and their age profile may not be negative")
    areas = len(birth_totals)
    area_sum = np.bincount(area_of_region, cells.sum(axis=(1, 2)), minlength=areas)
    if not (area_sum > 0).all() or not (birth_totals.sum(axis=1) > 0).all():
        raise MethodError("population cells: every control area needs persons")
    targets = birth_totals * (area_sum / birth_totals.sum(axis=1))[:, None]
    shares = birth_totals / birth_totals.sum(axis=1, keepdims=True)
    by_age = _shares(age_profile) / _shares(age_profile.sum(axis=0, keepdims=True))
    seed = cells[..., None] * shares[area_of_region][:, None, None, :] * by_age[None, None, :, :]
    fitted: FloatArray = seed
    for _ in range(_STEPS):
        sums = fitted.sum(axis=-1)
        fitted = fitted * np.divide(cells, sums, out=np.zeros_like(cells), where=sums > 0)[..., None]
        reached = _by_area(fitted, area_of_region, areas)
        if (np.abs(reached - targets) <= _TOLERANCE * area_sum[:, None]).all():
            return fitted
        factor = np.divide(targets, reached, out=np.zeros_like(targets), where=reached > 0)
        fitted = fitted * factor[area_of_region][:, None, None, :]
    raise MethodError(f"population cells: not split by country of birth after {_STEPS} steps")


def move_by_birth_group(structure: FloatArray, controls: FloatArray, area_of_region: IndexArray) -> FloatArray:
    """Scale a structure so that each birth group of each area comes to its control.

    Parameters
    ----------
    structure : ndarray
        Persons of the base year by region, sex, age and birth group, shape (r, s, g, p).
    controls : ndarray
        Persons by control area and birth group, shape (a, p).
    area_of_region : ndarray of int
        Control area of each region, shape (r,).

    Raises
    ------
    MethodError
        A group has a control and nobody in the structure.
    """
    reached = _by_area(structure, area_of_region, len(controls))
    nobody = (reached <= 0) & (controls > 0)
    if nobody.any():
        raise MethodError(
            f"population cells: {int(nobody.sum())} birth groups of areas have a control and no structure"
        )
    factor = np.divide(controls, reached, out=np.zeros_like(controls), where=reached > 0)
    moved: FloatArray = structure * factor[area_of_region][:, None, None, :]
    return moved


def mean_age_profile(persons: pd.DataFrame, weight: str, *, ages: Sequence[str], groups: Sequence[str]) -> FloatArray:
    """Weighted persons by age group and birth group, shape (g, p), over all rows of a person table.

    Raises
    ------
    MethodError
        Nobody is in one of the birth groups.
    """
    kept = persons[persons["birth_group"].isin(list(groups))]
    absent = sorted(set(groups) - set(labels(kept, "birth_group", "persons")))
    if absent:
        raise MethodError(f"persons: nobody in birth group {', '.join(absent)}")
    summed = kept.groupby(["age_group", "birth_group"])[weight].sum().unstack(fill_value=0)
    profile: FloatArray = summed.reindex(index=list(ages), columns=list(groups), fill_value=0.0).to_numpy(dtype=float)
    return profile


def common_population(now: FloatArray, before: FloatArray, area_of_region: IndexArray, areas: int) -> FloatArray:
    """Population of a quarter that was there in the quarter before: no birth group larger than in either.

    Parameters
    ----------
    now, before : ndarray
        Persons by region, sex, age and birth group, shape (r, s, g, p), of the two quarters.

    Returns
    -------
    ndarray
        `now`, a group of an area scaled down where it was smaller before.
    """
    later, earlier = _by_area(now, area_of_region, areas), _by_area(before, area_of_region, areas)
    factor = np.minimum(1.0, np.divide(earlier, later, out=np.ones_like(later), where=later > 0))
    common: FloatArray = now * factor[area_of_region][:, None, None, :]
    return common


def _by_area(cells: FloatArray, area_of_region: IndexArray, areas: int) -> FloatArray:
    sums = np.zeros((areas, cells.shape[-1]))
    np.add.at(sums, area_of_region, cells.sum(axis=(1, 2)))
    return sums


def _shares(rows: FloatArray) -> FloatArray:
    sums = rows.sum(axis=-1, keepdims=True)
    shares: FloatArray = np.divide(rows, sums, out=np.full_like(rows, 1 / rows.shape[-1]), where=sums > 0)
    return shares
