"""Running assets from the command line through Dagster, with progress and a plain account of what happened."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg

from lmi_pipeline import catalog
from lmi_pipeline.errors import LmiError
from lmi_pipeline.orchestration.intake import active_ledger
from lmi_pipeline.orchestration.partitions import FIRST_YEAR, YEARS
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.sources.base import PERIODS_APART

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
FROM_QUARTER = "from_quarter"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_BARE_NAME = re.compile(r'(?<![:"=\w])(?!(?:and|or|not|roots|sinks)\b)[A-Za-z_]\w*(?![\w:("=*])')
Listener = Callable[[str, str, int], None]


@dataclass
class RunAccount:
    """What a run did: rows by asset, checks, and why it failed if it did."""

    run_id: str
    success: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    checks_passed: int = 0
    checks_failed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    materialised: list[str] = field(default_factory=list)


def prepare_home(home: Path, project_root: Path) -> None:
    """Make the Dagster instance folder with the project's settings (telemetry off) if there is none."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(project_root / "deploy" / "dagster.yaml", home / "dagster.yaml")


def open_instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME, which the commands and the UI share.

    One command opens it at a time: two that both make its databases would be in each other's way.
    """
    with (Path(os.environ["DAGSTER_HOME"]) / ".opening").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return dg.DagsterInstance.get()


def _keyed(text: str) -> str:
    """Put ``key:`` before bare asset names, so that ``+name`` means all that it needs."""
    return _BARE_NAME.sub(lambda found: f'key:"{found[0]}"', text)


def resolve_selection(definitions: dg.Definitions, text: str | None) -> list[dg.AssetKey]:
    """Asset keys of a selection in Dagster's syntax; all of them if there is no text."""
    graph = definitions.resolve_asset_graph()
    try:
        selection = dg.AssetSelection.from_string(_keyed(text)) if text else dg.AssetSelection.all()
    except dg.DagsterError as error:
        raise LmiError(
            f"selection '{text}' is not in Dagster's selection syntax, e.g. '+est_rti__quarterly_growth' or"
            " 'tag:vintage=pwt22 or group:rti'"
        ) from error
    keys = selection.resolve(graph)
    if not keys:
        raise LmiError(f"selection '{text}' matches no asset; `lmi run --list` shows them all")
    return sorted(keys)


@dataclass(frozen=True)
class Stage:
    """Assets that run together: how they are partitioned, and the first quarter they are made for unless asked.

    Attributes
    ----------
    keys : list of AssetKey
    title : str
        Words for the progress bar.
    by : {'quarter', 'year', None}
        Period of those that are partitioned; None if none is.
    first_quarter : str or None
    newest_only : bool
        Whether only the newest year is made, unless years are asked for.
    """

    keys: list[dg.AssetKey]
    title: str
    by: str | None = None
    first_quarter: str | None = None
    newest_only: bool = False


def stages(definitions: dg.Definitions, keys: Sequence[dg.AssetKey]) -> list[Stage]:
    """Split assets into runs: one run has one kind of partition, and weights begin with the first weighted quarter.

    First what is needed of every quarter, then the yearly sources and the yearly estimates, then the assets tagged
    ``from_quarter`` with all that follows from them or from yearly ones, and the release.
    """
    graph = definitions.resolve_asset_graph()
    yearly = {key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def == YEARS}
    tagged = {key for key in graph.get_all_asset_keys() if FROM_QUARTER in graph.get(key).tags}
    estimates = {key for key in yearly if graph.get(key).tags.get("layer") == "est"}
    late = dg.AssetSelection.groups("publication").resolve(graph)
    if tagged | yearly:
        late = late | dg.AssetSelection.assets(*tagged, *yearly).downstream().resolve(graph)
    first = min((graph.get(key).tags[FROM_QUARTER] for key in tagged), default=None)
    split = [
        Stage([k for k in keys if k not in late | yearly], "Building tables"),
        Stage([k for k in keys if k in yearly - estimates], "Reading yearly surveys"),
        Stage([k for k in keys if k in estimates], "Estimating pay", newest_only=True),
        Stage([k for k in keys if k in late - yearly], "Weighting and estimating", first_quarter=first),
    ]
    return [replace(stage, by=_period_of(graph, stage.keys)) for stage in split if stage.keys]


