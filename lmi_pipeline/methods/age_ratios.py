"""Pay at each single year of age relative to the mean of its group.

A cell's mean at an age is the cell's mean times the ratio of its group. There are 360 groups: major occupation group,
sex, working pattern and qualification, each with all. The profile is that of the pay equation, exp(b1 a + b2 a^2),
with coefficients of the group's own, and the ratios average to one over the group's jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats, require_columns, require_finite

ALL = "all"
GROUPS: dict[str, tuple[str, ...]] = {
    "occupation_group": (*map(str, range(1, 10)), ALL),
    "sex": ("male", "female", ALL),
    "working_pattern": ("full_time", "part_time", ALL),
    "qualification_group": ("high", "medium", "low", ALL),
}
QUALIFICATION_GROUP = {
    "degree": "high",
    "higher_education": "high",
    "a_level": "medium",
    "gcse": "medium",
    "other": "medium",
    "none": "low",
}
_NEEDED = ("occupation", "sex", "working_pattern", "qualification", "age_years", "y", "weight")
_CENTRE, _UNIT = 42.0, 10.0


@dataclass(frozen=True, slots=True, eq=False)
class AgeRatios:
    """Ratios of 360 groups.

    Attributes
    ----------
    frame : DataFrame
        `occupation_group`, `sex`, `working_pattern`, `qualification_group`, `age_years`, `age_ratio`, `job_share` (of
        the group's jobs within the ages; they sum to 1) and `borrowed_from` (null, or the group whose ratios stand in:
        its codes joined by `` | ``).
    coefficients : DataFrame
        The four codes, `age` and `age_squared` of the profile, `row_count` of the group itself and `borrowed_from`.
    """

    frame: pd.DataFrame
    coefficients: pd.DataFrame

    def at(self, groups: pd.DataFrame, ages: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Ratio of each row's group at its age.

        Parameters
        ----------
        groups : DataFrame
            (n,) rows with the four codes.
        ages : ndarray
            (n,)

        Returns
        -------
        ndarray
            (n,) ratios; outside the ages of the table that of the nearest age.
        ndarray of bool
            (n,) whether the age was outside.

        Raises
        ------
        MethodError
            A group that there is not.
        """
        low, high = int(self.frame["age_years"].min()), int(self.frame["age_years"].max())
        nearest = np.clip(np.rint(ages).astype(np.int64), low, high)
        key = [*GROUPS, "age_years"]
        wanted = pd.MultiIndex.from_frame(groups[list(GROUPS)].assign(age_years=nearest))
        found = self.frame.set_index(key)["age_ratio"].reindex(wanted).to_numpy(dtype=float)
        missing = int(np.isnan(found).sum())
        if missing:
            raise MethodError(f"age ratios: {missing} of {len(found)} rows are of a group that there is not")
        return found, (ages < low) | (ages > high)


