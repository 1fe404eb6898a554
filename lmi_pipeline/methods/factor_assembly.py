"""Cross-products of a design by weights, from tables of sums by joint codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmi_pipeline.methods.factor_columns import Design
from lmi_pipeline.methods.factor_layout import Layout, Products
from lmi_pipeline.methods.factor_tables import Index, Joint, cover_pairs
from lmi_pipeline.methods.tables import FloatArray

FINE, LINKS, COUPLING, COMPANION, CROSS, RETAINED = range(6)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Entries of one block, from the cells of some tables in turn."""

    block: int
    tables: tuple[int, ...]
    index: Index


@dataclass(frozen=True, slots=True, eq=False)
class Assembler:
    """Joint codes of a design and where their sums go.

    Attributes
    ----------
    design : Design
    layout : Layout
    tables : list of Joint
        Every pair of factors is in one; their levels are not kept.
    covers : list of Joint
        Every factor is in one: for sums and for fitted values.
    sources : list of _Source
    places : _Places
    """

    design: Design
    layout: Layout
    tables: list[Joint]
    covers: list[Joint]
    sources: list[_Source]
    places: _Places

    @classmethod
    def prepare(cls, design: Design, layout: Layout) -> Assembler:
        """Make the joint codes, and find the place of every sum."""
        head = layout.head
        level = None if head is None else head.levels[layout.fine_name]
        parts = [(ours[level], theirs) for ours, theirs in layout.parts]
        tables, covers = cover_pairs(head, layout.others, parts)
        places = _Places.of(layout, design.size)
        found: dict[int, list[tuple[int, Index]]] = {}
        done = set()
        for at, table in enumerate(tables):
            names = list(table.levels)
            for left, first in enumerate(names):
                for second in names[left:]:
                    if frozenset((first, second)) in done:
                        continue
                    done.add(frozenset((first, second)))
                    pair = [design.columns(name).start + table.levels[name] for name in (first, second)]
                    block, index = places.find(*pair)
                    found.setdefault(block, []).append((at, index))
        sources = [
            _Source(block, tuple(at for at, _ in each), np.concatenate([index for _, index in each]))
            for block, each in found.items()
        ]
        codes = [Joint(table.codes, table.size, {}) for table in tables]
        return cls(design, layout, codes, covers, sources, places)

    def products(self, weights: FloatArray) -> Products:
        """X'WX for (n,) weights of any sign."""
        sums = [table.sums(weights) for table in self.tables]
        continuous = self.design.continuous
        moments = np.zeros((self.design.size, continuous.shape[1]))
        for at in range(continuous.shape[1]):
            moments[:, at] = self.transposed(weights * continuous[:, at])
        blocks = [np.zeros(size) for size in self.places.sizes]
        for source in self.sources:
            given = np.concatenate([sums[table] for table in source.tables])
            blocks[source.block] += np.bincount(source.index, given, minlength=self.places.sizes[source.block])
        for at in range(continuous.shape[1]):
            for columns in (self.layout.fine, self.layout.companion, self.layout.retained[continuous.shape[1] :]):
                if len(columns):
                    block, index = self.places.find(np.full(len(columns), at, dtype=np.intp), columns)
                    blocks[block][index] = moments[columns, at]
        return self._shaped(blocks, moments[: continuous.shape[1]])

    def transposed(self, values: FloatArray) -> FloatArray:
        """X'v of (n,) values; entries of nested factors are 0."""
        found = np.zeros(self.design.size)
        found[: self.design.continuous.shape[1]] = self.design.continuous.T @ values
        for cover in self.covers:
            sums = cover.sums(values)
            for name, level in cover.levels.items():
                columns = self.design.columns(name)
                found[columns] = np.bincount(level, sums, minlength=columns.stop - columns.start)
        return found

    def product(self, coefficients: FloatArray) -> FloatArray:
        """X b of (p,) coefficients that are 0 for nested factors."""
        total: FloatArray = self.design.continuous @ coefficients[: self.design.continuous.shape[1]]
        for cover in self.covers:
            parts = [coefficients[self.design.columns(name)][level] for name, level in cover.levels.items()]
            total += np.sum(parts, axis=0).take(cover.codes)
        return total

    def _shaped(self, blocks: list[FloatArray], squares: FloatArray) -> Products:
        layout = self.layout
        size, k = len(layout.retained), squares.shape[0]
        retained = blocks[RETAINED].reshape(size, size)
        retained = np.triu(retained) + np.triu(retained, 1).T
        retained[:k, :k] = squares
        ends = np.cumsum([len(group.fine) * len(group.retained) for group in layout.groups])
        parts = np.split(blocks[COUPLING], ends[:-1]) if layout.groups else []
        return Products(
            fine=blocks[FINE],
            links=blocks[LINKS].reshape(layout.slots.shape),
            coupling=tuple(
                part.reshape(len(group.fine), len(group.retained))
                for part, group in zip(parts, layout.groups, strict=True)
            ),
            companion=blocks[COMPANION],
            cross=blocks[CROSS].reshape(len(layout.companion), size),
            retained=retained,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Block and entry of a pair of columns.

    Attributes
    ----------
    sizes : list of int
        Entries of each block.
    kind, position : ndarray
        (p,) 0 fine, 1 companion, 2 retained; position among its kind.
    slot : ndarray
        (n_companion,) which of the companions of its fine levels it is.
    row : ndarray
        (n_fine,) first entry of the fine level in the coupling block.
    group : ndarray
        (n_fine,)
    column : ndarray
        (groups, m) position of a retained column in the group.
    """

    sizes: list[int]
    kind: Index
    position: Index
    slot: Index
    row: Index
    group: Index
    column: Index

    @classmethod
    def of(cls, layout: Layout, size: int) -> _Places:
        kind, position = np.full(size, 3, dtype=np.intp), np.zeros(size, dtype=np.intp)
        for number, columns in enumerate((layout.fine, layout.companion, layout.retained)):
            kind[columns], position[columns] = number, np.arange(len(columns))
        fine, companions, m = len(layout.fine), len(layout.companion), len(layout.retained)
        slot = np.zeros(companions, dtype=np.intp)
        for at in range(layout.slots.shape[1]):
            slot[layout.slots[layout.used[:, at], at]] = at
        row, group = np.zeros(fine, dtype=np.intp), np.zeros(fine, dtype=np.intp)
        column = np.zeros((max(len(layout.groups), 1), m), dtype=np.intp)
        start = 0
        for at, each in enumerate(layout.groups):
            row[each.fine] = start + np.arange(len(each.fine)) * len(each.retained)
            group[each.fine] = at
            column[at, each.retained] = np.arange(len(each.retained))
            start += len(each.fine) * len(each.retained)
        return cls([fine, layout.slots.size, start, companions, companions * m, m * m], kind, position, slot, row,
                   group, column)  # fmt: skip

    def find(self, first: Index, second: Index) -> tuple[int, Index]:
        """Block and entries of pairs of columns; the first ones all of one kind, and the second ones."""
        if self.kind[first[0]] > self.kind[second[0]]:
            first, second = second, first
        kinds = int(self.kind[first[0]]), int(self.kind[second[0]])
        a, b = self.position[first], self.position[second]
        m = self.column.shape[1]
        if kinds == (0, 0):
            return FINE, a
        if kinds == (0, 1):
            return LINKS, a * (self.sizes[LINKS] // self.sizes[FINE]) + self.slot[b]
        if kinds == (0, 2):
            return COUPLING, self.row[a] + self.column[self.group[a], b]
        if kinds == (1, 1):
            return COMPANION, a
        if kinds == (1, 2):
            return CROSS, a * m + b
        return RETAINED, np.minimum(a, b) * m + np.maximum(a, b)
