"""What every source reader shares: the identity of a file, the result of a read, the raw cell frame.

Nothing here knows a particular publisher's layout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

CELL_COLUMNS = (
    "sheet",
    "row_number",
    "column_number",
    "row_label",
    "column_label",
    "unit_label",
    "cell_text",
    "cell_value",
    "cell_marker",
)


PERIODS_APART = "/"


@dataclass(frozen=True)
class FileIdentity:
    """What a received file is, found from its name and content.

    Attributes
    ----------
    source, layout : str
        Names of the catalogue entries the file belongs to.
    release : str
        Release it was published in: ``YYYY-MM`` or ``YYYY-MM-DD``, or the edition of a microdata file.
    period : str or None
        Partition the file fills (``2020-01``, ``2020``; several are joined by ``/``), None for a panel that restates
        all history.
    """

    source: str
    layout: str
    release: str
    period: str | None = None


@dataclass(frozen=True)
class ReadResult:
    """Rows as published, and what the reader wants a person to know.

    Attributes
    ----------
    frame : DataFrame
        Rows of the layout's raw table, without the columns that :func:`stamp` adds.
    notes : tuple of str
        Plain sentences, e.g. a sheet that is a placeholder in this edition.
    """

    frame: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class VaultFile:
    """A file in the vault with the ledger facts that travel with its rows."""

    path: Path
    identity: FileIdentity
    file_name: str
    sha256: str
    synthetic: str


Tidy = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Reader:
    """How one source's files become rows.

    Attributes
    ----------
    source : str
        Name of the catalogue entry.
    identify : callable
        ``identify(path) -> FileIdentity``; raises SourceError for a file that is not of this source.
    read : callable
        ``read(path, identity) -> ReadResult``.
    tidy : mapping of str to callable
        For each core table of the source, a function from stamped raw rows to core rows.
    """

    source: str
    identify: Callable[[Path], FileIdentity]
    read: Callable[[Path, FileIdentity], ReadResult]
    tidy: Mapping[str, Tidy] = field(default_factory=dict)


def stamp(frame: pd.DataFrame, file: VaultFile) -> pd.DataFrame:
    """Add the ledger facts of a file to rows read from it."""
    facts = {
        "source": file.identity.source,
        "layout": file.identity.layout,
        "release": file.identity.release,
        "sha256": file.sha256,
        "file_name": file.file_name,
        "synthetic": file.synthetic,
    }
    return frame.assign(**facts)
