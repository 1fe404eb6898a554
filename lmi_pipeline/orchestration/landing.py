"""The sensor on ``data/landing``: a settled file becomes a vault row and a run of what needs it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.orchestration.intake import landing_files, take_in
from lmi_pipeline.orchestration.partitions import QUARTERS, YEARS
from lmi_pipeline.orchestration.runner import RANGE_END, RANGE_START
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.sources import READERS
from lmi_pipeline.sources.base import PERIODS_APART, FileIdentity

EVERY_SECONDS = 30


@dataclass(frozen=True)
class Delivery:
    """A file newly taken into the vault: what it is, and the run that needs it."""

    source: str
    layout: str
    period: str | None
    sha256: str
    file_name: str

    @property
    def periods(self) -> list[str]:
        """Partitions the file fills; none for a panel."""
        return self.period.split(PERIODS_APART) if self.period else []


def _signature(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def collect(workspace: Workspace, seen: dict[str, list[int]]) -> tuple[list[Delivery], dict[str, list[int]], list[str]]:
    """Take in every file that has not changed since the look before.

    Parameters
    ----------
    seen : dict of str to list of int
        Size and modification time of each file at the last look.

    Returns
    -------
    deliveries, seen, remarks
        New files taken in; what is there now; sentences about files that wait or are refused.
    """
    deliveries: list[Delivery] = []
    remarks: list[str] = []
    now: dict[str, list[int]] = {}
    for source in catalog.sources():
        settled: dict[str, Path] = {}
        for path in landing_files(workspace.settings.landing / source):
            key = str(path.relative_to(workspace.settings.landing))
            now[key] = _signature(path)
            if seen.get(key) != now[key]:
                remarks.append(f"{key} is new or still growing; it waits for the next look")
            elif workspace.settings.mode(source) == "synthetic":
                remarks.append(
                    f"{key} is left alone: {source} is in synthetic mode (LMI_SOURCES=synthetic,{source}:landing)"
                )
            else:
                settled[key] = path
        if settled:
            deliveries += _take(workspace, source, settled, remarks)
    return deliveries, now, remarks


def _take(workspace: Workspace, source: str, settled: dict[str, Path], remarks: list[str]) -> list[Delivery]:
    """Take in the settled files of a source; a file that is refused does not hold up the others."""
    files: list[tuple[Path, FileIdentity]] = []
    for key, path in settled.items():
        try:
            files.append((path, READERS[source].identify(path)))
        except SourceError as error:
            remarks.append(f"{key} is refused: {error}")
    try:
        receipts = take_in(workspace, source, files)
    except SourceError as error:
        remarks.append(f"the files of {source} wait for the next look: {error}")
        return []
    return [
        Delivery(source, identity.layout, identity.period, receipt.sha256, path.name)
        for (path, identity), receipt in zip(files, receipts, strict=True)
        if receipt.is_new
    ]


def first_assets(delivery: Delivery) -> dg.AssetSelection:
    """The raw asset a delivery feeds and everything downstream of it."""
    layout = next(x for x in catalog.source(delivery.source).layouts if x.name == delivery.layout)
    return dg.AssetSelection.assets(layout.raw_table).downstream()


def landing_jobs(assets: Iterable[dg.AssetsDefinition]) -> dict[str, dg.UnresolvedAssetJobDefinition]:
    """Jobs that deliveries start, by the period of what they run: a job has one kind of partition."""
    kind_of = {key: definition.partitions_def for definition in assets for key in definition.keys}
    return {
        by: dg.define_asset_job(
            f"landing_{by}",
            selection=dg.AssetSelection.assets(*(key for key, kind in kind_of.items() if kind in (None, partitions))),
            executor_def=dg.in_process_executor,
            description=f"What a file dropped in data/landing needs; its partitions are {by}s.",
        )
        for by, partitions in (("quarter", QUARTERS), ("year", YEARS))
    }


def landing_sensor(jobs: Mapping[str, dg.UnresolvedAssetJobDefinition], *, running: bool) -> dg.SensorDefinition:
    """The sensor on the landing folder, on or off at start."""
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="landing",
        jobs=list(jobs.values()),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=status,
        required_resource_keys={"workspace"},
        description=(
            "Watches data/landing/<source>/. A file that has not changed between two looks is taken into the vault and"
            " starts a run of what needs it; a duplicate does nothing; a half-copied file waits."
        ),
    )
    def landing(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        workspace: Workspace = context.resources.workspace
        deliveries, seen, remarks = collect(workspace, json.loads(context.cursor or "{}"))
        context.update_cursor(json.dumps(seen))
        for remark in remarks:
            context.log.info(remark)
        if not deliveries:
            return dg.SkipReason("; ".join(remarks) or "nothing new in data/landing")
        graph = context.repository_def.asset_graph if context.repository_def else None
        requests = [_request(delivery, graph) for delivery in deliveries]
        for delivery, request in zip(deliveries, requests, strict=True):
            if request is None:
                context.log.info("%s is of times before the first partition; nothing runs", delivery.file_name)
        return dg.SensorResult(run_requests=[request for request in requests if request])

    return landing


def _request(delivery: Delivery, graph: dg.AssetGraph | None) -> dg.RunRequest | None:
    """The run a delivery asks for; None for a file of periods before the first partition."""
    partitions = _partitions_of(delivery)
    periods = [period for period in delivery.periods if partitions and partitions.has_partition_key(period)]
    if delivery.periods and not periods:
        return None
    tags = {"lmi/source": delivery.source, "lmi/file": delivery.file_name}
    if len(periods) > 1:
        tags |= {RANGE_START: periods[0], RANGE_END: periods[-1]}
    return dg.RunRequest(
        run_key=f"{delivery.source}-{delivery.sha256}",
        job_name="landing_year" if _partitions_of(delivery) is YEARS else "landing_quarter",
        asset_selection=_of_one_kind(delivery, graph) if graph else None,
        partition_key=periods[0] if len(periods) == 1 else None,
        tags=tags,
    )


def _partitions_of(delivery: Delivery) -> dg.TimeWindowPartitionsDefinition | None:
    return {0: None, len("2020"): YEARS, len("2020-01"): QUARTERS}[len(min(delivery.periods, default=""))]


def _of_one_kind(delivery: Delivery, graph: dg.AssetGraph) -> list[dg.AssetKey]:
    """Assets to run for a delivery: a run has one kind of partition, that of the delivered file.

    What is partitioned otherwise (weights that need a new RTI panel, pay that needs a new LFS quarter) is left to its
    own job or backfill.
    """
    keys = sorted(first_assets(delivery).resolve(graph))
    return [key for key in keys if graph.get(key).partitions_def in (None, _partitions_of(delivery))]
