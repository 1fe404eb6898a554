"""Cells in CSV files, read with their spec: codes as text, numbers as numbers, several tables as one lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.catalog.disclosure_spec import DisclosureSpec, LinkSpec
from lmi_pipeline.errors import LmiError, MethodError, SchemaError
from lmi_pipeline.methods.disclosure_lattice import Dimension
from lmi_pipeline.methods.disclosure_rules import (
    STATUSES,
    WITHHELD,
    Finding,
    PrimaryDecision,
    combine,
    contributor_counts,
    disclosive_zeros,
    dominance_rule,
    p_percent_rule,
    precision_bands,
    publisher_markers,
    reliability_ladder,
)
from lmi_pipeline.methods.disclosure_system import Link
from lmi_pipeline.methods.disclosure_tables import Union, union_dimension, unite, without

TABLE, FILE, LINE = "_table", "_file", "_line"
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows of the files and the distinct cells they speak of.

    Attributes
    ----------
    rows : DataFrame
        As read, every column text, with the table, file and line of each row.
    codes : DataFrame
        One row for each distinct cell; a dimension a table does not have is at its total.
    cell : ndarray
        (rows,) cell of each row.
    value : ndarray
        (cells,) value; nan where no row has one.
    marker : ndarray of str
        (cells,) status word or publisher's marker, the most severe of its rows.
    shown : ndarray of bool
        (cells,) some row has a value and is not withheld.
    """

    rows: pd.DataFrame
    codes: pd.DataFrame
    cell: NDArray[np.int64]
    value: Floats
    marker: NDArray[np.str_]
    shown: Flags

    def first(self, column: str) -> pd.Series:
        """First filled-in text of a column for each cell."""
        text = self.rows[column].where(self.rows[column] != "")
        return text.groupby(self.cell).first().reindex(range(len(self.codes)))

    def numbers(self, column: str) -> Floats:
        """Numbers of a column for each cell, nan where empty."""
        if column not in self.rows:
            raise SchemaError(
                f"the spec names the column '{column}', the cells do not have it; give --true, or correct it"
            )
        parsed = _numbers(self.rows, column)
        return _by_cell(parsed, self.cell, len(self.codes))

    def label(self, cell: int) -> dict[str, str]:
        """Codes of a cell, its table first where there are several."""
        mine = self.rows[self.cell == cell]
        tables = [t for t in dict.fromkeys(mine[TABLE]) if t]
        given = {"table": " + ".join(tables)} if self.rows[TABLE].nunique() > 1 else {}
        return given | {str(k): str(v) for k, v in self.codes.iloc[cell].items()}


def status_column(spec: DisclosureSpec) -> str:
    """Name of the status column that is written, and looked for."""
    return spec.status or ("status" if "status" not in spec.dimensions else "publication_status")


def read_cells(paths: Sequence[Path], spec: DisclosureSpec, folder: Path, *, with_status: bool) -> Cells:
    """Read cells of one or several tables from CSV files.

    Parameters
    ----------
    paths : sequence of Path
        Files; without a table column each is a table.
    spec : DisclosureSpec
        What the columns mean.
    folder : Path
        Where files named in the spec are.
    with_status : bool
        Heed a status column.

    Raises
    ------
    SchemaError
        Files, columns, codes or numbers that are not as the spec says.
    """
    rows = pd.concat([_read(path, spec, several=len(paths) > 1) for path in paths], ignore_index=True).fillna("")
    codes = _filled(rows, spec, folder)
    cell, distinct = pd.factorize(pd.MultiIndex.from_frame(codes))
    twice = rows.assign(cell=cell).duplicated([TABLE, "cell"])
    if twice.any():
        place = rows[twice].iloc[0]
        raise SchemaError(
            f"{int(twice.sum())} rows repeat a cell of their table, first {place[FILE]} line {place[LINE]}"
        )
    marker = _markers(rows, spec, with_status)
    rows["_value"] = rows[spec.value].where(~rows[spec.value].isin(spec.markers), "")
    value = _numbers(rows, "_value", spec.value)
    size = len(distinct)
    severity = marker.map({**{word: word for word in STATUSES}, **spec.markers, "": "ok"}).map(STATUSES.index)
    worst = severity.groupby(cell).max().reindex(range(size))
    _require_agreement(rows, value, cell, spec)
    known = _by_cell(value, cell, size)
    open_row = ~np.isnan(value) & (severity.to_numpy() < STATUSES.index(WITHHELD))
    shown = np.bincount(cell, weights=open_row, minlength=size) > 0
    frame = pd.DataFrame(list(distinct), columns=list(spec.dimensions), dtype=object)
    return Cells(rows, frame, cell, known, np.array(STATUSES)[worst.astype(int)], shown)


