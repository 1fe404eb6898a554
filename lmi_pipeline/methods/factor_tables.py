"""Joint codes of factors and the tables of sums by them.

Factors often share a coarser one that nobody names: occupation by sex and occupation by year share the occupation. It
shows as the connected components of the pairs of levels that occur, and a joint code that counts only pairs within a
component stays small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from lmi_pipeline.methods.factor_columns import Factor, IntArray
from lmi_pipeline.methods.tables import FloatArray

Index = NDArray[np.intp]
_SAMPLE = 30_000
_GIANT = 0.6
_CELLS_PER_ROW = 0.75
_FEW_CELLS = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A joint code of factors.

    Attributes
    ----------
    codes : ndarray of intp
        (n,) cell of each row.
    size : int
        Number of cells.
    levels : mapping of str to ndarray
        (size,) level of each factor in each cell.
    """

    codes: Index
    size: int
    levels: Mapping[str, Index]

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums of (n,) values by cell."""
        found: FloatArray = np.bincount(self.codes, values, minlength=self.size).astype(np.float64, copy=False)
        return found


def single(factor: Factor) -> Joint:
    """Joint code of one factor."""
    return Joint(factor.codes.astype(np.intp), factor.levels, {factor.name: np.arange(factor.levels)})


def shared_parts(first: IntArray, first_size: int, second: IntArray, second_size: int) -> tuple[Index, Index]:
    """Components of the pairs of levels that occur.

    Returns
    -------
    tuple of ndarray
        (first_size,) and (second_size,) component of each level; all 0 where most levels hang together.
    """
    step = max(1, len(first) // _SAMPLE)
    left, right = first[::step].astype(np.intp), second[::step].astype(np.intp)
    while True:
        size = first_size + second_size
        pairs = sparse.coo_array((np.ones(len(left), dtype=np.int8), (left, right + first_size)), shape=(size, size))
        label = connected_components(pairs.tocsr(), directed=False)[1].astype(np.intp)
        ours, theirs = label[:first_size], label[first_size:]
        seen = np.bincount(ours[np.bincount(left, minlength=first_size) > 0])
        if seen.max() > _GIANT * seen.sum():
            return np.zeros(first_size, dtype=np.intp), np.zeros(second_size, dtype=np.intp)
        torn = np.flatnonzero(ours.take(first) != theirs.take(second))
        if torn.size == 0:
            return ours, theirs
        torn = torn[:: max(1, len(torn) // _SAMPLE)]
        left, right = np.concatenate([left, first[torn]]), np.concatenate([right, second[torn]])


def joined(first: Joint, second: Joint, parts: tuple[Index, Index] | None = None) -> Joint:
    """Joint code of two codes, over the pairs within a component only."""
    if parts is None:
        parts = shared_parts(first.codes, first.size, second.codes, second.size)
    part, other = parts
    count = int(max(part.max(), other.max())) + 1
    width = np.bincount(other, minlength=count)
    order, base = np.argsort(part, kind="stable"), np.empty(first.size, dtype=np.intp)
    sizes = width[part[order]]
    base[order] = np.cumsum(sizes) - sizes
    other_order = np.argsort(other, kind="stable")
    starts = np.cumsum(width) - width
    rank = np.empty(second.size, dtype=np.intp)
    rank[other_order] = np.arange(second.size) - starts[other[other_order]]
    codes = base.take(first.codes)
    codes += rank.take(second.codes)
    ours = np.repeat(order, sizes)
    theirs = other_order[starts[part[ours]] + np.arange(len(ours)) - base[ours]]
    levels = {name: level[ours] for name, level in first.levels.items()}
    levels |= {name: level[theirs] for name, level in second.levels.items()}
    return _compressed(Joint(codes, len(ours), levels))


def cover_pairs(
    head: Joint | None, others: list[Factor], parts: list[tuple[Index, Index]]
) -> tuple[list[Joint], list[Joint]]:
    """Joint codes in which every pair of factors occurs, and few ones in which every factor does.

    Parameters
    ----------
    head : Joint or None
        Code to join each of `others` to.
    others : list of Factor
    parts : list of tuple of ndarray
        For each of `others`, components of the cells of `head` and of its own levels.
    """
    singles = [single(factor) for factor in others]
    rest, complete = _cover_rest(singles)
    if head is None:
        return rest, complete
    return [head, *map(joined, [head] * len(singles), singles, parts), *rest], [head, *complete]


def nested_in(factor: Factor, parent: Factor) -> bool:
    """Whether every level of `parent` has one level of `factor` only."""
    step = max(1, len(factor.codes) // _SAMPLE)
    return _one_each(factor.codes[::step], parent.codes[::step], parent.levels) and _one_each(
        factor.codes, parent.codes, parent.levels
    )


def _one_each(codes: NDArray[np.integer], parents: NDArray[np.integer], levels: int) -> bool:
    last = np.zeros(levels, dtype=codes.dtype)
    last[parents] = codes
    return bool((last.take(parents) == codes).all())


def _cover_rest(singles: list[Joint]) -> tuple[list[Joint], list[Joint]]:
    if len(singles) < 2:
        return singles, singles
    sizes = np.prod([float(each.size) for each in singles])
    if sizes <= max(_FEW_CELLS, _CELLS_PER_ROW * len(singles[0].codes)):
        whole = singles[0]
        for each in singles[1:]:
            whole = joined(whole, each, (np.zeros(whole.size, np.intp), np.zeros(each.size, np.intp)))
        return [whole], [whole]
    first = [joined(singles[0], each) for each in singles[1:]]
    rest, complete = _cover_rest(singles[1:])
    return [*first, *rest], [singles[0], *complete]


def _compressed(found: Joint) -> Joint:
    """The code itself, or over occurring cells only where it has many more cells than there are rows."""
    if found.size <= max(_FEW_CELLS, 2 * len(found.codes)):
        return found
    cells, codes = np.unique(found.codes, return_inverse=True)
    return Joint(codes.astype(np.intp), len(cells), {name: level[cells] for name, level in found.levels.items()})
