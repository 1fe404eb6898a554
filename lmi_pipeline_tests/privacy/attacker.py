"""An attacker who has published tables and the code lists, and nothing else.

From the codes alone follows which published figures add up to which; every line of that kind is an equation, every
rounded figure an interval, every withheld one a number from nought up. Nothing here is shared with the auditor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.sparse as sp
from scipy.optimize import linprog
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import lsmr

from lmi_pipeline import catalog
from lmi_pipeline.catalog.protection import QUARTER, sums_of

Sums = Sequence[tuple[str, Sequence[str]]]
DENSE, STEP = 150, 1e-3


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Cells with bounds, and equations between them: matrix @ cells == 0.

    `shown` cells stand in the publication as a number; `low` and `high` are what rounding leaves of it. The last cells
    are in no publication and follow from others.
    """

    codes: pd.DataFrame
    matrix: sp.csr_matrix
    shown: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def lines(self) -> sp.csr_matrix:
        """The equations, as far as they speak of cells that are not shown."""
        return self.matrix[:, np.flatnonzero(~self.shown)]


def sums_in(dimensions: Mapping[str, str], codes: pd.DataFrame) -> dict[str, Sums]:
    """What adds up to what, by the catalogue's hierarchies: column -> (parent, children)."""
    found: dict[str, Sums] = {}
    for column, hierarchy in dimensions.items():
        if hierarchy != QUARTER:
            found[column] = sums_of(catalog.hierarchy_nodes(hierarchy))
            continue
        periods = sorted(codes[column].unique())
        years = {period[:4] for period in periods}
        found[column] = [(year, [p for p in periods if len(p) > 4 and p[:4] == year]) for year in sorted(years)]
    return found


def learn(
    codes: pd.DataFrame,
    low: np.ndarray,
    high: np.ndarray,
    sums: Mapping[str, Sums],
    *,
    floor: float = 0.0,
    rounds: int = 3,
) -> Knowledge:
    """Put published rows together; withheld ones have no bounds (nan).

    A line all but one of whose members are published gives the missing one, which may complete further lines.
    """
    columns = list(sums)
    cells = codes[columns].reset_index(drop=True)
    for _ in range(rounds):
        missing = pd.concat([_missing(cells, column, sums[column]) for column in columns], ignore_index=True)
        missing = missing.drop_duplicates(ignore_index=True)
        if missing.empty:
            break
        cells = pd.concat([cells, missing[columns]], ignore_index=True)
    extra = len(cells) - len(codes)
    low, high = (np.concatenate([np.asarray(each, float), np.full(extra, np.nan)]) for each in (low, high))
    shown = ~np.isnan(low)
    matrix = sp.vstack([_equations(cells, column, sums[column]) for column in columns], format="csr")
    return Knowledge(cells, matrix, shown, np.where(shown, low, floor), np.where(shown, high, np.inf))


def also(known: Knowledge, rows: sp.csr_matrix) -> Knowledge:
    """The same with further equations."""
    return replace(known, matrix=sp.vstack([known.matrix, rows], format="csr"))


