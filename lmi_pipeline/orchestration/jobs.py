"""The monthly refresh and its schedule."""

from __future__ import annotations

import dagster as dg

PUBLICATION_TIME = "30 9 16 * *"


def monthly_refresh() -> dg.UnresolvedAssetJobDefinition:
    """Everything that restates its history each month: panels, growth, controls, marts, release."""
    quarterly = dg.AssetSelection.assets("raw_lfs__quarterly_person").downstream() & dg.AssetSelection.groups("lfs")
    return dg.define_asset_job(
        "monthly_refresh",
        selection=dg.AssetSelection.all() - quarterly,
        executor_def=dg.in_process_executor,
        description="Read this month's releases, rebuild growth, controls and marts, and publish a release.",
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
