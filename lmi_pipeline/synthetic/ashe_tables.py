"""Estimates of the published tables from the sample of jobs, each with its coefficient of variation.

Jobs count with their weights. The variance of a mean is linearised; that of a quantile is read off the distribution
between the probabilities one standard error below and above (Woodruff 1952); jobs are taken as drawn one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PERCENTILES = (10, 20, 25, 30, 40, 60, 70, 75, 80, 90)
# Columns of a table: jobs, median, mean, percentiles.
PROBABILITIES = np.array([0.5, *(level / 100 for level in PERCENTILES)])
JOBS, MEDIAN, MEAN, FIRST_PERCENTILE = 0, 1, 2, 3
WIDTH = FIRST_PERCENTILE + len(PERCENTILES)
# A quantile needs this many jobs on either side.
_BEYOND = 3


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimates of the rows of one sheet.

    Attributes
    ----------
    contributors : ndarray of int, shape (rows,)
        Jobs in the sample.
    value, cv : ndarray, shape (rows, 13)
        Jobs, median, mean and percentiles; coefficients of variation in per cent. Not a number where there are none.
    """

    contributors: np.ndarray
    value: np.ndarray
    cv: np.ndarray


@dataclass(frozen=True, eq=False)
class Measured:
    """Values of jobs sorted once, so that every sheet of a table is made from the same order."""

    values: np.ndarray
    weights: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, weights: np.ndarray) -> Measured:
        """Sort values; not a number is left out."""
        order = np.argsort(values, kind="stable")
        return cls(values, weights, order[: np.isfinite(values).sum()])

    def estimates(self, chosen: np.ndarray, row: np.ndarray, rows: int) -> Estimates:
        """Estimates of each row.

        Parameters
        ----------
        chosen : ndarray of bool
            Jobs of the sheet.
        row : ndarray of int
            Row that each job belongs to, -1 for none.
        rows : int
            Number of rows.
        """
        sorted_jobs = self.order[(chosen & (row >= 0))[self.order]]
        place = np.argsort(row[sorted_jobs].astype(np.int16), kind="stable")
        jobs = sorted_jobs[place]
        values, weights, row = self.values[jobs], self.weights[jobs], row[jobs]
        ends = np.searchsorted(row, np.arange(rows), side="right")
        contributors = np.diff(ends, prepend=0)
        total, square = (np.bincount(row, w, minlength=rows) for w in (weights, weights**2))
        value, cv = np.full((rows, WIDTH), np.nan), np.full((rows, WIDTH), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(row, weights * values, minlength=rows) / total
            spread = np.bincount(row, (weights * (values - mean[row])) ** 2, minlength=rows)
            small = np.sqrt(contributors / (contributors - 1))
            value[:, JOBS], cv[:, JOBS] = total, 100 * np.sqrt(square) / total
            value[:, MEAN], cv[:, MEAN] = mean, 100 * small * np.sqrt(spread) / (total * mean)
            quantiles = [MEDIAN, *range(FIRST_PERCENTILE, WIDTH)]
            value[:, quantiles], cv[:, quantiles] = _quantiles(values, weights, ends, contributors, square / total**2)
        value[contributors == 0] = np.nan
        return Estimates(contributors, value, cv)


def _quantiles(
    values: np.ndarray, weights: np.ndarray, ends: np.ndarray, contributors: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of each row and their coefficients of variation, shape (rows, 11)."""
    sums = np.concatenate([[0.0], weights.cumsum()])
    first, last = ends - contributors, np.maximum(ends - 1, 0)
    start, total = sums[first], sums[ends] - sums[first]

    def at(probability: np.ndarray) -> np.ndarray:
        wanted = start[:, None] + probability * total[:, None]
        found = np.searchsorted(sums[1:], wanted)
        found = np.clip(found, first[:, None], last[:, None])
        return values[np.minimum(found, len(values) - 1)] if len(values) else np.full(found.shape, np.nan)

    error = np.sqrt(PROBABILITIES * (1 - PROBABILITIES) * precision[:, None])
    quantile = at(np.broadcast_to(PROBABILITIES, error.shape))
    width = at(np.minimum(PROBABILITIES + error, 1)) - at(np.maximum(PROBABILITIES - error, 0))
    beyond = contributors[:, None] * np.minimum(PROBABILITIES, 1 - PROBABILITIES)
    return quantile, np.where(beyond >= _BEYOND, 50 * width / quantile, np.nan)


def combined(parts: Sequence[Estimates]) -> Estimates:
    """Estimates of a sheet from those of its levels; every row has jobs in one level at most."""
    contributors = np.sum([part.contributors for part in parts], axis=0)
    value, cv = (np.full(parts[0].value.shape, np.nan) for _ in range(2))
    for part in parts:
        there = part.contributors > 0
        value[there], cv[there] = part.value[there], part.cv[there]
    return Estimates(contributors, value, cv)
