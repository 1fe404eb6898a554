"""The one definition of quarters and of years, shared by every partitioned asset."""

import dagster as dg

from lmi_pipeline.catalog.models import Table

FIRST_QUARTER, FIRST_YEAR = "2014-07", "2014"

QUARTERS = dg.TimeWindowPartitionsDefinition(start=FIRST_QUARTER, fmt="%Y-%m", cron_schedule="0 0 1 1,4,7,10 *")
YEARS = dg.TimeWindowPartitionsDefinition(start=FIRST_YEAR, fmt="%Y", cron_schedule="0 0 1 1 *", end_offset=1)
"""Years of the pay surveys, the running one among them: pay of April is published in October."""


def is_yearly(table: Table) -> bool:
    """Whether a partitioned table has a slice a year, not a quarter."""
    return table.partitioned and table.slice_by[:1] == ("year",)


def partitions_of(table: Table) -> dg.TimeWindowPartitionsDefinition:
    """Partitions of a partitioned table: those of its first slice column."""
    return YEARS if is_yearly(table) else QUARTERS
