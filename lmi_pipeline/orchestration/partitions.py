"""The one definition of quarters, shared by every quarterly asset."""

import dagster as dg

FIRST_QUARTER = "2014-07"

QUARTERS = dg.TimeWindowPartitionsDefinition(start=FIRST_QUARTER, fmt="%Y-%m", cron_schedule="0 0 1 1,4,7,10 *")
