"""Several tables of one quantity, published together, as one lattice.

A cell is the same quantity in whichever table it stands. Sums hold across tables, too: a section in one table is the
sum of its divisions in another. Inside one table a child without a cell is a known zero; between tables it may simply
not be published, and then all anybody knows is that the children there are not more than their parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice, build_lattice
from lmi_pipeline.methods.disclosure_system import Link

Sums = Sequence[tuple[str, Sequence[str]]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Union:
    """Tables laid out as one lattice.

    Attributes
    ----------
    lattice : Lattice
        Every cell of any table once; only sums that hold.
    links : tuple of Link
        Sums of which not every child is published: children - parent <= 0.
    """

    lattice: Lattice
    links: tuple[Link, ...]


def contract_sums(sums: Sums, present: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Leave out the levels a table does not have: a child without a cell is replaced by its own children.

    Parameters
    ----------
    sums : sequence of (str, sequence of str)
        Parent and children of each sum of the whole hierarchy.
    present : sequence of str
        Codes the table has.
    """
    below: dict[str, tuple[str, ...]] = {}
    for parent, children in sums:
        below.setdefault(parent, tuple(children))
    kept = set(present)

    def leaves(code: str) -> tuple[str, ...]:
        if code in kept or code not in below:
            return (code,)
        return tuple(leaf for child in below[code] for leaf in leaves(child))

    found = [(p, tuple(dict.fromkeys(leaf for c in children for leaf in leaves(c)))) for p, children in sums]
    return [(p, children) for p, children in found if p in kept and kept.intersection(children)]


def union_dimension(name: str, sums: Sums, codes_by_table: Sequence[Sequence[str]]) -> Dimension:
    """Make a dimension whose sums hold for each of several tables, whichever levels it has.

    Parameters
    ----------
    name : str
        Column.
    sums : sequence of (str, sequence of str)
        Sums of the whole hierarchy.
    codes_by_table : sequence of sequence of str
        Codes of each table.
    """
    every = list(dict.fromkeys(code for codes in codes_by_table for code in codes))
    known = dict.fromkeys(code for parent, children in sums for code in (parent, *children))
    unknown = [code for code in every if code not in known] if known else []
    if unknown:
        raise MethodError(
            f"dimension {name}: {len(unknown)} codes of the cells are in none of its sums: {', '.join(unknown[:5])}"
        )
    each = [contract_sums(sums, codes) for codes in [every, *codes_by_table]]
    distinct = {(p, frozenset(children)): (p, children) for found in each for p, children in found}
    return Dimension.of(name, list(distinct.values()), every)


def unite(
    dimensions: Sequence[Dimension],
    codes: pd.DataFrame,
    value: ArrayLike,
    members: Sequence[NDArray[np.int64]],
    *,
    unknown: ArrayLike | None = None,
    tolerance: float = 1e-6,
    counts: bool = True,
) -> Union:
    """Lay tables out as one lattice with the sums that hold, and check that they add up.

    Parameters
    ----------
    dimensions : sequence of Dimension
        From :func:`union_dimension`.
    codes : DataFrame
        One row for each distinct cell.
    value : array_like, shape (cells,)
        True values; anything where `unknown`.
    members : sequence of ndarray of int
        Cells of each table.
    unknown : array_like of bool, shape (cells,), optional
        Cells whose value is not known here: sums through them are not checked.
    tolerance : float
        How far a sum may be off, as a share of the parent, absolute below one.
    counts : bool
        No value is below zero, so that some of the children cannot be more than their parent.

    Raises
    ------
    MethodError
        Sums inside a table, or complete sums between tables, that do not add up; the message names the worst.
    """
    hollow = np.zeros(len(codes), dtype=bool) if unknown is None else np.asarray(unknown, bool)
    amount = np.where(hollow, 0.0, np.asarray(value, float))
    lattice = build_lattice(dimensions, codes, amount, tolerance=np.inf)
    whole = _complete(lattice) | _inside(lattice.matrix, members)
    off = _excess(lattice) > tolerance
    unchecked = _touches(lattice.matrix, hollow)
    wrong = np.flatnonzero(off & whole & ~unchecked)
    if len(wrong):
        raise MethodError(_complaint(lattice, wrong, tolerance))
    partial = np.flatnonzero(~whole & (off | unchecked))
    kept = np.setdiff1d(np.arange(lattice.matrix.shape[0]), partial)
    rows = lattice.matrix[partial if counts else partial[:0]]
    links = tuple(
        Link(rows.indices[a:b].astype(np.int64), rows.data[a:b], -np.inf, 0.0)
        for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
    )
    return Union(replace(lattice, matrix=lattice.matrix[kept], line_dimension=lattice.line_dimension[kept]), links)


