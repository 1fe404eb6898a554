"""What the search for cubes knows: which cells are hidden, what hiding one costs, and how far each can move."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lmi_pipeline.methods.disclosure_cube_space import BoolArray, Space
from lmi_pipeline.methods.disclosure_lattice import IntArray
from lmi_pipeline.methods.tables import FloatArray

_TURNS = 8
_YIELD = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """A move of one cell: the table plus or minus these amounts still adds up.

    Attributes
    ----------
    owner, cells : ndarray of int64
        (entries,) the protected cell and the cell that moves with it.
    up, down : ndarray
        (entries,) what the cell changes by when its owner rises, and when it falls.
    """

    owner: IntArray
    cells: IntArray
    up: FloatArray
    down: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The state of a search. Every array has one more entry than there are cells: that of an absent cell.

    Attributes
    ----------
    space : Space
        The table.
    lines : csr_matrix
        (cells, equations) the equations of each cell.
    hidden : ndarray of bool
        (cells + 1,) cells withheld so far; changes as cells are hidden and shown again.
    price : ndarray
        (cells + 1,) cost of hiding a cell as well: zero where it is hidden, infinite where it may not be.
    cost : ndarray
        (cells + 1,) the price of a cell while it is shown.
    room : ndarray
        (cells + 1,) how far a cell may fall.
    up, down : ndarray
        (cells,) how far the attacker's interval must reach.
    insider : ndarray of bool
        (cells + 1,) cells of one contributor, who knows them.
    simple : ndarray of bool
        (cells + 1,) cells that are no sum and have siblings wherever they are part of one.
    popular : tuple of ndarray
        (nodes,) for each dimension, hidden cells of each node: breaks ties between siblings.
    """

    space: Space
    lines: sp.csr_matrix
    hidden: BoolArray
    price: FloatArray
    cost: FloatArray
    room: FloatArray
    up: FloatArray
    down: FloatArray
    insider: BoolArray
    simple: BoolArray
    popular: tuple[FloatArray, ...]

    def hide(self, cells: IntArray) -> None:
        """Withhold cells: they cost nothing from now on."""
        self.hidden[cells] = True
        self.price[cells] = 0.0

    def show(self, cells: IntArray) -> None:
        """Show cells again."""
        self.hidden[cells] = False
        self.price[cells] = self.cost[cells]


def begin(
    space: Space,
    hidden: BoolArray,
    *,
    protect_up: FloatArray,
    protect_down: FloatArray,
    cost: FloatArray,
    room: FloatArray,
    fixed: BoolArray,
    singleton: BoolArray,
) -> Task:
    """Begin a search in which `hidden` cells are withheld and `fixed` ones may never be."""
    nodes = space.lattice.nodes
    absent = np.append(hidden, False)
    costs = np.append(np.where(fixed, np.inf, cost), np.inf)
    special = np.column_stack([moves.special[nodes[:, axis]] for axis, moves in enumerate(space.moves)])
    return Task(
        space,
        space.lattice.matrix.T.tocsr(),
        absent,
        np.where(absent, 0.0, costs),
        costs,
        np.append(room, -np.inf),
        protect_up,
        protect_down,
        np.append(singleton, False),
        np.append(~space.parent.any(axis=1) & ~(special & space.bound).any(axis=1), False),
        tuple(
            np.bincount(nodes[hidden, axis], minlength=len(moves.family)).astype(np.float64)
            for axis, moves in enumerate(space.moves)
        ),
    )


def fruitless(found: list[int], left: int) -> bool:
    """Return whether the last turns of a random search found so little that comparing every choice is cheaper."""
    return len(found) >= _TURNS and sum(found[-_TURNS:]) <= _YIELD * left


def amounts(need: FloatArray, reach: FloatArray) -> FloatArray:
    """Return how far to move: what is needed, in whole units where the reach allows it."""
    return np.minimum(np.ceil(need), np.maximum(reach, need))


def joined(parts: list[Certificate]) -> Certificate:
    """Put certificates one after the other."""
    return Certificate(
        np.concatenate([np.empty(0, dtype=np.int64), *(part.owner for part in parts)]),
        np.concatenate([np.empty(0, dtype=np.int64), *(part.cells for part in parts)]),
        np.concatenate([np.empty(0), *(part.up for part in parts)]),
        np.concatenate([np.empty(0), *(part.down for part in parts)]),
    )


def of_owners(certificate: Certificate, kept: BoolArray) -> Certificate:
    """Keep the certificates of the cells of a mask."""
    some = kept[certificate.owner]
    return Certificate(certificate.owner[some], certificate.cells[some], certificate.up[some], certificate.down[some])
