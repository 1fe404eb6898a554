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

from lmi_pipeline import catalog
from lmi_pipeline.errors import DisclosureError, ReleaseError
from lmi_pipeline.release.database import write_database
from lmi_pipeline.release.diff import diff_markdown, diff_tables
from lmi_pipeline.release.documents import attribution, csvw, dictionary
from lmi_pipeline.storage.frames import combine_synthetic, to_arrow
from lmi_pipeline.storage.lake import Lake

SCHEMA_VERSION = 1
POINTER, MANIFEST = "current", "manifest.json"
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
    if not path.exists():
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
    """Files of a release that are missing or whose hash is not the manifest's."""
    folder = root / version
    expected: Mapping[str, str] = manifest_of(root, version)["files"]
    return [name for name, sha256 in expected.items() if not (folder / name).exists() or _hash(folder / name) != sha256]


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
    validation_page: str | None = None,
) -> Path:
    """Publish every servable table of the lake as one immutable release.

    Parameters
    ----------
    checks : sequence of mapping
        Outcomes with ``table``, ``name``, ``severity``, ``passed``.
    inputs : DataFrame
        Ledger rows of the files behind the tables.
    made_at : datetime
        When, UTC.

    Raises
    ------
    ReleaseError
        Nothing to publish, a blocking check failed or is missing, or the version exists.
    DisclosureError
        A table holds microdata, an identifying column, or a number in a withheld cell.
    """
    names = [name for name in lake.tables() if catalog.table(name).layer == "out"]
    _require_passed(names, checks)
    if (releases_root / version).exists():
        raise ReleaseError(f"release {version} exists already; releases are never overwritten")
    frames = {name: _servable(name, lake.read(name)) for name in names}
    versions = {name: lake.version(name) for name in lake.tables()}
    releases_root.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=releases_root, prefix=".building-"))
    try:
        _write_tables(building, frames)
        database = write_database(frames, database_url or f"sqlite:///{building / 'release.sqlite'}", version)
        previous = current_release(releases_root)
        _write_documents(building, frames, inputs, releases_root / previous if previous else None, validation_page)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "release": version,
            "made_at": made_at.isoformat(),
            "git_revision": git_revision,
            "previous": previous,
            "synthetic": combine_synthetic(*(frame["synthetic"] for frame in frames.values())),
            "database": database,
            "lake_versions": versions,
            "weight_vintages": _vintages(frames),
            "inputs": _input_rows(inputs),
            "checks": [dict(check) for check in checks],
            "tables": {name: {"rows": len(frame), "columns": list(frame.columns)} for name, frame in frames.items()},
            "files": {str(p.relative_to(building)): _hash(p) for p in sorted(building.rglob("*")) if p.is_file()},
        }
        (building / MANIFEST).write_text(json.dumps(manifest, indent=2, default=str), encoding="utf-8")
        building.chmod(0o755)
        building.rename(releases_root / version)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    _flip(releases_root, version)
    return releases_root / version


def _require_passed(names: Sequence[str], checks: Sequence[Mapping[str, Any]]) -> None:
    if not names:
        raise ReleaseError("the lake has no servable (out_) table; run `lmi run` first")
    failed = [f"{c['table']}: {c['name']}" for c in checks if c["severity"] == "block" and not c["passed"]]
    if failed:
        raise ReleaseError(f"{len(failed)} blocking checks failed: {', '.join(failed)}; nothing is published")
    unchecked = sorted(set(names) - {str(c["table"]) for c in checks})
    if unchecked:
        raise ReleaseError(f"no check has been made of {', '.join(unchecked)}; nothing is published")


def _servable(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    entry = catalog.table(name)
    identifying = [column for column in entry.columns if catalog.column(column).identifying]
    if entry.microdata or identifying:
        raise DisclosureError(
            f"table '{name}' holds individual records ({identifying or 'microdata'}) and cannot be released"
        )
    to_arrow(frame, entry)
    if "status" in frame.columns:
        numbers = [c for c in entry.columns if c in entry.nullable and catalog.column(c).type in ("float", "integer")]
        leaking = int(frame.loc[frame["status"] == "withheld", numbers].notna().any(axis=1).sum())
        if leaking:
            raise DisclosureError(f"table '{name}': {leaking} withheld rows hold a number; nothing is published")
    return frame.sort_values(list(entry.key), ignore_index=True)


def _write_tables(folder: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    import pyarrow.parquet as pq

    for name, frame in frames.items():
        pq.write_table(to_arrow(frame, catalog.table(name)), folder / f"{name}.parquet")
        frame.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        metadata = json.dumps(csvw(catalog.table(name)), indent=2)
        (folder / f"{name}.csv-metadata.json").write_text(metadata, encoding="utf-8")


def _write_documents(
    folder: Path, frames: Mapping[str, pd.DataFrame], inputs: pd.DataFrame, previous: Path | None, page: str | None
) -> None:
    difference = diff_tables(_published(previous, list(frames)), frames)
    texts = {
        "dictionary.md": dictionary(list(frames)),
        "attribution.md": attribution(sorted(inputs["source"].unique())),
        "diff.json": json.dumps(difference, indent=2, default=str),
        "diff.md": diff_markdown(difference, previous.name if previous else None),
    }
    if page is not None:
        texts["validation.html"] = page
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _published(folder: Path | None, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    if folder is None:
        return {}
    return {n: pd.read_parquet(folder / f"{n}.parquet") for n in names if (folder / f"{n}.parquet").exists()}


def _vintages(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    held = [frame["weight_vintage"] for frame in frames.values() if "weight_vintage" in frame.columns]
    return sorted(set(pd.concat(held))) if held else []


def _input_rows(inputs: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ["source", "layout", "release", "period", "file_name", "sha256", "licence", "synthetic"]
    rows = inputs[columns].astype("object").where(inputs[columns].notna(), None)
    found: list[dict[str, Any]] = rows.to_dict("records")
    return found


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _flip(root: Path, version: str) -> None:
    temporary = root / f".{POINTER}-{os.getpid()}"
    temporary.write_text(f"{version}\n", encoding="utf-8")
    temporary.replace(root / POINTER)
