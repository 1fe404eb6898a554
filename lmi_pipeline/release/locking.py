"""One publisher at a time in a folder of releases, and what a dead one left behind.

The operating system holds the lock, so it goes with the process that took it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmi_pipeline.errors import ReleaseError

BUILDING, POINTING = ".building-", ".current-"
PUBLISH, POINT = ".lock-publish", ".lock-current"
IDENTITY = ".identity"
WAIT = 900.0
_PAUSE = 0.05


@contextmanager
def only_one(root: Path, lock: str, *, wait: float = WAIT) -> Iterator[None]:
    """Hold a lock of the folder of releases for as long as the block runs.

    Parameters
    ----------
    root : Path
        Folder of the releases; made if it is not there.
    lock : str
        Name of the lock file: :data:`PUBLISH` to make a release, :data:`POINT` to move the pointer.
    wait : float
        Seconds to wait for another process before giving up.

    Raises
    ------
    ReleaseError
        Another process still has it; the message names the process.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / lock).open("a+", encoding="utf-8") as stream:
        deadline = time.monotonic() + wait
        while not _taken(stream.fileno()):
            if time.monotonic() >= deadline:
                stream.seek(0)
                raise ReleaseError(
                    f"process {stream.read().strip() or 'unknown'} is publishing in {root} and has not ended within"
                    f" {wait:,.0f} seconds; wait for it, or end it, and publish again"
                )
            time.sleep(_PAUSE)
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def clear_leftovers(root: Path) -> None:
    """Remove what publishers that died have left; call it with the lock :data:`PUBLISH` held."""
    for path in root.glob(f"{BUILDING}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in root.glob(f"{POINTING}*"):
        path.unlink(missing_ok=True)


def identity(root: Path) -> str:
    """Name of this folder of releases in databases, made once; call it with the lock :data:`PUBLISH` held."""
    path = root / IDENTITY
    if not path.exists():
        temporary = root / f"{POINTING}{IDENTITY}"
        temporary.write_text(f"{uuid.uuid4()}\n", encoding="utf-8")
        temporary.replace(path)
    return path.read_text(encoding="utf-8").strip()