def _members(cells: pd.DataFrame, column: str, sums: Sums) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Members of each sum, and every cell in the line it is in: sum and the codes of the other columns."""
    rows = [
        (n, code, sign) for n, (top, parts) in enumerate(sums) for code, sign in ((top, -1), *((p, 1) for p in parts))
    ]
    members = pd.DataFrame(rows, columns=["sum", "code", "sign"])
    others = [name for name in cells if name != column]
    line = cells.groupby(others, sort=False).ngroup().to_numpy() if others else np.zeros(len(cells), int)
    held = pd.DataFrame({"code": cells[column], "line": line, "cell": np.arange(len(cells))})
    held = held.merge(members, on="code")
    size = members.groupby("sum").size()
    held["absent"] = held["sum"].map(size) - held.groupby(["sum", "line"])["cell"].transform("size")
    held["size"] = held["sum"].map(size)
    return members, held


def _equations(cells: pd.DataFrame, column: str, sums: Sums) -> sp.csr_matrix:
    _, held = _members(cells, column, sums)
    whole = held[held["absent"] == 0]
    number = whole.groupby(["sum", "line"], sort=False).ngroup().to_numpy()
    shape = (int(number.max(initial=-1)) + 1, len(cells))
    return sp.csr_matrix((whole["sign"].to_numpy(float), (number, whole["cell"].to_numpy())), shape=shape)


def _missing(cells: pd.DataFrame, column: str, sums: Sums) -> pd.DataFrame:
    members, held = _members(cells, column, sums)
    short = held[(held["absent"] == 1) & (held["size"] > 2)]
    lines = short.drop_duplicates(["sum", "line"])[["sum", "line", "cell"]]
    wanted = lines.merge(members[["sum", "code"]], on="sum").merge(
        short[["sum", "line", "code"]], on=["sum", "line", "code"], how="left", indicator=True
    )
    wanted = wanted[wanted["_merge"] == "left_only"]
    return cells.iloc[wanted["cell"]].reset_index(drop=True).assign(**{column: wanted["code"].to_numpy()})


def subtract(known: Knowledge) -> np.ndarray:
    """Cells, not shown, that line after line gives away: a line with one unknown tells it."""
    unknown = ~known.shown
    pattern = abs(known.matrix)
    while True:
        single = np.flatnonzero(pattern @ unknown.astype(float) == 1)
        told = np.unique(pattern[single][:, np.flatnonzero(unknown)].indices)
        if not told.size:
            return ~known.shown & ~unknown
        unknown[np.flatnonzero(unknown)[told]] = False


def eliminate(known: Knowledge, rng: np.random.Generator) -> np.ndarray:
    """Cells, not shown, that all lines together determine: no move that keeps every line moves them."""
    told = subtract(known)
    unknown = np.flatnonzero(~known.shown & ~told)
    lines = known.matrix[:, unknown]
    lines = lines[np.flatnonzero(np.diff(lines.indptr))]
    for block in components(lines):
        part = lines[:, block]
        part = part[np.flatnonzero(np.diff(part.indptr))]
        told[unknown[block[_fixed(part, rng)]]] = True
    return told


def components(lines: sp.csr_matrix) -> list[np.ndarray]:
    """Columns tied to each other by rows."""
    rows, columns = lines.shape
    graph = sp.bmat([[None, lines], [lines.T, None]]) if rows else sp.csr_matrix((columns, columns))
    label = connected_components(graph, directed=False)[1][rows:]
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if columns else []


def _fixed(lines: sp.csr_matrix, rng: np.random.Generator) -> np.ndarray:
    if not lines.shape[0]:
        return np.zeros(lines.shape[1], bool)
    if lines.shape[1] <= DENSE:
        moves = scipy.linalg.null_space(lines.toarray())
        return np.abs(moves).max(axis=1, initial=0.0) < 1e-9
    start = rng.standard_normal(lines.shape[1])
    fitted = lsmr(lines.T, start, atol=1e-12, btol=1e-12, conlim=0, maxiter=3000)[0]
    return np.abs(start - lines.T @ fitted) < 1e-6


def narrow(known: Knowledge, rounds: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of every cell after going over all lines again and again: each line bounds a cell by its others.

    Steps too small to matter are not taken, for the last digits of sums would add up to false bounds.
    """
    low, high = known.low.copy(), known.high.copy()
    entries = known.matrix.tocoo()
    row, cell, rising = entries.row, entries.col, entries.data > 0
    rows = known.matrix.shape[0]
    for _ in range(rounds):
        least = np.where(rising, low[cell], -high[cell])
        most = np.where(rising, high[cell], -low[cell])
        down = -_rest(most, row, rows)
        up = -_rest(least, row, rows)
        least, most = low.copy(), high.copy()
        np.maximum.at(least, cell, np.where(rising, down, -up))
        np.minimum.at(most, cell, np.where(rising, up, -down))
        higher, lower = least > low + STEP, most < high - STEP
        if not (higher.any() or lower.any()):
            break
        low, high = np.where(higher, least, low), np.where(lower, most, high)
    return low, high


def _rest(term: np.ndarray, row: np.ndarray, rows: int) -> np.ndarray:
    """Sum of the other terms of each entry's row."""
    endless = ~np.isfinite(term)
    finite = np.where(endless, 0.0, term)
    total, open_ends = np.bincount(row, finite, rows), np.bincount(row, endless, rows)
    sign = np.inf if (term[endless] > 0).any() else -np.inf
    return np.where(open_ends[row] - endless > 0, sign, total[row] - finite)


def interval(known: Knowledge, cell: int, lines: int = 400) -> tuple[float, float]:
    """Least and most a cell can be, by linear programmes over the lines nearest to it.

    With fewer lines than there are the interval is too wide, never too narrow.
    """
    rows = _nearby(known, cell, lines)
    matrix = known.matrix[rows]
    columns = np.unique(np.append(matrix.indices, cell))
    goal = (columns == cell).astype(float)
    bounds = np.column_stack([known.low[columns], known.high[columns]])
    ends = [
        linprog(sign * goal, A_eq=matrix[:, columns], b_eq=np.zeros(len(rows)), bounds=bounds, method="highs")
        for sign in (1, -1)
    ]
    assert all(end.status in (0, 3) for end in ends), [end.message for end in ends]
    low, high = (sign * end.fun if end.status == 0 else sign * -np.inf for sign, end in zip((1, -1), ends, strict=True))
    return low, high


def _nearby(known: Knowledge, cell: int, lines: int) -> np.ndarray:
    unknown = np.flatnonzero(~known.shown)
    place = int(np.searchsorted(unknown, cell))
    part = known.matrix[:, unknown]
    graph = sp.bmat([[None, part], [part.T, None]], format="csr")
    order = breadth_first_order(graph, known.matrix.shape[0] + place, directed=False, return_predecessors=False)
    return np.sort(order[order < known.matrix.shape[0]][:lines])


@dataclass(frozen=True, eq=False)
class Verdict:
    """What attacks found out about cells whose truth is known: who is exact, who too close, who is a wrong guess."""

    exact: np.ndarray
    close: np.ndarray
    wrong: np.ndarray

    @property
    def failed(self) -> bool:
        """The attack came to nothing, and its bounds are right."""
        return not (self.exact.any() or self.close.any() or self.wrong.any())


def judge(low: np.ndarray, high: np.ndarray, value: np.ndarray, down: np.ndarray, up: np.ndarray) -> Verdict:
    """Compare bounds with the truth and with how far they must reach from it; cells without protection may be exact."""
    room = 1e-3 + 1e-8 * np.abs(value)
    asked = (down > 0) | (up > 0)
    return Verdict(
        exact=asked & (high - low <= room),
        close=asked & ((low > value - down + room) | (high < value + up - room)),
        wrong=(low > value + room) | (high < value - room),
    )
