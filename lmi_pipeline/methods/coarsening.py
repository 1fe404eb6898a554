"""Coarsening ladder: what to offer where a cell is withheld or flagged.

An alternative of a cell is a published cell of the same lattice whose coordinates are those of the cell or sums that
contain them. The nearest comes first. Nothing is added up: only cells that are in the lattice, and so were audited, are
offered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice

_BLOCK = 1 << 16
_FILTER = 1 << 24

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """Offers in place of withheld and flagged cells, in order of cell and rank.

    Attributes
    ----------
    cell : ndarray of int32
        (rows,) the cell that is withheld or flagged.
    rank : ndarray of int8
        (rows,) 1 is the nearest offer of the cell.
    target : ndarray of int32
        (rows,) the cell offered.
    distance : ndarray
        (rows,) sum of the weights of the steps from cell to target.
    steps : ndarray of int8
        (rows, dimensions) levels gone up in each dimension.
    flagged : ndarray of bool
        (rows,) the offer is itself flagged; the first that is not follows, if there is one.
    dimensions : tuple of str
        Names of the columns of `steps`.
    """

    cell: NDArray[np.int32]
    rank: NDArray[np.int8]
    target: NDArray[np.int32]
    distance: NDArray[np.float64]
    steps: NDArray[np.int8]
    flagged: BoolArray
    dimensions: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """One row per offer: cell, rank, target, distance, flagged, and ``up_<dimension>``, the levels gone up."""
        columns = {"cell": self.cell, "rank": self.rank, "target": self.target, "distance": self.distance}
        steps = {f"up_{name}": self.steps[:, place] for place, name in enumerate(self.dimensions)}
        return pd.DataFrame({**columns, "flagged": self.flagged, **steps})


def coarsen(
    lattice: Lattice,
    publishable: ArrayLike,
    unflagged: ArrayLike,
    *,
    order: Sequence[str],
    weights: Mapping[str, float] | None = None,
    asked: ArrayLike | None = None,
    limit: int = 3,
) -> Alternatives:
    """Find the nearest published cells above every cell that is withheld or flagged.

    First comes the least coarsening that is published at all. If it is flagged, the first that is not follows. What
    room is left takes further unflagged cells that do not contain one offered before (to give up another dimension,
    say).

    Parameters
    ----------
    lattice : Lattice
        The protected lattice.
    publishable : array_like of bool
        (cells,) status ok or small_sample.
    unflagged : array_like of bool
        (cells,) status ok.
    order : sequence of str
        Dimensions to be given up, readily given up first. One that is not named never goes up.
    weights : mapping of str to float, optional
        Loss of one step up in a dimension; above zero. By default the place in `order`: 1, 2, 3 and so on. The
        distance is the sum over all steps. Ties go to fewer steps, then to fewer in the dimension named last, in the
        one before it, and so on, then to the sum that a dimension lists first.
    asked : array_like of bool, optional
        (cells,) cells that want an offer; by default all that are not unflagged.
    limit : int
        Most offers of a cell, at least 2.

    Returns
    -------
    Alternatives
        No row for a cell that has nothing published above it. A flagged cell gets unflagged offers only.

    Raises
    ------
    MethodError
        Order or weights do not fit the dimensions, or arrays the cells.

    Notes
    -----
    A step leads to a sum that holds the node. Where a node reaches a sum by several ways the longest counts, so that
    what contains more is always further away, however the sums are listed: from London the United Kingdom is two
    levels up if England is one, even if the twelve regions are also listed as its parts.
    """
    loss = _losses(lattice, order, weights, limit)
    shown, plain, wanted = _statuses(lattice, publishable, unflagged, asked)
    ladders = tuple(_ladder(each, frozen=each.name not in order) for each in lattice.dimensions)
    routes = _routes(ladders, [each.name for each in lattice.dimensions], order, loss)
    search = _Search(
        nodes=lattice.nodes,
        ladders=ladders,
        routes=_open_routes(routes, ladders, lattice.nodes[wanted]),
        index=_Index.of(lattice, shown),
        publishable=shown,
        unflagged=plain,
        limit=limit,
    )
    cells = np.flatnonzero(wanted)
    found = [_offers(search, cells[start : start + _BLOCK]) for start in range(0, len(cells), _BLOCK)]
    return _collect(search, found, tuple(each.name for each in lattice.dimensions))


@dataclass(frozen=True, slots=True, eq=False)
class _Ladder:
    """Ancestors of the nodes of one dimension, in slots of equal level; slot 0 is the node itself."""

    level: NDArray[np.int8]  # (slots,)
    ancestor: NDArray[np.int32]  # (slots, nodes), -1 where there is none
    within: BoolArray  # (nodes, nodes): the second is the first or contains it


@dataclass(frozen=True, slots=True, eq=False)
class _Routes:
    """Combinations of slots of all dimensions, nearest first."""

    slots: NDArray[np.intp]  # (routes, dimensions)
    levels: NDArray[np.int8]  # (routes, dimensions)
    distance: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """Published cells by key: a table of low bits, which nearly all other keys miss, then the sorted keys."""

    radix: IntArray
    keys: IntArray
    cells: NDArray[np.int32]
    maybe: BoolArray

    @classmethod
    def of(cls, lattice: Lattice, publishable: BoolArray) -> "_Index":
        sizes = [len(each.codes) for each in lattice.dimensions]
        radix = np.cumprod([1, *sizes[:-1]], dtype=np.int64)
        cells = np.flatnonzero(publishable)
        keys = lattice.nodes[cells].astype(np.int64) @ radix
        by_key = np.argsort(keys)
        maybe = np.zeros(_FILTER, dtype=np.bool_)
        maybe[keys & (_FILTER - 1)] = True
        return cls(radix, keys[by_key], cells[by_key].astype(np.int32), maybe)

    def find(self, keys: IntArray) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Places in `keys` that are published, and their cells."""
        places = np.flatnonzero(self.maybe[keys & (_FILTER - 1)])
        if not len(places):
            return places, self.cells[:0]
        at = np.minimum(np.searchsorted(self.keys, keys[places]), len(self.keys) - 1)
        same = self.keys[at] == keys[places]
        return places[same], self.cells[at[same]]


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    nodes: NDArray[np.int32]
    ladders: tuple[_Ladder, ...]
    routes: _Routes
    index: _Index
    publishable: BoolArray
    unflagged: BoolArray
    limit: int


