"""``lmi release``: list, publish, roll back, verify; and ``lmi diff``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lmi_pipeline.console.common import load_settings

if TYPE_CHECKING:
    from lmi_pipeline.cli import Context


def show(context: Context) -> None:
    """List the releases."""
    from lmi_pipeline.release.pointer import current_release, home_time, list_releases, waiting

    root, now = load_settings().releases, datetime.now(UTC)
    current, versions, later = current_release(root, now), list_releases(root), waiting(root, now)
    lines = [
        f"{'*' if v == current else ' '} {v}{f'  under embargo until {home_time(later[v])}' if v in later else ''}"
        for v in versions
    ] or ["no release yet; run `lmi run`"]
    embargoed = {version: instant.isoformat() for version, instant in later.items()}
    context.say({"current": current, "releases": versions, "embargoed": embargoed}, "\n".join(lines))


def publish(context: Context, *, embargo: str | None, note: str | None) -> None:
    """Publish the tables as they stand."""
    from lmi_pipeline.definitions import defs
    from lmi_pipeline.orchestration.lineage import table_lineage
    from lmi_pipeline.orchestration.workspace import Workspace
    from lmi_pipeline.release.gate import publish_checked
    from lmi_pipeline.release.pointer import home_time, parse_embargo

    now = datetime.now(UTC)
    since = parse_embargo(embargo, now) if embargo else None
    workspace = Workspace.open(load_settings())
    published = publish_checked(
        workspace.lake,
        workspace.vault,
        workspace.settings,
        made_at=now,
        now=now,
        lineage=table_lineage(defs),
        embargo=since,
        notes=note,
    )
    account = {"release": published.name, "path": str(published), "embargo": since.isoformat() if since else None}
    wait = f"; in force from {home_time(since)}" if since else ""
    context.say(account, f"published {published.name} in {published}{wait}")


def rollback(context: Context, version: str) -> None:
    """Make an earlier release the one in force."""
    from lmi_pipeline.release.pointer import waiting
    from lmi_pipeline.release.publish import rollback as flip

    root, now = load_settings().releases, datetime.now(UTC)
    dropped = sorted(waiting(root, now))
    flip(root, version, now)
    text = f"current release is now {version}"
    if dropped:
        text += f"; {', '.join(dropped)} will not come into force: publish again with --embargo if it should"
    context.say({"current": version, "taken_off": dropped}, text)


def verify(context: Context, version: str | None) -> None:
    """Hash the files of a release again."""
    from lmi_pipeline.release.manifest import verify as rehash
    from lmi_pipeline.release.pointer import current_release

    root = load_settings().releases
    wanted = version or current_release(root, datetime.now(UTC))
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


def diff(context: Context, before: str, after: str, *, tables: tuple[str, ...]) -> None:
    """Say what changed from one release to another."""
    from lmi_pipeline.release.diff_text import diff_markdown
    from lmi_pipeline.release.publish import diff_releases

    found = diff_releases(load_settings().releases, before, after, tables or None)
    payload = {"previous": before, "release": after, "tables": found}
    context.say(payload, diff_markdown(found, before).rstrip())