def _read(path: Path, spec: DisclosureSpec, *, several: bool) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except OSError:
        raise SchemaError(f"there is no file '{path}' that can be read") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise SchemaError(f"{path.name} is no CSV with a header: {error}") from None
    wanted = [spec.value, *([spec.table] if spec.table else [])]
    absent = [name for name in wanted if name not in frame]
    if absent or frame.empty or not any(name in frame for name in spec.dimensions):
        raise SchemaError(
            f"{path.name}: {f'columns {absent} are missing' if absent else 'no rows or no dimension columns'};"
            f" it has {', '.join(frame.columns)}"
        )
    for name in spec.dimensions:
        frame[name] = frame[name].str.strip() if name in frame else ""
    frame[TABLE] = frame[spec.table] if spec.table else (path.stem if several else "")
    frame[FILE], frame[LINE] = path.name, np.arange(len(frame)) + 2
    return frame


def _filled(rows: pd.DataFrame, spec: DisclosureSpec, folder: Path) -> pd.DataFrame:
    """Codes with a dimension that a table does not have at its total."""
    codes = rows[list(spec.dimensions)].copy()
    for name in spec.dimensions:
        empty = codes[name] == ""
        partly = empty.groupby(rows[TABLE]).transform("any") & ~empty.groupby(rows[TABLE]).transform("all")
        if partly.any():
            place = rows[partly & empty].iloc[0]
            raise SchemaError(
                f"column '{name}': {int((partly & empty).sum())} rows have no code, first {place[FILE]} line"
                f" {place[LINE]}; leave it empty in a whole table that does not have the dimension, or nowhere"
            )
        if empty.any():
            codes[name] = codes[name].where(~empty, _total(name, spec, folder, codes[name][~empty].unique()))
    return codes


def _total(name: str, spec: DisclosureSpec, folder: Path, codes: Any) -> str:
    if spec.dimensions[name].total is not None:
        return str(spec.dimensions[name].total)
    sums = spec.dimensions[name].sums_of(name, codes, folder)
    below = {child for _, children in sums for child in children}
    tops = list(dict.fromkeys(parent for parent, _ in sums if parent not in below))
    if len(tops) != 1:
        raise SchemaError(f"dimension '{name}' has {len(tops)} totals; a table without it must name the one it is of")
    return tops[0]


def _markers(rows: pd.DataFrame, spec: DisclosureSpec, with_status: bool) -> pd.Series:
    marker = rows[spec.value].where(rows[spec.value].isin(spec.markers), "")
    column = status_column(spec)
    if not with_status or column not in rows:
        if with_status and spec.status:
            raise SchemaError(f"the spec names the status column '{column}', the cells do not have it")
        return marker
    given = rows[column].str.strip()
    stray = sorted(set(given) - {"", *STATUSES, *spec.markers})
    if stray:
        raise SchemaError(
            f"column '{column}': {len(stray)} words are no status, e.g. '{stray[0]}'; name them in markers"
        )
    return given.where(given != "", marker)


def _numbers(rows: pd.DataFrame, column: str, title: str | None = None) -> Floats:
    text = rows[column].str.strip()
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(float)
    bad = (text != "").to_numpy() & ~np.isfinite(parsed)
    if bad.any():
        place = rows[bad].iloc[0]
        raise SchemaError(
            f"column '{title or column}': {int(bad.sum())} entries are no number, first {place[FILE]} line"
            f" {place[LINE]};"
            ' publishers\' markers are named in the spec, e.g. "markers": {"x": "withheld"}'
        )
    return parsed


def _by_cell(number: Floats, cell: NDArray[np.int64], size: int) -> Floats:
    return np.asarray(pd.Series(number).groupby(cell).first().reindex(range(size)), dtype=np.float64)


def _require_agreement(rows: pd.DataFrame, value: Floats, cell: NDArray[np.int64], spec: DisclosureSpec) -> None:
    each = pd.Series(value).groupby(cell)
    gap = (each.transform("max") - each.transform("min")).to_numpy(float)
    allowed = max(spec.additivity_tolerance, 1e-12) * np.maximum(1.0, np.abs(np.nan_to_num(value)))
    wrong = gap > np.maximum(allowed, spec.rounding_base or 0.0)
    if wrong.any():
        first = rows[wrong].iloc[0]
        raise SchemaError(
            f"{int(wrong.sum())} rows of cells that are in several tables disagree on the value, first {first[FILE]}"
            f" line {first[LINE]}; the same codes mean the same quantity"
        )


def dimensions_of(cells: Cells, spec: DisclosureSpec, folder: Path) -> list[Dimension]:
    """Dimensions of the tables, each with the sums that hold on the levels the tables have."""
    found = []
    tables = cells.rows[TABLE].unique()
    for name, given in spec.dimensions.items():
        column = cells.codes[name].to_numpy()[cells.cell]
        by_table = [list(dict.fromkeys(column[cells.rows[TABLE] == table])) for table in tables]
        found.append(union_dimension(name, given.sums_of(name, cells.codes[name].unique(), folder), by_table))
    return found


