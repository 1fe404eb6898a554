"""Cubes whose corners are leaves: found at random among hidden cells, or by comparing every choice of siblings."""

from dataclasses import dataclass

import numpy as np

from lmi_pipeline.methods.disclosure_cube_space import BoolArray, hidden_lines
from lmi_pipeline.methods.disclosure_cube_task import Certificate, Task, amounts, fruitless
from lmi_pipeline.methods.disclosure_lattice import IntArray
from lmi_pipeline.methods.tables import FloatArray

_BLOCK = 60_000
_FIRST = 64
_SKEWS = 3

_Options = tuple[IntArray, IntArray, FloatArray]


def sample_corners(
    task: Task, usable: BoolArray, cells: IntArray, rounds: int, rng: np.random.Generator
) -> tuple[BoolArray, Certificate]:
    """Draw cubes through the cells at random among usable cells; return which cells found one, and the cubes.

    `usable` has one entry for each cell and the absent one. Every draw takes, along each line of the cell, another
    usable cell of the line; the remaining corners must then be usable too.
    """
    space = task.space
    lines = hidden_lines(space.lattice, usable[:-1])
    partner = np.full((len(cells), len(space.moves)), -1, dtype=np.int64)
    found = np.zeros(len(cells), dtype=bool)
    yields: list[int] = []
    for turn in range(rounds):
        left = np.flatnonzero(~found)
        if not len(left) or fruitless(yields, len(left)):
            break
        drawn = draw_on_lines(task, lines, cells[left], 1 + turn % _SKEWS, rng)
        valid = (drawn != -2).all(axis=1)
        left, drawn = left[valid], drawn[valid]
        good = _admissible(task, usable, cells[left], drawn)
        found[left[good]] = True
        partner[left[good]] = drawn[good]
        yields.append(int(good.sum()))
    return found, corner_moves(task, cells[found], partner[found])


def draw_on_lines(
    task: Task, lines: tuple[IntArray, IntArray], cells: IntArray, skew: int, rng: np.random.Generator
) -> IntArray:
    """Draw for each cell, along each of its lines, the node of another cell of `lines`; larger cells first if skewed.

    Returns (cells, dimensions): -1 where the cell is on no line, -2 where no sibling was drawn.
    """
    space, (start, members) = task.space, lines
    drawn = np.full((len(cells), len(space.moves)), -1, dtype=np.int64)
    for axis, moves in enumerate(space.moves):
        line = space.line[cells, axis]
        first, many = start[line], start[line + 1] - start[line]
        pick = first + (rng.random(len(cells)) ** skew * many).astype(np.int64)
        other = np.append(members, -1)[np.where((line >= 0) & (many > 0), pick, len(members))]
        node = space.lattice.nodes[other, axis].astype(np.int64)
        own = space.lattice.nodes[cells, axis]
        valid = (other >= 0) & (other != cells) & (moves.family[node] == moves.family[own])
        drawn[:, axis] = np.where(line >= 0, np.where(valid, node, -2), -1)
    return drawn


def _admissible(task: Task, usable: BoolArray, cells: IntArray, partner: IntArray) -> BoolArray:
    step = _steps(task, cells, partner)
    number = task.space.number[cells]
    good = np.arange(len(cells))
    for corner in range(1, 2 ** partner.shape[1]):
        chosen, inside = _corner(corner, step[good], partner[good])
        at = task.space.at(number[good] + chosen)
        owner = cells[good]
        need = task.up[owner] if corner.bit_count() % 2 else task.down[owner]
        good = good[~inside | (usable[at] & (task.room[at] >= need))]
    fine = np.zeros(len(cells), dtype=bool)
    fine[good] = True
    return fine


def _steps(task: Task, cells: IntArray, partner: IntArray) -> IntArray:
    return np.where(partner >= 0, (partner - task.space.lattice.nodes[cells]) * task.space.stride, 0)


def _corner(corner: int, step: IntArray, partner: IntArray) -> tuple[IntArray, BoolArray]:
    axes = [axis for axis in range(step.shape[1]) if corner >> axis & 1]
    inside: BoolArray = np.all(partner[:, axes] >= 0, axis=1)
    return step[:, axes].sum(axis=1), inside


def corner_moves(task: Task, cells: IntArray, partner: IntArray) -> Certificate:
    """Return the moves of the cubes spanned by each cell and its partner node in each dimension (-1: none)."""
    step = _steps(task, cells, partner)
    rise = np.full(len(cells), np.inf)
    fall = task.room[cells].copy()
    owners, corners, signs = [np.arange(len(cells))], [cells], [np.ones(len(cells))]
    for corner in range(1, 2 ** partner.shape[1]):
        chosen, inside = _corner(corner, step, partner)
        at = task.space.at(task.space.number[cells[inside]] + chosen[inside])
        odd = corner.bit_count() % 2
        reach = rise if odd else fall
        reach[inside] = np.minimum(reach[inside], task.room[at])
        owners.append(np.flatnonzero(inside))
        corners.append(at)
        signs.append(np.full(len(at), -1.0 if odd else 1.0))
    up, down = amounts(task.up[cells], rise), amounts(task.down[cells], fall)
    owner, sign = np.concatenate(owners), np.concatenate(signs)
    return Certificate(cells[owner], np.concatenate(corners), sign * up[owner], -sign * down[owner])


