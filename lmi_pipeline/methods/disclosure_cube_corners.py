"""Cubes whose corners are leaves: found at random among hidden cells, or by comparing every choice of siblings."""

import numpy as np

from lmi_pipeline.methods.disclosure_cube_space import BoolArray, hidden_lines
from lmi_pipeline.methods.disclosure_cube_task import Certificate, Task, amounts, fruitless
from lmi_pipeline.methods.disclosure_lattice import IntArray
from lmi_pipeline.methods.tables import FloatArray

_BLOCK = 60_000
_SKEWS = 3


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
    owners, corners, signs = [cells], [cells], [np.ones(len(cells))]
    for corner in range(1, 2 ** partner.shape[1]):
        chosen, inside = _corner(corner, step, partner)
        at = task.space.at(task.space.number[cells[inside]] + chosen[inside])
        odd = corner.bit_count() % 2
        reach = rise if odd else fall
        reach[inside] = np.minimum(reach[inside], task.room[at])
        owners.append(cells[inside])
        corners.append(at)
        signs.append(np.full(len(at), -1.0 if odd else 1.0))
    up, down = np.zeros(len(task.up)), np.zeros(len(task.up))
    up[cells] = amounts(task.up[cells], rise)
    down[cells] = amounts(task.down[cells], fall)
    owner, sign = np.concatenate(owners), np.concatenate(signs)
    return Certificate(owner, np.concatenate(corners), sign * up[owner], -sign * down[owner])


def cheapest_corners(
    task: Task, price: FloatArray, avoid: BoolArray, cell: int, candidates: int
) -> tuple[float, Certificate] | None:
    """Compare the cubes through a cell over its siblings; return the price and the moves of the cheapest.

    Parameters
    ----------
    task : Task
        The state of the search.
    price : ndarray
        (cells + 1,) price of each corner; infinite where it may not be one.
    avoid : ndarray of bool
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
    total, partner = ranked_partners(task, price, avoid | ~task.simple, cell, candidates, 1)
    return (float(total[0]), corner_moves(task, np.array([cell]), partner)) if len(total) else None


def ranked_partners(
    task: Task, price: FloatArray, avoid: BoolArray, cell: int, candidates: int, keep: int
) -> tuple[FloatArray, IntArray]:
    """Return the prices of the cheapest cubes through a cell, and their partner nodes (-1: none in that dimension)."""
    axes = np.flatnonzero(task.space.bound[cell])
    none = np.empty(0), np.empty((0, len(task.space.moves)), dtype=np.int64)
    most = candidates if len(axes) < 4 else max(2, int(_BLOCK ** (1 / len(axes))))
    options = [_siblings(task, price, avoid, cell, int(axis), most) for axis in axes]
    if not all(len(option[0]) for option in options):
        return none
    total = _block(task, price, avoid, cell, options)
    flat = total.ravel()
    if keep == 1:
        best = np.array([np.argmin(flat)])
    else:
        best = np.argpartition(flat, keep)[:keep] if keep < len(flat) else np.arange(len(flat))
    best = best[np.isfinite(flat[best])]
    best = best[np.argsort(flat[best], kind="stable")]
    partner = np.full((len(best), len(task.space.moves)), -1, dtype=np.int64)
    for axis, option, place in zip(axes, options, np.unravel_index(best, total.shape), strict=True):
        partner[:, axis] = option[0][place]
    return flat[best], partner


def _priced(task: Task, price: FloatArray, avoid: BoolArray, at: IntArray, need: float) -> FloatArray:
    return np.where((task.room[at] >= need) & ~avoid[at], price[at], np.inf)


def _siblings(
    task: Task, price: FloatArray, avoid: BoolArray, cell: int, axis: int, most: int
) -> tuple[IntArray, IntArray, FloatArray]:
    space, moves = task.space, task.space.moves[axis]
    own = int(space.lattice.nodes[cell, axis])
    node = moves.partners[moves.partner_start[own] : moves.partner_start[own] + moves.partner_count[own]]
    step = (node - own) * space.stride[axis]
    at = space.at(space.number[cell] + step)
    cost = _priced(task, price, avoid, at, float(task.up[cell]))
    kept = np.flatnonzero(np.isfinite(cost))
    if len(kept) > most:
        kept = kept[np.lexsort((-task.popular[axis][node[kept]], cost[kept]))[:most]]
    return node[kept], step[kept], cost[kept]


def _block(
    task: Task, price: FloatArray, avoid: BoolArray, cell: int, options: list[tuple[IntArray, IntArray, FloatArray]]
) -> FloatArray:
    many = len(options)
    shapes = [[-1 if axis == other else 1 for other in range(many)] for axis in range(many)]
    total = np.zeros([len(option[0]) for option in options])
    for corner in range(1, 2**many):
        chosen = [axis for axis in range(many) if corner >> axis & 1]
        if len(chosen) == 1:
            total += options[chosen[0]][2].reshape(shapes[chosen[0]])
            continue
        number = task.space.number[cell] + sum(options[axis][1].reshape(shapes[axis]) for axis in chosen)
        need = task.up[cell] if len(chosen) % 2 else task.down[cell]
        total += _priced(task, price, avoid, task.space.at(number), float(need))
    return total