def without(
    union: Union, dropped: Flags, *, empty: Flags, unknown: Flags, tolerance: float = 1e-6, counts: bool = True
) -> Union:
    """Leave cells out whose value nobody here knows; their sums become bounds on the rest.

    Parameters
    ----------
    union : Union
        Tables.
    dropped : ndarray of bool, shape (cells,)
        Cells to leave out.
    empty : ndarray of bool, shape (cells,)
        Those of them that are nothing at all wherever the sums hold without them.
    unknown : ndarray of bool, shape (cells,)
        Cells that stay and whose value is not known here.
    tolerance, counts
        As in :func:`unite`.
    """
    lattice = union.lattice
    kept = np.flatnonzero(~dropped)
    number = np.cumsum(~dropped) - 1
    hollow = (_excess(lattice) > tolerance) & ~_touches(lattice.matrix, unknown)
    holed = _touches(lattice.matrix, dropped & ~empty) | (_touches(lattice.matrix, dropped & empty) & hollow)
    rows = lattice.matrix[np.flatnonzero(holed & counts)]
    links = list(union.links)
    for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        cells, sign = rows.indices[a:b], rows.data[a:b]
        if not dropped[cells[sign < 0]].any():
            links.append(Link(cells.astype(np.int64), sign, -np.inf, 0.0))
    trimmed = []
    for link in links:
        stays = ~dropped[link.cells]
        if (link.coefficients[stays] < 0).any() and (link.coefficients[stays] > 0).any():
            trimmed.append(replace(link, cells=number[link.cells[stays]], coefficients=link.coefficients[stays]))
    solid = np.flatnonzero(~holed)
    matrix = lattice.matrix[solid][:, kept]
    filled = np.flatnonzero(np.diff(matrix.indptr))
    return Union(
        replace(
            lattice,
            nodes=lattice.nodes[kept],
            value=lattice.value[kept],
            matrix=matrix[filled],
            line_dimension=lattice.line_dimension[solid][filled],
        ),
        tuple(trimmed),
    )


def _complete(lattice: Lattice) -> Flags:
    """Rows that have every child of their sum."""
    matrix = lattice.matrix
    present = np.diff(matrix.indptr) - 1
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    up = matrix.data < 0
    parent, child = np.empty(matrix.shape[0], np.int64), np.empty(matrix.shape[0], np.int64)
    axis = lattice.line_dimension.astype(np.int64)
    parent[row[up]] = lattice.nodes[matrix.indices[up], axis[row[up]]]
    child[row[~up]] = lattice.nodes[matrix.indices[~up], axis[row[~up]]]
    wanted = np.zeros(matrix.shape[0], np.int64)
    for number, dimension in enumerate(lattice.dimensions):
        for over, below in dimension.sums:
            mine = (axis == number) & (parent == over) & np.isin(child, below) & (present <= len(below))
            wanted[mine] = np.maximum(wanted[mine], len(below))
    return np.asarray(present >= wanted)


def _inside(matrix: sp.csr_matrix, members: Sequence[NDArray[np.int64]]) -> Flags:
    pattern = sp.csr_matrix((np.ones(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)
    size = np.diff(matrix.indptr)
    inside = np.zeros(matrix.shape[0], dtype=bool)
    for cells in members:
        flag = np.zeros(matrix.shape[1])
        flag[cells] = 1.0
        inside |= pattern @ flag == size
    return inside


def _touches(matrix: sp.csr_matrix, cells: Flags) -> Flags:
    return np.asarray(abs(matrix) @ cells.astype(float) > 0)


def _excess(lattice: Lattice) -> NDArray[np.float64]:
    row, cell = (lattice.matrix < 0).nonzero()
    scale = np.ones(lattice.matrix.shape[0])
    scale[row] = np.maximum(1.0, np.abs(lattice.value[cell]))
    return np.asarray(np.abs(lattice.matrix @ lattice.value) / scale)


def _complaint(lattice: Lattice, wrong: NDArray[np.int64], tolerance: float) -> str:
    worst = wrong[np.argmax(_excess(lattice)[wrong])]
    row = lattice.matrix[worst]
    codes = lattice.labels(row.indices[row.data < 0]).iloc[0]
    along = lattice.dimensions[lattice.line_dimension[worst]].name
    return (
        f"{len(wrong)} of {lattice.matrix.shape[0]} sums do not add up to their parent within {tolerance:g}; the worst"
        f" is the sum over {along} at {', '.join(f'{k}={v}' for k, v in codes.items())}: correct the cells or the"
        " hierarchy, or set additivity_tolerance"
    )
