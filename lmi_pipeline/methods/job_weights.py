"""Jobs in every cell of the pay grid, from a survey of employees.

Within an occupation, sex and working pattern the region, industry and qualification of a job are taken as independent,
each with a distribution that thin groups borrow from their parents; the product is then fitted to the jobs by
occupation, sex and pattern, by region and by industry. Any other :class:`JobsCube` can take the place of this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_constraints import RakingMargin
from lmi_pipeline.methods.cell_grid import GridCodes, IntArray, JobsCube
from lmi_pipeline.methods.cell_raking import rake
from lmi_pipeline.methods.cell_system import CellSystem
from lmi_pipeline.methods.job_shares import Level, shrunken_shares
from lmi_pipeline.methods.tables import FloatArray, floats, require_columns, require_finite, require_unique

_NEEDED = {"occupation": "occupation", "sex": "sex", "working_pattern": "pattern"}
_OPTIONAL = {"region_gss": "region", "industry_75": "industry", "qualification": "group"}
_HIERARCHY = ("major", "sub_major", "minor", "occupation")
_SUMS_TO_ONE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Persons:
    """Positions of every person's codes, -1 where not known, and the weights."""

    places: Mapping[str, IntArray]
    weights: FloatArray

    def known(self, name: str) -> _Persons:
        """Those whose code is known."""
        kept = self.places[name] >= 0
        return _Persons({key: values[kept] for key, values in self.places.items()}, self.weights[kept])

    def sums(self, names: tuple[str, ...], shape: tuple[int, ...]) -> FloatArray:
        """Weighted persons by the codes of some columns."""
        flat = np.ravel_multi_index(tuple(self.places[name] for name in names), shape)
        return floats(np.bincount(flat, self.weights, minlength=int(np.prod(shape)))).reshape(shape)


def estimate_jobs(
    persons: pd.DataFrame,
    grid: GridCodes,
    *,
    qualification_split: Mapping[str, Mapping[str, float]],
    patterns: tuple[str, ...] = ("full_time", "part_time"),
    published_jobs: pd.DataFrame | None = None,
    region_jobs: pd.DataFrame | None = None,
    industry_jobs: pd.DataFrame | None = None,
    pairs: pd.DataFrame | None = None,
    relaxation: float = 2.0,
    tolerance: float = 1e-9,
    max_passes: int = 2000,
) -> JobsCube:
    """Estimate the jobs of every cell.

    Parameters
    ----------
    persons : DataFrame
        Employees: occupation, region_gss, sex, qualification (survey groups), industry_75, working_pattern and
        weight (jobs, positive). Region, industry and qualification may be null: the row then counts for the rest.
    grid : GridCodes
    qualification_split : mapping
        Survey group -> {level of the grid: share}, shares of a group summing to 1.
    patterns : tuple of str
        Working patterns, in the order of the arrays.
    published_jobs : DataFrame, optional
        occupation, sex, pattern, jobs (not thousands), taken instead of the weighted persons wherever positive
        (missing: suppressed, zero: rounded away). The persons' figures for the other cells are scaled to the level of
        these.
    region_jobs, industry_jobs : DataFrame, optional
        region or industry, jobs: every code once, taken instead of the weighted persons. Only the shares count.
    pairs : DataFrame, optional
        occupation, industry: pairs that exist, besides those of `persons`. All others are structural zeros, but for
        occupations in no pair, which have the pairs of their parent group.
    relaxation : float
        Largest factor by which jobs of a region or industry move where the occupations' jobs make theirs impossible
        (structural zeros).
    tolerance : float
        Largest relative distance from a margin.
    max_passes : int

    Returns
    -------
    JobsCube
        Every occupation has jobs, in cells whose occupation and industry occur together.

    Raises
    ------
    MethodError
        Columns or codes that are not expected, weights that are not positive, shares that do not sum to 1, an industry
        with jobs but no occupation, or margins that cannot be met, by name.
    """
    split = _split_matrix(qualification_split, grid)
    sample = _persons(persons, grid, patterns, tuple(qualification_split))
    by_sex_pattern = _sex_pattern_jobs(sample, grid, patterns)
    if published_jobs is not None:
        by_sex_pattern = _with_published(by_sex_pattern, published_jobs, grid, patterns)
    targets = {
        "region": _shares_given(region_jobs, "region", grid.regions, sample),
        "industry": _shares_given(industry_jobs, "industry", grid.industries, sample),
    }
    allowed = _allowed_pairs(sample, pairs, grid) & (targets["industry"] > 0)
    _require_some(allowed, grid)
    regions = _conditional(sample, "region", len(grid.regions), grid, patterns, by_sex=False)
    industries = _conditional(sample, "industry", len(grid.industries), grid, patterns) * allowed[None, :, None, :]
    seed = np.einsum("pos,por,posi->porsi", by_sex_pattern, regions[:, :, 0], industries)[:, :, :, :, None, :]
    fitted = _fit(seed, grid, patterns, by_sex_pattern, targets, relaxation, tolerance, max_passes)
    groups = _conditional(sample, "group", len(split), grid, patterns)
    qualifications = groups @ split
    jobs = {pattern: fitted[at] * qualifications[at][:, None, :, :, None] for at, pattern in enumerate(patterns)}
    return JobsCube(grid, jobs)


