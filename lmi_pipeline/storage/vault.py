"""The vault: every file exactly as received, content-addressed, with a ledger row."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from lmi_pipeline import catalog
from lmi_pipeline.errors import LmiError, SourceError
from lmi_pipeline.storage.frames import arrow_schema, to_arrow
from lmi_pipeline.storage.lake import KEEP_HISTORY, Lake

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


@dataclass(frozen=True)
class Incoming:
    """A file to take in: where it is, and what its reader says of it."""

    path: Path
    layout: str
    release: str
    period: str | None


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
        """Take one file in; see :meth:`add_many`."""
        file = Incoming(path, layout, release, period)
        return self.add_many([file], source=source, origin=origin, url=url, retrieved_at=retrieved_at)[0]

    def add_many(
        self,
        files: Sequence[Incoming],
        *,
        source: str,
        origin: str,
        url: str | None = None,
        retrieved_at: datetime | None = None,
    ) -> list[Receipt]:
        """Take files of a source in: copy the bytes of each, then write all their ledger rows in one commit.

        The same bytes from the same place again change nothing. Other bytes under the same release are a re-issue
        and get the release ``<release>+<first 8 of the hash>``. Two synthetic populations (two ``url``) are never
        re-issues of one another. Bytes once taken in as synthetic stay synthetic, wherever they come from later.
        Of a delivery that breaks off no file is in the ledger; copies made so far are used when it is repeated.

        Returns
        -------
        list of Receipt
            One for each file, in the order given, as if they had come one after the other.

        Raises
        ------
        SourceError
            A file changed while it was copied.
        LmiError
            Other processes kept writing the ledger.
        """
        entry = catalog.source(source)
        if not files:
            return []
        arrived = [(file, sha256_of(file.path)) for file in files]
        facts = {
            "source": source,
            "publisher": entry.publisher,
            "licence": entry.licence,
            "url": url,
            "retrieved_at": retrieved_at or datetime.now(UTC),
            "origin": origin,
        }
        self._make_ledger()
        for _ in range(ATTEMPTS):
            held = DeltaTable(str(self.lake.path(LEDGER)))
            ledger = self.lake.read(LEDGER, version=held.version(), where={"source": source})
            delivery = _Delivery.onto(ledger, facts)
            for file, sha256 in arrived:
                self._store(file.path, self.path(sha256, delivery.take(file, sha256)), sha256)
            if not delivery.rows or _recorded(held, to_arrow(pd.DataFrame(delivery.rows), catalog.table(LEDGER))):
                return delivery.receipts
            time.sleep(random.uniform(0, _LONGEST_WAIT_SECONDS))  # noqa: S311 - only spreads the writers
        names = f"{arrived[0][0].path.name}{f' and {len(arrived) - 1} others' if len(arrived) > 1 else ''}"
        raise LmiError(f"{names}: other processes kept writing the ledger ({ATTEMPTS} attempts); deliver again")

    def _make_ledger(self) -> None:
        path, schema = str(self.lake.path(LEDGER)), arrow_schema(catalog.table(LEDGER))
        while not self.lake.exists(LEDGER):
            try:
                DeltaTable.create(path, schema, mode="ignore", configuration=KEEP_HISTORY)
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


@dataclass
class _Delivery:
    """Ledger rows of files that come one after the other, onto a ledger as it was read.

    Attributes
    ----------
    facts : dict
        Columns that are the same for all of them.
    known : dict of str to tuple
        Release and file name by hash, of files from the same place.
    taken : set of tuple
        Layout, release, period and part of files from the same place; each also with period None. The part is the
        file name in layouts whose releases are many files, and empty in others.
    in_parts : set of str
        Such layouts.
    synthetic : set of str
        Hashes of synthetic bytes, from any place.
    """

    facts: dict[str, Any]
    known: dict[str, tuple[str, str]]
    taken: set[tuple[str, str, str | None, str]]
    in_parts: set[str]
    synthetic: set[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    @classmethod
    def onto(cls, ledger: pd.DataFrame, facts: dict[str, Any]) -> _Delivery:
        beside = _beside(ledger, facts["origin"], facts["url"])
        in_parts = {layout.name for layout in catalog.source(facts["source"]).layouts if layout.in_parts}
        parts = beside["file_name"].where(beside["layout"].isin(in_parts), "")
        named = list(zip(beside["layout"], beside["release"], beside["period"], parts, strict=True))
        return cls(
            facts,
            dict(zip(beside["sha256"], zip(beside["release"], beside["file_name"], strict=True), strict=True)),
            {*named, *((layout, release, None, part) for layout, release, _, part in named)},
            in_parts,
            set(ledger.loc[ledger["synthetic"].eq("true"), "sha256"]),
        )

    def take(self, file: Incoming, sha256: str) -> str:
        """Note a file, with a row if it is new; the name its bytes are kept under."""
        if sha256 in self.known:
            release, name = self.known[sha256]
            self.receipts.append(Receipt(sha256, release, is_new=False))
            return name
        name = file.path.name
        part = name if file.layout in self.in_parts else ""
        reissued = (file.layout, file.release, file.period, part) in self.taken
        release = f"{file.release}+{sha256[:8]}" if reissued else file.release
        synthetic = self.facts["origin"] == "synthetic" or sha256 in self.synthetic
        self.rows.append(
            self.facts
            | {
                "layout": file.layout,
                "release": release,
                "period": file.period,
                "sha256": sha256,
                "file_name": name,
                "size_bytes": file.path.stat().st_size,
                "synthetic": "true" if synthetic else "false",
            }
        )
        self.known[sha256] = (release, name)
        self.taken |= {(file.layout, release, file.period, part), (file.layout, release, None, part)}
        self.receipts.append(Receipt(sha256, release, is_new=True))
        return name


def _beside(ledger: pd.DataFrame, origin: str, url: str | None) -> pd.DataFrame:
    """Rows of files from the same place: the same mode and, if synthetic, the same population."""
    rows = ledger[ledger["origin"] == origin]
    return rows[rows["url"] == url] if origin == "synthetic" and url is not None else rows


def _recorded(held: DeltaTable, rows: pa.Table) -> bool:
    """Commit rows on top of the version that was read; False when another process was first."""
    match = " AND ".join(f"held.{c} = new.{c}" for c in ("source", "sha256", "origin", "url"))
    try:
        held.merge(rows, match, source_alias="new", target_alias="held").when_not_matched_insert_all().execute()
    except CommitFailedError:
        return False
    return True
