"""What commands share: the Dagster instance, the workspace, progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_pipeline import settings as settings_module
from lmi_pipeline.errors import LmiError
from lmi_pipeline.settings import Settings

if TYPE_CHECKING:
    from lmi_pipeline.orchestration.runner import Listener


def load_settings() -> Settings:
    """Settings of this process."""
    return settings_module.load()


def dagster_home() -> Path:
    """Folder of the Dagster instance, made with the project's settings if it is not there."""
    from lmi_pipeline.orchestration.runner import prepare_home

    settings = load_settings()
    home = Path(os.environ.get("DAGSTER_HOME") or settings.data / "dagster").resolve()
    prepare_home(home, settings.project_root)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def progress(total: int, title: str, *, quiet: bool) -> Iterator[Listener]:
    """Progress bar on standard error that follows a run's assets."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    shown = Progress(
        TextColumn("[bold]{task.fields[title]}"), BarColumn(28), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.description}"), console=console, disable=quiet,
    )  # fmt: skip
    with shown:
        task = shown.add_task("", total=total, title=title)

        def listen(event: str, step: str, _rows: int) -> None:
            if event == "STEP_START":
                shown.update(task, description=step)
            else:
                shown.advance(task)
            if event != "STEP_START" and not quiet and not console.is_terminal:
                mark = {"STEP_SUCCESS": "built", "STEP_FAILURE": "FAILED", "STEP_SKIPPED": "skipped"}[event]
                console.print(f"  {mark:8}{step}", highlight=False)

        yield listen
        shown.update(task, description="done")


def parse_where(pairs: tuple[str, ...]) -> dict[str, str]:
    """Turn ``COL=VALUE`` options into a mapping."""
    found: dict[str, str] = {}
    for pair in pairs:
        column, sign, value = pair.partition("=")
        if not sign:
            raise LmiError(f"--where takes COL=VALUE, not '{pair}'")
        found[column.strip()] = value.strip()
    return found


@contextmanager
def bar(title: str, *, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Progress bar on standard error for work that counts its own steps."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet) as shown:
        task = shown.add_task(title, total=None)

        def tick(label: str, done: int, total: int) -> None:
            shown.update(task, completed=done, total=total, description=f"{title}: {label}")

        yield tick
