"""Merging control cells that have too few respondents, and the cells of other controls that this makes impossible.

Where a regional cell has nobody in it and is merged with its neighbour, the national control of the two cells apart
cannot be met any more: the region's people of the empty cell are in the national total and in nobody's weight. The
national cells are merged too.
"""

from collections.abc import Iterable

import numpy as np

Run = tuple[int, int]


def merge_sparse(counts: np.ndarray, axis: int, fewest: int) -> np.ndarray:
    """Merge cells with few respondents into their neighbours along one axis.

    From the start of the axis, cells are gathered until they hold `fewest` respondents; what is left over at the end
    joins the last group.

    Parameters
    ----------
    counts : ndarray of int
        Respondents by cell.
    axis : int
        Axis to merge along.
    fewest : int
        Respondents a group must hold.

    Returns
    -------
    ndarray of int
        Shape of `counts`: the flat position of the first cell of the group each cell belongs to.
    """
    position = np.moveaxis(np.arange(counts.size).reshape(counts.shape), axis, -1)
    rows = np.moveaxis(counts, axis, -1).reshape(-1, counts.shape[axis])
    heads = np.zeros_like(rows)
    for row, lengths in zip(heads, rows, strict=True):
        starts = _starts(lengths, fewest)
        row[:] = np.repeat(starts, np.diff([*starts, len(lengths)]))
    flat = np.take_along_axis(position.reshape(heads.shape), heads, axis=1)
    return np.moveaxis(flat.reshape(position.shape), -1, axis)


def _starts(counts: np.ndarray, fewest: int) -> list[int]:
    starts, held, begin = [], 0, 0
    for at, count in enumerate(counts):
        held += int(count)
        if held >= fewest:
            starts.append(begin)
            held, begin = 0, at + 1
    return starts or [0]


def runs_over_gaps(counts: np.ndarray, group: np.ndarray, axis: int, fewest: int) -> set[tuple[tuple[int, ...], Run]]:
    """Stretches along an axis that were merged over a cell with too few respondents.

    Parameters
    ----------
    counts, group : ndarray
        Respondents by cell, and the head of the group of each cell from :func:`merge_sparse`.
    axis : int
        Axis that was merged along.
    fewest : int
        Respondents below which a cell is a gap; 1 for cells without any.

    Returns
    -------
    set
        Position of the cell on the other axes, and the first and last position of its group on this one.
    """
    heads = np.moveaxis(group, axis, -1)
    found = set()
    for place in map(tuple, np.argwhere(np.moveaxis(counts, axis, -1) < fewest)):
        row = heads[place[:-1]]
        members = np.flatnonzero(row == row[place[-1]])
        if len(members) > 1:
            found.add((tuple(map(int, place[:-1])), (int(members[0]), int(members[-1]))))
    return found


def merge_runs(group: np.ndarray, axis: int, runs: Iterable[tuple[tuple[int, ...], Run]]) -> np.ndarray:
    """Merge groups that a stretch along an axis touches.

    Parameters
    ----------
    group : ndarray of int
        Head of the group of each cell.
    axis : int
        Axis of the stretches.
    runs : iterable
        Position on the other axes, and first and last position on this one.
    """
    merged = np.moveaxis(group.copy(), axis, -1)
    for place, (first, last) in runs:
        row = merged[place]
        touched = np.isin(row, row[first : last + 1])
        row[touched] = row[touched].min()
    return np.moveaxis(merged, -1, axis)
