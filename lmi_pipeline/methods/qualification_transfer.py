"""Qualification brought from the Labour Force Survey to records of pay that do not have it.

The pay equation is fitted to the survey with effects of qualification by major occupation group, and these become
factors that average to one over the jobs of every occupation: what the other source says of an occupation's mean stays
as it is, and only its spread over qualifications is the survey's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes
from lmi_pipeline.methods.factor_design import Factor
from lmi_pipeline.methods.factor_wls import fit_wls
from lmi_pipeline.methods.pay_jobs import CodedJobs, IntArray, code_jobs
from lmi_pipeline.methods.pay_levels import kish_counts
from lmi_pipeline.methods.shrinkage import Component, credibility_means, shrink
from lmi_pipeline.methods.tables import FloatArray, require_columns

_TERM = "major.qualification"


@dataclass(frozen=True, slots=True, eq=False)
class QualificationTransfer:
    """Factors of qualification.

    Attributes
    ----------
    factors : ndarray
        (O, Q) of every occupation and level; levels of one group of the survey have one factor. Their mean over the
        jobs of an occupation is 1.
    effects : ndarray
        (M, G) shrunken effects in logs by major group, about the mean of the major group.
    shares : ndarray
        (O, G) jobs of an occupation by group of qualification, shrunk to the groups above; each row sums to 1.
    terms : DataFrame
        `term`, `level` (major group and qualification joined by `` | ``), `coefficient`, `standard_error`,
        `clustered_error` (null), `shrunken_coefficient` and `row_count`.
    variance : float
        Of an effect between major groups.
    """

    factors: FloatArray
    effects: FloatArray
    shares: FloatArray
    terms: pd.DataFrame
    variance: float


def transfer_qualification(
    persons: pd.DataFrame,
    *,
    codes: GridCodes,
    year: int,
    deflator: Mapping[int, float],
    split: Mapping[str, Mapping[str, float]],
    shares: FloatArray | None = None,
    where: str = "qualification",
) -> QualificationTransfer:
    """Estimate factors of qualification from survey records of one working pattern.

    Parameters
    ----------
    persons : DataFrame
        As `code_jobs` asks, with `qualification`, a group of `split`.
    codes : GridCodes
    year : int
    deflator : mapping of int to float
        Year -> what `y` is multiplied by.
    split : mapping of str to mapping
        The survey's groups of qualification -> their levels on the grid (the shares of the levels are not used).
    shares : ndarray, optional
        (O, Q) jobs of every occupation by level of qualification, any scale, for the factors to average to one over;
        those of the survey, shrunk, if absent.
    where : str
        What is fitted, for errors.

    Returns
    -------
    QualificationTransfer

    Raises
    ------
    MethodError
        Records that cannot be used, a qualification or level that is not known, or shares that are negative, not
        finite, or all zero for an occupation.
    """
    require_columns(persons, ["qualification"], where)
    coded = code_jobs(persons, codes, year=year, deflator=deflator, where=where)
    groups = tuple(split)
    group = _groups(persons["qualification"], groups, where)
    level_group = _level_groups(codes, split, where)
    majors, major = codes.occupation_groups("major")
    cell = major[coded.occupation] * len(groups) + group
    cells = len(majors) * len(groups)
    fit = fit_wls(coded.design([Factor(_TERM, cell.astype(np.int32), cells)]), np.log(coded.value), coded.weight)
    effects, variance = _shrunken(coded, cell, fit.effects(_TERM).reshape(-1, len(groups)), fit.residuals)
    own = _shares(coded, group, len(groups)) if shares is None else _given(shares, codes, level_group, where)
    level = np.exp(effects)[major]
    level = level / (own * level).sum(axis=1, keepdims=True)
    terms = pd.DataFrame(
        {
            "term": _TERM,
            "level": [f"{one} | {other}" for one in majors for other in groups],
            "coefficient": fit.effects(_TERM),
            "standard_error": fit.errors(_TERM),
            "clustered_error": np.nan,
            "shrunken_coefficient": effects.ravel(),
            "row_count": np.bincount(cell, minlength=cells),
        }
    )
    return QualificationTransfer(level[:, level_group], effects, own, terms, variance)


def _groups(values: pd.Series, groups: Sequence[str], where: str) -> IntArray:
    found = pd.Index(groups).get_indexer(pd.Index(values)).astype(np.int64)
    unknown = int((found < 0).sum())
    if unknown:
        raise MethodError(
            f"{where}: {unknown} of {len(values)} rows have no qualification of {', '.join(groups)}; recode them or"
            " leave them out"
        )
    return found


def _level_groups(codes: GridCodes, split: Mapping[str, Mapping[str, float]], where: str) -> IntArray:
    group_of = {level: at for at, levels in enumerate(split.values()) for level in levels}
    unknown = [level for level in codes.qualifications if level not in group_of]
    if unknown:
        raise MethodError(f"{where}: levels {', '.join(unknown)} of the grid belong to no group of the survey")
    return np.array([group_of[level] for level in codes.qualifications], dtype=np.int64)


def _shrunken(coded: CodedJobs, cell: IntArray, table: FloatArray, residuals: FloatArray) -> tuple[FloatArray, float]:
    """Effects about the mean of their major group, shrunk to those of all major groups."""
    groups, cells = table.shape[1], table.size
    count = kish_counts(coded.weight, cell, cells)
    jobs = np.bincount(cell, coded.weight, cells).reshape(-1, groups)
    total = np.where(jobs.sum(axis=1) > 0, jobs.sum(axis=1), 1.0)
    centred = table - ((jobs * table).sum(axis=1) / total)[:, None]
    typical = float(np.average(residuals**2, weights=coded.weight))
    place = np.arange(cells)
    found = shrink(
        np.where(count > 0, centred.ravel(), np.nan),
        typical / np.where(count > 0, count, 1.0),
        (place[:, None] % groups == np.arange(groups)).astype(np.float64),
        [Component(_TERM, place, cells)],
        where="qualification by major group",
    )
    return found.estimates.reshape(-1, groups), found.variances[_TERM]


def _shares(coded: CodedJobs, group: IntArray, groups: int) -> FloatArray:
    hierarchy = [coded.groups(level) for level in ("minor", "sub_major", "major")]
    parts = [
        credibility_means((group == at).astype(np.float64), coded.weight, coded.occupation, hierarchy).means
        for at in range(groups)
    ]
    shares = np.column_stack(parts)
    result: FloatArray = shares / shares.sum(axis=1, keepdims=True)
    return result


def _given(shares: FloatArray, codes: GridCodes, level_group: IntArray, where: str) -> FloatArray:
    shape = (len(codes.occupations), len(codes.qualifications))
    if np.shape(shares) != shape:
        raise MethodError(f"{where}: shares of shape {np.shape(shares)}, the grid needs {shape}")
    bad = int((~(np.isfinite(shares) & (shares >= 0))).sum())
    empty = int((np.nansum(shares, axis=1) <= 0).sum())
    if bad or empty:
        raise MethodError(
            f"{where}: {bad} shares are negative or not finite and {empty} occupations have none; "
            "give the jobs of every occupation"
        )
    grouped = np.zeros((shape[0], int(level_group.max()) + 1))
    np.add.at(grouped.T, level_group, shares.T)
    result: FloatArray = grouped / grouped.sum(axis=1, keepdims=True)
    return result
