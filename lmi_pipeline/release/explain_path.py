"""From which files and through which tables a number came: what the manifest and the catalogue say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from lmi_pipeline import catalog
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.release.explain_words import Row

_LAYERS = ("raw", "core", "est", "out")
_SHAPE_CHECKS = re.compile(r"(type|not_null|range|codes|format|expect)_|(columns|not_empty|key_unique)$")
_UNNAMED = "SQL test"
_ASHE_YEAR = re.compile(r"(\d{4})(-(provisional|revised|final).*)?")


@dataclass(frozen=True)
class Step:
    """One table on the way from the files to the number."""

    table: str
    title: str
    layer: str
    method: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class InputFile:
    """One file as received."""

    file_name: str
    layout: str
    release: str
    period: str | None
    sha256: str
    licence: str
    retrieved_at: str | None
    synthetic: str


@dataclass(frozen=True)
class SourceFiles:
    """Files of one source: those of the row's own period (or of none), and those of other periods."""

    source: str
    title: str
    publisher: str
    citation: str
    licence: str
    files: tuple[InputFile, ...]
    other_periods: tuple[InputFile, ...]


@dataclass(frozen=True)
class Check:
    """One check of a table on the way."""

    table: str
    name: str
    severity: str
    passed: bool
    description: str


@dataclass(frozen=True)
class Checks:
    """Checks of the tables on the way, and the tables whose checks the release does not list."""

    all: tuple[Check, ...]
    unlisted: tuple[str, ...]

    @property
    def passed(self) -> int:
        """Number of checks passed."""
        return sum(check.passed for check in self.all)

    @property
    def told(self) -> tuple[Check, ...]:
        """Checks of the meaning of a table, not of its shape."""
        return tuple(check for check in self.all if not _SHAPE_CHECKS.match(check.name))


def path_to(table: str, lineage: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Tables behind a table and itself, each after those it is made from.

    Parameters
    ----------
    table : str
        Where the path ends.
    lineage : mapping of str to sequence of str
        Tables each table is made from; what is not in it, or in a circle, counts as made from nothing.
    """
    graph: dict[str, list[str]] = {}
    waiting = [table]
    while waiting:
        name = waiting.pop()
        if name not in graph:
            graph[name] = sorted(up for up in lineage.get(name, ()) if _is_step(up) and up != name)
            waiting += graph[name]
    try:
        depth: dict[str, int] = {}
        for name in TopologicalSorter(graph).static_order():
            depth[name] = 1 + max((depth[up] for up in graph[name]), default=0)
    except CycleError:
        depth = dict.fromkeys(graph, 0)
    return tuple(sorted(graph, key=lambda name: (_rank(name), depth[name], name)))


def _is_step(table: str) -> bool:
    return table in catalog.tables() and not table.startswith("vault_")


def _rank(table: str) -> int:
    return _LAYERS.index(table.split("_", 1)[0])


def steps(path: Iterable[str]) -> tuple[Step, ...]:
    """The tables of a path, in words of the catalogue."""
    found = []
    for entry in (catalog.table(name) for name in path):
        method = " ".join(entry.method.split())
        found.append(Step(entry.name, entry.title, entry.layer, method, entry.references))
    return tuple(found)


def files_behind(row: Row, path: Sequence[str], inputs: Iterable[Mapping[str, Any]]) -> tuple[SourceFiles, ...]:
    """Files the tables of a path were read from, by source.

    Files of another period than the row's are set apart, as are other releases of a source whose release the row
    names. Where nothing is known about a path's files, all inputs are given.
    """
    rows = [dict(entry) for entry in inputs]
    behind = [entry for entry in rows if _is_behind(entry, path)] or rows
    found = []
    for source in sorted({str(entry["source"]) for entry in behind}):
        mine = [entry for entry in behind if entry["source"] == source]
        near = [entry for entry in mine if _is_near(entry, row, mine)]
        far = [entry for entry in mine if not _is_near(entry, row, mine)]
        found.append(_source_files(source, near or mine, far if near else []))
    return tuple(found)


def _is_behind(entry: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether a file's layout feeds a core table of the path; without one, whether its source is named by a table."""
    if not any(catalog.table(name).layer == "core" for name in path):
        return any(entry["source"] in catalog.table(name).sources for name in path)
    known = catalog.sources().get(str(entry["source"]))
    layouts = [layout for layout in known.layouts if layout.name == entry["layout"]] if known else []
    return any(set(layout.core_tables) & set(path) for layout in layouts)


def _is_near(entry: Mapping[str, Any], row: Row, others: Sequence[Mapping[str, Any]]) -> bool:
    release = row.get(f"{entry['source']}_release")
    if release and any(other["layout"] == entry["layout"] and other["release"] == release for other in others):
        return bool(entry["release"] == release)
    wanted = row_period(row)
    periods = _periods(entry)
    return not wanted or not periods or any(_same_period(wanted, period) for period in periods)


def row_period(row: Row) -> str:
    """Quarter or year a row is of; empty where it is of none."""
    value = next(
        (row[name] for name in ("quarter", "period_code", "impact_period", "year") if row.get(name) is not None), ""
    )
    text = str(value)
    return text if text[:4].isdigit() else ""


def _periods(entry: Mapping[str, Any]) -> list[str]:
    if entry.get("period"):
        return str(entry["period"]).split("/")
    found = _ASHE_YEAR.fullmatch(str(entry["release"])) if entry["source"] == "ashe" else None
    return [found[1]] if found else []


def _same_period(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _source_files(source: str, files: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> SourceFiles:
    known = catalog.sources().get(source)
    licences = sorted({str(entry["licence"]) for entry in files})
    return SourceFiles(
        source=source,
        title=known.title if known else source,
        publisher=known.publisher if known else "not in this catalogue",
        citation=known.citation.strip() if known else "",
        licence="; ".join(licences),
        files=tuple(_file(entry) for entry in files),
        other_periods=tuple(_file(entry) for entry in others),
    )


def _file(entry: Mapping[str, Any]) -> InputFile:
    try:
        layouts = {layout.name: layout.title for layout in catalog.source(str(entry["source"])).layouts}
    except SchemaError:
        layouts = {}
    return InputFile(
        file_name=str(entry["file_name"]),
        layout=layouts.get(str(entry["layout"]), str(entry["layout"])),
        release=str(entry["release"]),
        period=entry.get("period"),
        sha256=str(entry["sha256"]),
        licence=str(entry["licence"]),
        retrieved_at=entry.get("retrieved_at"),
        synthetic=str(entry["synthetic"]),
    )


def checks_of(path: Sequence[str], checks: Iterable[Mapping[str, Any]]) -> Checks:
    """Checks of the tables of a path, in its order."""
    found: dict[str, list[Check]] = {name: [] for name in path}
    for check in checks:
        if check["table"] in found:
            name, text = str(check["name"]), str(check.get("description") or "")
            told = name.replace("_", " ") if not text or text.startswith(_UNNAMED) else text
            found[check["table"]].append(
                Check(str(check["table"]), name, str(check["severity"]), bool(check["passed"]), told)
            )
    listed = [check for name in path for check in found[name]]
    return Checks(tuple(listed), tuple(name for name in path if not found[name]))