@dataclass(frozen=True, slots=True, eq=False)
class _Offers:
    cell: NDArray[np.intp]
    rank: NDArray[np.intp]
    target: NDArray[np.int32]
    route: NDArray[np.int32]


def _losses(
    lattice: Lattice, order: Sequence[str], weights: Mapping[str, float] | None, limit: int
) -> dict[str, float]:
    names = [each.name for each in lattice.dimensions]
    unknown = [name for name in order if name not in names]
    if unknown or len(set(order)) != len(order):
        raise MethodError(
            f"order of coarsening: {', '.join(unknown) or 'a name given twice'} is not among the dimensions "
            f"{', '.join(names)}; name each of them at most once"
        )
    loss = {name: float(place) for place, name in enumerate(order, start=1)} | dict(weights or {})
    wrong = [name for name, each in loss.items() if name not in order or not 0 < each < np.inf]
    if wrong:
        raise MethodError(f"weights of coarsening: {', '.join(wrong)} is not in the order, or not a number above zero")
    if limit < 2:
        raise MethodError(
            f"coarsening: a limit of {limit} leaves no room for the first unflagged cell; allow 2 or more"
        )
    return loss


def _statuses(
    lattice: Lattice, publishable: ArrayLike, unflagged: ArrayLike, asked: ArrayLike | None
) -> tuple[BoolArray, BoolArray, BoolArray]:
    shown, plain = np.asarray(publishable, dtype=np.bool_), np.asarray(unflagged, dtype=np.bool_)
    wanted = np.ones(len(plain), dtype=np.bool_) if asked is None else np.asarray(asked, dtype=np.bool_)
    cells = (len(lattice.nodes),)
    if not shown.shape == plain.shape == wanted.shape == cells:
        raise MethodError(
            f"coarsening: {cells[0]} cells, but statuses of shape {shown.shape}, {plain.shape} and {wanted.shape}"
        )
    loose = int((plain & ~shown).sum())
    if loose:
        raise MethodError(f"coarsening: {loose} of {cells[0]} cells are unflagged and yet not publishable")
    return shown, plain, wanted & ~plain


def _ladder(dimension: Dimension, *, frozen: bool) -> _Ladder:
    nodes = len(dimension.codes)
    above = [{} for _ in range(nodes)] if frozen else _levels_above(dimension)
    listed = {parent: number for number, (parent, _) in reversed(list(enumerate(dimension.sums)))}
    entries = [(0, 0, node, node) for node in range(nodes)]
    for node, ancestors in enumerate(above):
        taken: dict[int, int] = {}
        for ancestor, level in sorted(ancestors.items(), key=lambda each: (each[1], listed[each[0]])):
            taken[level] = taken.get(level, -1) + 1
            entries.append((level, taken[level], node, ancestor))
    slots = sorted({entry[:2] for entry in entries})
    place = {slot: number for number, slot in enumerate(slots)}
    ancestor_of = np.full((len(slots), nodes), -1, dtype=np.int32)
    within = np.zeros((nodes, nodes), dtype=np.bool_)
    for level, choice, node, ancestor in entries:
        ancestor_of[place[level, choice], node] = ancestor
        within[node, ancestor] = True
    return _Ladder(np.array([level for level, _ in slots], dtype=np.int8), ancestor_of, within)


