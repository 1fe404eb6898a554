"""The vault: every file exactly as received, content-addressed, with a ledger row."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from lmi_pipeline import catalog
from lmi_pipeline.errors import LmiError, SourceError
from lmi_pipeline.storage.frames import arrow_schema, to_arrow
from lmi_pipeline.storage.lake import Lake

LEDGER = "vault_ledger__file"
ATTEMPTS = 50
_CHUNK = 1 << 20
_LONGEST_WAIT_SECONDS = 0.2


@dataclass(frozen=True)
class Receipt:
    """What the vault says of a file it was given.

    Attributes
    ----------
    sha256, release : str
        Content hash, and the release the ledger holds it under.
    is_new : bool
        False when these bytes were already there: a duplicate delivery.
    """

    sha256: str
    release: str
    is_new: bool


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


class Vault:
    """Received files under one folder, and their ledger in the lake.

    Parameters
    ----------
    root : Path
        Folder of the file contents.
    lake : Lake
        Where the ledger table is.
    """

    def __init__(self, root: Path, lake: Lake) -> None:
        self.root, self.lake = Path(root), lake

    def path(self, sha256: str, file_name: str) -> Path:
        """Where the bytes with a hash are; the publisher's name is kept, readers go by it."""
        return self.root / sha256[:2] / sha256 / file_name

    def ledger(self, source: str | None = None) -> pd.DataFrame:
        """Ledger rows, oldest first; of one source if named."""
        entry = catalog.table(LEDGER)
        if not self.lake.exists(LEDGER):
            return pd.DataFrame({c: pd.Series(dtype="object") for c in entry.columns})
        where = {"source": source} if source else None
        return self.lake.read(LEDGER, where=where).sort_values(["retrieved_at", "file_name"], ignore_index=True)

    def add(
        self,
        path: Path,
        *,
        source: str,
        layout: str,
        release: str,
        period: str | None,
        origin: str,
        url: str | None = None,
        retrieved_at: datetime | None = None,
    ) -> Receipt:
        """Take a file in: copy its bytes, then write its ledger row.

        The same bytes from the same place again change nothing. Other bytes under the same release are a re-issue
        and get the release ``<release>+<first 8 of the hash>``. Two synthetic populations (two ``url``) are never
        re-issues of one another. Bytes once taken in as synthetic stay synthetic, wherever they come from later.

        Raises
        ------
        SourceError
            The file changed while it was copied.
        LmiError
            Other processes kept writing the ledger.
        """
        entry = catalog.source(source)
        sha256 = sha256_of(path)
        facts = {
            "source": source,
            "layout": layout,
            "release": release,
            "period": period,
            "sha256": sha256,
            "file_name": path.name,
            "publisher": entry.publisher,
            "licence": entry.licence,
            "url": url,
            "retrieved_at": retrieved_at or datetime.now(UTC),
            "size_bytes": path.stat().st_size,
            "origin": origin,
        }
        self._make_ledger()
        for _ in range(ATTEMPTS):
            held = DeltaTable(str(self.lake.path(LEDGER)))
            ledger = self.lake.read(LEDGER, version=held.version(), where={"source": source})
            beside = _beside(ledger, origin, url)
            same = beside[beside["sha256"] == sha256]
            if len(same):
                self._store(path, self.path(sha256, str(same["file_name"].iloc[0])), sha256)
                return Receipt(sha256, str(same["release"].iloc[0]), is_new=False)
            self._store(path, self.path(sha256, path.name), sha256)
            row = facts | {
                "release": f"{release}+{sha256[:8]}" if _is_reissue(beside, layout, release, period) else release,
                "synthetic": "true" if origin == "synthetic" or _is_synthetic(ledger, sha256) else "false",
            }
            if _recorded(held, to_arrow(pd.DataFrame([row]), catalog.table(LEDGER))):
                return Receipt(sha256, str(row["release"]), is_new=True)
            time.sleep(random.uniform(0, _LONGEST_WAIT_SECONDS))  # noqa: S311 - only spreads the writers
        raise LmiError(f"{path.name}: other processes kept writing the ledger ({ATTEMPTS} attempts); deliver it again")

    def _make_ledger(self) -> None:
        path, schema = str(self.lake.path(LEDGER)), arrow_schema(catalog.table(LEDGER))
        while not self.lake.exists(LEDGER):
            try:
                DeltaTable.create(path, schema, mode="ignore")
            except CommitFailedError:
                continue

    @staticmethod
    def _store(path: Path, target: Path, sha256: str) -> None:
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")
        os.close(handle)
        try:
            shutil.copyfile(path, temporary)
            if sha256_of(Path(temporary)) != sha256:
                raise SourceError("the file changed while it was copied; deliver it again", file=path.name)
            Path(temporary).replace(target)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _beside(ledger: pd.DataFrame, origin: str, url: str | None) -> pd.DataFrame:
    """Rows of files from the same place: the same mode and, if synthetic, the same population."""
    rows = ledger[ledger["origin"] == origin]
    return rows[rows["url"] == url] if origin == "synthetic" and url is not None else rows


def _is_reissue(beside: pd.DataFrame, layout: str, release: str, period: str | None) -> bool:
    named = beside[(beside["layout"] == layout) & (beside["release"] == release)]
    return bool(len(named) if period is None else named["period"].eq(period).any())


def _is_synthetic(ledger: pd.DataFrame, sha256: str) -> bool:
    return bool((ledger["synthetic"].eq("true") & ledger["sha256"].eq(sha256)).any())


def _recorded(held: DeltaTable, row: pa.Table) -> bool:
    """Commit a row on top of the version that was read; False when another process was first."""
    match = " AND ".join(f"held.{c} = new.{c}" for c in ("source", "sha256", "origin", "url"))
    try:
        held.merge(row, match, source_alias="new", target_alias="held").when_not_matched_insert_all().execute()
    except CommitFailedError:
        return False
    return True
