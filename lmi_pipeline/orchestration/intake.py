"""Getting files into the vault, by mode: generated, or dropped in ``data/landing``.

The modes differ in nothing else: from the vault on, every file is read by the same reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lmi_pipeline import synthetic
from lmi_pipeline.errors import SourceError
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.sources import READERS
from lmi_pipeline.sources.base import FileIdentity, VaultFile
from lmi_pipeline.storage.vault import Incoming, Receipt

UNFINISHED = (".part", ".tmp", ".crdownload", ".partial", ".filepart")
Progress = Callable[[str, int, int], None]


@dataclass
class IntakeReport:
    """What a filling of the vault did for one source."""

    source: str
    mode: str
    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


def landing_files(folder: Path) -> Iterator[Path]:
    """Files a team has dropped for a source, in name order; hidden and unfinished ones left out."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(("~$", ".")) and not path.name.endswith(UNFINISHED):
            yield path


def take_in(
    workspace: Workspace, source: str, files: Sequence[tuple[Path, FileIdentity]], *, url: str | None = None
) -> list[Receipt]:
    """Take identified files of a source into the vault at once; a duplicate changes nothing."""
    incoming = [Incoming(path, found.layout, found.release, found.period) for path, found in files]
    return workspace.vault.add_many(incoming, source=source, origin=workspace.settings.mode(source), url=url)


def fill_vault(workspace: Workspace, source: str, progress: Progress | None = None) -> IntakeReport:
    """Bring every file of a source into the vault, in the mode the settings give it.

    Raises
    ------
    SourceError
        In landing mode: nothing there, or a file the reader does not know.
    """
    mode = workspace.settings.mode(source)
    report = IntakeReport(source, mode)
    if mode == "synthetic":
        files, url = _synthetic_files(workspace, source, progress), synthetic_url(workspace)
    else:
        files, url = list(landing_files(workspace.settings.landing / source)), None
        if not files:
            raise SourceError(
                f"no files in {workspace.settings.landing / source}, and {source} is in {mode} mode;"
                " put the publisher's files there or set LMI_SOURCES=synthetic"
            )
    identified = [(path, READERS[source].identify(path)) for path in files]
    for path, receipt in zip(files, take_in(workspace, source, identified, url=url), strict=True):
        (report.new if receipt.is_new else report.known).append(path.name)
    return report


def synthetic_url(workspace: Workspace) -> str:
    """Address that says from which synthetic population a file is drawn."""
    return f"synthetic:{workspace.settings.scale}/{workspace.settings.seed}"


def _synthetic_files(workspace: Workspace, source: str, progress: Progress | None) -> list[Path]:
    settings = workspace.settings
    root = settings.data / "synthetic" / f"{settings.scale}-{settings.seed}"
    marker = root / f".{source}.complete"
    if not marker.exists():
        synthetic.generate(root, scale=settings.scale, seed=settings.seed, sources=[source], progress=progress)
        marker.touch()
    return list(landing_files(root / source))


def active_ledger(workspace: Workspace, source: str) -> pd.DataFrame:
    """Ledger rows of the files in force: those of the source's mode, and of this synthetic population."""
    ledger = workspace.vault.ledger(source)
    ledger = ledger[ledger["origin"] == workspace.settings.mode(source)]
    if workspace.settings.mode(source) == "synthetic":
        ledger = ledger[ledger["url"] == synthetic_url(workspace)]
    return ledger.reset_index(drop=True)


def vault_files(workspace: Workspace, ledger: pd.DataFrame) -> list[VaultFile]:
    """Files of ledger rows, with the facts that travel with their rows."""
    files = []
    for row in ledger.to_dict("records"):
        period = row["period"] if isinstance(row["period"], str) else None
        identity = FileIdentity(row["source"], row["layout"], row["release"], period)
        path = workspace.vault.path(row["sha256"], row["file_name"])
        files.append(VaultFile(path, identity, row["file_name"], row["sha256"], row["synthetic"]))
    return files
