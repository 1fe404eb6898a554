"""The monthly refresh and the yearly pay job with their schedules, and the job that reweights quarters."""

from __future__ import annotations

import dagster as dg

PUBLICATION_TIME = "30 9 16 * *"
PAY_PUBLICATION_TIME = "30 9 5 11 *"
WEIGHT_GROUPS = ("lfs_weights", "aps_weights", "lfs_estimates")
PAY_GROUPS = ("ashe", "pay")


def monthly_refresh() -> dg.UnresolvedAssetJobDefinition:
    """Everything that restates its history each month: panels, growth, controls, marts, release."""
    quarterly: dg.AssetSelection = dg.AssetSelection.groups("lfs") - dg.AssetSelection.assets(
        "vault_lfs__file", "raw_lfs__published_cell", "core_lfs__quarterly_published_series"
    )
    partitioned = quarterly | dg.AssetSelection.groups(*WEIGHT_GROUPS, *PAY_GROUPS)
    return dg.define_asset_job(
        "monthly_refresh",
        selection=dg.AssetSelection.all() - partitioned,
        executor_def=dg.in_process_executor,
        description="Read this month's releases, rebuild growth, controls and marts, and publish a release.",
    )


def reweighting_job() -> dg.UnresolvedAssetJobDefinition:
    """Weights and estimates of every vintage, for the quarters chosen at launch."""
    return dg.define_asset_job(
        "reweighting",
        selection=dg.AssetSelection.groups(*WEIGHT_GROUPS),
        executor_def=dg.in_process_executor,
        description="Non-response, calibration and estimates of every weight vintage; backfill it from 2020-01.",
    )


def pay_job() -> dg.UnresolvedAssetJobDefinition:
    """The pay surveys of a year and what is estimated from them, for the years chosen at launch."""
    received = dg.AssetSelection.assets("vault_ashe__file")
    return dg.define_asset_job(
        "yearly_pay",
        selection=dg.AssetSelection.groups(*PAY_GROUPS) - received,
        executor_def=dg.in_process_executor,
        description="ASHE, the pay equation, cells, quantiles and changes of a year.",
    )


def pay_schedule(job: dg.UnresolvedAssetJobDefinition, *, running: bool) -> dg.ScheduleDefinition:
    """Pay of the year, early in November: ASHE is published at the end of October."""

    @dg.schedule(
        name="yearly_pay_schedule",
        job=job,
        cron_schedule=PAY_PUBLICATION_TIME,
        execution_timezone="Europe/London",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description="After the yearly publication of ASHE; off unless LMI_AUTOMATION=on.",
    )
    def yearly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=str(context.scheduled_execution_time.year))

    return yearly


def monthly_schedule(job: dg.UnresolvedAssetJobDefinition, *, running: bool) -> dg.ScheduleDefinition:
    """The refresh after the monthly publication, at 09:30 UK time, on or off at start."""
    return dg.ScheduleDefinition(
        name="monthly_refresh_schedule",
        job=job,
        cron_schedule=PUBLICATION_TIME,
        execution_timezone="Europe/London",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description="Mid-month, after the labour market release is out at 07:00; off unless LMI_AUTOMATION=on.",
    )
