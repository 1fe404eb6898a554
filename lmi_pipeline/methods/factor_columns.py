"""Regressors that are categorical but for a few: a design that is never written out as a matrix of dummies.

The columns are the continuous regressors and then the levels of the factors, factor by factor. There is no intercept;
which levels follow from earlier ones is found from the rows (`factor_design`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray

IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """A categorical regressor.

    Attributes
    ----------
    name : str
    codes : ndarray
        (n,) level of each row, 0 to ``levels - 1``, of any integer type; kept as it is.
    levels : int
    """

    name: str
    codes: IntArray
    levels: int


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Continuous regressors and factors of n rows.

    Attributes
    ----------
    factors : tuple of Factor
        In order of precedence: where levels depend on each other, those of the earlier factor are kept.
    continuous : ndarray
        (n, k); k may be 0.
    continuous_names : tuple of str
        (k,)

    Raises
    ------
    MethodError
        No rows, no columns, lengths or names that do not fit, codes outside the levels, continuous values that are
        not finite; with the factor or column and the count.
    """

    factors: tuple[Factor, ...]
    continuous: FloatArray
    continuous_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.continuous.ndim != 2 or self.continuous.shape[1] != len(self.continuous_names):
            raise MethodError(
                f"design: continuous regressors of shape {self.continuous.shape} with {len(self.continuous_names)} "
                "names; give every column a name, and shape (n, 0) if there are none"
            )
        names = [*self.continuous_names, *(factor.name for factor in self.factors)]
        if len(set(names)) != len(names) or not names:
            raise MethodError(f"design: regressors {names}; give at least one, and each a name of its own")
        if self.row_count == 0:
            raise MethodError("design: no rows; check what was selected before the fit")
        _require_finite(self)
        for factor in self.factors:
            _require_codes(factor, self.row_count)

    @property
    def row_count(self) -> int:
        """Number of rows, n."""
        return int(self.continuous.shape[0])

    @property
    def offsets(self) -> tuple[int, ...]:
        """First column of each factor, and the number of columns p at the end."""
        sizes = [self.continuous.shape[1], *(factor.levels for factor in self.factors)]
        return tuple(int(at) for at in np.cumsum(sizes))

    @property
    def size(self) -> int:
        """Number of columns, p."""
        return self.offsets[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the factors."""
        return tuple(factor.name for factor in self.factors)

    def columns(self, name: str) -> slice:
        """Columns of a factor or of a continuous regressor."""
        if name in self.continuous_names:
            at = self.continuous_names.index(name)
            return slice(at, at + 1)
        if name not in self.names:
            raise MethodError(f"design: no regressor {name}; there are {', '.join(self.continuous_names + self.names)}")
        at = self.names.index(name)
        return slice(self.offsets[at], self.offsets[at + 1])

    def product(self, coefficients: FloatArray) -> FloatArray:
        """X b.

        Parameters
        ----------
        coefficients : ndarray
            (p,) continuous first, then the levels of each factor.

        Returns
        -------
        ndarray
            (n,)
        """
        total: FloatArray = self.continuous @ coefficients[: self.continuous.shape[1]]
        for factor in self.factors:
            total += coefficients[self.columns(factor.name)].take(factor.codes)
        return total

    def transposed(self, values: FloatArray) -> FloatArray:
        """X'v.

        Parameters
        ----------
        values : ndarray
            (n,)

        Returns
        -------
        ndarray
            (p,)
        """
        sums = [np.bincount(factor.codes, values, minlength=factor.levels) for factor in self.factors]
        return np.concatenate([self.continuous.T @ values, *sums])

    def matrix(self) -> sparse.csr_array:
        """X with a column for every level, (n, p), sparse."""
        rows = np.arange(self.row_count)
        parts: list[Any] = [sparse.csr_array(self.continuous)]
        for factor in self.factors:
            ones = np.ones(self.row_count)
            parts.append(sparse.csr_array((ones, (rows, factor.codes)), shape=(self.row_count, factor.levels)))
        return sparse.csr_array(sparse.hstack(parts))


def make_design(
    factors: Sequence[Factor], continuous: FloatArray | None = None, continuous_names: Sequence[str] = ()
) -> Design:
    """Design of factors and, if given, (n, k) continuous regressors."""
    if continuous is None:
        continuous = np.empty((len(factors[0].codes) if factors else 0, 0))
    return Design(tuple(factors), np.asarray(continuous, dtype=np.float64), tuple(continuous_names))


def _require_finite(given: Design) -> None:
    for at, name in enumerate(given.continuous_names):
        bad = given.row_count - int(np.isfinite(given.continuous[:, at]).sum())
        if bad:
            raise MethodError(f"design: {bad} rows of {name} are missing or not finite; leave them out first")


def _require_codes(factor: Factor, rows: int) -> None:
    codes = factor.codes
    if codes.ndim != 1 or codes.dtype.kind not in "iu" or len(codes) != rows:
        raise MethodError(
            f"design: factor {factor.name} has codes of shape {codes.shape} and type {codes.dtype}; "
            f"give {rows} integers"
        )
    if codes.min() < 0 or codes.max() >= factor.levels:
        bad = int(((codes < 0) | (codes >= factor.levels)).sum())
        raise MethodError(
            f"design: {bad} rows have a code of factor {factor.name} outside 0 to {factor.levels - 1}; "
            "look the codes up in the list of levels first"
        )
