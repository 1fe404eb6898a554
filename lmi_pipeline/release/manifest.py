"""The manifest of a release: the hash of every file, sealed, and the check that all is as published."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmi_pipeline.release.pointer import MANIFEST, manifest_of

SEAL = "manifest.json.sha256"


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the manifest, with the hash of every file in the folder, and its seal."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    files = {str(path.relative_to(folder)): _hash(path) for path in paths}
    (folder / MANIFEST).write_text(json.dumps({**facts, "files": files}, indent=2), encoding="utf-8")
    (folder / SEAL).write_text(_seal(folder / MANIFEST), encoding="utf-8")


def verify(root: Path, version: str) -> list[str]:
    """Files of a release that are missing, added, or not as published, the manifest among them."""
    return wrong_files(root / version, manifest_of(root, version)["files"])


def wrong_files(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Files of a folder that are missing, added, or without the hash expected of them."""
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    wrong = {name for name, sha256 in expected.items() if name not in found or _hash(found[name]) != sha256}
    wrong |= found.keys() - expected.keys() - {MANIFEST, SEAL}
    if SEAL not in found or found[SEAL].read_text(encoding="utf-8") != _seal(folder / MANIFEST):
        wrong.add(MANIFEST)
    return sorted(wrong)


def settle(folder: Path) -> None:
    """Make files read-only, and have them on the disk before anything points at them."""
    for path in (p for p in folder.rglob("*") if p.is_file()):
        _sync(path)
        path.chmod(0o444)
    folder.chmod(0o755)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _seal(manifest: Path) -> str:
    return f"{_hash(manifest)}  {manifest.name}\n"
