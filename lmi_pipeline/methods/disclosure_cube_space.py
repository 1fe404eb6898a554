"""What may move with a cell of a lattice: siblings, chains down to the leaves, and the cells at their crossings.

A move along one dimension shifts an amount from one child of a sum to another, so the parent and everything above it
stay as they are. A node that is itself a sum passes its amount down a chain to one leaf. Moves of all dimensions,
multiplied, are a cube.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_lattice import Dimension, IntArray, Lattice
from lmi_pipeline.methods.tables import FloatArray

BoolArray = NDArray[np.bool_]

_DENSE_KEYS = 2**26


@dataclass(frozen=True, slots=True, eq=False)
class NodeMoves:
    """How the nodes of one dimension can move.

    Attributes
    ----------
    family : ndarray of int64
        (nodes,) nodes that are children of exactly the same sums; -1 for a node that is no child.
    place : ndarray of int64
        (nodes,) place of the node among the members of its family.
    members, start, size : ndarray of int64
        Members of each family, one after the other, and where each family starts and how large it is.
    partners, partner_start, partner_count : ndarray of int64
        Partners of each node: its siblings, or those of the nearest node above it that has some.
    stem : ndarray of int64
        (nodes, width) nodes above that move with the node because it has no siblings; padded with -1.
    chain, chain_start, chain_count : ndarray of int64
        (chains, width) the nodes from each node down to each of its leaves, largest leaf first; padded with -1.
    parents : ndarray of int64
        (nodes, width) parents of each node; padded with -1.
    special : ndarray of bool
        (nodes,) children that have no sibling.
    """

    family: IntArray
    place: IntArray
    members: IntArray
    start: IntArray
    size: IntArray
    partners: IntArray
    partner_start: IntArray
    partner_count: IntArray
    stem: IntArray
    chain: IntArray
    chain_start: IntArray
    chain_count: IntArray
    parents: IntArray
    special: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """A lattice prepared for finding cubes.

    Attributes
    ----------
    lattice : Lattice
        The table.
    moves : tuple of NodeMoves
        One for each dimension.
    stride, number : ndarray of int64
        Mixed-radix number of each cell and the stride of each dimension in it.
    bound, parent : ndarray of bool
        (cells, dimensions) whether the cell is a child, or the parent, of an equation along the dimension.
    line : ndarray of int64
        (cells, dimensions) an equation of which the cell is a child; -1 where there is none.
    """

    lattice: Lattice
    moves: tuple[NodeMoves, ...]
    stride: IntArray
    number: IntArray
    table: IntArray | None
    order: IntArray
    bound: BoolArray
    parent: BoolArray
    line: IntArray

    def at(self, number: IntArray) -> IntArray:
        """Return the cell of each number, -1 where the table has none."""
        if self.table is not None:
            return self.table[number]
        ordered = self.number[self.order]
        place = np.minimum(np.searchsorted(ordered, number), len(ordered) - 1)
        return np.where(ordered[place] == number, self.order[place], -1)

    def known_zero(self, number: IntArray) -> BoolArray:
        """Return whether each absent cell is a child of an equation of the table, so that all know it to be zero."""
        known = np.zeros(len(number), dtype=bool)
        for axis, moves in enumerate(self.moves):
            nodes = len(moves.family)
            node = (number // self.stride[axis]) % nodes
            for column in moves.parents.T:
                above = column[node]
                cell = self.at(np.where(above >= 0, number + (above - node) * self.stride[axis], number))
                known |= (above >= 0) & (cell >= 0) & self.parent[cell, axis]
        return known


def prepare(lattice: Lattice) -> Space:
    """Prepare a lattice for finding cubes."""
    sizes = [len(dimension.codes) for dimension in lattice.dimensions]
    stride = np.append(np.cumprod(np.array(sizes[:0:-1], dtype=np.int64))[::-1], 1).astype(np.int64)
    number = lattice.nodes.astype(np.int64) @ stride
    every = int(stride[0]) * sizes[0]
    table = None
    if every <= _DENSE_KEYS:
        table = np.full(every, -1, dtype=np.int64)
        table[number] = np.arange(len(number))
    bound, parent, line = _roles(lattice)
    moves = tuple(_node_moves(lattice, axis) for axis in range(len(sizes)))
    return Space(lattice, moves, stride, number, table, np.argsort(number, kind="stable"), bound, parent, line)


def _roles(lattice: Lattice) -> tuple[BoolArray, BoolArray, IntArray]:
    shape = lattice.nodes.shape
    bound, parent = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    line = np.full(shape, -1, dtype=np.int64)
    entry = lattice.matrix.tocoo()
    axis = lattice.line_dimension[entry.row]
    child = entry.data > 0
    bound[entry.col[child], axis[child]] = True
    line[entry.col[child], axis[child]] = entry.row[child]
    parent[entry.col[~child], axis[~child]] = True
    return bound, parent, line


def _active_sums(lattice: Lattice, axis: int) -> list[tuple[int, list[int]]]:
    """Sums of a dimension that hold somewhere in the table."""
    rows = np.flatnonzero(lattice.line_dimension == axis)
    entry = lattice.matrix[rows].tocoo()
    nodes = lattice.nodes[:, axis].astype(np.int64)
    parent_of = np.full(len(rows), -1, dtype=np.int64)
    parent_of[entry.row[entry.data < 0]] = nodes[entry.col[entry.data < 0]]
    child = entry.data > 0
    width = len(lattice.dimensions[axis].codes)
    pairs = set(np.unique(parent_of[entry.row[child]] * width + nodes[entry.col[child]]).tolist())
    return [
        (parent, children.tolist())
        for parent, children in lattice.dimensions[axis].sums
        if any(parent * width + child in pairs for child in children.tolist())
    ]


def _node_moves(lattice: Lattice, axis: int) -> NodeMoves:
    dimension: Dimension = lattice.dimensions[axis]
    count = len(dimension.codes)
    sums = _active_sums(lattice, axis)
    weight = np.bincount(lattice.nodes[:, axis], weights=np.abs(lattice.value), minlength=count).astype(np.float64)
    child_of: list[list[int]] = [[] for _ in range(count)]
    for row, (_, children) in enumerate(sums):
        for child in children:
            child_of[child].append(row)
    family, place, members, start, size = _families(child_of)
    chains = _chains(count, sums, weight)
    stems, partners = _partners(count, sums, child_of, family, chains)
    return NodeMoves(
        family,
        place,
        members,
        start,
        size,
        _flat(partners),
        _starts(partners),
        np.array([len(part) for part in partners], dtype=np.int64),
        _padded(stems),
        _padded([chain for part in chains for chain in part]),
        _starts(chains),
        np.array([len(part) for part in chains], dtype=np.int64),
        _padded([[sums[row][0] for row in rows] for rows in child_of]),
        (family >= 0) & (size[family] == 1),
    )


def _families(child_of: list[list[int]]) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for node, rows in enumerate(child_of):
        groups.setdefault(tuple(rows), []).append(node)
    groups.pop((), None)
    family = np.full(len(child_of), -1, dtype=np.int64)
    place = np.zeros(len(child_of), dtype=np.int64)
    lists = list(groups.values()) or [[]]
    for number, nodes in enumerate(lists):
        family[nodes] = number
        place[nodes] = np.arange(len(nodes))
    return family, place, _flat(lists), _starts(lists), np.array([len(part) for part in lists], dtype=np.int64)


def _chains(count: int, sums: list[tuple[int, list[int]]], weight: FloatArray) -> list[list[list[int]]]:
    """Sets of nodes that carry an amount from each node down to its leaves, through every sum of which it is parent."""
    below: list[list[list[int]]] = [[] for _ in range(count)]
    for row, (parent, _) in enumerate(sums):
        below[parent].append(sums[row][1])
    chains: list[list[list[int]] | None] = [None] * count

    def down(node: int) -> list[list[int]]:
        known = chains[node]
        if known is not None:
            return known
        if not below[node]:
            found = [[node]]
        else:
            first, *others = ([chain for child in children for chain in down(child)] for children in below[node])
            found = [_joined(node, chain, others, rank) for rank, chain in enumerate(_by_leaf(first, weight))]
        chains[node] = found
        return found

    return [[chain for chain in down(node) if _balanced(node, chain, sums)] or [[node]] for node in range(count)]


def _by_leaf(chains: list[list[int]], weight: FloatArray) -> list[list[int]]:
    return sorted(chains, key=lambda chain: -weight[chain[-1]])


def _joined(node: int, chain: list[int], others: list[list[list[int]]], rank: int) -> list[int]:
    """Add to a chain one that reaches the same leaf through each other breakdown, or any if none does."""
    nodes = dict.fromkeys([node, *chain])
    for options in others:
        same = [option for option in options if option[-1] == chain[-1]]
        nodes.update(dict.fromkeys(same[0] if same else options[rank % len(options)]))
    leaf = chain[-1]
    return [*(other for other in nodes if other != leaf), leaf]


def _balanced(node: int, chain: list[int], sums: list[tuple[int, list[int]]]) -> bool:
    """Whether every sum at or below the node keeps when the chain moves by one."""
    moved = set(chain)
    for parent, children in sums:
        below = len(moved.intersection(children))
        if parent in moved and below != 1:
            return False
        if parent not in moved and below and node not in children:
            return False
    return True


def _partners(
    count: int,
    sums: list[tuple[int, list[int]]],
    child_of: list[list[int]],
    family: IntArray,
    chains: list[list[list[int]]],
) -> tuple[list[list[int]], list[list[int]]]:
    stems: list[list[int]] = [[] for _ in range(count)]
    partners: list[list[int]] = [[] for _ in range(count)]
    for node in range(count):
        top, stem = node, list[int]()
        while child_of[top]:
            siblings = [other for other in np.flatnonzero(family == family[top]).tolist() if other != top]
            near = {child for row in child_of[top] for child in sums[row][1]} - {top, *siblings}
            cousins = (
                [] if siblings else sorted(c for c in near if _cancels([*chains[node][0], *stem], chains[c][0], sums))
            )
            if siblings or cousins:
                partners[node] = siblings or cousins
                stems[node] = stem
                break
            if len(child_of[top]) > 1:
                break
            top = sums[child_of[top][0]][0]
            stem = [*stem, top]
    return stems, partners


def _cancels(plus: list[int], minus: list[int], sums: list[tuple[int, list[int]]]) -> bool:
    """Whether every sum keeps when `plus` rises by one and `minus` falls by one."""
    rising, falling = set(plus), set(minus)
    if rising & falling:
        return False
    return all(
        len(rising.intersection(children)) - len(falling.intersection(children))
        == (parent in rising) - (parent in falling)
        for parent, children in sums
    )


def _flat(lists: list[list[int]]) -> IntArray:
    return np.array([item for part in lists for item in part], dtype=np.int64)


def _starts(lists: list[list[int]] | list[list[list[int]]]) -> IntArray:
    return np.cumsum([0, *(len(part) for part in lists)])[:-1].astype(np.int64)


def _padded(lists: list[list[int]]) -> IntArray:
    width = max([1, *map(len, lists)])
    return np.array([[*part, *[-1] * (width - len(part))] for part in lists], dtype=np.int64).reshape(-1, width)


def hidden_lines(lattice: Lattice, hidden: BoolArray) -> tuple[IntArray, IntArray]:
    """Return where the hidden children of each equation start, and those children, the largest of each first."""
    entry = lattice.matrix.tocoo()
    kept = (entry.data > 0) & hidden[entry.col]
    row, child = entry.row[kept], entry.col[kept].astype(np.int64)
    order = np.lexsort((-np.abs(lattice.value[child]), row))
    counts = np.bincount(row, minlength=lattice.matrix.shape[0])
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), child[order]
