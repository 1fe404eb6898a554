"""Complementary suppression by cubes of siblings.

A primary cell is safe if the table can be changed, within what is withheld, so that the cell is higher or lower by its
protection and every sum still holds. A cube does that: with one sibling in every dimension in which the cell is part
of a sum, adding and subtracting the same amount at alternate corners keeps every line. The parents of siblings stay
as they are, so one cube answers for every roll-up at once. Cells of which a cube is made are withheld as well, as
cheaply as possible. The method is that of the hypercube (Repsilber; Giessing), restricted to siblings.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_cube_corners import sample_corners
from lmi_pipeline.methods.disclosure_cube_search import Search, sound
from lmi_pipeline.methods.disclosure_cube_space import BoolArray, prepare
from lmi_pipeline.methods.disclosure_cube_spread import sample_shares
from lmi_pipeline.methods.disclosure_cube_task import Certificate, Task, begin, joined, of_owners
from lmi_pipeline.methods.disclosure_lattice import IntArray, Lattice
from lmi_pipeline.methods.tables import FloatArray, floats

_CANDIDATES = 48
_ROUNDS = 240
_SHARE_ROUNDS = 24
_LAST_ROUNDS = 8
_DEPTH = 16
_PASSES = 4
_TOTAL_WEIGHT = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Suppression:
    """Which cells are withheld and why that is enough.

    Attributes
    ----------
    hidden : ndarray of bool
        (cells,) primary and complementary.
    witnesses : csr_matrix
        (moves, cells) changes of the table that keep every equation and touch withheld cells only; for each certified
        cell one in which it rises by its protection or more and one in which it falls.
    uncovered : ndarray of bool
        (cells,) primary cells for which no cube was found that a contributor of one cell cannot undo.
    """

    hidden: BoolArray
    witnesses: sp.csr_matrix
    uncovered: BoolArray


def hiding_cost(lattice: Lattice) -> FloatArray:
    """Return the cost of hiding each cell: ``log(1 + value)`` times one and four for each dimension that is a total."""
    totals = np.zeros(len(lattice.value))
    for axis, dimension in enumerate(lattice.dimensions):
        children = {int(child) for _, nodes in dimension.sums for child in nodes}
        top = np.array(
            [
                any(parent == node for parent, _ in dimension.sums) and node not in children
                for node in range(len(dimension.codes))
            ]
        )
        totals += top[lattice.nodes[:, axis]]
    cost: FloatArray = np.log1p(np.abs(lattice.value)) * (1.0 + _TOTAL_WEIGHT * totals)
    return cost


def suppress(
    lattice: Lattice,
    primary: ArrayLike,
    *,
    protect_down: ArrayLike,
    protect_up: ArrayLike,
    rng: np.random.Generator,
    cost: ArrayLike | None = None,
    fixed: ArrayLike | None = None,
    singleton: ArrayLike | None = None,
    floor: ArrayLike = 0.0,
    candidates: int = _CANDIDATES,
) -> Suppression:
    """Withhold the primary cells and as little else as makes them underivable.

    Parameters
    ----------
    lattice : Lattice
        The table with its equations.
    primary : array_like of bool
        (cells,) cells that must be withheld.
    protect_down, protect_up : array_like
        (cells,) how far below and above its true value the attacker's interval of a primary cell must reach, in the
        unit of the table. A primary cell that needs neither is withheld without a certificate.
    rng : numpy.random.Generator
        Draws the cubes that are tried first.
    cost : array_like, optional
        (cells,) cost of hiding each cell; by default that of `hiding_cost`.
    fixed : array_like of bool, optional
        (cells,) cells that may not be hidden, such as those already released.
    singleton : array_like of bool, optional
        (cells,) cells of one contributor, who knows the value: no certificate may rest on one such cell alone.
    floor : array_like
        What an attacker knows each cell not to be below: 0 for counts, ``-inf`` for flows. A cell at its floor that is
        not primary is published as such and never hidden.
    candidates : int
        Siblings compared in each dimension when a cube is chosen.

    Returns
    -------
    Suppression
        The outcome depends on the generator's seed only through cells of equal cost.

    Raises
    ------
    MethodError
        Arrays that do not fit the lattice, a primary cell that may not be hidden, or a negative protection.
    """
    cells = len(lattice.value)
    chosen = _mask(primary, cells, "primary")
    never = _mask(fixed, cells, "fixed")
    if (chosen & never).any():
        raise MethodError(f"suppression: {int((chosen & never).sum())} primary cells are fixed and cannot be hidden")
    task = _task(lattice, chosen, protect_down, protect_up, cost, never, singleton, floor)
    needy = chosen & ((task.up > 0) | (task.down > 0))
    early = _sampled(task, needy, rng)
    left = needy.copy()
    left[early.owner] = False
    search = Search(task, candidates)
    bare = search.cover(_largest_first(task, left))
    search.refine(np.append(chosen, True), _PASSES)
    late = _within_hidden(task, bare, rng)
    search.tidy(np.flatnonzero(task.hidden[:-1] & ~chosen & ~_touched(late, cells)))
    first, second = _in_turn(search)
    return _suppression(task, needy, [joined([early, first, late]), second])


def add_cubes(
    lattice: Lattice,
    hidden: ArrayLike,
    cells: ArrayLike,
    *,
    protect_down: ArrayLike,
    protect_up: ArrayLike,
    rng: np.random.Generator,
    cost: ArrayLike | None = None,
    fixed: ArrayLike | None = None,
    singleton: ArrayLike | None = None,
    floor: ArrayLike = 0.0,
    candidates: int = _CANDIDATES,
    exclude: sp.csr_matrix | None = None,
) -> Suppression:
    """Withhold the next best cubes of the named cells, beside what is hidden already.

    Parameters
    ----------
    hidden : array_like of bool
        (cells,) what is withheld so far.
    cells : array_like
        Positions or mask of the cells that need a further cube.
    exclude : csr_matrix, optional
        (moves, cells) witnesses so far: a cube without the cells of those that move the named cell by its protection
        is preferred.

    Other parameters, and the errors raised, are those of `suppress`.

    Returns
    -------
    Suppression
        Everything hidden now, witnesses of the named cells, and those of them that found none.
    """
    withheld = _mask(hidden, len(lattice.value), "hidden")
    named = np.zeros(len(lattice.value), dtype=bool)
    named[np.asarray(cells)] = True
    never = _mask(fixed, len(lattice.value), "fixed") & ~withheld
    task = _task(lattice, withheld | named, protect_down, protect_up, cost, never, singleton, floor)
    search = Search(task, candidates)
    for cell in _largest_first(task, named).tolist():
        avoid = _used_before(task, exclude, cell)
        found = search.certify(cell, task.price, avoid) or search.certify(cell, task.price)
        if found is not None:
            search.hold(cell, found[1])
            task.hide(joined(list(found[1])).cells)
    return _suppression(task, named, _in_turn(search))


def _task(
    lattice: Lattice,
    hidden: BoolArray,
    protect_down: ArrayLike,
    protect_up: ArrayLike,
    cost: ArrayLike | None,
    fixed: BoolArray,
    singleton: ArrayLike | None,
    floor: ArrayLike,
) -> Task:
    cells = len(lattice.value)
    down, up = (_amounts(part, cells) for part in (protect_down, protect_up))
    room = lattice.value - np.broadcast_to(floats(floor), cells)
    if (room < 0).any() or np.isnan(room).any():
        raise MethodError(f"suppression: {int((~(room >= 0)).sum())} of {cells} cells are below their floor")
    return begin(
        prepare(lattice),
        hidden,
        protect_up=up,
        protect_down=down,
        cost=hiding_cost(lattice) if cost is None else _amounts(cost, cells),
        room=room,
        fixed=fixed | ((room == 0) & ~hidden),
        singleton=_mask(singleton, cells, "singleton"),
    )


def _mask(values: ArrayLike | None, cells: int, what: str) -> BoolArray:
    mask = np.zeros(cells, dtype=bool) if values is None else np.asarray(values, dtype=bool)
    if mask.shape != (cells,):
        raise MethodError(f"suppression: {what} has shape {mask.shape}; the lattice has {cells} cells")
    return mask


def _amounts(values: ArrayLike, cells: int) -> FloatArray:
    amount = np.array(np.broadcast_to(floats(values), cells))
    if not (amount >= 0).all():
        raise MethodError(f"suppression: {int((~(amount >= 0)).sum())} of {cells} protections or costs are negative")
    return amount


def _sampled(task: Task, needy: BoolArray, rng: np.random.Generator) -> Certificate:
    """Certificates drawn among what is hidden already, without cells of one contributor."""
    usable = task.hidden & ~task.insider
    cells = np.flatnonzero(needy)
    simple = task.simple[cells]
    _, corners = sample_corners(task, usable & task.simple, cells[simple], _ROUNDS, rng)
    _, shares = sample_shares(task, usable, cells[~simple], _SHARE_ROUNDS, _DEPTH, rng)
    return joined([corners, of_owners(shares, sound(task, shares))])


def _within_hidden(task: Task, cells: IntArray, rng: np.random.Generator) -> Certificate:
    """Certificates by shares, among all that is hidden by now, of cells that no single cube covers."""
    usable = task.hidden & ~task.insider
    _, shares = sample_shares(task, usable, cells, _LAST_ROUNDS, _DEPTH, rng)
    return of_owners(shares, sound(task, shares))


def _largest_first(task: Task, chosen: BoolArray) -> IntArray:
    cells = np.flatnonzero(chosen)
    return cells[np.argsort(-np.maximum(task.up[cells], task.down[cells]), kind="stable")]


def _touched(certificate: Certificate, cells: int) -> BoolArray:
    mask = np.zeros(cells, dtype=bool)
    mask[certificate.cells] = True
    return mask


def _used_before(task: Task, exclude: sp.csr_matrix | None, cell: int) -> BoolArray | None:
    if exclude is None:
        return None
    moved = exclude[:, [cell]].toarray().ravel()
    rows = (moved != 0) & ((moved >= task.up[cell]) | (-moved >= task.down[cell]))
    mask = np.zeros_like(task.hidden)
    mask[exclude[np.flatnonzero(rows)].indices] = True
    mask[cell] = False
    return mask


def _in_turn(search: Search) -> list[Certificate]:
    """The first certificates of all cells, and the second of those that have two."""
    every = search.held.values()
    return [joined([held[turn] for held in every if len(held) > turn]) for turn in (0, 1)]


def _suppression(task: Task, needy: BoolArray, certificates: list[Certificate]) -> Suppression:
    cells = len(task.up)
    uncovered = needy.copy()
    parts = [sp.csr_matrix((0, cells))]
    for certificate in certificates:
        kept = of_owners(certificate, sound(task, certificate))
        uncovered[kept.owner] = False
        owners, row = np.unique(kept.owner, return_inverse=True)
        shape = (len(owners), cells)
        parts.extend(sp.csr_matrix((amount, (row, kept.cells)), shape=shape) for amount in (kept.up, kept.down))
    witnesses = sp.vstack(parts, format="csr")
    witnesses.eliminate_zeros()
    return Suppression(task.hidden[:-1].copy(), witnesses[np.flatnonzero(np.diff(witnesses.indptr))], uncovered)