def _period_of(graph: dg.AssetGraph, keys: Sequence[dg.AssetKey]) -> str | None:
    found = {graph.get(key).partitions_def for key in keys} - {None}
    return {0: None}.get(len(found), "year" if found == {YEARS} else "quarter")


def periods_in_vault(workspace: Workspace, source: str, *, whole: bool = True) -> list[str]:
    """Periods for which the vault has a file in force.

    Parameters
    ----------
    whole : bool
        Only of layouts that every period has; the others exist for some periods only.
    """
    ledger = active_ledger(workspace, source)
    layouts = [layout.name for layout in catalog.source(source).layouts if not (whole and layout.sparse)]
    periods = ledger.loc[ledger["layout"].isin(layouts), "period"].dropna()
    return sorted({period for held in periods.astype(str) for period in held.split(PERIODS_APART)})


def years_in_vault(workspace: Workspace, source: str) -> list[str]:
    """Years from the first partition on for which the vault has a file in force: of their records, or a table.

    A published table fills no partition; its year begins its release (``2021-provisional``).
    """
    ledger = active_ledger(workspace, source)
    published = ledger.loc[ledger["period"].isna(), "release"].astype(str).str[: len(FIRST_YEAR)]
    found = {*periods_in_vault(workspace, source, whole=False), *published}
    return sorted(year for year in found if year >= FIRST_YEAR)


def execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Sequence[dg.AssetKey],
    *,
    partitions: tuple[str, str] | None = None,
    listener: Listener | None = None,
) -> RunAccount:
    """Materialise assets in one in-process run.

    Parameters
    ----------
    partitions : tuple of str, optional
        First and last quarter or year for the partitioned assets.
    listener : callable, optional
        Called with (event, asset, rows) as assets start and end.
    """
    account = RunAccount(run_id=str(uuid.uuid4()))
    tags = {RANGE_START: partitions[0], RANGE_END: partitions[1]} if partitions else {}
    instance.add_event_listener(account.run_id, lambda entry: _note(entry, account, listener))
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        run_id=account.run_id,
        tags=tags,
        asset_selection=list(keys),
        raise_on_error=False,
        run_config=_QUIET,
    )
    account.success = result.success and not account.checks_failed
    return account


def _note(entry: dg.EventLogEntry, account: RunAccount, listener: Listener | None) -> None:
    event = entry.dagster_event
    if event is None:
        return
    kind, step = event.event_type_value, event.step_key or ""
    rows = 0
    if kind == "ASSET_MATERIALIZATION":
        materialisation = event.step_materialization_data.materialization
        count = materialisation.metadata.get("dagster/row_count")
        name = materialisation.asset_key.to_user_string()
        if name not in account.materialised:
            account.materialised.append(name)
        if count is not None:
            account.rows[name] = int(str(count.value))
    elif kind == "ASSET_CHECK_EVALUATION":
        _note_check(event, account)
    elif kind == "STEP_FAILURE":
        account.errors.append(_reason(event, step))
    elif kind == "RUN_FAILURE" and not account.errors:
        account.errors.append(event.message or "the run failed")
    if listener and kind in ("STEP_START", "STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"):
        listener(kind, step, rows)


def _note_check(event: dg.DagsterEvent, account: RunAccount) -> None:
    check = event.asset_check_evaluation_data
    name = f"{check.asset_key.to_user_string()}: {check.check_name}"
    if check.passed:
        account.checks_passed += 1
    elif check.severity == dg.AssetCheckSeverity.ERROR:
        account.checks_failed.append(name)
    else:
        account.warnings.append(name)


def _reason(event: dg.DagsterEvent, step: str) -> str:
    """The project's own error where there is one in the chain, else its root."""
    error = event.step_failure_data.error
    chain = []
    while error is not None:
        chain.append(error)
        error = error.cause
    ours = {LmiError.__name__, *(kind.__name__ for kind in LmiError.__subclasses__())}
    told = next((e for e in chain if e.cls_name in ours), chain[-1] if chain else None)
    text = " ".join(line.strip() for line in told.message.splitlines()) if told else "failed"
    return f"{step}: {text.removeprefix(f'{LmiError.__module__}.')}"
