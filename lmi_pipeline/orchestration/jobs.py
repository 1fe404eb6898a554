"""The monthly refresh and its schedule, and the job that reweights quarters."""

from __future__ import annotations

import dagster as dg

PUBLICATION_TIME = "30 9 16 * *"
WEIGHT_GROUPS = ("lfs_weights", "aps_weights", "lfs_estimates")


def monthly_refresh() -> dg.UnresolvedAssetJobDefinition:
    """Everything that restates its history each month: panels, growth, controls, marts, release."""
    quarterly: dg.AssetSelection = dg.AssetSelection.groups("lfs") - dg.AssetSelection.assets(
        "vault_lfs__file", "raw_lfs__published_cell", "core_lfs__quarterly_published_series"
    )
    quarterly = quarterly | dg.AssetSelection.groups(*WEIGHT_GROUPS)
    return dg.define_asset_job(
        "monthly_refresh",
        selection=dg.AssetSelection.all() - quarterly,
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