def _levels_above(dimension: Dimension) -> list[dict[int, int]]:
    """Give every node's ancestors and the most levels on a way there."""
    parents: dict[int, set[int]] = {node: set() for node in range(len(dimension.codes))}
    for parent, children in dimension.sums:
        for child in children.tolist():
            parents[child].add(parent)
    above: list[dict[int, int]] = [{} for _ in parents]
    for node in TopologicalSorter(parents).static_order():
        for parent in parents[node]:
            for ancestor, level in ((parent, 0), *above[parent].items()):
                above[node][ancestor] = max(above[node].get(ancestor, 0), level + 1)
    return above


def _routes(
    ladders: Sequence[_Ladder], names: Sequence[str], order: Sequence[str], loss: Mapping[str, float]
) -> _Routes:
    every = list(product(*(range(len(each.level)) for each in ladders)))
    slots = np.array(every[1:], dtype=np.intp).reshape(-1, len(ladders))
    levels = np.stack([each.level[slots[:, axis]] for axis, each in enumerate(ladders)], axis=1)
    distance = levels @ np.array([loss.get(name, 0.0) for name in names])
    axes = [names.index(name) for name in order]
    nearest = np.lexsort((*slots[:, axes].T, *levels[:, axes].T, levels.sum(axis=1), distance))
    return _Routes(slots[nearest], levels[nearest], distance[nearest])


def _open_routes(routes: _Routes, ladders: Sequence[_Ladder], nodes: NDArray[np.int32]) -> _Routes:
    """Leave out the routes that no cell can take, for it is at the top of a dimension that they go up in."""
    goes_up = np.column_stack([(each.ancestor[1:, nodes[:, axis]] >= 0).any(0) for axis, each in enumerate(ladders)])
    kinds = np.unique(goes_up, axis=0)
    open_to_some = np.zeros(len(routes.distance), dtype=np.bool_)
    for kind in kinds:
        open_to_some |= ~(routes.slots[:, ~kind] > 0).any(axis=1)
    return _Routes(routes.slots[open_to_some], routes.levels[open_to_some], routes.distance[open_to_some])


def _offers(search: _Search, cells: NDArray[np.intp]) -> _Offers:
    """Make the offers of one block of cells: route by route, nearest first, all open cells at once."""
    target = np.full((search.limit, len(cells)), -1, dtype=np.int32)
    route = np.full((search.limit, len(cells)), -1, dtype=np.int32)
    count = np.zeros(len(cells), dtype=np.int8)
    withheld = ~search.publishable[cells]
    for number, open_cells, keys in _keys(search, cells, count):
        found, offered = search.index.find(keys)
        places = open_cells[found]
        new = search.unflagged[offered] | ((count[places] == 0) & withheld[places])
        new[new] = ~_contains_earlier(search, target[:, places[new]], offered[new])
        places, offered = places[new], offered[new]
        target[count[places], places] = offered
        route[count[places], places] = number
        count[places] += 1
    rank, place = np.nonzero(target >= 0)
    return _Offers(cells[place], rank + 1, target[rank, place], route[rank, place])


def _keys(
    search: _Search, cells: NDArray[np.intp], count: NDArray[np.int8]
) -> Iterator[tuple[int, NDArray[np.intp], IntArray]]:
    """Give for every route its number, the cells with room for more offers, and the keys that it leads them to."""
    above = [ladder.ancestor[:, search.nodes[cells, axis]] for axis, ladder in enumerate(search.ladders)]
    open_cells = np.arange(len(cells))
    for number, slots in enumerate(search.routes.slots.tolist()):
        open_cells = open_cells[count[open_cells] < search.limit]
        keys = np.zeros(len(open_cells), dtype=np.int64)
        there = np.ones(len(open_cells), dtype=np.bool_)
        for ancestor, slot, radix in zip(above, slots, search.index.radix, strict=True):
            node = ancestor[slot][open_cells]
            there &= node >= 0
            keys += node * radix
        yield number, open_cells[there], keys[there]


def _contains_earlier(search: _Search, earlier: NDArray[np.int32], offered: NDArray[np.int32]) -> BoolArray:
    """Tell which cells contain an unflagged one that was offered before."""
    held = np.zeros(len(offered), dtype=np.bool_)
    for row in earlier:
        inside = (row >= 0) & search.unflagged[row]
        for axis, ladder in enumerate(search.ladders):
            inside &= ladder.within[search.nodes[row, axis], search.nodes[offered, axis]]
        held |= inside
    return held


def _collect(search: _Search, found: Sequence[_Offers], names: tuple[str, ...]) -> Alternatives:
    cell, rank, target, route = (_joined(found, name) for name in ("cell", "rank", "target", "route"))
    by_cell = np.lexsort((rank, cell))
    in_order = partial(np.take, indices=by_cell)
    target, route = in_order(target), in_order(route)
    return Alternatives(
        in_order(cell).astype(np.int32),
        in_order(rank).astype(np.int8),
        target.astype(np.int32),
        search.routes.distance[route],
        search.routes.levels[route],
        ~search.unflagged[target],
        names,
    )


def _joined(found: Sequence[_Offers], name: str) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=np.int32), *(getattr(each, name) for each in found)])
