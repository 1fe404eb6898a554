"""What is published, what is withheld, and what somebody who reads only the publication knows.

The attacker model of linear-programming disclosure audits (Fischetti and Salazar 2000; Hundepool et al. 2012, ch. 4):
every published cell is known exactly, every withheld one lies within the bounds that are known from outside, and the
additive structure of all tables together gives rows that any table the attacker can imagine obeys. Tables that share
cells, or are tied by a rate, a growth figure or another vintage of the weights, are joined into one system.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class DisclosureSystem:
    """Cells of all tables published together, and what an attacker knows about them.

    A row whose two bounds are equal is an equation; one whose bounds differ is knowledge up to rounding, such as a
    numerator known from a rate to one decimal. Published cells count as known exactly: rounding them only widens
    what is possible, so what is safe here is safe rounded.

    Attributes
    ----------
    matrix : csr_matrix
        (rows, cells) coefficients.
    row_lower, row_upper : ndarray
        (rows,) bounds of `matrix` @ cells; infinite where there is none.
    value : ndarray
        (cells,) true values, finite.
    hidden : ndarray of bool
        (cells,) withheld cells.
    floor, ceiling : ndarray
        (cells,) what is known of a cell from outside: 0 and infinity for counts, minus infinity for flows.
    protect_down, protect_up : ndarray
        (cells,) how far below and above the true value the attacker's interval of a cell must reach, in the unit of
        the cell, and no further than `floor` and `ceiling` allow; 0 for a cell that needs no protection, such as one
        withheld for the sake of another. A published cell with a protection above 0 is exposed.

    Raises
    ------
    MethodError
        For shapes that do not agree, numbers that are missing, negative protection, or true values that break a
        bound or a row by more than one part in a million.
    """

    matrix: sp.csr_matrix
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]
    value: NDArray[np.float64]
    hidden: NDArray[np.bool_]
    floor: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    protect_down: NDArray[np.float64]
    protect_up: NDArray[np.float64]

    def __post_init__(self) -> None:
        rows, cells = self.matrix.shape
        for name in ("row_lower", "row_upper"):
            _require_shape(name, getattr(self, name), rows)
        for name in ("value", "hidden", "floor", "ceiling", "protect_down", "protect_up"):
            _require_shape(name, getattr(self, name), cells)
        _require(np.isfinite(self.value), "cells have no finite value")
        _require(np.isfinite(self.matrix.data), "coefficients are not finite")
        for side in (self.protect_down, self.protect_up):
            _require(np.isfinite(side) & (side >= 0), "cells have a protection that is not a number from zero up")
        _require(_within(self.value, self.floor, self.ceiling, np.abs(self.value)), "cells lie outside their bounds")
        size = abs(self.matrix) @ np.abs(self.value)
        _require(_within(self.matrix @ self.value, self.row_lower, self.row_upper, size), "rows do not hold")

    @classmethod
    def of_equations(
        cls,
        matrix: sp.spmatrix,
        value: ArrayLike,
        hidden: ArrayLike,
        *,
        protect_down: ArrayLike = 0.0,
        protect_up: ArrayLike = 0.0,
        floor: ArrayLike = 0.0,
        ceiling: ArrayLike = np.inf,
    ) -> "DisclosureSystem":
        """Make a system whose rows are all equations with right-hand side zero, such as those of a lattice.

        Numbers given once hold for every cell; `protect_down` is cut to what `floor` leaves possible and
        `protect_up` to what `ceiling` does.
        """
        values = np.asarray(value, dtype=np.float64)
        low, high, down, up = (_spread(each, len(values)) for each in (floor, ceiling, protect_down, protect_up))
        zeros = np.zeros(matrix.shape[0])
        return cls(
            matrix=sp.csr_matrix(matrix, dtype=np.float64),
            row_lower=zeros,
            row_upper=zeros,
            value=values,
            hidden=np.asarray(hidden, dtype=bool),
            floor=low,
            ceiling=high,
            protect_down=np.minimum(down, np.maximum(values - low, 0.0)),
            protect_up=np.minimum(up, np.maximum(high - values, 0.0)),
        )

    @property
    def equations(self) -> NDArray[np.bool_]:
        """(rows,) rows whose two bounds are equal."""
        same: NDArray[np.bool_] = self.row_lower == self.row_upper
        return same

    @property
    def protected(self) -> NDArray[np.bool_]:
        """(cells,) cells that must be protected, at least one way."""
        return (self.protect_down > 0) | (self.protect_up > 0)

    def with_hidden(self, hidden: ArrayLike) -> "DisclosureSystem":
        """Return the same system with other cells withheld."""
        return replace(self, hidden=np.asarray(hidden, dtype=bool))


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One row that ties cells of joined tables: lower <= coefficients @ cells <= upper.

    `cells` number the cells of the joined tables one after another: cell 0 of the second table has the number of
    cells of the first. The same cell in two tables is a link with coefficients 1 and -1 and both bounds 0.
    """

    cells: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    lower: float
    upper: float


