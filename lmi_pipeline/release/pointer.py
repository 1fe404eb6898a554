"""Which release is in force: the file ``current``, and the releases it can name.

Each line of the file is a version, in order of publication, with the instant it comes into force where that is later
than its publication (``2026.12.1 from 2026-12-01T09:30:00+00:00``). In force is the last line whose instant has come,
so readers switch together, with nobody writing at that instant. The file is replaced as a whole.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.locking import POINT, POINTING, only_one

POINTER, MANIFEST = "current", "manifest.json"
HOME = ZoneInfo("Europe/London")
_VERSION = re.compile(r"^\d{4}\.\d{1,2}\.\d+$")


@dataclass(frozen=True)
class Entry:
    """A line of the pointer: a version, and from when (None: since it was published)."""

    version: str
    since: datetime | None

    def in_force(self, now: datetime) -> bool:
        """Whether its instant has come."""
        return self.since is None or self.since <= now


def list_releases(root: Path) -> list[str]:
    """Versions of the releases there are, those under embargo among them, newest first."""
    if not root.is_dir():
        return []
    found = [path.name for path in root.iterdir() if is_version(path.name) and (path / MANIFEST).exists()]
    return sorted(found, key=_order, reverse=True)


def is_version(text: str) -> bool:
    """Whether a text is ``YYYY.M.N``."""
    return bool(_VERSION.match(text))


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def next_version(root: Path, made_at: datetime) -> str:
    """Next version of the month, ``YYYY.M.N``."""
    month = (made_at.year, made_at.month)
    numbers = [_order(version)[2] for version in list_releases(root) if _order(version)[:2] == month]
    return f"{made_at.year}.{made_at.month}.{max(numbers, default=0) + 1}"


def manifest_of(root: Path, version: str) -> dict[str, Any]:
    """Manifest of a release; ReleaseError if there is no such release."""
    path = root / version / MANIFEST
    if not is_version(version) or not path.exists():
        raise ReleaseError(f"no release {version} in {root}; there are {', '.join(list_releases(root)) or 'none'}")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def current_release(root: Path, now: datetime) -> str | None:
    """Version in force at an instant; None when nothing has been published or all is under embargo."""
    return _in_force(read_schedule(root), now)


def waiting(root: Path, now: datetime) -> dict[str, datetime]:
    """Releases that will come into force, and when."""
    return {e.version: e.since for e in read_schedule(root) if e.since is not None and not e.in_force(now)}


def read_schedule(root: Path) -> list[Entry]:
    """Lines of the pointer; none when nothing has been published."""
    pointer = root / POINTER
    if not pointer.exists():
        return []
    lines = [line.split() for line in pointer.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Entry(words[0], datetime.fromisoformat(words[2]) if len(words) > 1 else None) for words in lines]


def _in_force(schedule: Sequence[Entry], now: datetime) -> str | None:
    versions = [entry.version for entry in schedule if entry.in_force(now)]
    return versions[-1] if versions else None


def bring_into_force(root: Path, version: str, since: datetime | None, now: datetime) -> None:
    """Put a release at the end of the schedule, and take from it what can no longer come into force.

    Parameters
    ----------
    root : Path
        Folder of the releases.
    version : str
        Release that has just been published.
    since : datetime or None
        Instant from which it is in force; None for at once.
    now : datetime
        Instant of the call.
    """
    with only_one(root, POINT):
        kept = [*_trimmed(read_schedule(root), now), Entry(version, since)]
        _replace(root, _trimmed(kept, now))


def point_at(root: Path, version: str) -> None:
    """Make a release the one in force, whatever was on the schedule."""
    with only_one(root, POINT):
        _replace(root, [Entry(version, None)])


def _trimmed(schedule: Sequence[Entry], now: datetime) -> list[Entry]:
    last = max((number for number, entry in enumerate(schedule) if entry.in_force(now)), default=0)
    return list(schedule[last:])


def _replace(root: Path, schedule: Sequence[Entry]) -> None:
    lines = [entry.version if entry.since is None else f"{entry.version} from {_text(entry)}" for entry in schedule]
    temporary = root / f"{POINTING}{os.getpid()}"
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(root / POINTER)
    finally:
        temporary.unlink(missing_ok=True)


def _text(entry: Entry) -> str:
    assert entry.since is not None
    return entry.since.astimezone(UTC).isoformat()


def parse_embargo(text: str, now: datetime) -> datetime:
    """Instant of an embargo, UTC, from ``2026-12-01T09:30`` (time in the United Kingdom, unless it has an offset).

    Raises
    ------
    ReleaseError
        Not a date with a time, a time that does not exist or comes twice when clocks change, or not after ``now``.
    """
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = None
    if given is None or not re.search(r"\d[T ]\d", text):
        raise ReleaseError(f"embargo '{text}' is not a date and time such as 2026-12-01T09:30")
    instant = given if given.tzinfo is not None else _at_home(given, text)
    if instant <= now:
        raise ReleaseError(f"embargo {text} is not after now ({now.astimezone(HOME):%Y-%m-%dT%H:%M}); leave it out")
    return instant.astimezone(UTC)


def _at_home(given: datetime, text: str) -> datetime:
    first, second = (given.replace(tzinfo=HOME, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        fate = (
            "does not exist" if first.astimezone(UTC).astimezone(HOME).replace(tzinfo=None) != given else "comes twice"
        )
        raise ReleaseError(
            f"embargo {text} {fate} in the United Kingdom, where the clocks change; give its offset, e.g. {text}+00:00"
        )
    return first


def home_time(instant: datetime) -> str:
    """An instant as people in the United Kingdom say it."""
    local = instant.astimezone(HOME)
    return f"{local.day} {local:%B %Y at %H:%M} (UK time)"
