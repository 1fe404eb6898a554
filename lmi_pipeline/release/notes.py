"""The note of a release: what a person wrote, or what the difference says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmi_pipeline.release.diff_text import summary
from lmi_pipeline.release.documents import NOTICES, joined


def notes_text(
    written: str | None,
    *,
    version: str,
    previous: str | None,
    difference: Mapping[str, Any],
    vintages: Sequence[str],
    synthetic: str,
) -> str:
    """Note of a release in Markdown.

    Parameters
    ----------
    written : str or None
        What a person wrote; without it the note is made from the difference.
    version, previous : str, str or None
        The release, and the one it was compared with.
    difference : mapping
        As :func:`lmi_pipeline.release.diff.diff_folders` gives it.
    vintages : sequence of str
        Weight vintages in the tables.
    synthetic : {'true', 'false', 'mixed'}
        Whether the figures rest on synthetic files.
    """
    if written is not None and written.strip():
        return f"{written.strip()}\n"
    if previous is None:
        change = f"First release, with {len(difference)} tables."
    else:
        change = f"Compared with {previous}. {summary(difference)} `diff.md` has the details."
    weights = f"Weight vintages: {', '.join(vintages)}." if vintages else ""
    return joined([f"# Release {version}", NOTICES[synthetic], change, weights])