def join_systems(systems: Sequence[DisclosureSystem], links: Sequence[Link] = ()) -> DisclosureSystem:
    """Put systems side by side and add the rows that tie their cells.

    Parameters
    ----------
    systems : sequence of DisclosureSystem
        What is published together, in the order in which `links` number the cells.
    links : sequence of Link
        Rows over the cells of several systems: shared cells, rates times bases, growth, other vintages.

    Returns
    -------
    DisclosureSystem
        Cells and rows in the order given, then one row for each link.

    Raises
    ------
    MethodError
        For no system, a link to a cell that is not there, or a link that does not hold for the true values.
    """
    if not systems:
        raise MethodError("joined tables: none given; an audit needs at least one")
    cells = sum(len(system.value) for system in systems)
    rows = _link_rows(links, cells)
    return DisclosureSystem(
        matrix=sp.csr_matrix(sp.vstack([sp.block_diag([system.matrix for system in systems]), rows])),
        row_lower=np.concatenate([*(system.row_lower for system in systems), [link.lower for link in links]]),
        row_upper=np.concatenate([*(system.row_upper for system in systems), [link.upper for link in links]]),
        value=np.concatenate([system.value for system in systems]),
        hidden=np.concatenate([system.hidden for system in systems]),
        floor=np.concatenate([system.floor for system in systems]),
        ceiling=np.concatenate([system.ceiling for system in systems]),
        protect_down=np.concatenate([system.protect_down for system in systems]),
        protect_up=np.concatenate([system.protect_up for system in systems]),
    )


def _link_rows(links: Sequence[Link], cells: int) -> sp.csr_matrix:
    unequal = sum(len(link.cells) != len(link.coefficients) for link in links)
    if unequal:
        raise MethodError(f"links of tables: {unequal} of {len(links)} have not one coefficient for each cell")
    columns = np.concatenate([np.empty(0, dtype=np.int64), *(link.cells for link in links)])
    outside = int(((columns < 0) | (columns >= cells)).sum())
    if outside:
        raise MethodError(f"links of tables: {outside} cells are not among the {cells} of the joined tables")
    data = np.concatenate([np.empty(0), *(link.coefficients for link in links)])
    pointers = np.cumsum([0, *(len(link.cells) for link in links)])
    matrix = sp.csr_matrix((data, columns, pointers), shape=(len(links), cells))
    matrix.sum_duplicates()
    return matrix


def _spread(given: ArrayLike, cells: int) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(given, dtype=np.float64), (cells,)).copy()


def _within(
    number: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.bool_]:
    room = _TOLERANCE * np.maximum(size, 1.0)
    inside: NDArray[np.bool_] = (number >= lower - room) & (number <= upper + room)
    return inside


def _require(good: NDArray[np.bool_], what: str) -> None:
    bad = int((~good).sum())
    if bad:
        raise MethodError(f"disclosure system: {bad} of {len(good)} {what}, first number {int(np.argmin(good))}")


def _require_shape(name: str, array: NDArray[np.generic], length: int) -> None:
    if array.shape != (length,):
        raise MethodError(f"disclosure system: {name} has shape {array.shape}; the matrix asks for ({length},)")