def _split_matrix(split: Mapping[str, Mapping[str, float]], grid: GridCodes) -> FloatArray:
    """(groups, Q) shares of the grid's levels in every survey group."""
    matrix = pd.DataFrame(split).T.reindex(columns=list(grid.qualifications)).fillna(0.0).to_numpy(dtype=float)
    unknown = {level for shares in split.values() for level in shares} - set(grid.qualifications)
    wrong = [group for group, sums in zip(split, matrix.sum(axis=1), strict=True) if abs(sums - 1) > _SUMS_TO_ONE]
    if unknown or wrong or (matrix < 0).any():
        raise MethodError(
            f"qualification split: {len(unknown)} levels not in the grid ({', '.join(sorted(unknown)) or 'none'}), "
            f"shares of {', '.join(wrong) or 'no group'} do not sum to 1, {int((matrix < 0).sum())} are negative; "
            "give every survey group the shares of its levels"
        )
    return matrix


def _persons(frame: pd.DataFrame, grid: GridCodes, patterns: tuple[str, ...], groups: tuple[str, ...]) -> _Persons:
    require_columns(frame, [*_NEEDED, *_OPTIONAL, "weight"], "persons")
    require_finite(frame, ["weight"], "persons")
    weights = floats(frame["weight"])
    if not len(frame) or (weights <= 0).any():
        raise MethodError(
            f"persons: {int((weights <= 0).sum())} of {len(frame)} weights are not positive; "
            "leave out persons without a weight, and give at least one with"
        )
    codes = {
        "occupation": grid.occupations,
        "sex": grid.sexes,
        "pattern": patterns,
        "region": grid.regions,
        "industry": grid.industries,
        "group": groups,
    }
    places = {
        name: _places(frame[column], codes[name], column, needed=column in _NEEDED)
        for column, name in (_NEEDED | _OPTIONAL).items()
    }
    return _Persons(places, weights)


def _places(values: pd.Series, codes: tuple[str, ...], column: str, *, needed: bool) -> IntArray:
    found = pd.Index(codes).get_indexer(pd.Index(values)).astype(np.int64)
    outside = found < 0
    if not needed:
        outside &= values.notna().to_numpy()
    if outside.any():
        unknown = sorted(set(values[outside].dropna().astype(str)))[:5]
        raise MethodError(
            f"persons: {int(outside.sum())} of {len(values)} rows have no code of the grid in {column} "
            f"({', '.join(unknown) or 'null'}); correct the codes or leave the rows out"
        )
    return found


def _sex_pattern_jobs(sample: _Persons, grid: GridCodes, patterns: tuple[str, ...]) -> FloatArray:
    """(P, O, S) jobs: occupations as weighted, their sexes and patterns drawn to the parent group's.

    An occupation without persons has what an even prior of the occupations' sizes gives it.
    """
    occupations, _, sexes, _, _ = grid.shape
    occupation = sample.places["occupation"]
    totals = np.bincount(occupation, sample.weights, minlength=occupations)
    everybody = Level(np.zeros_like(occupation), np.zeros(1, dtype=np.int64))
    even = np.full((1, occupations), 1 / occupations)
    absent = totals == 0
    if absent.any():
        smooth = shrunken_shares(occupation, sample.weights, occupations, [everybody], start=even)[0]
        whole = totals.sum()
        totals = np.where(absent, whole * smooth, totals * (1 - smooth[absent].sum()))
    category = sample.places["pattern"] * sexes + sample.places["sex"]
    shares = shrunken_shares(category, sample.weights, len(patterns) * sexes, _hierarchy(sample, grid))
    jobs: FloatArray = (totals[:, None] * shares).reshape(occupations, len(patterns), sexes).transpose(1, 0, 2)
    return jobs


def _with_published(
    jobs: FloatArray, published: pd.DataFrame, grid: GridCodes, patterns: tuple[str, ...]
) -> FloatArray:
    """Published jobs where there are any; the others at the level of these."""
    axes = {"pattern": patterns, "occupation": grid.occupations, "sex": grid.sexes}
    require_columns(published, [*axes, "jobs"], "published jobs")
    require_unique(published, list(axes), "published jobs")
    index = pd.MultiIndex.from_product(list(axes.values()))
    given = published.set_index(list(axes))["jobs"].astype(float)
    unknown = int((~given.index.isin(index)).sum())
    if unknown or (given < 0).any():
        raise MethodError(
            f"published jobs: {unknown} of {len(given)} rows have codes that are not in the grid, "
            f"{int((given < 0).sum())} are negative; correct them or leave them out"
        )
    found = given.reindex(index).to_numpy().reshape(jobs.shape)
    known = found > 0
    level = found[known].sum() / jobs[known].sum() if known.any() else 1.0
    return np.where(known, found, jobs * level)


