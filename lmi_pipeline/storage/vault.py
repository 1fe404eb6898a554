"""The vault: every file exactly as received, content-addressed, with a ledger row."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.storage.frames import to_arrow
from lmi_pipeline.storage.lake import Lake

LEDGER = "vault_ledger__file"
_CHUNK = 1 << 20


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

        The same bytes again change nothing. Other bytes under the same release are a re-issue and get
        the release ``<release>+<first 8 of the hash>``.
        """
        entry = catalog.source(source)
        sha256 = sha256_of(path)
        known = self.ledger(source)
        same = known[known["sha256"] == sha256]
        if len(same):
            return Receipt(sha256, str(same["release"].iloc[0]), is_new=False)
        clash = known[(known["layout"] == layout) & (known["release"] == release) & (known["origin"] == origin)]
        if period is not None:
            clash = clash[clash["period"] == period]
        final = f"{release}+{sha256[:8]}" if len(clash) else release
        self._store(path, sha256)
        row = {
            "source": source,
            "layout": layout,
            "release": final,
            "period": period,
            "sha256": sha256,
            "file_name": path.name,
            "publisher": entry.publisher,
            "licence": entry.licence,
            "url": url,
            "retrieved_at": retrieved_at or datetime.now(UTC),
            "size_bytes": path.stat().st_size,
            "origin": origin,
            "synthetic": "true" if origin == "synthetic" else "false",
        }
        self._record(pd.DataFrame([row]))
        return Receipt(sha256, final, is_new=True)

    def _store(self, path: Path, sha256: str) -> None:
        target = self.path(sha256, path.name)
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

    def _record(self, row: pd.DataFrame) -> None:
        if not self.lake.exists(LEDGER):
            self.lake.write(LEDGER, row)
            return
        rows: pa.Table = to_arrow(row, catalog.table(LEDGER))
        (
            DeltaTable(str(self.lake.path(LEDGER)))
            .merge(
                rows, "held.source = new.source AND held.sha256 = new.sha256", source_alias="new", target_alias="held"
            )
            .when_not_matched_insert_all()
            .execute()
        )
