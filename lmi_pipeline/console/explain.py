"""``lmi explain``: where a published number comes from."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_pipeline.console.common import load_settings, parse_where
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.explain import explain as explained
from lmi_pipeline.release.explain_row import Candidates, ReleaseFolder
from lmi_pipeline.release.explain_text import render, render_candidates

if TYPE_CHECKING:
    from lmi_pipeline.cli import Context


def explain(context: Context, table: str, where: tuple[str, ...], release: str | None) -> None:
    """Explain one published number; exit 1 with the candidates if several are meant."""
    found = explained(_folder(release), table, parse_where(where))
    if isinstance(found, Candidates):
        context.say(asdict(found), render_candidates(found))
        sys.exit(1)
    context.say(asdict(found), render(found))


def _folder(release: str | None) -> ReleaseFolder:
    if release is not None and (Path(release) / "manifest.json").exists():
        return ReleaseFolder.open(Path(release))
    from lmi_pipeline.release.pointer import current_release, manifest_of

    root = load_settings().releases
    version = release or current_release(root, datetime.now(UTC))
    if version is None:
        raise ReleaseError(f"no release in {root} yet; run `lmi run`")
    manifest_of(root, version)
    return ReleaseFolder.open(root / version)