def estimate_age_ratios(
    jobs: pd.DataFrame, *, ages: tuple[int, int] = (20, 65), minimum_rows: int = 100, prior_rows: float = 100.0
) -> AgeRatios:
    """Estimate age ratios of all groups.

    Parameters
    ----------
    jobs : DataFrame
        One row a job: `occupation`, `sex`, `working_pattern`, `qualification` (six groups), `age_years`, `y` (pay) and
        `weight`. Rows outside the ages are not used.
    ages : tuple of int
        First and last single year.
    minimum_rows : int
        A group with fewer rows takes the ratios of the group without its qualification, then without its working
        pattern, sex and occupation.
    prior_rows : float
        Rows of its own at which a group's coefficients count as much as those of the group it would fall back to.

    Returns
    -------
    AgeRatios

    Raises
    ------
    MethodError
        A column is missing, a number is not finite or not positive, a code unknown, or all rows together are too few.

    Notes
    -----
    log y on age and age squared within occupation x sex x working pattern x qualification, so that a profile is not one
    of moving between occupations; a group's coefficients are those of a ridge towards its fallback,
    (S + k S0 / n0)^-1 (S b_own + k S0 / n0 b0), with S its cross-product.
    """
    cells = _Cells.of(_usable(jobs, ages), ages)
    if cells.rows[-1, -1, -1, -1] < minimum_rows:
        raise MethodError(
            f"age ratios: {int(cells.rows[-1, -1, -1, -1])} rows aged {ages[0]} to {ages[1]}, at least {minimum_rows} "
            "are needed; pool more quarters"
        )
    years = np.arange(ages[0], ages[1] + 1)
    profiles: dict[tuple[int, ...], _Profile] = {}
    for place in _coarse_first():
        profiles[place] = _profile(cells, place, profiles.get(_fallback(place)), minimum_rows, prior_rows, years)
    return _tidied(profiles, cells, years)


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    """Coefficients of centred age, ratios and shares by age, and the group they come from."""

    coefficients: FloatArray
    ratios: FloatArray
    shares: FloatArray
    source: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Sums of every group: leading axes as `GROUPS`, the last of each being all."""

    rows: FloatArray
    cross: FloatArray
    moments: FloatArray
    by_age: FloatArray

    @classmethod
    def of(cls, jobs: pd.DataFrame, ages: tuple[int, int]) -> _Cells:
        codes = [
            _positions(jobs["occupation"].str[0], "occupation_group"),
            _positions(jobs["sex"], "sex"),
            _positions(jobs["working_pattern"], "working_pattern"),
            _positions(jobs["qualification"].map(QUALIFICATION_GROUP), "qualification_group"),
        ]
        shape = tuple(len(levels) - 1 for levels in GROUPS.values())
        cell = np.ravel_multi_index(codes, shape)
        weight = jobs["weight"].to_numpy(dtype=float)
        weight = weight / weight.mean()
        age = (jobs["age_years"].to_numpy(dtype=float) - _CENTRE) / _UNIT
        absorbed = pd.factorize(cell * 10_000 + pd.factorize(jobs["occupation"])[0])[0]
        columns = np.column_stack([age, age**2, np.log(jobs["y"].to_numpy(dtype=float))])
        within = _demeaned(columns, weight, absorbed)

        def summed(values: FloatArray) -> FloatArray:
            return floats(np.bincount(cell, values, int(np.prod(shape)))).reshape(shape)

        cross = [[summed(weight * within[:, i] * within[:, j]) for j in range(2)] for i in range(2)]
        moments = [summed(weight * within[:, i] * within[:, 2]) for i in range(2)]
        years = np.rint(jobs["age_years"].to_numpy(dtype=float)).astype(np.int64) - ages[0]
        span = ages[1] - ages[0] + 1
        by_age = floats(np.bincount(cell * span + years, weight, int(np.prod(shape)) * span)).reshape(*shape, span)
        return cls(
            _with_totals(summed(np.ones(len(jobs)))),
            _with_totals(np.moveaxis(np.array(cross), [0, 1], [-2, -1])),
            _with_totals(np.moveaxis(np.array(moments), 0, -1)),
            _with_totals(by_age),
        )


def _usable(jobs: pd.DataFrame, ages: tuple[int, int]) -> pd.DataFrame:
    require_columns(jobs, _NEEDED, "age ratios")
    require_finite(jobs, ["age_years", "y", "weight"], "age ratios")
    for column in ("y", "weight"):
        bad = int((jobs[column] <= 0).sum())
        if bad:
            raise MethodError(f"age ratios: {bad} of {len(jobs)} values of {column} are not positive; leave them out")
    return jobs[jobs["age_years"].between(*ages)].reset_index(drop=True)


def _positions(values: pd.Series, group: str) -> NDArray[np.int64]:
    found = pd.Index(GROUPS[group][:-1]).get_indexer(pd.Index(values))
    unknown = int((found < 0).sum())
    if unknown:
        raise MethodError(
            f"age ratios: {unknown} of {len(values)} rows have no {group} of {', '.join(GROUPS[group][:-1])}; "
            "recode them or leave them out"
        )
    return found.astype(np.int64)


def _demeaned(columns: FloatArray, weight: FloatArray, group: NDArray[np.int64]) -> FloatArray:
    total = np.bincount(group, weight)
    means = np.column_stack([np.bincount(group, weight * column) / total for column in columns.T])
    result: FloatArray = columns - means[group]
    return result


def _with_totals(values: FloatArray) -> FloatArray:
    for axis in range(len(GROUPS)):
        values = np.concatenate([values, values.sum(axis=axis, keepdims=True)], axis=axis)
    return values


def _coarse_first() -> Iterator[tuple[int, ...]]:
    """Places of all groups, each after the one it falls back to."""
    ends = [len(levels) - 1 for levels in GROUPS.values()]
    places = product(*(range(end + 1) for end in ends))
    return iter(sorted(places, key=lambda place: -_trailing(place, ends)))


def _trailing(place: tuple[int, ...], ends: list[int]) -> int:
    """How many codes from the last on are all."""
    count = 0
    for at, end in zip(reversed(place), reversed(ends), strict=True):
        if at != end:
            break
        count += 1
    return count


def _fallback(place: tuple[int, ...]) -> tuple[int, ...]:
    """The group without the last of its codes that is not all."""
    ends = [len(levels) - 1 for levels in GROUPS.values()]
    keep = len(place) - _trailing(place, ends) - 1
    return (*place[: max(keep, 0)], *ends[max(keep, 0) :])


def _profile(
    cells: _Cells,
    place: tuple[int, ...],
    fallback: _Profile | None,
    minimum_rows: int,
    prior_rows: float,
    years: NDArray[np.int64],
) -> _Profile:
    cross, moments = cells.cross[place], cells.moments[place]
    if fallback is not None:
        if cells.rows[place] < minimum_rows:
            return fallback
        source = fallback.source
        prior = prior_rows * cells.cross[source] / cells.rows[source]
        cross, moments = cross + prior, moments + prior @ fallback.coefficients
    if np.linalg.matrix_rank(cross) < len(cross):
        if fallback is None:
            raise MethodError("age ratios: fewer than three ages within occupations; pool more records")
        return fallback
    found = np.linalg.solve(cross, moments)
    shares = cells.by_age[place] / cells.by_age[place].sum()
    age = (years - _CENTRE) / _UNIT
    level = np.exp(found[0] * age + found[1] * age**2)
    return _Profile(found, level / (shares @ level), shares, place)


def _tidied(profiles: dict[tuple[int, ...], _Profile], cells: _Cells, years: NDArray[np.int64]) -> AgeRatios:
    places = sorted(profiles)
    codes = [[levels[at] for levels, at in zip(GROUPS.values(), place, strict=True)] for place in places]
    groups = pd.DataFrame(codes, columns=list(GROUPS))
    named = {place: " | ".join(text) for place, text in zip(places, codes, strict=True)}
    chosen = [profiles[place] for place in places]
    slope = np.array([one.coefficients for one in chosen])
    sources = [None if one.source == place else named[one.source] for place, one in zip(places, chosen, strict=True)]
    coefficients = groups.assign(
        age=slope[:, 0] / _UNIT - 2 * _CENTRE * slope[:, 1] / _UNIT**2,
        age_squared=slope[:, 1] / _UNIT**2,
        row_count=[int(cells.rows[place]) for place in places],
        borrowed_from=pd.Series(sources, dtype="str"),
    )
    frame = coefficients[[*GROUPS, "borrowed_from"]].loc[np.repeat(np.arange(len(places)), len(years))]
    frame = frame.reset_index(drop=True).assign(
        age_years=np.tile(years, len(places)),
        age_ratio=np.concatenate([one.ratios for one in chosen]),
        job_share=np.concatenate([one.shares for one in chosen]),
    )
    return AgeRatios(
        frame[[*GROUPS, "age_years", "age_ratio", "job_share", "borrowed_from"]].reset_index(drop=True), coefficients
    )
