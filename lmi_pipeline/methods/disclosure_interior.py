"""Witnesses from the inside of everything an attacker can imagine: few moves that prove most of a large table safe.

Where zeros are withheld they can only rise, and hardly any random move keeps all of them from falling. So one move is
found first that takes every withheld cell off its bounds, and each further move asks many cells at once, some to rise
and some to fall, by what they need. Both are points common to the moves that keep all rows and a box, found by
Douglas-Rachford iterations (Eckstein and Bertsekas 1992); the rows are factorised once. A cell that a request takes
too far makes the requests around it be dropped, and what is over the bounds by little is mixed with the first move.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from lmi_pipeline.methods.disclosure_moves import MoveSpace
from lmi_pipeline.methods.disclosure_nullspace import unit_rows
from lmi_pipeline.methods.tables import FloatArray

_RIDGE = 1e-12
_INSIDE = 150
_ITERATIONS = 25
_PHASES = 5
_FREEZES = 4
_EMPTYINGS = 3
_ROUNDING = 1e-9
_SHARES = (0.8, 0.5, 0.3)
_KEPT, _RAISED, _ASKED = 0.97, 0.3, 1.4
_NEARLY_ALL = 0.8
_IDLE, _FRUITFUL = 3, 0.9
_MIXED = 0.15
_ENOUGH = 1 - 1e-6


def interior_moves(
    space: MoveSpace, down: FloatArray, up: FloatArray, *, rng: np.random.Generator, rounds: int
) -> Iterator[FloatArray]:
    """Yield moves that take cells as far as they need, until all have been, or `rounds` moves.

    Parameters
    ----------
    space : MoveSpace
        Free cells and rows.
    down, up : ndarray
        (n,) how far each cell must still be shown to fall and to rise; 0 for cells that need nothing.
    rng : Generator
        Draws which cells are asked for together, and which way.
    rounds : int
        Most moves after the first.

    Yields
    ------
    ndarray
        (n,) a move. Those that numerical error spoils are for the caller to turn down.
    """
    inside = _inside(space, down, up)
    if inside is None:
        return
    body, first = inside
    cells = body.members
    bound = -space.lower[cells]
    empty = (bound > 0) & (down[cells] >= bound * _NEARLY_ALL)
    need_down, need_up = down[cells], up[cells]
    idle = 0
    for number in range(rounds + 1):
        asked_down, share = np.where(empty, 0.0, need_down), _SHARES[number % len(_SHARES)]
        if idle >= _IDLE or not (asked_down.any() or need_up.any()):
            break
        move = first if not number else _asking(body, first, asked_down, need_up, share, rng)
        reach, before = move[: len(cells)], np.count_nonzero(asked_down) + np.count_nonzero(need_up)
        need_down = np.where(-reach >= need_down * _ENOUGH, 0.0, need_down)
        need_up = np.where(reach >= need_up * _ENOUGH, 0.0, need_up)
        after = np.count_nonzero(need_down[~empty]) + np.count_nonzero(need_up)
        idle = idle + 1 if number and after > _FRUITFUL * before else 0
        yield _whole(space, cells, reach)
    emptied = cells[empty & (need_down > 0)]
    yield from _emptying(space, cells, emptied, down, up)


def _whole(space: MoveSpace, cells: NDArray[np.int64], move: FloatArray) -> FloatArray:
    whole = np.zeros(len(space.cells))
    whole[cells] = move
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """Cells that can leave their bounds, then the slack of rows with room, in units of `scale`."""

    members: NDArray[np.int64]
    lower: FloatArray
    upper: FloatArray
    scale: FloatArray
    margin: FloatArray
    pattern: sp.csr_matrix
    rows: "_Rows"

    def box(self, kept: float, raised: float) -> tuple[FloatArray, FloatArray]:
        """Bounds that keep a part of the room, and take cells at a bound off it."""
        low = np.where(self.lower < 0, kept * self.lower, raised * self.margin)
        high = np.where(self.upper > 0, kept * self.upper, -raised * self.margin)
        return low / self.scale, high / self.scale

    def meet(self, start: FloatArray, low: FloatArray, high: FloatArray, rounds: int) -> tuple[FloatArray, FloatArray]:
        """Douglas-Rachford from `start`: the point that keeps all rows, and where to go on."""
        for _ in range(rounds):
            point = self.rows.keep(start, 1)
            start = start + np.clip(2 * point - start, low, high) - point
        return self.rows.keep(start, 2) * self.scale, start

    def beyond(self, move: FloatArray, first: FloatArray) -> FloatArray:
        """Share of `first` that must be mixed in to bring each cell back within its bounds."""
        short = np.maximum(np.maximum(self.lower - move, move - self.upper), 0.0)
        room = np.where(move < self.lower, first - self.lower, self.upper - first)
        return np.where(short > 0, short / np.maximum(short + room, np.finfo(float).tiny), 0.0)


class _Rows:
    """Projection on the moves that keep all rows, or that make rows `excess` more than they were."""

    def __init__(self, matrix: sp.csr_matrix, excess: FloatArray) -> None:
        self._matrix = unit_rows(matrix)
        norm = np.sqrt(matrix.multiply(matrix) @ np.ones(matrix.shape[1]))
        self._excess = excess / np.where(norm > 0, norm, 1.0)
        self._transposed = self._matrix.T.tocsr()
        gram = self._matrix @ self._transposed + _RIDGE * sp.eye_array(self._matrix.shape[0], format="csr")
        self._factor = splu(
            sp.csc_matrix(gram),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )

    def keep(self, vector: FloatArray, times: int) -> FloatArray:
        """Project, and `times` - 1 times again to be rid of rounding."""
        for _ in range(times):
            vector = vector - self._transposed @ self._factor.solve(self._matrix @ vector - self._excess)
        return vector


def _inside(space: MoveSpace, down: FloatArray, up: FloatArray) -> tuple[_Body, FloatArray] | None:
    """A move that takes all cells off their bounds, without those that no move was found for."""
    members = np.arange(len(space.cells))
    for _ in range(_FREEZES):
        members = _movable(space, members)
        if not len(members):
            return None
        body = _body(space, members, down, up)
        low, high = body.box(0.9, 1.0)
        move = body.meet(np.zeros(len(low)), low, high, _INSIDE)[0]
        tight = np.minimum(move - body.lower, body.upper - move) <= _MIXED * np.minimum(
            body.margin, np.where(body.lower < 0, -body.lower, body.margin)
        )
        tight &= (body.lower == 0) | (body.upper == 0) | (move <= body.lower) | (move >= body.upper)
        if not tight.any():
            return body, move
        stuck = tight[: len(members)]
        members = members[~stuck] if stuck.any() else members[:0]
    return None


def _movable(space: MoveSpace, members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out cells that are alone on an equation."""
    matrix = space.matrix[np.flatnonzero(space.equations)]
    pattern = sp.csr_matrix((np.ones(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)
    free = np.zeros(matrix.shape[1])
    free[members] = 1.0
    while True:
        single = np.flatnonzero(pattern @ free == 1)
        if not len(single):
            return np.flatnonzero(free)
        free[pattern[single].indices] = 0.0


def _body(
    space: MoveSpace,
    members: NDArray[np.int64],
    down: FloatArray,
    up: FloatArray,
    shift: FloatArray | None = None,
) -> _Body:
    part = space.part(members)
    rows = np.flatnonzero(np.diff(space.matrix[:, members].tocsr().indptr))
    excess = np.zeros(len(rows)) if shift is None else -(space.matrix @ shift)[rows]
    loose = np.flatnonzero(~part.equations)
    slack = sp.csr_matrix((-np.ones(len(loose)), (loose, np.arange(len(loose)))), (len(part.row_lower), len(loose)))
    matrix = sp.csr_matrix(sp.hstack([part.matrix, slack]))
    lower = np.concatenate([part.lower, part.row_lower[loose]])
    upper = np.concatenate([part.upper, part.row_upper[loose]])
    needed = np.concatenate([np.maximum(down, up)[members], np.zeros(len(loose))])
    typical = float(np.median(needed[needed > 0])) if (needed > 0).any() else 1.0
    room = np.maximum(np.where(np.isfinite(lower), -lower, 0.0), np.where(np.isfinite(upper), upper, 0.0))
    scale = np.maximum(np.where(room > 0, room, typical), 1.5 * needed)
    scale = np.minimum(scale, np.maximum(10 * needed, float(np.median(scale))))
    margin = 0.1 * np.where(needed > 0, needed, min(typical, 1.0))
    kept = _Rows(sp.csr_matrix(matrix @ sp.diags_array(scale)), excess)
    return _Body(members, lower, upper, scale, margin, abs(matrix), kept)


def _emptying(
    space: MoveSpace, members: NDArray[np.int64], emptied: NDArray[np.int64], down: FloatArray, up: FloatArray
) -> Iterator[FloatArray]:
    """Yield moves that take many of the `emptied` cells to their lower bound exactly, the next for those left."""
    left, pattern = emptied, abs(space.matrix)
    for _ in range(_EMPTYINGS):
        asked = left
        for phase in range(_PHASES):
            if not len(asked):
                return
            others, move = np.setdiff1d(members, asked), np.zeros(len(space.cells))
            move[asked] = space.lower[asked]
            body = _body(space, others, down, up, move)
            rest = body.meet(np.zeros(len(body.lower)), *body.box(0.9, _RAISED), _INSIDE)[0]
            over = np.maximum(body.lower - rest, rest - body.upper) > _ROUNDING * body.scale
            if not over.any():
                break
            hit = np.zeros(len(space.cells), dtype=bool)
            hit[others] = over[: len(others)]
            asked = asked[~_around(pattern, hit, 1 + phase)[asked]]
        move[others] = rest[: len(others)]
        yield move
        left = np.setdiff1d(left, asked)


def _asking(
    body: _Body, first: FloatArray, down: FloatArray, up: FloatArray, share: float, rng: np.random.Generator
) -> FloatArray:
    """One move that asks a share of the cells in need, at random, to rise or to fall."""
    count = len(down)
    either = (down > 0) & (up > 0)
    rises = np.where(either, rng.random(count) < 1 / 2, up > 0)
    asked = ((down > 0) | (up > 0)) & (rng.random(count) < share)
    end_down = np.minimum(_ASKED * down, (3 * down - body.lower[:count]) / 4)
    end_up = np.minimum(_ASKED * up, (3 * up + body.upper[:count]) / 4)
    start = first / body.scale
    for phase in range(_PHASES):
        low, high = body.box(_KEPT, _RAISED)
        risen, fallen = np.flatnonzero(asked & rises), np.flatnonzero(asked & ~rises)
        low[risen] = end_up[risen] / body.scale[risen]
        high[fallen] = -end_down[fallen] / body.scale[fallen]
        move, start = body.meet(start, np.minimum(low, high), np.maximum(low, high), _ITERATIONS)
        over = body.beyond(move, first) > _MIXED
        if not over.any():
            break
        asked &= ~_around(body.pattern, over, 1 + phase)[:count]
    mixed = min(float(body.beyond(move, first).max()), 1.0)
    return (1 - mixed) * move + mixed * first


def _around(pattern: sp.csr_matrix, cells: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Cells within some rows of the given ones."""
    near = cells.astype(float)
    for _ in range(steps):
        near = (pattern.T @ (pattern @ near) > 0).astype(float)
    return near > 0
