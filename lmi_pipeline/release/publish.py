"""Making immutable releases, and going back to an earlier one.

A release is built in a temporary folder, checked, and renamed into place, then the pointer ``current`` is replaced:
whoever reads sees the old one or the new one, never a half. One process at a time publishes in a folder.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.database import SQLITE, drop_schema, write_schema, write_sqlite
from lmi_pipeline.release.diff import diff_folders
from lmi_pipeline.release.diff_text import diff_markdown
from lmi_pipeline.release.documents import attribution, dictionary, licences
from lmi_pipeline.release.locking import BUILDING, PUBLISH, WAIT, clear_leftovers, identity, only_one
from lmi_pipeline.release.manifest import settle, verify, write_manifest, wrong_files
from lmi_pipeline.release.notes import notes_text
from lmi_pipeline.release.pointer import (
    MANIFEST,
    bring_into_force,
    current_release,
    home_time,
    is_version,
    manifest_of,
    next_version,
    point_at,
)
from lmi_pipeline.release.servable import servable, write_files
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake

SCHEMA_VERSION = 1
INPUT_COLUMNS = ("source", "layout", "release", "period", "file_name", "sha256", "licence", "retrieved_at", "synthetic")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class _Written:
    """What the manifest says of a table."""

    rows: int
    columns: tuple[str, ...]
    synthetic: tuple[str, ...]
    vintages: tuple[str, ...]


def rollback(root: Path, version: str, now: datetime) -> None:
    """Make a release that exists the one in force, in one step; releases that wait for their instant no longer do.

    Raises
    ------
    ReleaseError
        No such release, it is not as published, or it is under embargo.
    """
    embargo = manifest_of(root, version).get("embargo")
    if embargo and datetime.fromisoformat(embargo) > now:
        raise ReleaseError(
            f"release {version} is under embargo until {home_time(datetime.fromisoformat(embargo))}; publish again"
            " with --embargo if it has been taken off"
        )
    changed = verify(root, version)
    if changed:
        raise ReleaseError(
            f"release {version} has {len(changed)} files that are not as published: {', '.join(changed)}"
        )
    point_at(root, version)


def diff_releases(root: Path, before: str, after: str, tables: Collection[str] | None = None) -> dict[str, Any]:
    """Differences between any two releases, by table, of all tables or of those named.

    Raises
    ------
    ReleaseError
        No such release, or neither has a table that is named.
    """
    manifests = [manifest_of(root, version) for version in (before, after)]
    unknown = sorted({*(tables or ())} - {name for manifest in manifests for name in manifest["tables"]})
    if unknown:
        raise ReleaseError(f"neither {before} nor {after} has a table {', '.join(unknown)}")
    folders = [root / str(manifest["release"]) for manifest in manifests]
    return diff_folders(folders[0], folders[1], tables)


def publish(
    lake: Lake,
    releases_root: Path,
    *,
    database_url: str | None,
    checks: Sequence[Mapping[str, Any]],
    git_revision: str,
    inputs: pd.DataFrame,
    made_at: datetime,
    version: str | None = None,
    lake_versions: Mapping[str, int] | None = None,
    validation_page: str | Callable[[str], str] | None = None,
    now: datetime | None = None,
    embargo: datetime | None = None,
    notes: str | None = None,
    lineage: Mapping[str, Sequence[str]] | None = None,
    rules: Mapping[str, Any] | None = None,
    audits: Sequence[Mapping[str, Any]] = (),
    database_reader: str | None = None,
    wait: float = WAIT,
) -> Path:
    """Publish every servable table of the lake as one immutable release.

    Parameters
    ----------
    database_url : str or None
        Database with one schema per release; None for a SQLite file in the release.
    checks : sequence of mapping
        Outcomes with ``table``, ``name``, ``severity``, ``passed``: every blocking check of the tables that hold no
        microdata. Those that do are checked by the run that writes them.
    inputs : DataFrame
        Ledger rows of the files behind the tables.
    made_at : datetime
        When, UTC.
    version : str, optional
        ``YYYY.M.N``; the next of the month if not given, which is the way to publish when others may.
    lake_versions : mapping of str to int, optional
        Versions of the tables that were checked, and are published; the newest if not given.
    validation_page : str or callable, optional
        Page of the checks, or what makes it when told the version.
    now : datetime, optional
        Instant of the call, for what is in force; ``made_at`` if not given.
    embargo : datetime, optional
        Instant, with a time zone, from which the release is in force; at once if not given.
    notes : str, optional
        Note of a person in Markdown; a summary of the difference if not given.
    lineage : mapping of str to sequence of str, optional
        Tables that each table is made from.
    rules : mapping, optional
        Rules of disclosure and reliability in force, and their version.
    audits : sequence of mapping
        Disclosure audits that the tables passed.
    database_reader : str, optional
        Role that may read the schema of the release.
    wait : float
        Seconds to wait for another process that publishes.

    Raises
    ------
    ReleaseError
        Nothing to publish, a blocking check failed or is missing, the version exists, another process publishes, or no
        space is left.
    DisclosureError
        A table holds microdata, an identifying column, or a number in a withheld cell.
    """
    versions = dict(lake_versions) if lake_versions is not None else versions_of(lake)
    names = [name for name in versions if catalog.table(name).layer == "out"]
    _require_passed(list(versions), names, checks)
    asked_at = made_at if now is None else now
    with only_one(releases_root, PUBLISH, wait=wait):
        clear_leftovers(releases_root)
        version = version or next_version(releases_root, made_at)
        _require_new(releases_root, version)
        facts = {
            "schema_version": SCHEMA_VERSION,
            "release": version,
            "made_at": made_at.isoformat(),
            "embargo": None if embargo is None else embargo.astimezone(UTC).isoformat(),
            "git_revision": git_revision,
            "previous": current_release(releases_root, asked_at if embargo is None else embargo),
            "lake_versions": versions,
            "inputs": _input_rows(inputs),
            "checks": [dict(check) for check in checks],
            "lineage": {name: list(upstream) for name, upstream in (lineage or {}).items()},
            "rules": dict(rules or {}),
            "audits": [dict(audit) for audit in audits],
        }
        page = validation_page(version) if callable(validation_page) else validation_page
        target = _Target(releases_root, version, database_url, database_reader)
        with _plain_errors(target), _all_or_nothing(target) as building:
            facts |= _write_tables(lake, {name: versions[name] for name in names}, building)
            facts["notes"] = _write_documents(building, releases_root, facts, inputs, notes, page)
            facts["database"] = target.write_database(names, building)
            write_manifest(building, facts)
            _move_into_place(building, releases_root / version)
        with _plain_errors(target):
            bring_into_force(releases_root, version, embargo, asked_at)
    return releases_root / version


class _Target:
    """Where the tables of one release go, and how to take them back."""

    def __init__(self, root: Path, version: str, database_url: str | None, reader: str | None) -> None:
        self.root, self.version = root, version
        self._url, self._reader = database_url, reader
        self._in_schema = False

    def write_database(self, names: Sequence[str], building: Path) -> str:
        """Write the tables to the database, and say where."""
        tables = {name: building / f"{name}.parquet" for name in names}
        if self._url is None:
            write_sqlite(tables, building)
            return SQLITE
        where = write_schema(tables, self._url, self.version, owner=identity(self.root), reader=self._reader)
        self._in_schema = True
        return where

    def take_back(self) -> None:
        """Drop the schema, if it was written."""
        if self._url is not None and self._in_schema:
            drop_schema(self._url, self.version)


@contextmanager
def _all_or_nothing(target: _Target) -> Iterator[Path]:
    """Give a folder to build in; whatever goes wrong, it and the database schema are taken back."""
    building = None
    try:
        building = Path(tempfile.mkdtemp(dir=target.root, prefix=BUILDING))
        yield building
    except BaseException:
        if building is not None:
            shutil.rmtree(building, ignore_errors=True)
        target.take_back()
        raise


@contextmanager
def _plain_errors(target: _Target) -> Iterator[None]:
    """Say what the operating system refused, and that the releases before are safe."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            fault = f"no space left for its files ({error.strerror}); free some"
        else:
            fault = f"{error.strerror or type(error).__name__}; see that the folder can be written to"
        raise ReleaseError(
            f"release {target.version} in {target.root}: {fault}, and publish again; the release in force stands"
        ) from error


