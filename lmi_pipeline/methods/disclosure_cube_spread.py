"""Cubes of cells that are sums themselves: several cubes of leaves, one for each leaf that carries a share.

The cell and its partners move by the sum of the shares; every cell between them and the leaves moves by its part.
The leaves of two shares are never the same, so no cell falls by more than it holds.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from lmi_pipeline.methods.disclosure_cube_corners import draw_on_lines, ranked_partners
from lmi_pipeline.methods.disclosure_cube_space import BoolArray, NodeMoves, hidden_lines
from lmi_pipeline.methods.disclosure_cube_task import Certificate, Task, fruitless, joined
from lmi_pipeline.methods.disclosure_lattice import IntArray
from lmi_pipeline.methods.tables import FloatArray

_BATCH = 2_000_000
_CHECKED = 8
_OFF_LINES = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """The cubes of one share: cells and signs (owners, entries), and how far each can move."""

    cells: IntArray
    sign: IntArray
    rise: FloatArray
    fall: FloatArray
    valid: BoolArray

    def of(self, row: int) -> "_Share":
        """Return the share of one owner."""
        one = slice(row, row + 1)
        return _Share(self.cells[one], self.sign[one], self.rise[one], self.fall[one], self.valid[one])


def draw_partners(task: Task, cells: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw a partner node for each cell in each dimension in which it is part of a sum; -1 elsewhere, -2 for none."""
    space = task.space
    drawn = np.full((len(cells), len(space.moves)), -1, dtype=np.int64)
    for axis, moves in enumerate(space.moves):
        node = space.lattice.nodes[cells, axis]
        many = moves.partner_count[node]
        pick = moves.partner_start[node] + (rng.random(len(cells)) * many).astype(np.int64)
        partner = np.append(moves.partners, -1)[np.where(many > 0, pick, len(moves.partners))]
        drawn[:, axis] = np.where(space.bound[cells, axis], np.where(many > 0, partner, -2), -1)
    return drawn


def sample_shares(
    task: Task, usable: BoolArray, cells: IntArray, rounds: int, depth: int, rng: np.random.Generator
) -> tuple[BoolArray, Certificate]:
    """Draw cubes of shares through the cells at random; return which cells found one within usable cells, and it."""
    found = np.zeros(len(cells), dtype=bool)
    parts: list[Certificate] = []
    lines = hidden_lines(task.space.lattice, usable[:-1])
    yields: list[int] = []
    for turn in range(rounds):
        left = np.flatnonzero(~found)
        if not len(left) or fruitless(yields, len(left)):
            break
        partner = draw_partners(task, cells[left], rng)
        if turn % _OFF_LINES:
            near = draw_on_lines(task, lines, cells[left], 1 + turn % _OFF_LINES, rng)
            partner = np.where(near == -2, partner, near)
        corner = _far_corners_usable(task, usable, cells[left], partner)
        left, partner = left[corner], partner[corner]
        reached, part = shares_within(task, usable, cells[left], partner, depth)
        found[left[reached]] = True
        parts.append(part)
        yields.append(int(reached.sum()))
    return found, joined(parts)


def _far_corners_usable(task: Task, usable: BoolArray, cells: IntArray, partner: IntArray) -> BoolArray:
    """Whether the corners at the level of the cell are usable, or not in the table: a quick test."""
    step = np.where(partner >= 0, (partner - task.space.lattice.nodes[cells]) * task.space.stride, 0)
    fine: BoolArray = (partner != -2).all(axis=1)
    for corner in range(1, 2 ** partner.shape[1]):
        axes = [axis for axis in range(partner.shape[1]) if corner >> axis & 1]
        at = task.space.at(task.space.number[cells] + np.where(fine, step[:, axes].sum(axis=1), 0))
        fine &= usable[at] | (at < 0) | (at == cells)
    return fine


