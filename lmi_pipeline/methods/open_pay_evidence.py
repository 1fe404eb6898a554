"""What the published tables know of an occupation beside its own mean: its relatives and its sampling error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.open_pay_variances import moderated_cvs
from lmi_pipeline.methods.tables import FloatArray, floats

IntArray = NDArray[np.int64]

UNPUBLISHED_CV = 20.0  # per cent: a mean with a higher coefficient of variation is not published
BAND_LIMITS: Mapping[str, tuple[float, float]] = {"cv_0_5": (0, 5), "cv_5_10": (5, 10), "cv_10_20": (10, 20)}

_PARENT_DIGITS = (1, 2, 3)
_PARENT_WEIGHT = 1.0  # the parent counts as one more occupation of the group
_LOWEST_CV = 0.1
_CELLS_FOR_CURVE = 10


def parent_groups(occupations: Sequence[str]) -> IntArray:
    """Number the major, sub-major and minor group of every occupation: shape (n, 3)."""
    codes = np.asarray(occupations, dtype=np.str_)
    groups = [np.unique(codes.astype(f"<U{digits}"), return_inverse=True)[1] for digits in _PARENT_DIGITS]
    return np.column_stack(groups).astype(np.int64)


def nested_means(values: FloatArray, groups: IntArray) -> FloatArray:
    """Means of the other occupations of each occupation's major, sub-major and minor group.

    The occupation itself is left out, so its own value never predicts itself. Each mean is shrunk to that of the level
    above, the major group's to that of all others.

    Parameters
    ----------
    values : ndarray
        (n,) nan where not published.
    groups : ndarray of int64
        (n, 3) from `parent_groups`.

    Returns
    -------
    ndarray
        (n, 3) major, sub-major and minor group.

    Raises
    ------
    MethodError
        Fewer than two values.
    """
    known = np.isfinite(values)
    if known.sum() < 2:
        raise MethodError(f"open pay: {int(known.sum())} published values of {len(values)}; group means need two")
    present, filled = known.astype(float), np.where(known, values, 0.0)
    mean = (filled.sum() - filled) / (present.sum() - present)
    levels = []
    for group in groups.T:
        others = np.bincount(group, weights=filled)[group] - filled
        count = np.bincount(group, weights=present)[group] - present
        mean = (others + _PARENT_WEIGHT * mean) / (count + _PARENT_WEIGHT)
        levels.append(mean)
    return np.column_stack(levels)


def complete_cvs(cells: pd.DataFrame) -> tuple[FloatArray, NDArray[np.str_]]:
    """Coefficient of variation of every cell and where it is from.

    Published; else the middle of the upper half of its quality band; else a curve ``log cv = a + b log jobs`` fitted to
    the cells that have both, or their median where the jobs are missing too. A cell whose mean is not published has
    at least 20 per cent, unless its coefficient is published.

    Parameters
    ----------
    cells : DataFrame
        ``mean, job_count`` and, where there, ``cv_percent`` and ``quality_band``.

    Returns
    -------
    ndarray
        (n,) per cent.
    ndarray of str
        (n,) ``published``, ``band`` or ``imputed``.

    Raises
    ------
    MethodError
        Negative coefficients, or no coefficient and no band at all.
    """
    published = optional_column(cells, "cv_percent")
    if (published < 0).any():
        raise MethodError(f"open pay: {int((published < 0).sum())} of {len(cells)} cv_percent are negative")
    bands = cells["quality_band"].map(_upper_middle) if "quality_band" in cells else pd.Series(np.nan, cells.index)
    from_band = bands.to_numpy(dtype=float)
    known = np.where(np.isfinite(published), published, from_band)
    if not np.isfinite(known).any():
        raise MethodError(
            f"open pay: none of {len(cells)} cells has a coefficient of variation or a quality band; read the b table"
        )
    imputed = _curve(known, optional_column(cells, "job_count"))
    hidden = ~np.isfinite(optional_column(cells, "mean"))
    imputed = np.where(hidden, np.maximum(imputed, UNPUBLISHED_CV), imputed)
    source = np.where(np.isfinite(published), "published", np.where(np.isfinite(from_band), "band", "imputed"))
    return np.maximum(np.where(np.isfinite(known), known, imputed), _LOWEST_CV), source.astype(np.str_)


def evidence_cvs(cells: pd.DataFrame, name: str, own: FloatArray, sizes: FloatArray, coverage: float) -> FloatArray:
    """Coefficient of variation, in per cent, of a published column of the same jobs.

    From the column ``<name>_cv_percent``, moderated, where it is there; else that of the cell's own mean (`own`), and
    20 at most, for the column would not have been published with more.
    """
    given = moderated_cvs(optional_column(cells, f"{name}_cv_percent"), sizes, coverage)
    return np.maximum(np.where(np.isfinite(given), given, np.minimum(own, UNPUBLISHED_CV)), _LOWEST_CV)


def log_variance(cv_percent: FloatArray) -> FloatArray:
    """Variance of the log of a mean with these coefficients of variation, were it lognormal: ``log(1 + cv^2)``."""
    return np.log1p((cv_percent / 100) ** 2)


def _upper_middle(band: object) -> float:
    limits = BAND_LIMITS.get(str(band))
    return float("nan") if limits is None else limits[0] + 0.75 * (limits[1] - limits[0])


def _curve(cvs: FloatArray, jobs: FloatArray) -> FloatArray:
    """Coefficients of variation from the number of jobs."""
    middle = float(np.nanmedian(cvs))
    usable = np.isfinite(cvs) & (cvs > 0) & np.isfinite(jobs) & (jobs > 0)
    if usable.sum() < _CELLS_FOR_CURVE or np.ptp(jobs[usable]) == 0:
        return np.full(len(cvs), middle)
    slope, level = np.polyfit(np.log(jobs[usable]), np.log(cvs[usable]), 1)
    safe = np.where(np.isfinite(jobs) & (jobs > 0), jobs, 1.0)
    return np.where(np.isfinite(jobs) & (jobs > 0), np.exp(level + slope * np.log(safe)), middle)


def optional_column(cells: pd.DataFrame, name: str) -> FloatArray:
    """Values of a column, (n,); not a number without it."""
    if name not in cells:
        return np.full(len(cells), np.nan)
    return floats(cells[name].to_numpy(dtype=float, na_value=np.nan))
