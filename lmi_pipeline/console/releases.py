"""``lmi release``: list, publish, roll back, verify."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lmi_pipeline.console.common import load_settings

if TYPE_CHECKING:
    from lmi_pipeline.cli import Context


def show(context: Context) -> None:
    """List the releases."""
    from lmi_pipeline.release.publish import current_release, list_releases

    root = load_settings().releases
    current, versions = current_release(root), list_releases(root)
    lines = [f"{'*' if v == current else ' '} {v}" for v in versions] or ["no release yet; run `lmi run`"]
    context.say({"current": current, "releases": versions}, "\n".join(lines))


def publish(context: Context) -> None:
    """Publish the tables as they stand."""
    from lmi_pipeline.orchestration.workspace import Workspace
    from lmi_pipeline.release.gate import publish_checked

    workspace = Workspace.open(load_settings())
    published = publish_checked(workspace.lake, workspace.vault, workspace.settings, made_at=datetime.now(UTC))
    context.say({"release": published.name, "path": str(published)}, f"published {published.name} in {published}")


def rollback(context: Context, version: str) -> None:
    """Flip the pointer to an earlier release."""
    from lmi_pipeline.release.publish import rollback as flip

    flip(load_settings().releases, version)
    context.say({"current": version}, f"current release is now {version}")


def verify(context: Context, version: str | None) -> None:
    """Hash the files of a release again."""
    from lmi_pipeline.release.publish import current_release
    from lmi_pipeline.release.publish import verify as rehash

    root = load_settings().releases
    wanted = version or current_release(root)
    if wanted is None:
        context.say({"release": None}, "no release yet; run `lmi run`")
        sys.exit(1)
    changed = rehash(root, wanted)
    text = (
        f"{wanted}: every file is as published"
        if not changed
        else f"{wanted}: changed or missing: {', '.join(changed)}"
    )
    context.say({"release": wanted, "changed": list(changed)}, text)
    if changed:
        sys.exit(1)