def cheapest_corners(
    task: Task, price: FloatArray, avoid: BoolArray | None, cell: int, candidates: int
) -> tuple[float, Certificate] | None:
    """Compare the cubes through a cell over its siblings; return the price and the moves of the cheapest.

    Parameters
    ----------
    task : Task
        The state of the search.
    price : ndarray
        (cells + 1,) price of each corner; infinite where it may not be one.
    avoid : ndarray of bool or None
        (cells + 1,) cells that may not move.
    cell : int
        The cell to protect.
    candidates : int
        Siblings compared in each dimension, those of the lowest price first.

    Returns
    -------
    tuple of (float, Certificate) or None
        None if no cube has a finite price.
    """
    total, partner = ranked_partners(task, price, avoid, cell, candidates, 1, leaves=True)
    return (float(total[0]), corner_moves(task, np.array([cell]), partner)) if len(total) else None


def ranked_partners(
    task: Task,
    price: FloatArray,
    avoid: BoolArray | None,
    cell: int,
    candidates: int,
    keep: int,
    *,
    leaves: bool = False,
) -> tuple[FloatArray, IntArray]:
    """Return the prices of the cheapest cubes through a cell, and their partner nodes (-1: none in that dimension).

    With `leaves`, every corner is a leaf that has siblings.
    """
    axes = np.flatnonzero(task.space.bound[cell])
    none = np.empty(0), np.empty((0, len(task.space.moves)), dtype=np.int64)
    most = candidates if len(axes) < 4 else max(2, int(_BLOCK ** (1 / len(axes))))
    prices = _Prices(task, price, avoid, leaves)
    options = [_siblings(prices, cell, int(axis), most) for axis in axes]
    if not all(len(option[0]) for option in options):
        return none
    flat, total = _cheapest_of(prices, cell, options, keep)
    partner = np.full((len(flat), len(task.space.moves)), -1, dtype=np.int64)
    shape = [len(option[0]) for option in options]
    for axis, option, place in zip(axes, options, np.unravel_index(flat, shape), strict=True):
        partner[:, axis] = option[0][place]
    return total, partner


@dataclass(frozen=True, slots=True, eq=False)
class _Prices:
    """What corners cost: infinite for those that may not be one or cannot move far enough."""

    task: Task
    price: FloatArray
    avoid: BoolArray | None
    leaves: bool

    def of(self, number: IntArray, need: float) -> FloatArray:
        """Prices of the cells of the given numbers, each to move by `need`."""
        at = self.task.space.at(number)
        fine = self.task.room[at] >= need
        if self.leaves:
            fine &= self.task.simple[at]
        if self.avoid is not None:
            fine &= ~self.avoid[at]
        return np.where(fine, self.price[at], np.inf)


def _siblings(prices: _Prices, cell: int, axis: int, most: int) -> _Options:
    task, space, moves = prices.task, prices.task.space, prices.task.space.moves[axis]
    own = int(space.lattice.nodes[cell, axis])
    node = moves.partners[moves.partner_start[own] : moves.partner_start[own] + moves.partner_count[own]]
    step = (node - own) * space.stride[axis]
    cost = prices.of(space.number[cell] + step, float(task.up[cell]))
    kept = np.flatnonzero(np.isfinite(cost))
    if len(kept) > most:
        kept = kept[np.lexsort((-task.popular[axis][node[kept]], cost[kept]))[:most]]
    return node[kept], step[kept], cost[kept]


def _cheapest_of(prices: _Prices, cell: int, options: list[_Options], keep: int) -> tuple[IntArray, FloatArray]:
    """Return the places of the cheapest cubes in the block of options, and their prices.

    The corner opposite the cell is looked up only where the others leave hope.
    """
    near, number = _near_corners(prices, cell, options)
    need = _need(prices.task, cell, len(options))
    hopeful = np.flatnonzero(np.isfinite(near))
    if len(hopeful) > _FIRST + keep:
        first = hopeful[np.argpartition(near[hopeful], _FIRST + keep)[: _FIRST + keep]]
        tried = near[first] + prices.of(number[first], need)
        bound = np.partition(tried, keep - 1)[keep - 1]
        hopeful = hopeful[near[hopeful] <= bound]
    total = near[hopeful] + prices.of(number[hopeful], need)
    best = np.argsort(total, kind="stable")[:keep]
    best = best[np.isfinite(total[best])]
    return hopeful[best], total[best]


def _near_corners(prices: _Prices, cell: int, options: list[_Options]) -> tuple[FloatArray, IntArray]:
    """Return the price of every cube less its corner opposite the cell, and the number of that corner, both flat."""
    own, many = prices.task.space.number[[cell]], len(options)
    shapes = [[-1 if axis == other else 1 for other in range(many)] for axis in range(many)]
    near = np.zeros([len(option[0]) for option in options])
    for corner in range(1, 2**many - 1):
        chosen = [axis for axis in range(many) if corner >> axis & 1]
        if len(chosen) == 1:
            near += options[chosen[0]][2].reshape(shapes[chosen[0]])
            continue
        number = sum((options[axis][1].reshape(shapes[axis]) for axis in chosen), start=own)
        near += prices.of(number, _need(prices.task, cell, len(chosen)))
    far = sum((options[axis][1].reshape(shapes[axis]) for axis in range(many)), start=own)
    return near.ravel(), np.broadcast_to(far, near.shape).ravel()


def _need(task: Task, cell: int, steps: int) -> float:
    """How far a corner falls at most, so many steps from the cell."""
    return float(task.up[cell] if steps % 2 else task.down[cell])
