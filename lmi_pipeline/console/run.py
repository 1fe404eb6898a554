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
        """Quarters to run: those asked for (a year means all of its quarters), else all the vault has a file for."""
        there = self.runner.periods_in_vault(self.workspace, "lfs")
        if not there:
            raise LmiError(
                "the vault has no LFS person file; run `lmi run` without --select, or put files in data/landing/lfs"
            )
        first, last = _quarter(first, "01", there, 0), _quarter(last, "10", there, -1)
        for quarter in (first, last):
            if quarter not in there:
                raise LmiError(f"no LFS person file for {quarter} in the vault; it has {there[0]} to {there[-1]}")
        if first > last:
            raise LmiError(f"--from {first} is after --to {last}")
        return first, last

    def years_for(self, first: str | None, last: str | None) -> tuple[str, str]:
        """Years to run: those the vault has an ASHE file for (records or tables), among those asked for.

        A quarter means its year.

        Raises
        ------
        LmiError
            There is none.
        """
        there = self.runner.years_in_vault(self.workspace, "ashe")
        chosen = [year for year in there if (first or year)[:4] <= year <= (last or year)[:4]]
        if not chosen:
            span = f"it has {there[0]} to {there[-1]}" if there else "it has none at all"
            raise LmiError(f"no ASHE file from {first or 'the first'} to {last or 'the last'} in the vault; {span}")
        return chosen[0], chosen[-1]

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
        for stage in stages:
            if any(account is not None and not account.success for account in accounts):
                break
            partitions = self._partitions(stage, first, last, alone=len(stages) == 1)
            accounts.append(self.execute(context, stage.keys, partitions, stage.title))
        return accounts

    def _partitions(self, stage: Any, first: str | None, last: str | None, *, alone: bool) -> tuple[str, str] | None:
        if stage.by is None:
            return None
        if stage.by == "year":
            start, end = self.years_for(first, last)
            asked = any(text is not None and _is_year(text) for text in (first, last))
            return (end if stage.newest_only and not asked else start), end
        start, end = self.range_for(first, last)
        earliest = stage.first_quarter or start
        late = start < earliest <= end and not (alone and first)
        return (earliest if late else start), end


def _quarter(text: str | None, month: str, there: list[str], default: int) -> str:
    """Quarter that was asked for; of a year the one that begins in a month."""
    if text is None:
        return there[default]
    return f"{text}-{month}" if _is_year(text) else text


def _is_year(text: str) -> bool:
    return len(text) == len("2020")


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
