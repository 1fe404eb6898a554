"""The cells of a published table and the sums that tie them together.

Every dimension is a set of nodes, leaves and totals alike, with the sums that hold between them. A table is a set of
cells, one node of each dimension. Along each dimension every sum, with the other coordinates fixed, is an equation
that whoever reads the table can use: ``sum of the children - parent = 0``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, require_columns

IntArray = NDArray[np.int64]
NodeArray = NDArray[np.int32]

_LARGEST_KEY = 2**62
_SHOWN = 5
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Dimension:
    """The nodes of one dimension and the sums between them.

    Attributes
    ----------
    name : str
        Column of the dimension, e.g. ``occupation``.
    codes : tuple of str
        Code of every node, leaves and totals alike.
    sums : tuple of (int, ndarray of int32)
        Parent node and child nodes: the parent is the sum of the children. A node may be the parent, or a child, of
        several sums: the United Kingdom is the sum of its nations and also of its regions.
    """

    name: str
    codes: tuple[str, ...]
    sums: tuple[tuple[int, NodeArray], ...]

    @classmethod
    def of(cls, name: str, sums: Sequence[tuple[str, Sequence[str]]], codes: Sequence[str] = ()) -> "Dimension":
        """Make a dimension from codes.

        Parameters
        ----------
        name : str
            Column of the dimension.
        sums : sequence of (str, sequence of str)
            Parent code and child codes of each sum.
        codes : sequence of str
            Codes in the order wanted; those of `sums` that are not among them follow.

        Raises
        ------
        MethodError
            No codes, a repeated code, a sum without children or with a child named twice, or a sum that leads back
            to itself.
        """
        if len(set(codes)) != len(codes):
            raise MethodError(f"dimension {name}: {len(codes) - len(set(codes))} codes are repeated")
        every = tuple(dict.fromkeys([*codes, *(code for parent, children in sums for code in (parent, *children))]))
        if not every:
            raise MethodError(f"dimension {name}: no codes")
        node = {code: position for position, code in enumerate(every)}
        for parent, children in sums:
            if not children or len(set(children)) != len(children):
                raise MethodError(f"dimension {name}: the children of {parent} are none, or named twice")
        _require_acyclic(name, sums)
        return cls(
            name,
            every,
            tuple((node[p], np.array([node[child] for child in children], dtype=np.int32)) for p, children in sums),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """A table of cells and every equation between them.

    Attributes
    ----------
    dimensions : tuple of Dimension
        The dimensions, in the order of `nodes`.
    nodes : ndarray of int32
        (cells, dimensions) node of each cell in each dimension.
    value : ndarray
        (cells,) true values.
    matrix : csr_matrix
        (equations, cells) children +1, parent -1; ``matrix @ value`` is zero.
    line_dimension : ndarray of int8
        (equations,) the dimension along which each equation runs.
    """

    dimensions: tuple[Dimension, ...]
    nodes: NodeArray
    value: FloatArray
    matrix: sp.csr_matrix
    line_dimension: NDArray[np.int8]

    def labels(self, cells: ArrayLike) -> pd.DataFrame:
        """Return the codes of the cells (positions or a mask), one column for each dimension."""
        chosen = self.nodes[np.asarray(cells)].reshape(-1, len(self.dimensions))
        return pd.DataFrame(
            {
                dimension.name: np.array(dimension.codes, dtype=object)[chosen[:, axis]]
                for axis, dimension in enumerate(self.dimensions)
            }
        )


@dataclass(frozen=True, slots=True)
class _Keys:
    """The mixed-radix number of each cell, sorted for look-up."""

    stride: IntArray
    number: IntArray
    order: IntArray
    ordered: IntArray

    def find(self, wanted: IntArray) -> IntArray:
        """Return the position of the cell with each number, -1 where there is none."""
        place = np.minimum(np.searchsorted(self.ordered, wanted), len(self.ordered) - 1)
        return np.where(self.ordered[place] == wanted, self.order[place], -1)


def build_lattice(
    dimensions: Sequence[Dimension], codes: pd.DataFrame, value: ArrayLike, *, tolerance: float = 1e-6
) -> Lattice:
    """Lay a table out as a lattice and check that it adds up.

    Parameters
    ----------
    dimensions : sequence of Dimension
        The dimensions of the table.
    codes : DataFrame
        One row for each cell, published or withheld; a column of codes for each dimension.
    value : array_like
        (cells,) true values, in the unit of the table.
    tolerance : float
        How far a sum may be off, as a share of the parent; absolute if the parent is below one.

    Returns
    -------
    Lattice
        An equation stands wherever the parent and at least one child are cells of the table; children that are not
        cells are known zeros.

    Raises
    ------
    MethodError
        Columns missing, unknown codes or duplicate cells, values that are not finite, or cells that do not add up
        (how many, and the codes of the worst).
    """
    dims = tuple(dimensions)
    values = np.asarray(value, dtype=np.float64)
    require_columns(codes, [dimension.name for dimension in dims], "cells of the lattice")
    if not dims or values.shape != (len(codes),) or not len(codes):
        raise MethodError(f"lattice: {len(dims)} dimensions, {len(codes)} cells and values of shape {values.shape}")
    if not np.isfinite(values).all():
        raise MethodError(f"lattice: {int((~np.isfinite(values)).sum())} of {len(values)} values are not finite")
    nodes = np.column_stack([_nodes(dimension, codes[dimension.name]) for dimension in dims])
    matrix, line_dimension = _equations(dims, nodes, _cell_keys(dims, nodes))
    lattice = Lattice(dims, nodes, values, matrix, line_dimension)
    _require_additive(lattice, tolerance)
    return lattice


def _require_acyclic(name: str, sums: Sequence[tuple[str, Sequence[str]]]) -> None:
    below: dict[str, set[str]] = {}
    for parent, children in sums:
        below.setdefault(parent, set()).update(children)
    while below:
        ready = [parent for parent, children in below.items() if not children & below.keys()]
        if not ready:
            raise MethodError(
                f"dimension {name}: a sum leads back to itself, among {', '.join(sorted(below)[:_SHOWN])}"
            )
        for parent in ready:
            del below[parent]


def _nodes(dimension: Dimension, column: "pd.Series[str]") -> NodeArray:
    level, texts = pd.factorize(column)
    node_of = pd.Index(dimension.codes).get_indexer(pd.Index([str(text) for text in texts]))
    nodes = np.append(node_of, -1)[level]
    unknown = nodes < 0
    if unknown.any():
        shown = ", ".join(sorted({str(code) for code in column[unknown]})[:_SHOWN])
        raise MethodError(
            f"lattice, dimension {dimension.name}: {int(unknown.sum())} of {len(column)} cells have a code that is "
            f"not among its {len(dimension.codes)}: {shown}"
        )
    return nodes.astype(np.int32)


def _cell_keys(dimensions: tuple[Dimension, ...], nodes: NodeArray) -> _Keys:
    sizes = [len(dimension.codes) for dimension in dimensions]
    places = [1]
    for size in sizes[:0:-1]:
        places.append(places[-1] * size)
    if places[-1] * sizes[0] > _LARGEST_KEY:
        raise MethodError(f"lattice: {len(sizes)} dimensions of {sizes} nodes are too many combinations to number")
    stride = np.array(places[::-1], dtype=np.int64)
    number = nodes.astype(np.int64) @ stride
    order = np.argsort(number, kind="stable")
    ordered = number[order]
    repeated = ordered[1:] == ordered[:-1]
    if repeated.any():
        raise MethodError(
            f"lattice, dimensions {', '.join(dimension.name for dimension in dimensions)}: "
            f"{int(repeated.sum())} of {len(number)} cells are duplicates"
        )
    return _Keys(stride, number, order, ordered)


def _equations(
    dimensions: tuple[Dimension, ...], nodes: NodeArray, keys: _Keys
) -> tuple[sp.csr_matrix, NDArray[np.int8]]:
    parents: list[IntArray] = []
    families: list[IntArray] = []
    sizes: list[IntArray] = []
    axes: list[NDArray[np.int8]] = []
    for axis, dimension in enumerate(dimensions):
        on_node = _cells_by_node(nodes[:, axis], len(dimension.codes))
        for parent, children in dimension.sums:
            cells = on_node[parent]
            step = (np.sort(children).astype(np.int64) - parent) * keys.stride[axis]
            found = keys.find((keys.number[cells][:, None] + step).reshape(-1)).reshape(len(cells), len(step))
            size = (found >= 0).sum(axis=1)
            parents.append(cells[size > 0])
            sizes.append(size[size > 0])
            families.append(found[found >= 0])
            axes.append(np.full(int((size > 0).sum()), axis, dtype=np.int8))
    return _signed_rows(parents, families, sizes, len(nodes)), _joined(axes, np.int8)


def _signed_rows(parents: list[IntArray], families: list[IntArray], sizes: list[IntArray], cells: int) -> sp.csr_matrix:
    parent, child, size = (_joined(part, np.int64) for part in (parents, families, sizes))
    rows = np.arange(len(parent))
    matrix = sp.csr_matrix(
        (
            np.concatenate([np.ones(len(child)), -np.ones(len(parent))]),
            (np.concatenate([np.repeat(rows, size), rows]), np.concatenate([child, parent])),
        ),
        shape=(len(parent), cells),
    )
    matrix.sort_indices()
    return matrix


def _cells_by_node(node: NodeArray, nodes: int) -> list[IntArray]:
    order = np.argsort(node, kind="stable")
    return np.split(order, np.searchsorted(node[order], np.arange(1, nodes)))


def _joined(parts: Sequence[NDArray[Any]], dtype: type[_Number]) -> NDArray[_Number]:
    return np.concatenate([np.empty(0, dtype=dtype), *parts]).astype(dtype)


def _require_additive(lattice: Lattice, tolerance: float) -> None:
    if not lattice.matrix.shape[0]:
        return
    parent_row, parent_cell = (lattice.matrix < 0).nonzero()
    scale = np.ones(lattice.matrix.shape[0])
    scale[parent_row] = np.maximum(1.0, np.abs(lattice.value[parent_cell]))
    excess = np.abs(lattice.matrix @ lattice.value) / scale
    wrong = int((excess > tolerance).sum())
    if wrong:
        row = int(np.argmax(excess))
        cell = parent_cell[parent_row == row]
        code = ", ".join(f"{name} {text}" for name, text in lattice.labels(cell).iloc[0].items())
        along = lattice.dimensions[lattice.line_dimension[row]].name
        raise MethodError(
            f"lattice: {wrong} of {len(excess)} sums do not add up to their parent within {tolerance:g}; the worst is "
            f"the sum over {along} at {code}: correct the table, or name the children that are missing"
        )