def _shares_given(given: pd.DataFrame | None, name: str, codes: tuple[str, ...], sample: _Persons) -> FloatArray:
    """Share of each code, as given or as weighted persons have it."""
    if given is None:
        known = sample.known(name)
        jobs = np.bincount(known.places[name], known.weights, minlength=len(codes))
    else:
        require_columns(given, [name, "jobs"], f"jobs by {name}")
        require_unique(given, [name], f"jobs by {name}")
        jobs = given.set_index(name)["jobs"].reindex(list(codes)).to_numpy(dtype=float)
    bad = int((~(np.isfinite(jobs) & (jobs >= 0))).sum())
    if bad or not jobs.sum() > 0:
        raise MethodError(
            f"jobs by {name}: {bad} of {len(codes)} codes have no figure or a negative one; give every code of the "
            "grid, and at least one with jobs"
        )
    shares: FloatArray = jobs / jobs.sum()
    return shares


def _allowed_pairs(sample: _Persons, pairs: pd.DataFrame | None, grid: GridCodes) -> NDArray[np.bool_]:
    """(O, I) pairs of occupation and industry that exist; occupations in none have those of their parent group."""
    shape = (len(grid.occupations), len(grid.industries))
    known = sample.known("industry")
    allowed = known.sums(("occupation", "industry"), shape) > 0
    if pairs is not None:
        require_columns(pairs, ["occupation", "industry"], "pairs")
        occupation = _places(pairs["occupation"], grid.occupations, "occupation of pairs", needed=True)
        allowed[occupation, _places(pairs["industry"], grid.industries, "industry of pairs", needed=True)] = True
    for level in reversed(_HIERARCHY[:-1]):
        groups, place = grid.occupation_groups(level)
        together = np.zeros((len(groups), shape[1]), dtype=bool)
        np.logical_or.at(together, place, allowed)
        bare = ~allowed.any(axis=1)
        allowed[bare] = together[place[bare]]
    allowed[~allowed.any(axis=1)] = allowed.any(axis=0)
    return allowed


def _require_some(allowed: NDArray[np.bool_], grid: GridCodes) -> None:
    bare = np.flatnonzero(~allowed.any(axis=1))
    if len(bare):
        raise MethodError(
            f"jobs: {len(bare)} occupations are only in industries without jobs, first {grid.occupations[bare[0]]}; "
            "give their industry jobs, or more pairs"
        )


def _hierarchy(sample: _Persons, grid: GridCodes) -> list[Level]:
    """Levels from everybody to unit groups."""
    occupation = sample.places["occupation"]
    levels = []
    above = np.zeros(len(grid.occupations), dtype=np.int64)
    for name in _HIERARCHY:
        groups, place = grid.occupation_groups(name)
        parent = np.zeros(len(groups), dtype=np.int64)
        parent[place] = above
        levels.append(Level(place[occupation], parent))
        above = place
    return levels


def _conditional(
    sample: _Persons,
    name: str,
    size: int,
    grid: GridCodes,
    patterns: tuple[str, ...],
    *,
    by_sex: bool = True,
) -> FloatArray:
    """(P, O, S, K) shares of a characteristic, with S of length 1 unless by sex."""
    known = sample.known(name)
    occupations, sexes = len(grid.occupations), len(grid.sexes)
    by_pattern = known.places["pattern"] * occupations + known.places["occupation"]
    levels = _hierarchy(known, grid)
    levels.append(Level(by_pattern, np.tile(np.arange(occupations), len(patterns))))
    if by_sex:
        parent = np.repeat(np.arange(len(patterns) * occupations), sexes)
        levels.append(Level(by_pattern * sexes + known.places["sex"], parent))
    shares = shrunken_shares(known.places[name], known.weights, size, levels)
    return shares.reshape(len(patterns), occupations, sexes if by_sex else 1, size)


def _fit(
    seed: FloatArray,
    grid: GridCodes,
    patterns: tuple[str, ...],
    by_sex_pattern: FloatArray,
    shares: Mapping[str, FloatArray],
    relaxation: float,
    tolerance: float,
    max_passes: int,
) -> FloatArray:
    """Fit the seed, (P, O, R, S, 1, I), to its margins."""
    system = CellSystem.of(seed, grid, patterns)
    margins = []
    total = by_sex_pattern.sum()
    for dims, targets in (
        (("pattern", "occupation", "sex"), by_sex_pattern.ravel()),
        (("region",), total * shares["region"]),
        (("industry",), total * shares["industry"]),
    ):
        index, _ = system.cells(dims)
        asked = np.where(targets > 0, targets, np.nan)
        margins.append(RakingMargin(f"jobs by {', '.join(dims)}", index, asked, system.labels(dims)))
    fitted = np.zeros_like(seed)
    found = rake(seed[system.places], margins, tolerance=tolerance, max_passes=max_passes, relaxation=relaxation)
    fitted[system.places] = found.values
    return fitted