def shares_within(
    task: Task, usable: BoolArray, cells: IntArray, partner: IntArray, depth: int
) -> tuple[BoolArray, Certificate]:
    """Add shares that move usable cells only until each cell reaches its protection; return who did, and the moves."""
    need_up, need_down = np.ceil(task.up[cells]), np.ceil(task.down[cells])
    least_up, least_down = task.up[cells].copy(), task.down[cells].copy()
    parts: list[Certificate] = []
    for ranks in _ranks(len(task.space.moves), depth):
        splits = (ranks == 0) | task.space.parent[cells]
        open_ = np.flatnonzero(((least_up > 0) | (least_down > 0)) & splits.all(axis=1))
        for some in _batches(task, cells, open_):
            share = _share(task, cells[some], partner[some], np.tile(ranks, (len(some), 1)))
            inside = share.valid & (usable[share.cells] | (share.sign == 0) | (share.cells < 0)).all(axis=1)
            up = np.where(inside, np.minimum(share.rise, need_up[some]), 0.0)
            down = np.where(inside, np.minimum(share.fall, need_down[some]), 0.0)
            parts.append(_moves(cells[some], share, up, down))
            for left, moved in ((need_up, up), (least_up, up), (need_down, down), (least_down, down)):
                left[some] = np.maximum(left[some] - moved, 0.0)
    reached = (least_up <= 0) & (least_down <= 0)
    every = joined(parts)
    chosen = np.zeros(len(task.up), dtype=bool)
    chosen[cells[reached]] = True
    kept = chosen[every.owner]
    return reached, Certificate(every.owner[kept], every.cells[kept], every.up[kept], every.down[kept])


def cheapest_shares(
    task: Task, price: FloatArray, avoid: BoolArray | None, cell: int, candidates: int, depth: int
) -> tuple[float, Certificate] | None:
    """Compare cubes of shares through one cell; return the price and the moves of the cheapest, None if there is none.

    The partners are those of the cheapest corners at the level of the cell. `price` and `avoid`, the cells that may
    not move, have one entry for each cell and the absent one.
    """
    _, partner = ranked_partners(task, price, avoid, cell, candidates, _CHECKED)
    ranks = _ranks(partner.shape[1], depth)
    ranks = ranks[((ranks == 0) | task.space.parent[cell]).all(axis=1)]
    best: tuple[float, Certificate] | None = None
    if not len(partner):
        return None
    rows = len(partner) * len(ranks)
    every = _share(task, np.full(rows, cell), np.repeat(partner, len(ranks), axis=0), np.tile(ranks, (len(partner), 1)))
    costs = _price(every, price, avoid, cell).reshape(len(partner), -1)
    rise, fall = (
        np.where(np.isfinite(costs), reach.reshape(costs.shape), 0.0).sum(axis=1) for reach in (every.rise, every.fall)
    )
    for row in np.flatnonzero((rise >= task.up[cell]) & (fall >= task.down[cell])):
        order = np.argsort(costs[row], kind="stable")
        made = _shares_in_order(task, cell, every, row * len(ranks) + order[np.isfinite(costs[row, order])])
        total = float(price[np.unique(made.cells)].sum())
        if best is None or total < best[0]:
            best = total, made
    return best


def _shares_in_order(task: Task, cell: int, shares: _Share, order: IntArray) -> Certificate:
    owner = np.array([cell])
    need_up, need_down = np.ceil(task.up[owner]), np.ceil(task.down[owner])
    least_up, least_down = task.up[cell], task.down[cell]
    parts = []
    for row in order.tolist():
        if least_up <= 0 and least_down <= 0:
            break
        one = shares.of(row)
        up, down = np.minimum(one.rise, need_up), np.minimum(one.fall, need_down)
        parts.append(_moves(owner, one, up, down))
        need_up, need_down = need_up - up, need_down - down
        least_up, least_down = least_up - up[0], least_down - down[0]
    return joined(parts)


def _price(share: _Share, price: FloatArray, avoid: BoolArray | None, cell: int) -> FloatArray:
    known = share.sign != 0
    cost = np.where(known, price[share.cells], 0.0).sum(axis=1)
    if avoid is None:
        return np.where(share.valid, cost, np.inf)
    barred = (known & avoid[share.cells] & (share.cells != cell)).any(axis=1)
    return np.where(share.valid & ~barred, cost, np.inf)


def _ranks(dimensions: int, depth: int) -> IntArray:
    """Which leaf, counted from the largest, each dimension takes in each share: `depth` in one, fewer in several."""
    single = [
        tuple(rank * (axis == one) for axis in range(dimensions)) for one in range(dimensions) for rank in range(depth)
    ]
    several = product(range(max(2, round(depth ** (1.5 / dimensions)))), repeat=dimensions)
    return np.array(sorted({*single, *several}, key=lambda ranks: (sum(ranks), ranks)), dtype=np.int64)


