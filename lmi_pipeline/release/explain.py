"""Everything a release can say about one published number: what it is, how sure, how made, from what, and checked how.

Only the release's own folder, the folder of the release before it, and the catalogue are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table
from lmi_pipeline.catalog.protection import Product
from lmi_pipeline.errors import DisclosureError, ReleaseError
from lmi_pipeline.release.explain_ladder import alternatives_of, product_of
from lmi_pipeline.release.explain_path import (
    Checks,
    SourceFiles,
    Step,
    checks_of,
    files_behind,
    path_to,
    row_period,
    steps,
)
from lmi_pipeline.release.explain_row import Candidates, ReleaseFolder, find_row, row_of
from lmi_pipeline.release.explain_rules import Disclosure, disclosure_of
from lmi_pipeline.release.explain_vintage import VintageWords, vintage_words
from lmi_pipeline.release.explain_words import (
    Row,
    figure_label,
    key_label,
    name_column,
    number_text,
    period_words,
    unit_of,
    value_words,
)

WITHHELD, SMALL = "withheld", "small_sample"
_NOT_FACTS = ("status", "synthetic", "is_modelled", "weight_vintage", "rti_release", "rule_version", "rule_id",
              "audit_id", "vintage_id", "unit", "reason")  # fmt: skip
_SURENESS = ("standard_error", "lower_bound", "upper_bound", "interval_low", "interval_high", "cv_percent",
             "quality_band", "respondent_count", "job_sample_count", "contributor_count", "effective_size",
             "shrinkage_weight")  # fmt: skip
_SURENESS_ENDINGS = ("_error", "_low", "_high", "_lower", "_upper", "_band", "_cv")


@dataclass(frozen=True)
class Fact:
    """A column of the row that holds a code or a period, with its meaning."""

    column: str
    label: str
    value: str
    words: str


@dataclass(frozen=True)
class Figure:
    """A number of the row; `value` is None and `text` empty where it is not shown."""

    column: str
    label: str
    value: float | None
    unit: str
    text: str


@dataclass(frozen=True)
class Previous:
    """What the release before had for the same row; figures that are withheld in either release are not among them.

    `state` is one of none (there was no release before), absent (its folder is not here, or has no such row),
    not_shown, and shown.
    """

    release: str
    state: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Alternative:
    """A broader cell to use instead; no figures and no status where another table of the release holds it."""

    key: tuple[Fact, ...]
    figures: tuple[Figure, ...]
    status: str


@dataclass(frozen=True)
class Explanation:
    """One published row, explained.

    Attributes
    ----------
    table, title, description : str
    warnings : tuple of str
        What users of the table must know.
    synthetic : str
        true, false or mixed.
    modelled : bool or None
        Whether it comes from a model; None where that is not known.
    key, details : tuple of Fact
        What the row is of, and what else it says.
    figures, sureness : tuple of Figure
        Its numbers, and what says how sure they are.
    status, status_words : str
    period : str
        Quarter or year of the row in words, or empty.
    lineage_known : bool
        Whether the manifest says what the table was made from.
    in_force_from : str
        Instant the release's embargo ends; empty if it has none.
    """

    table: str
    title: str
    description: str
    warnings: tuple[str, ...]
    synthetic: str
    modelled: bool | None
    key: tuple[Fact, ...]
    details: tuple[Fact, ...]
    figures: tuple[Figure, ...]
    sureness: tuple[Figure, ...]
    status: str
    status_words: str
    period: str
    lineage_known: bool
    steps: tuple[Step, ...]
    vintage: VintageWords | None
    sources: tuple[SourceFiles, ...]
    checks: Checks
    disclosure: Disclosure
    alternatives: tuple[Alternative, ...]
    release: str
    made_at: str
    in_force_from: str
    git_revision: str
    previous: Previous
    folder: str


def explain(folder: ReleaseFolder, table: str, where: Mapping[str, str]) -> Explanation | Candidates:
    """Explain the row that conditions mean.

    Parameters
    ----------
    folder : ReleaseFolder
        Release the number was published in.
    table : str
        Servable table.
    where : mapping of str to str
        Conditions as :func:`lmi_pipeline.release.explain_row.find_row` takes them.

    Returns
    -------
    Explanation or Candidates
        Candidates if several rows are meant.

    Raises
    ------
    ReleaseError
        There is no such table, column, value or row, or a file is not as published.
    DisclosureError
        The table is not a servable one.
    """
    if table.startswith(("vault_", "raw_", "core_", "est_")):
        raise DisclosureError(f"'{table}' is never published, so there is nothing to explain; name an out_ table")
    frame = folder.table(table)
    row = find_row(table, frame, where)
    return row if isinstance(row, Candidates) else _explained(folder, catalog.table(table), frame, row)


def _explained(folder: ReleaseFolder, entry: Table, frame: pd.DataFrame, row: Mapping[str, Any]) -> Explanation:
    manifest, status = folder.manifest, str(row.get("status") or "ok")
    lineage: Mapping[str, Any] = manifest.get("lineage") or {}
    path = path_to(entry.name, lineage)
    product = product_of(entry.name, path)
    sources = files_behind(row, path, manifest.get("inputs", ()))
    period = row_period(row)
    figures, sureness = _figures(row, entry)
    return Explanation(
        table=entry.name,
        title=entry.title,
        description=" ".join(entry.description.split()),
        warnings=entry.warnings,
        synthetic=str(row.get("synthetic") or manifest.get("synthetic", "false")),
        modelled=_is_modelled(row, path),
        key=_facts(entry.key, row),
        details=tuple(replace(f, label=figure_label(f.column)) for f in _facts(_detail_columns(row, entry), row)),
        figures=figures,
        sureness=sureness,
        status=status,
        status_words=catalog.mapping("status_word", "name").get(status, status),
        period=period_words(period),
        lineage_known=entry.name in lineage,
        steps=steps(path),
        vintage=vintage_words(row),
        sources=sources,
        checks=checks_of(path, manifest.get("checks", ())),
        disclosure=disclosure_of(row, path, manifest, _rules_of(product, figures)),
        alternatives=_alternatives(folder, product, entry, frame, row) if status in (WITHHELD, SMALL) else (),
        release=folder.version,
        made_at=str(manifest.get("made_at") or ""),
        in_force_from=str(manifest.get("embargo") or ""),
        git_revision=str(manifest.get("git_revision", "")),
        previous=_previous(folder, entry, row),
        folder=str(folder.path),
    )


def _rules_of(product: Product | None, figures: tuple[Figure, ...]) -> tuple[str, ...] | None:
    if product is None:
        return None
    return (*product.rules, "rounding") if any(figure.unit == "persons" for figure in figures) else product.rules


def _is_modelled(row: Row, path: tuple[str, ...]) -> bool | None:
    if row.get("is_modelled") is not None:
        return bool(row["is_modelled"])
    behind = {name.split("_", 1)[0] for name in path[:-1]}
    return "est" in behind if behind else None


def _facts(columns: tuple[str, ...], row: Row) -> tuple[Fact, ...]:
    known = [column for column in columns if row.get(column) is not None]
    return tuple(Fact(c, key_label(c), _plain(row[c]), value_words(c, row[c], row)) for c in known)


def _plain(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _is_number(column: str, row: Row) -> bool:
    entry = catalog.columns().get(column)
    if entry is not None:
        return entry.type in ("integer", "float")
    return isinstance(row[column], int | float) and not isinstance(row[column], bool)


def _says_how_sure(column: str) -> bool:
    return column in _SURENESS or column.endswith(_SURENESS_ENDINGS)


def _figures(row: Row, entry: Table) -> tuple[tuple[Figure, ...], tuple[Figure, ...]]:
    columns = [column for column in row if column not in entry.key and column not in _NOT_FACTS]
    bands = [column for column in columns if _says_how_sure(column)]
    numbers = [column for column in columns if column not in bands and _is_number(column, row)]
    found = tuple(_figure(column, row) for column in numbers)
    return found, tuple(_figure(column, row) for column in bands if row[column] is not None)


def _figure(column: str, row: Row) -> Figure:
    value, unit = row[column], unit_of(column, row)
    if isinstance(value, str):
        return Figure(column, figure_label(column), None, unit, value_words(column, value, row) or value)
    if value is None:
        return Figure(column, figure_label(column), None, unit, "")
    return Figure(column, figure_label(column), float(value), unit, number_text(float(value), unit))


def _detail_columns(row: Row, entry: Table) -> tuple[str, ...]:
    names = {name_column(column, row) for column in row}
    return tuple(
        column
        for column in row
        if column not in entry.key
        and column not in _NOT_FACTS
        and column not in names
        and not _says_how_sure(column)
        and not _is_number(column, row)
    )


def _same_row(frame: pd.DataFrame, key: tuple[str, ...], row: Row) -> dict[str, Any] | None:
    if not set(key) <= set(frame.columns):
        return None
    same = pd.Series(data=True, index=frame.index)
    for column in key:
        same &= frame[column] == row[column]
    return row_of(frame[same]) if same.any() else None


def _previous(folder: ReleaseFolder, entry: Table, row: Row) -> Previous:
    version = folder.manifest.get("previous")
    if not version:
        return Previous("", "none", ())
    try:
        before = _same_row(ReleaseFolder.open(folder.path.parent / str(version)).table(entry.name), entry.key, row)
    except ReleaseError:
        before = None
    if before is None:
        return Previous(str(version), "absent", ())
    if WITHHELD in (before.get("status"), row.get("status")):
        return Previous(str(version), "not_shown", ())
    figures = [
        _figure(f.column, before) for f in _figures(row, entry)[0] if f.text and before.get(f.column) is not None
    ]
    return Previous(str(version), "shown" if figures else "not_shown", tuple(figures))


def _alternatives(
    folder: ReleaseFolder, product: Product | None, entry: Table, frame: pd.DataFrame, row: Row
) -> tuple[Alternative, ...]:
    """Broader figures the release names for a row, nearest first."""
    if product is None or not folder.has(product.alternatives):
        return ()
    found = []
    for cell in alternatives_of(row, folder.table(product.alternatives)):
        other = _same_row(frame, entry.key, cell)
        shown = _figures(other, entry)[0] if other else ()
        status = str(other.get("status") or "ok") if other else ""
        names = {name_column(column, cell) for column in cell}
        coordinates = {column: value for column, value in cell.items() if column not in names}
        found.append(Alternative(_facts(entry.key, coordinates), tuple(f for f in shown if f.text), status))
    return tuple(found)
