"""What can be inferred from a published table by somebody who has nothing else.

Without the true values nobody can tell which withheld cells break a rule, or prove them safe. What can be found are
cells that the publication itself determines, and the intervals of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_attacker import attacker_intervals
from lmi_pipeline.methods.disclosure_audit import AuditOptions, audit
from lmi_pipeline.methods.disclosure_lattice import Lattice
from lmi_pipeline.methods.disclosure_system import DisclosureSystem, Link, join_systems

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
_EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class Inference:
    """What a published table gives away.

    Attributes
    ----------
    exact : ndarray of bool
        (cells,) withheld cells that the publication determines, up to rounding.
    low, high : ndarray
        (cells,) attacker's interval of the withheld cells that were looked at; nan elsewhere.
    """

    exact: Flags
    low: Floats
    high: Floats

    @property
    def examined(self) -> Flags:
        """(cells,) withheld cells whose interval is known."""
        return np.asarray(~np.isnan(self.low))

    def closer_than(self, width: ArrayLike) -> Flags:
        """Cells whose interval is not as wide as `width`, shape (cells,)."""
        return np.asarray(self.examined & (self.high - self.low < np.asarray(width, float) * (1 - _EXACT)))

    def too_close_for(self, share: float, unit: float, floor: ArrayLike = 0.0) -> Flags:
        """Cells whose interval leaves no true value uncertain by `share` of itself and by `unit`, both ways.

        Downwards the distance to `floor` is enough. With an interval away from the floor that is the case if half its
        width is less than `share` of its middle.
        """
        low, high = self.low, self.high
        grounded = low <= np.asarray(floor, float) + _EXACT
        least = np.where(grounded, low, np.maximum(low + unit, np.where(low > 0, low / (1 - share), low)))
        most = np.minimum(high - unit, np.where(high > 0, high / (1 + share), high))
        return np.asarray(self.examined & (least > most + _EXACT * np.maximum(1.0, np.abs(most))))


def infer(
    lattice: Lattice,
    shown: ArrayLike,
    *,
    rng: np.random.Generator,
    links: Sequence[Link] = (),
    floor: ArrayLike = 0.0,
    base: float | None = None,
    tolerance: float = 1e-6,
    limit: int = 500,
    options: AuditOptions | None = None,
) -> Inference:
    """Infer withheld cells from published ones.

    Parameters
    ----------
    lattice : Lattice
        The tables; values of withheld cells are not used.
    shown : array_like, shape (cells,)
        Published values, missing where withheld.
    rng : Generator
        Source of null-space vectors, and of the cells looked at where there are more than `limit`.
    links : sequence of Link
        Rows beside the sums.
    floor : array_like
        Least value everybody takes for possible.
    base : float, optional
        Multiple that published values are rounded to.
    tolerance : float
        How far published values may be off their sums, as a share of each, absolute below one.
    limit : int
        Withheld cells whose interval is computed.
    options : AuditOptions, optional
        Limits of the search for cells that are determined.

    Raises
    ------
    MethodError
        Published values that do not fit together.
    """
    number = np.asarray(shown, float)
    hidden = np.isnan(number)
    zeros = np.zeros(lattice.matrix.shape[0])
    tables = DisclosureSystem.of_equations(lattice.matrix, np.zeros(len(number)), hidden, floor=-np.inf)
    rows = join_systems([replace(tables, row_lower=zeros, row_upper=zeros)], _open(links)).matrix
    row_low = np.concatenate([zeros, [link.lower for link in links]])
    row_high = np.concatenate([zeros, [link.upper for link in links]])
    bounds = [_bounds(number, slack, floor) for slack in _slacks(number, base, tolerance)]
    value, low, high = _fitting(rows, row_low, row_high, bounds)
    sums = rows @ value
    even = row_low == row_high
    none = np.zeros(len(number))
    known = DisclosureSystem(
        rows, np.where(even, sums, row_low), np.where(even, sums, row_high), value, hidden,
        np.minimum(low, value), np.maximum(high, value), none, none,
    )  # fmt: skip
    exact = audit(known, rng=rng, options=options or AuditOptions()).exposed & hidden
    cells = _looked_at(exact, hidden, limit, rng)
    read = known if base is None else replace(known, hidden=np.ones_like(hidden))
    ends = np.full((2, len(number)), np.nan)
    ends[:, cells] = attacker_intervals(read, cells)
    return Inference(exact, ends[0], ends[1])


def _open(links: Sequence[Link]) -> list[Link]:
    return [replace(link, lower=-np.inf, upper=np.inf) for link in links]


def _looked_at(exact: Flags, hidden: Flags, limit: int, rng: np.random.Generator) -> NDArray[np.int64]:
    order = rng.permutation(np.flatnonzero(hidden))
    return np.sort(order[np.argsort(~exact[order], kind="stable")][:limit])


def _slacks(number: Floats, base: float | None, tolerance: float) -> list[Floats]:
    """How far published values may be off what they stand for: as little as possible first."""
    if base is not None:
        return [np.full(len(number), base / 2)]
    return [np.zeros(len(number)), tolerance * np.maximum(1.0, np.abs(np.nan_to_num(number)))]


def _bounds(number: Floats, slack: Floats, floor: ArrayLike) -> tuple[Floats, Floats]:
    hidden = np.isnan(number)
    least = np.broadcast_to(np.asarray(floor, float), number.shape)
    low = np.where(hidden, least, np.maximum(number - slack, np.minimum(least, number)))
    return low, np.where(hidden, np.inf, number + slack)


def _fitting(
    rows: sp.csr_matrix, row_low: Floats, row_high: Floats, bounds: Sequence[tuple[Floats, Floats]]
) -> tuple[Floats, Floats, Floats]:
    """Values that fit the rows within the first bounds that allow it, and those bounds."""
    even = row_low == row_high
    above, below = np.flatnonzero(~even & np.isfinite(row_high)), np.flatnonzero(~even & np.isfinite(row_low))
    for low, high in bounds:
        found = linprog(
            np.zeros(len(low)),
            A_ub=sp.vstack([rows[above], -rows[below]]),
            b_ub=np.concatenate([row_high[above], -row_low[below]]),
            A_eq=rows[np.flatnonzero(even)],
            b_eq=row_low[even],
            bounds=np.column_stack([low, high]),
            method="highs",
        )
        if found.x is not None:
            return np.asarray(np.clip(found.x, low, high), float), low, high
    raise MethodError(
        "the published cells do not fit together: no values of the withheld ones make the sums hold; if published"
        " values are rounded, say so by rounding_base, otherwise correct the cells or the hierarchy"
    )
