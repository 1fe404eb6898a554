"""Where the cross-products of a design go: which columns are eliminated first, and in which blocks.

Three kinds of columns. *Fine* ones, the levels of one factor, have a diagonal block of their own. *Companions*, the
levels of a second factor, meet few fine levels and few of each other once the fine ones are gone (occupation by sex
beside occupation by year). *Retained* ones are everything else and end in a dense matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmi_pipeline.methods.factor_columns import BoolArray, Design, Factor
from lmi_pipeline.methods.factor_tables import Index, Joint, joined, nested_in, shared_parts, single
from lmi_pipeline.methods.tables import FloatArray

_LEAST_FINE = 32
_LEAST_BLOCKS = 8
_MOST_COMPANIONS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Fine levels that meet the same retained columns: positions among the fine, and among the retained."""

    fine: Index
    retained: Index


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Columns by kind, and the shapes of their blocks.

    Attributes
    ----------
    fine, companion, retained : ndarray
        Columns of the design of each kind; columns of nested factors are in none.
    slots : ndarray
        (n_fine, k) companions that a fine level meets, by position; padded by repeating with ``used`` false.
    used : ndarray of bool
        (n_fine, k)
    groups : tuple of Group
    head : Joint or None
        Joint code of the eliminated factors.
    others : list of Factor
        Retained factors.
    parts : list of tuple of ndarray
        For each of `others`, the components it forms with the fine factor: of fine levels and of its own.
    blocks : tuple of ndarray or None
        Components of fine factor and companion: of fine levels and of companions.
    eliminated : tuple of str
        Names of the fine factor and its companion, as many as there are.
    """

    fine: Index
    companion: Index
    retained: Index
    slots: Index
    used: BoolArray
    groups: tuple[Group, ...]
    head: Joint | None
    others: list[Factor]
    parts: list[tuple[Index, Index]]
    blocks: tuple[Index, Index] | None
    eliminated: tuple[str, ...]

    @property
    def fine_name(self) -> str:
        """Name of the fine factor."""
        return self.eliminated[0]


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Cross-products X'WX in the blocks of a layout.

    Attributes
    ----------
    fine : ndarray
        (n_fine,) diagonal.
    links : ndarray
        (n_fine, k) fine by companion.
    coupling : tuple of ndarray
        One (levels, columns) for each group: fine by retained.
    companion : ndarray
        (n_companion,) diagonal.
    cross : ndarray
        (n_companion, m) companion by retained.
    retained : ndarray
        (m, m)
    """

    fine: FloatArray
    links: FloatArray
    coupling: tuple[FloatArray, ...]
    companion: FloatArray
    cross: FloatArray
    retained: FloatArray


def lay_out(design: Design) -> Layout:
    """Choose what is eliminated, from which levels occur together."""
    factors = design.factors
    fine: Factor | None
    head: Joint | None
    pair = _companions(factors)
    if pair is not None:
        fine, companion, blocks, head = pair
    else:
        fine = factors[0] if factors and factors[0].levels >= _LEAST_FINE and len(factors) > 1 else None
        companion, blocks, head = None, None, None if fine is None else single(fine)
    gone = [factor.name for factor in (fine, companion) if factor is not None]
    others = [
        factor
        for at, factor in enumerate(factors)
        if factor.name not in gone and not any(_may_nest(factor, earlier) for earlier in factors[:at])
    ]
    spans = [np.arange(design.continuous.shape[1], dtype=np.intp), *(_span(design, each) for each in others)]
    slots, used = _slots(fine, companion, blocks)
    parts = [] if fine is None else [_parts(fine, each) for each in others]
    return Layout(
        fine=_span(design, fine),
        companion=_span(design, companion),
        retained=np.concatenate(spans),
        slots=slots,
        used=used,
        groups=_groups(design, fine, others, parts),
        head=head,
        others=others,
        parts=parts,
        blocks=blocks,
        eliminated=tuple(gone),
    )


def _may_nest(factor: Factor, earlier: Factor) -> bool:
    return earlier.levels >= factor.levels and nested_in(factor, earlier)


def _span(design: Design, factor: Factor | None) -> Index:
    if factor is None:
        return np.empty(0, dtype=np.intp)
    columns = design.columns(factor.name)
    return np.arange(columns.start, columns.stop, dtype=np.intp)


def _companions(factors: tuple[Factor, ...]) -> tuple[Factor, Factor, tuple[Index, Index], Joint] | None:
    """The first two factors as fine one and companion, where they fall into many small blocks."""
    if len(factors) < 3:
        return None
    companion, fine = sorted(factors[:2], key=lambda factor: factor.levels)
    ours, theirs = single(fine), single(companion)
    parts = shared_parts(ours.codes, ours.size, theirs.codes, theirs.size)
    blocks = np.bincount(parts[1])
    if np.count_nonzero(blocks) < _LEAST_BLOCKS or blocks.max() > _MOST_COMPANIONS:
        return None
    return fine, companion, parts, joined(ours, theirs, parts)


def _slots(fine: Factor | None, companion: Factor | None, parts: tuple[Index, Index] | None) -> tuple[Index, BoolArray]:
    """Companions of every fine level: those of its component."""
    if fine is None or companion is None or parts is None:
        levels = 0 if fine is None else fine.levels
        return np.empty((levels, 0), dtype=np.intp), np.empty((levels, 0), dtype=bool)
    part, other = parts
    count = int(max(part.max(), other.max())) + 1
    sizes = np.bincount(other, minlength=count)
    order = np.argsort(other, kind="stable")
    first = np.cumsum(sizes) - sizes
    steps = np.arange(sizes.max())
    used = steps < sizes[part][:, None]
    at = np.minimum(first[part][:, None] + np.where(used, steps, 0), companion.levels - 1)
    return order[at], used


def _parts(fine: Factor, other: Factor) -> tuple[Index, Index]:
    return shared_parts(fine.codes, fine.levels, other.codes, other.levels)


def _groups(
    design: Design, fine: Factor | None, others: list[Factor], parts: list[tuple[Index, Index]]
) -> tuple[Group, ...]:
    """Fine levels by the component they share with the largest retained factor."""
    if fine is None:
        return ()
    k = design.continuous.shape[1]
    sizes = [factor.levels for factor in others]
    total = k + sum(sizes)
    if not others:
        return (Group(np.arange(fine.levels), np.arange(total)),)
    at = int(np.argmax(sizes))
    start = k + sum(sizes[:at])
    large = others[at]
    ours, theirs = parts[at]
    always = np.r_[0:start, start + large.levels : total].astype(np.intp)
    ours = np.where(np.isin(ours, theirs), ours, theirs[0])  # levels without rows go anywhere
    found = []
    for part in np.unique(ours):
        own = np.flatnonzero(theirs == part) + start
        found.append(Group(np.flatnonzero(ours == part), np.sort(np.concatenate([always, own]))))
    return tuple(found)
