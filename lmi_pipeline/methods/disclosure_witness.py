"""Witnesses: other tables that fit everything published, and so prove how wide an attacker's interval is.

A witness is a move of withheld cells that keeps every row and bound. The true table plus a witness could have been
the true table, as far as anybody outside knows; an attacker's interval of a cell, being convex, contains everything
between the two. Verifying witnesses takes one sparse product with the system and nothing else of the auditor.

Linear programmes treat counts as real numbers. An attacker who also knows that counts are integers can only do
better: a witness with integer moves proves safety against that attacker too, one with fractions does not.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_moves import row_room
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline.methods.tables import FloatArray

_CHUNK = 1 << 20
_SIGNIFICANT = 1000.0


def verify_witnesses(
    system: DisclosureSystem, witnesses: sp.csr_matrix, *, tolerance: float = 1e-6
) -> tuple[FloatArray, FloatArray]:
    """Check witnesses against a system, and return what they prove.

    Parameters
    ----------
    system : DisclosureSystem
        What is published.
    witnesses : csr_matrix
        (k, cells) moves.
    tolerance : float
        Largest violation of a row or bound, as a share of the largest move of the witness, absolute for moves below
        one. A move counts only if it is 1,000 times what its witness violates.

    Returns
    -------
    down, up : ndarray
        (cells,) reach below and above the true value that the witnesses prove.

    Raises
    ------
    MethodError
        For a witness that moves a published cell, breaks a row or leaves the bounds of a cell.
    """
    violation, size = witness_violations(system, witnesses)
    bad = violation > tolerance * np.maximum(size, 1.0)
    if bad.any():
        published = int((np.isinf(violation)).sum())
        raise MethodError(
            f"witnesses: {int(bad.sum())} of {len(bad)} are no feasible tables ({published} move a published cell, "
            f"{int(bad.sum()) - published} break a row or a bound), first number {int(np.argmax(bad))}; "
            "audit again without them"
        )
    return proven_reach(witnesses, violation)


def witness_violations(system: DisclosureSystem, witnesses: sp.csr_matrix) -> tuple[FloatArray, FloatArray]:
    """Return what each witness violates at most, infinite if it moves a published cell, and its largest move, (k,)."""
    if witnesses.shape[1] != len(system.value):
        raise MethodError(f"witnesses: {witnesses.shape[1]} cells; the system has {len(system.value)}")
    count = witnesses.shape[0]
    violation, size = np.zeros(count), np.zeros(count)
    rooms = Rooms(system)
    pointers = witnesses.indptr
    start = 0
    while start < count:
        stop = max(start + 1, int(np.searchsorted(pointers, pointers[start] + _CHUNK, side="right")) - 1)
        part = witnesses[start:stop]
        violation[start:stop], size[start:stop] = rooms.violations(part)
        start = stop
    return violation, size


def proven_reach(witnesses: sp.csr_matrix, violation: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far down and up verified witnesses move each cell, (cells,)."""
    least = _SIGNIFICANT * np.repeat(violation, np.diff(witnesses.indptr))
    move = np.where(np.abs(witnesses.data) >= least, witnesses.data, 0.0)
    down, up = np.zeros(witnesses.shape[1]), np.zeros(witnesses.shape[1])
    np.maximum.at(down, witnesses.indices, -move)
    np.maximum.at(up, witnesses.indices, move)
    return down, up


class Rooms:
    """How far cells and rows may move, and how far beyond that witnesses take them."""

    def __init__(self, system: DisclosureSystem) -> None:
        self._transposed = system.matrix.T.tocsr()
        self._hidden = system.hidden
        self._cell = (np.minimum(system.floor - system.value, 0.0), np.maximum(system.ceiling - system.value, 0.0))
        self._row = row_room(system)

    def violations(self, witnesses: sp.csr_matrix) -> tuple[FloatArray, FloatArray]:
        """Return the largest violation and the largest move of each witness; not a number violates without end."""
        rows = (witnesses @ self._transposed).tocsr()
        published = ~self._hidden[witnesses.indices] & (witnesses.data != 0)
        beyond = np.where(published, np.inf, _beyond(witnesses, self._cell))
        violation = np.maximum(
            _row_largest(beyond, witnesses.indptr), _row_largest(_beyond(rows, self._row), rows.indptr)
        )
        size = _row_largest(np.abs(witnesses.data), witnesses.indptr)
        finite = np.isfinite(size)
        return np.where(finite, violation, np.inf), np.where(finite, size, 0.0)


def _beyond(moves: sp.csr_matrix, room: tuple[FloatArray, FloatArray]) -> FloatArray:
    down, up = room
    beyond: FloatArray = np.maximum(moves.data - up[moves.indices], down[moves.indices] - moves.data)
    return np.maximum(beyond, 0.0)


def _row_largest(entries: FloatArray, pointers: NDArray[np.int32]) -> FloatArray:
    largest = np.zeros(len(pointers) - 1)
    filled = np.flatnonzero(np.diff(pointers))
    if len(filled):
        largest[filled] = np.maximum.reduceat(entries, pointers[filled])
    return largest