def _batches(task: Task, cells: IntArray, chosen: IntArray) -> list[IntArray]:
    """Split the chosen cells so that those of one batch are sums along the same dimensions."""
    kind = task.space.parent[cells[chosen]] @ (1 << np.arange(task.space.parent.shape[1]))
    batches: list[IntArray] = []
    for one in np.unique(kind):
        same = chosen[kind == one]
        width = 4 ** task.space.parent.shape[1]
        batches.extend(np.array_split(same, max(1, len(same) * width // _BATCH)))
    return batches


def _share(task: Task, cells: IntArray, partner: IntArray, ranks: IntArray) -> _Share:
    space = task.space
    number = np.zeros((len(cells), 1), dtype=np.int64)
    sign = np.ones((len(cells), 1), dtype=np.int64)
    for axis, moves in enumerate(space.moves):
        nodes, signs = _along(task, axis, moves, cells, partner[:, axis], ranks[:, axis])
        number = (number[:, :, None] + (nodes * space.stride[axis])[:, None, :]).reshape(len(cells), -1)
        sign = (sign[:, :, None] * signs[:, None, :]).reshape(len(cells), -1)
    at = np.where(sign != 0, space.at(np.where(sign != 0, number, 0)), -1)
    valid = (sign != 0).any(axis=1)
    absent = (sign != 0) & (at < 0)
    row = np.nonzero(absent)[0]
    valid[row[space.known_zero(number[absent])]] = False
    room = task.room[at]
    rise = np.where((sign < 0) & (at >= 0), room, np.inf).min(axis=1)
    fall = np.where((sign > 0) & (at >= 0), room, np.inf).min(axis=1)
    sign = np.where(at >= 0, sign, 0)
    return _Share(at, sign, np.where(valid, rise, 0.0), np.where(valid, fall, 0.0), valid)


def _along(
    task: Task, axis: int, moves: NodeMoves, cells: IntArray, partner: IntArray, rank: IntArray
) -> tuple[IntArray, IntArray]:
    """Nodes that move along one dimension and the sign of each, padded with sign zero."""
    space = task.space
    own = space.lattice.nodes[cells, axis].astype(np.int64)
    rising = _descent(moves, own, space.parent[cells, axis], rank)
    stem = np.where((partner >= 0)[:, None], moves.stem[own], -1)
    far = np.where(partner >= 0, partner, 0)
    at = space.at(space.number[cells] + np.where(partner >= 0, far - own, 0) * space.stride[axis])
    falling = _descent(moves, far, ((at >= 0) & space.parent[at, axis]) | moves.special[own], rank)
    falling = np.where((partner >= 0)[:, None], falling, -1)
    first = (rising[:, 0] >= 0) & ((partner < 0) | (falling[:, 0] >= 0))
    nodes = np.concatenate([rising, stem, falling], axis=1)
    signs = np.concatenate([np.ones_like(rising), np.ones_like(stem), -np.ones_like(falling)], axis=1)
    signs = np.where((nodes >= 0) & first[:, None], signs, 0)
    used = (signs != 0).any(axis=0)
    used[0] = True
    return np.maximum(nodes[:, used], 0), signs[:, used]


def _descent(moves: NodeMoves, node: IntArray, is_sum: BoolArray, rank: IntArray) -> IntArray:
    """The nodes from each node to its leaf of the rank; all -1 where it has fewer leaves."""
    row = np.where(rank < moves.chain_count[node], moves.chain_start[node] + rank, -1)
    nodes = np.where((row >= 0)[:, None], moves.chain[row], -1)
    alone = np.full_like(nodes, -1)
    alone[:, 0] = np.where(rank == 0, node, -1)
    return np.where(is_sum[:, None], nodes, alone)


def _moves(owner: IntArray, share: _Share, up: FloatArray, down: FloatArray) -> Certificate:
    kept = (share.sign != 0) & ((up > 0) | (down > 0))[:, None]
    row = np.nonzero(kept)[0]
    sign = share.sign[kept]
    return Certificate(owner[row], share.cells[kept], sign * up[row], -sign * down[row])