def _write_tables(lake: Lake, versions: Mapping[str, int], folder: Path) -> dict[str, Any]:
    """Write one table after another, so that one at a time is in memory."""
    written: dict[str, _Written] = {}
    for name, version in versions.items():
        table = servable(name, lake.read(name, version=version))
        write_files({name: table}, folder)
        flags = tuple(pc.unique(table["synthetic"]).to_pylist())
        written[name] = _Written(len(table), tuple(table.column_names), flags, _vintages(table))
    return {
        "synthetic": combine_synthetic(*(flag for table in written.values() for flag in table.synthetic)),
        "weight_vintages": sorted({vintage for table in written.values() for vintage in table.vintages}),
        "tables": {name: {"rows": table.rows, "columns": list(table.columns)} for name, table in written.items()},
    }


def _vintages(table: pa.Table) -> tuple[str, ...]:
    return tuple(pc.unique(table["weight_vintage"]).to_pylist()) if "weight_vintage" in table.column_names else ()


def versions_of(lake: Lake) -> dict[str, int]:
    """Current version of every table of a lake."""
    return {name: lake.version(name) for name in lake.tables()}


def _require_passed(tables: Sequence[str], servables: Sequence[str], checks: Sequence[Mapping[str, Any]]) -> None:
    if not servables:
        raise ReleaseError("the lake has no servable (out_) table; run `lmi run` first")
    failed = [f"{c['table']}: {c['name']}" for c in checks if c["severity"] == "block" and not c["passed"]]
    if failed:
        raise ReleaseError(f"{len(failed)} blocking checks failed: {', '.join(failed)}; nothing is published")
    made = {(str(check["table"]), str(check["name"])) for check in checks}
    entries = [entry for entry in map(catalog.table, tables) if not entry.microdata]
    wanted = [(entry.name, check.name) for entry in entries for check in entry.checks if check.severity == "block"]
    wanted += [(name, "key_unique") for name in servables]
    missing = [f"{table}: {name}" for table, name in wanted if (table, name) not in made]
    if missing:
        raise ReleaseError(f"{len(missing)} blocking checks have not been made: {', '.join(missing)}")


