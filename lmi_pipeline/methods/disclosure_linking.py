"""Cells of several tables that are the same quantity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from lmi_pipeline.methods.disclosure_system import Link


def equal_links(first: ArrayLike, second: ArrayLike) -> list[Link]:
    """Links that say that cells are the same quantity, pair by pair.

    Parameters
    ----------
    first, second : array_like of int, shape (pairs,)
        Numbers of the cells in the joined tables.
    """
    pairs = np.column_stack([np.asarray(first, np.int64), np.asarray(second, np.int64)])
    opposite = np.array([1.0, -1.0])
    return [Link(pair, opposite, 0.0, 0.0) for pair in pairs]


def same_cells(links: Sequence[Link], cells: int) -> NDArray[np.int64]:
    """Number the quantities behind the cells: cells tied by equality have the same number.

    Parameters
    ----------
    links : sequence of Link
        Any links; those of two cells with opposite coefficients and bounds 0 are equalities.
    cells : int
        Cells of all tables.

    Returns
    -------
    ndarray of int64, shape (cells,)
        Numbers from 0.
    """
    pairs = np.array([link.cells for link in links if _equality(link)], dtype=np.int64).reshape(-1, 2)
    graph = sp.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(cells, cells))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def spread(flags: NDArray[np.bool_], group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Carry a flag over to every cell of the same quantity, shape (cells,)."""
    return np.asarray(np.bincount(group, weights=flags)[group] > 0)


def _equality(link: Link) -> bool:
    return len(link.cells) == 2 and link.lower == link.upper == 0 and float(np.sum(link.coefficients)) == 0
