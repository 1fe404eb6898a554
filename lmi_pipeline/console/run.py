"""``lmi run`` and ``lmi backfill``: choose assets and quarters, run them, say what happened."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from lmi_pipeline import catalog
from lmi_pipeline.console.common import dagster_home, load_settings, progress
from lmi_pipeline.console.summary import run_payload, run_text
from lmi_pipeline.errors import LmiError

if TYPE_CHECKING:
    from lmi_pipeline.cli import Context

_MADE_BY_QUARTER = "group:lfs or group:lfs_weights or group:reweighting"


class Session:
    """Definitions, instance and workspace of one command."""

    def __init__(self) -> None:
        warnings.filterwarnings("ignore", message=".*is currently in (beta|preview).*")
        dagster_home()
        from lmi_pipeline.definitions import build
        from lmi_pipeline.orchestration import runner
        from lmi_pipeline.orchestration.workspace import Workspace

        self.runner = runner
        self.settings = load_settings()
        self.definitions = build(self.settings)
        self.instance = runner.open_instance()
        self.workspace = Workspace.open(self.settings)

    def range_for(self, first: str | None, last: str | None) -> tuple[str, str]:
        """Quarters to run: those asked for, else all the vault has a file for."""
        there = self.runner.quarters_in_vault(self.workspace)
        if not there:
            raise LmiError(
                "the vault has no LFS person file; run `lmi run` without --select, or put files in data/landing/lfs"
            )
        first, last = first or there[0], last or there[-1]
        for quarter in (first, last):
            if quarter not in there:
                raise LmiError(f"no LFS person file for {quarter} in the vault; it has {there[0]} to {there[-1]}")
        if first > last:
            raise LmiError(f"--from {first} is after --to {last}")
        return first, last

    def execute(self, context: Context, keys: list[Any], partitions: tuple[str, str] | None, title: str) -> Any:
        """Run assets with progress shown unless the output is for a machine."""
        if not keys:
            return None
        with progress(len(keys), title, quiet=context.as_json) as listener:
            return self.runner.execute(self.definitions, self.instance, keys, partitions=partitions, listener=listener)

    def build(self, context: Context, keys: list[Any], first: str | None, last: str | None) -> list[Any]:
        """Run assets stage by stage; weights and what follows begin with the first weighted quarter.

        Earlier quarters that are asked for together with what weights are made from are not weighted; those asked
        for alone are.
        """
        accounts: list[Any] = []
        stages = self.runner.stages(self.definitions, keys)
        for number, stage in enumerate(stages):
            if any(account is not None and not account.success for account in accounts):
                break
            partitions = None
            if self.runner.partitioned(self.definitions, stage.keys):
                start, end = self.range_for(first, last)
                earliest = stage.first_quarter or start
                late = start < earliest <= end and (len(stages) > 1 or not first)
                partitions = (earliest if late else start, end)
            title = "Weighting and estimating" if stage.first_quarter or number else "Building tables"
            accounts.append(self.execute(context, stage.keys, partitions, title))
        return accounts


def run(
    context: Context,
    *,
    select: str | None,
    first: str | None,
    last: str | None,
    vintage: str | None,
    show: bool,
) -> None:
    """Materialise a selection: received files first, then everything made from them."""
    session = Session()
    keys = session.runner.resolve_selection(session.definitions, _selection(select, vintage))
    names = [key.to_user_string() for key in keys]
    if show:
        context.say({"assets": names}, "\n".join(names))
        return
    received = [key for key, name in zip(keys, names, strict=True) if name.startswith("vault_")]
    rest = [key for key in keys if key not in received]
    accounts = [session.execute(context, received, None, "Receiving files")]
    if accounts[0] is None or accounts[0].success:
        accounts += session.build(context, rest, first, last)
    _finish(context, session, [a for a in accounts if a is not None])


def _selection(select: str | None, vintage: str | None) -> str | None:
    if vintage is None:
        return select
    catalog.weight_vintage(vintage)
    wanted = f"+tag:vintage={vintage}"
    return f"({select}) and ({wanted})" if select else wanted


def _finish(context: Context, session: Session, accounts: list[Any]) -> None:
    context.say(run_payload(session.workspace, accounts), run_text(session.workspace, accounts))
    if not all(account.success for account in accounts):
        sys.exit(1)


def backfill(context: Context, *, vintage: str, first: str, last: str | None, dry_run: bool) -> None:
    """Rebuild what a vintage needs over some quarters, then its own tables and what follows from them."""
    entry = catalog.weight_vintage(vintage)
    session = Session()
    if entry.from_quarter and first < entry.from_quarter:
        raise LmiError(f"weight vintage {vintage} starts in {entry.from_quarter}; --from {first} is before it")
    partitions = session.range_for(first, last)
    text = f'(tag:"vintage"="{vintage}") or (+tag:"vintage"="{vintage}" and ({_MADE_BY_QUARTER}))'
    keys = session.runner.resolve_selection(session.definitions, text)
    keys = [key for key in keys if not key.to_user_string().startswith("vault_")]
    if dry_run:
        names = [key.to_user_string() for key in keys]
        plan = {"vintage": vintage, "from": partitions[0], "to": partitions[1], "assets": names}
        lines = [f"would rebuild {vintage}, quarters {partitions[0]} to {partitions[1]}:", *(f"  {n}" for n in names)]
        context.say(plan, "\n".join(lines))
        return
    _finish(context, session, session.build(context, keys, *partitions))