def lay_out(cells: Cells, spec: DisclosureSpec, folder: Path, *, unknown: Flags, absent: Flags, empty: Flags) -> Union:
    """Lay the tables out as one lattice.

    Parameters
    ----------
    unknown : ndarray of bool
        (cells,) cells whose value is not known here.
    absent : ndarray of bool
        (cells,) cells that are left out, such as those a publisher withheld.
    empty : ndarray of bool
        (cells,) those of them that are not applicable, hence nothing where the sums hold without them.
    """
    counts = not spec.values_may_be_negative
    members = [np.unique(cells.cell[cells.rows[TABLE] == table]) for table in cells.rows[TABLE].unique()]
    tolerance = spec.additivity_tolerance
    try:
        union = unite(
            dimensions_of(cells, spec, folder), cells.codes, cells.value, members,
            unknown=unknown | absent, tolerance=tolerance, counts=counts,
        )  # fmt: skip
    except MethodError as error:
        raise SchemaError(str(error)) from None
    union = Union(union.lattice, (*union.links, *(_link(link, cells, spec) for link in spec.links)))
    if not absent.any():
        return union
    return without(union, absent, empty=empty, unknown=unknown, tolerance=tolerance, counts=counts)


def _link(link: LinkSpec, cells: Cells, spec: DisclosureSpec) -> Link:
    numbers = []
    for each in link.cells:
        rows = np.ones(len(cells.rows), dtype=bool)
        if each.table is not None:
            rows &= (cells.rows[TABLE] == each.table).to_numpy()
        for name, code in each.codes.items():
            if name not in spec.dimensions:
                raise SchemaError(f"links: '{name}' is no dimension")
            rows &= (cells.rows[name] == code).to_numpy()
        found = np.unique(cells.cell[rows])
        if len(found) != 1:
            raise SchemaError(f"links: {each.codes} are the codes of {len(found)} cells; name one")
        numbers.append(int(found[0]))
    lower = -np.inf if link.lower is None else link.lower
    upper = np.inf if link.upper is None else link.upper
    return Link(np.array(numbers, np.int64), np.array([each.coefficient for each in link.cells]), lower, upper)


def decide(cells: Cells, spec: DisclosureSpec, *, markers: bool) -> PrimaryDecision:
    """Ask every rule the spec names of every cell.

    Parameters
    ----------
    markers : bool
        Keep status words and publishers' markers the cells came with.
    """
    findings: list[Finding] = []
    rules = spec.rules
    if markers:
        findings += publisher_markers(cells.marker.tolist(), {word: word for word in STATUSES})
    if spec.zeros_are_disclosive:
        findings.append(disclosive_zeros(cells.value))
    if rules.minimum_contributors is not None and spec.contributors:
        findings.append(
            contributor_counts(
                cells.numbers(spec.contributors),
                minimum=rules.minimum_contributors,
                zeros_are_disclosive=spec.zeros_are_disclosive,
            )
        )
    findings += _concentration(cells, spec)
    if rules.reliability is not None:
        base = cells.numbers(rules.reliability.base) if rules.reliability.base else None
        findings.append(
            reliability_ladder(
                cells.value,
                withhold_below=rules.reliability.withhold_below,
                flag_below=rules.reliability.flag_below,
                base=base,
                zeros_are_disclosive=spec.zeros_are_disclosive,
            )
        )
    if rules.precision is not None:
        bands = rules.precision
        cv = cells.numbers(bands.column)
        findings.append(precision_bands(cv, withhold_above=bands.withhold_above, flag_above=bands.flag_above))
    return combine(
        cells.value,
        findings,
        share=spec.protection.share,
        unit=spec.protection.unit,
        rounding_base=spec.rounding_base or 0.0,
        floor=floor_of(spec),
    )


def rules_can_be_asked(cells: Cells, spec: DisclosureSpec) -> bool:
    """Whether the cells have every column the rules need."""
    rules = spec.rules
    base = rules.reliability.base if rules.reliability else None
    wanted = [spec.contributors, base, rules.precision.column if rules.precision else None, *spec.largest]
    return all(name is None or name in cells.rows for name in wanted)


def _concentration(cells: Cells, spec: DisclosureSpec) -> list[Finding]:
    rules = spec.rules
    if rules.dominance is None and rules.p_percent is None:
        return []
    largest = np.column_stack([cells.numbers(name) for name in spec.largest])
    value = np.nan_to_num(cells.value)
    found = []
    try:
        if rules.dominance is not None:
            found.append(dominance_rule(value, largest, n=rules.dominance.n, k=rules.dominance.k))
        if rules.p_percent is not None:
            found.append(p_percent_rule(value, largest, p=rules.p_percent))
    except MethodError as error:
        raise LmiError(f"columns {', '.join(spec.largest)}: {error}") from None
    return found


def singletons(cells: Cells, spec: DisclosureSpec) -> Flags:
    """Cells of one contributor, who knows the value; none if contributors are not counted."""
    if spec.contributors is None:
        return np.zeros(len(cells.codes), dtype=bool)
    return np.asarray(cells.numbers(spec.contributors) == 1)


def floor_of(spec: DisclosureSpec) -> float:
    """Least value everybody takes for possible."""
    return -np.inf if spec.values_may_be_negative else 0.0
