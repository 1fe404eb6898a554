"""Making, finding and switching immutable releases.

A release is built in a temporary folder and renamed into place, then the pointer ``current`` is
replaced: whoever reads sees the old one or the new one, never a half.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.database import SQLITE, drop_schema, write_schema, write_sqlite
from lmi_pipeline.release.diff import diff_markdown, diff_tables
from lmi_pipeline.release.documents import attribution, dictionary
from lmi_pipeline.release.servable import read_files, servable, write_files
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake

SCHEMA_VERSION = 1
POINTER, MANIFEST, SEAL = "current", "manifest.json", "manifest.json.sha256"
_VERSION = re.compile(r"^\d{4}\.\d{1,2}\.\d+$")


def list_releases(root: Path) -> list[str]:
    """Versions of the releases there are, newest first."""
    if not root.is_dir():
        return []
    found = [path.name for path in root.iterdir() if _VERSION.match(path.name) and (path / MANIFEST).exists()]
    return sorted(found, key=_order, reverse=True)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def current_release(root: Path) -> str | None:
    """Version the pointer names; None when nothing has been published."""
    pointer = root / POINTER
    return pointer.read_text(encoding="utf-8").strip() if pointer.exists() else None


def next_version(root: Path, made_at: datetime) -> str:
    """Next version of the month, ``YYYY.M.N``."""
    month = (made_at.year, made_at.month)
    numbers = [_order(version)[2] for version in list_releases(root) if _order(version)[:2] == month]
    return f"{made_at.year}.{made_at.month}.{max(numbers, default=0) + 1}"


def manifest_of(root: Path, version: str) -> dict[str, Any]:
    """Manifest of a release; ReleaseError if there is no such release."""
    path = root / version / MANIFEST
    if not _VERSION.match(version) or not path.exists():
        raise ReleaseError(f"no release {version} in {root}; there are {', '.join(list_releases(root)) or 'none'}")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def rollback(root: Path, version: str) -> None:
    """Point ``current`` at a release that exists, in one step."""
    manifest_of(root, version)
    changed = verify(root, version)
    if changed:
        raise ReleaseError(
            f"release {version} has {len(changed)} files that are not as published: {', '.join(changed)}"
        )
    _flip(root, version)


def verify(root: Path, version: str) -> list[str]:
    """Files of a release that are missing, added, or not as published, the manifest among them."""
    expected: Mapping[str, str] = manifest_of(root, version)["files"]
    folder = root / version
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    wrong = {name for name, sha256 in expected.items() if name not in found or _hash(found[name]) != sha256}
    wrong |= found.keys() - expected.keys() - {MANIFEST, SEAL}
    if SEAL not in found or found[SEAL].read_text(encoding="utf-8") != _seal(folder / MANIFEST):
        wrong.add(MANIFEST)
    return sorted(wrong)


def diff_releases(root: Path, before: str, after: str) -> dict[str, Any]:
    """Differences between any two releases, by table."""
    folders = [root / str(manifest_of(root, version)["release"]) for version in (before, after)]
    return diff_tables(*(read_files(folder) for folder in folders))


def publish(
    lake: Lake,
    releases_root: Path,
    *,
    database_url: str | None,
    version: str,
    checks: Sequence[Mapping[str, Any]],
    git_revision: str,
    inputs: pd.DataFrame,
    made_at: datetime,
    lake_versions: Mapping[str, int] | None = None,
    validation_page: str | None = None,
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
    lake_versions : mapping of str to int, optional
        Versions of the tables that were checked, and are published; the newest if not given.

    Raises
    ------
    ReleaseError
        Nothing to publish, a blocking check failed or is missing, or the version exists.
    DisclosureError
        A table holds microdata, an identifying column, or a number in a withheld cell.
    """
    versions = dict(lake_versions) if lake_versions is not None else versions_of(lake)
    names = [name for name in versions if catalog.table(name).layer == "out"]
    _require_passed(list(versions), names, checks)
    _require_new(releases_root, version)
    tables = {name: servable(name, lake.read(name, version=versions[name])) for name in names}
    releases_root.mkdir(parents=True, exist_ok=True)
    previous = current_release(releases_root)
    facts = {
        "schema_version": SCHEMA_VERSION,
        "release": version,
        "made_at": made_at.isoformat(),
        "git_revision": git_revision,
        "previous": previous,
        "synthetic": combine_synthetic(*(table["synthetic"].to_pandas() for table in tables.values())),
        "lake_versions": versions,
        "weight_vintages": _vintages(tables),
        "inputs": _input_rows(inputs),
        "checks": [dict(check) for check in checks],
        "tables": {name: {"rows": len(table), "columns": table.column_names} for name, table in tables.items()},
    }
    building = Path(tempfile.mkdtemp(dir=releases_root, prefix=".building-"))
    written_to = None
    try:
        write_files(tables, building)
        before = read_files(releases_root / str(manifest_of(releases_root, previous)["release"])) if previous else {}
        _write_documents(building, facts, inputs, diff_tables(before, tables), validation_page)
        if database_url is None:
            write_sqlite(tables, building)
        else:
            written_to = write_schema(tables, database_url, version)
        _write_manifest(building, {**facts, "database": written_to or SQLITE})
        _move_into_place(building, releases_root / version)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        if database_url is not None and written_to is not None:
            drop_schema(database_url, version)
        raise
    _flip(releases_root, version)
    return releases_root / version


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
    if not _VERSION.match(version):
        raise ReleaseError(f"release version '{version}' is not YYYY.M.N")
    if (root / version).exists():
        raise ReleaseError(f"release {version} exists already; releases are never overwritten")


def _write_documents(
    folder: Path, facts: Mapping[str, Any], inputs: pd.DataFrame, difference: Mapping[str, Any], page: str | None
) -> None:
    compared = {"previous": facts["previous"], "release": facts["release"], "tables": difference}
    texts = {
        "dictionary.md": dictionary(list(facts["tables"]), inputs, facts["synthetic"]),
        "attribution.md": attribution(inputs, facts["synthetic"]),
        "diff.json": json.dumps(compared, indent=2),
        "diff.md": diff_markdown(difference, facts["previous"]),
    }
    if page is not None:
        texts["validation.html"] = page
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    files = {str(path.relative_to(folder)): _hash(path) for path in paths}
    (folder / MANIFEST).write_text(json.dumps({**facts, "files": files}, indent=2), encoding="utf-8")
    (folder / SEAL).write_text(_seal(folder / MANIFEST), encoding="utf-8")


def _move_into_place(building: Path, folder: Path) -> None:
    for path in building.rglob("*"):
        path.chmod(0o444)
    building.chmod(0o755)
    try:
        building.rename(folder)
    except OSError as error:
        raise ReleaseError(
            f"release {folder.name} could not be put in place: {error.strerror}; publish again"
        ) from error


def _vintages(tables: Mapping[str, pa.Table]) -> list[str]:
    held = [pc.unique(table["weight_vintage"]) for table in tables.values() if "weight_vintage" in table.column_names]
    return sorted({vintage for values in held for vintage in values.to_pylist()})


def _input_rows(inputs: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ["source", "layout", "release", "period", "file_name", "sha256", "licence", "synthetic"]
    rows = inputs[columns].astype("object").where(inputs[columns].notna(), None)
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _seal(manifest: Path) -> str:
    return f"{_hash(manifest)}  {manifest.name}\n"


def _flip(root: Path, version: str) -> None:
    temporary = root / f".{POINTER}-{os.getpid()}"
    temporary.write_text(f"{version}\n", encoding="utf-8")
    temporary.replace(root / POINTER)
