"""Newton's method on many small blocks at once: all of them take their step in one call.

Regional blocks of a survey's calibration have some dozens of controls and some hundreds of cells each, so the cost of
one by one is overhead. Each block still has its own line search and stops on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lmi_pipeline.methods.distances import Distance
from lmi_pipeline.methods.margins import IntArray
from lmi_pipeline.methods.tables import FloatArray, floats

ARMIJO = 1e-4
HALVINGS = 40
_MOST_PAIRS = 1_000_000
_MOST_ENTRIES = 8_000_000
_MOST_PADDING = 8
_FEW_OPERATIONS = 10_000_000


@dataclass(slots=True, eq=False)
class Batch:
    """Blocks padded to one width: place of every control, and the operator from slopes to all cross-products.

    `x` (C, p) and its transpose; `block`, `slot` (p,) block of a control and its place inside; `cell_block` (C,);
    `pairs` (B m m, C) gives the padded cross-products for slopes of the cells.
    """

    x: "sp.csr_array"
    transposed: "sp.csr_array"
    weights: FloatArray
    scale: FloatArray
    totals: FloatArray
    size: FloatArray
    distance: Distance
    block: IntArray
    slot: IntArray
    cell_block: IntArray
    blocks: int
    width: int
    pairs: "sp.csr_array"

    def state(self, multipliers: FloatArray) -> "_State":
        """What the multipliers give: arguments, what is missing, objective and error by block."""
        u = self.scale * (self.x @ multipliers)
        missing = self.totals - self.transposed @ (self.weights * self.distance.ratio(u))
        cost = np.bincount(self.cell_block, self.weights / self.scale * self.distance.cost(u), minlength=self.blocks)
        objective = cost - self.by_block(self.totals * multipliers)
        error = np.zeros(self.blocks)
        np.maximum.at(error, self.block, np.abs(missing / self.size))
        return _State(multipliers, u, missing, objective, error)

    def by_block(self, values: FloatArray) -> FloatArray:
        """Sum over the controls of each block."""
        return floats(np.bincount(self.block, values, minlength=self.blocks))

    def step(self, state: "_State") -> FloatArray:
        """Newton step of every block; numpy.linalg.LinAlgError if the curvature of one is singular."""
        slope = self.weights * self.scale * self.distance.slope(state.u)
        curvature = (self.pairs @ slope).reshape(self.blocks, self.width, self.width)
        padded = np.ones((self.blocks, self.width), dtype=bool)
        padded[self.block, self.slot] = False
        blocks, places = np.nonzero(padded)
        curvature[blocks, places, places] = 1.0
        right = np.zeros((self.blocks, self.width, 1))
        right[self.block, self.slot, 0] = state.missing
        step: FloatArray = np.linalg.solve(curvature, right)[self.block, self.slot, 0]
        return step


@dataclass(slots=True, eq=False)
class _State:
    multipliers: FloatArray
    u: FloatArray
    missing: FloatArray
    objective: FloatArray
    error: FloatArray


def make_batch(
    x: "sp.csr_array",
    weights: FloatArray,
    scale: FloatArray,
    totals: FloatArray,
    size: FloatArray,
    groups: Sequence[tuple[IntArray, IntArray]],
    distance: Distance,
) -> Batch | None:
    """Batch of the blocks, or None where they are too few, too large or too unlike in size for it to pay.

    Parameters
    ----------
    x, weights, scale, totals, size
        The problem in cells: (C, p), (C,), (C,), (p,), (p,).
    groups : sequence
        Controls and cells of every block.
    distance : Distance
    """
    width = max((len(controls) for controls, _ in groups), default=0)
    lengths = np.diff(x.indptr)
    if len(groups) < 2 or len(groups) * width**2 > _MOST_ENTRIES or int((lengths**2).sum()) > _MOST_PAIRS:
        return None
    padded, needed = len(groups) * width**3, sum(len(controls) ** 3 for controls, _ in groups)
    if padded > _MOST_PADDING * needed + _FEW_OPERATIONS:
        return None
    block, slot = np.zeros(x.shape[1], dtype=np.int64), np.zeros(x.shape[1], dtype=np.int64)
    cell_block = np.zeros(x.shape[0], dtype=np.int64)
    for number, (controls, cells) in enumerate(groups):
        block[controls], slot[controls], cell_block[cells] = number, np.arange(len(controls)), number
    pairs = _pair_operator(x, lengths, block, slot, (len(groups), width))
    return Batch(
        x, sp.csr_array(x.T), weights, scale, totals, size, distance, block, slot, cell_block, len(groups), width, pairs
    )


def _pair_operator(
    x: "sp.csr_array", lengths: IntArray, block: IntArray, slot: IntArray, shape: tuple[int, int]
) -> "sp.csr_array":
    row = np.repeat(np.arange(len(lengths)), lengths)
    times = lengths[row]
    first = np.repeat(np.arange(len(row)), times)
    start = np.cumsum(times) - times
    second = x.indptr[row[first]] + np.arange(len(first)) - np.repeat(start, times)
    one, two = x.indices[first], x.indices[second]
    blocks, width = shape
    place = (block[one] * width + slot[one]) * width + slot[two]
    values = x.data[first] * x.data[second]
    operator = sp.coo_array((values, (place, row[first])), shape=(blocks * width * width, len(lengths)))
    return sp.csr_array(operator)


def newton(
    batch: Batch, start: FloatArray, tolerance: float, max_iterations: int
) -> tuple[FloatArray, int, bool] | None:
    """Multipliers, steps taken and whether all blocks converged; None where a curvature became singular."""
    state = batch.state(start)
    active = np.ones(batch.blocks, dtype=bool)
    stuck = np.zeros(batch.blocks, dtype=bool)
    for iteration in range(max_iterations + 1):
        active &= (state.error > tolerance) & ~stuck
        if not active.any():
            return state.multipliers, iteration, not stuck.any()
        if iteration == max_iterations:
            break
        try:
            step = batch.step(state)
        except np.linalg.LinAlgError:
            return None
        state, failed = _search(batch, state, np.where(active[batch.block], step, 0.0), active)
        stuck |= failed
    return state.multipliers, max_iterations, False


def _search(batch: Batch, state: _State, step: FloatArray, active: np.ndarray) -> tuple[_State, np.ndarray]:
    """Step of every active block, halved until its objective falls enough or its error does; and blocks without."""
    gain = batch.by_block(state.missing * step)
    length = np.ones(batch.blocks)
    for _ in range(HALVINGS):
        found = batch.state(state.multipliers + length[batch.block] * step)
        falls = found.objective <= state.objective - ARMIJO * length * gain
        nearer = found.error < (1 - ARMIJO * length) * state.error
        pending = active & ~(np.isfinite(found.objective) & (falls | nearer))
        if not pending.any():
            return found, pending
        length[pending] /= 2
    length[pending] = 0.0
    return batch.state(state.multipliers + length[batch.block] * step), pending