def _require_new(root: Path, version: str) -> None:
    if not is_version(version):
        raise ReleaseError(f"release version '{version}' is not YYYY.M.N")
    if (root / version).exists():
        raise ReleaseError(f"release {version} exists already; releases are never overwritten")


def _write_documents(
    folder: Path, root: Path, facts: Mapping[str, Any], inputs: pd.DataFrame, notes: str | None, page: str | None
) -> str:
    """Write what goes beside the tables; the note is handed back."""
    previous, synthetic = facts["previous"], facts["synthetic"]
    difference = diff_folders(root / previous if previous else None, folder)
    note = notes_text(
        notes, version=facts["release"], previous=previous, difference=difference, vintages=facts["weight_vintages"],
        synthetic=synthetic,
    )  # fmt: skip
    compared = {"previous": previous, "release": facts["release"], "tables": difference}
    texts = {
        "dictionary.md": dictionary(list(facts["tables"]), inputs, synthetic),
        "attribution.md": attribution(inputs, synthetic),
        "licences.md": licences(inputs, synthetic),
        "diff.json": json.dumps(compared, indent=2),
        "diff.md": diff_markdown(difference, previous),
        "notes.md": note,
    }
    if page is not None:
        texts["validation.html"] = page
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return note


def _move_into_place(building: Path, folder: Path) -> None:
    settle(building)
    expected = json.loads((building / MANIFEST).read_text(encoding="utf-8"))["files"]
    wrong = wrong_files(building, expected)
    if wrong:
        raise ReleaseError(f"release {folder.name}: {', '.join(wrong)} cannot be read back as written; see the disk")
    try:
        building.rename(folder)
    except OSError as error:
        raise ReleaseError(
            f"release {folder.name} could not be put in place: {error.strerror}; publish again"
        ) from error


def _input_rows(inputs: pd.DataFrame) -> list[dict[str, Any]]:
    columns = list(INPUT_COLUMNS)
    told = inputs[columns].assign(retrieved_at=inputs["retrieved_at"].map(str))
    rows = told.astype("object").where(told.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
