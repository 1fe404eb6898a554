"""Controls of a calibration: margins of categories or continuous totals, and their sparse design matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats, require_columns, require_unique

IntArray = NDArray[np.int64]

_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Margin:
    """One set of controls over n units and m cells.

    Attributes
    ----------
    name : str
        Name of the control, e.g. ``region_age_sex``.
    labels : tuple of str
        (m,) cells, e.g. ``E12000007, male, 16-19``.
    totals : ndarray
        (m,) control totals, in persons or the unit of `values`.
    index : ndarray of int64
        (n,) cell of each unit; -1 for a unit in no cell.
    values : ndarray, optional
        (n,) a continuous auxiliary, summed within cells; 1 for every unit if absent.

    Raises
    ------
    MethodError
        Lengths that do not agree, a cell that does not exist, or numbers that are not finite.
    """

    name: str
    labels: tuple[str, ...]
    totals: FloatArray
    index: IntArray
    values: FloatArray | None = None

    def __post_init__(self) -> None:
        cells = len(self.labels)
        if np.shape(self.totals) != (cells,) or np.ndim(self.index) != 1:
            raise MethodError(f"margin {self.name}: {cells} labels, totals of shape {np.shape(self.totals)}")
        if not np.isfinite(self.totals).all():
            raise MethodError(f"margin {self.name}: {int((~np.isfinite(self.totals)).sum())} totals are not finite")
        outside = int(((self.index < -1) | (self.index >= cells)).sum())
        if outside:
            raise MethodError(f"margin {self.name}: {outside} units are in a cell that does not exist")
        if self.values is not None:
            self._check_values(self.values)

    def _check_values(self, values: FloatArray) -> None:
        if np.shape(values) != np.shape(self.index):
            raise MethodError(f"margin {self.name}: {len(self.index)} units and {len(values)} values")
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise MethodError(f"margin {self.name}: {bad} of {len(values)} values are missing or not finite")


def margin_from_codes(
    name: str,
    codes: pd.DataFrame | pd.Series,
    totals: pd.DataFrame,
    *,
    value: str,
    values: FloatArray | None = None,
    missing_allowed: bool = False,
) -> Margin:
    """Make a margin from the codes of units and a table of totals.

    Parameters
    ----------
    name : str
        Name of the control.
    codes : DataFrame or Series
        Key columns of the units, n rows.
    totals : DataFrame
        The same key columns and `value`, one row for each cell.
    value : str
        Column of the totals.
    values : ndarray, optional
        (n,) continuous auxiliary.
    missing_allowed : bool
        Whether units outside the cells, or with a null code, are simply in no cell.

    Raises
    ------
    MethodError
        Columns missing, cells repeated, or units outside the cells (how many, and which codes have no total).
    """
    frame = codes.to_frame() if isinstance(codes, pd.Series) else codes
    keys = list(frame.columns)
    require_columns(totals, [*keys, value], f"totals of {name}")
    require_unique(totals, keys, f"totals of {name}")
    cells = pd.MultiIndex.from_frame(totals[keys].astype(str))
    known = frame.notna().all(axis=1).to_numpy()
    code, first = _combinations(frame)
    examples = frame.iloc[first].astype(str)
    found = np.where(known, cells.get_indexer(pd.MultiIndex.from_frame(examples))[code], -1)
    outside = int((found < 0).sum())
    if outside and not missing_allowed:
        raise MethodError(
            f"margin {name}: {outside} of {len(frame)} units are in none of its {len(cells)} cells"
            f"{_unknown_codes(frame, cells, known)}; correct the codes, or allow units in no cell"
        )
    labels = tuple(", ".join(cell) for cell in cells)
    return Margin(name, labels, floats(totals[value]), found.astype(np.int64), values)


def _combinations(frame: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Number of each row's combination of codes, in order of appearance, and the first row of each combination."""
    code = np.zeros(len(frame), dtype=np.int64)
    for column in frame.columns:
        own, names = pd.factorize(frame[column], use_na_sentinel=False)
        code = pd.factorize(code * len(names) + own)[0].astype(np.int64)
    first = np.empty(int(code.max(initial=-1)) + 1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return code, first


def _unknown_codes(frame: pd.DataFrame, cells: pd.MultiIndex, known: "NDArray[np.bool_]") -> str:
    """Name the codes that no total has, by column; never which units or combinations have them."""
    told = [f"{int((~known).sum())} have no code"] if not known.all() else []
    for position, column in enumerate(frame.columns):
        codes = set(frame.loc[known, column].astype(str).unique())
        unknown = sorted(codes - set(cells.get_level_values(position)))
        if unknown:
            more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            told.append(f"{column} {', '.join(unknown[:_SHOWN])}{more} without a total")
    return f" ({'; '.join(told)})" if told else ""


def design_matrix(margins: Sequence[Margin], n: int) -> "sp.csr_array":
    """Auxiliaries of n units, shape (n, p): one column for each cell, in the order of the margins."""
    rows, columns, data, width = [], [], [], 0
    for margin in margins:
        if len(margin.index) != n:
            raise MethodError(f"margin {margin.name}: {len(margin.index)} units, expected {n}")
        inside = np.flatnonzero(margin.index >= 0)
        rows.append(inside)
        columns.append(margin.index[inside] + width)
        data.append(np.ones(len(inside)) if margin.values is None else margin.values[inside])
        width += len(margin.labels)
    if not rows:
        raise MethodError("calibration needs at least one margin")
    places = (np.concatenate(rows), np.concatenate(columns))
    return sp.csr_array(sp.coo_array((np.concatenate(data), places), shape=(n, width)))


def control_totals(margins: Sequence[Margin]) -> FloatArray:
    """Totals of all margins, shape (p,)."""
    return np.concatenate([margin.totals for margin in margins])


def control_labels(margins: Sequence[Margin]) -> list[str]:
    """Names of all controls, ``margin: cell``."""
    return [f"{margin.name}: {label}" for margin in margins for label in margin.labels]


def control_sizes(margins: Sequence[Margin]) -> FloatArray:
    """What an error of each control is relative to, shape (p,): see :func:`relative_size`, margin by margin."""
    return np.concatenate([relative_size(margin.totals) for margin in margins])


def margin_errors(weights: FloatArray, margins: Sequence[Margin]) -> pd.DataFrame:
    """What some weights give against every control, computed by counting and without the solver.

    Parameters
    ----------
    weights : ndarray
        (n,).

    Returns
    -------
    DataFrame
        ``control, cell, target, reached, relative_error``; the error is relative to the target, or to the mean
        size of the margin's targets where the target is zero.

    Raises
    ------
    MethodError
        A margin of another number of units.
    """
    frames = []
    for margin in margins:
        if len(margin.index) != len(weights):
            raise MethodError(f"margin {margin.name}: {len(margin.index)} units, expected {len(weights)}")
        inside = margin.index >= 0
        amount = weights if margin.values is None else weights * margin.values
        reached = np.bincount(margin.index[inside], amount[inside], minlength=len(margin.labels))
        error = np.abs(reached - margin.totals) / relative_size(margin.totals)
        frames.append(
            pd.DataFrame(
                {
                    "control": margin.name,
                    "cell": list(margin.labels),
                    "target": margin.totals,
                    "reached": reached,
                    "relative_error": error,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def relative_size(totals: FloatArray) -> FloatArray:
    """What an error of each total is relative to: its size, or the mean size of all where it is zero."""
    size = np.abs(totals)
    return np.where(size > 0, size, size.mean() or 1.0)
