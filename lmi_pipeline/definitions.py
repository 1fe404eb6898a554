"""The one object Dagster loads."""

import warnings

import dagster as dg

from lmi_pipeline import settings as settings_module
from lmi_pipeline.assets.cells import cell_assets
from lmi_pipeline.assets.disclosure import gate_assets
from lmi_pipeline.assets.estimates import estimate_assets
from lmi_pipeline.assets.impact import impact_assets
from lmi_pipeline.assets.marts import mart_assets
from lmi_pipeline.assets.pay import pay_assets
from lmi_pipeline.assets.publication import publication_assets
from lmi_pipeline.assets.report import report_assets
from lmi_pipeline.assets.response import response_assets
from lmi_pipeline.assets.reweighting import reweighting_assets
from lmi_pipeline.assets.sources import source_assets
from lmi_pipeline.assets.weights import weight_assets
from lmi_pipeline.orchestration.io import LakeIOManager
from lmi_pipeline.orchestration.jobs import (
    monthly_refresh,
    monthly_schedule,
    pay_job,
    pay_schedule,
    reweighting_job,
)
from lmi_pipeline.orchestration.landing import landing_jobs, landing_sensor
from lmi_pipeline.orchestration.lineage import table_lineage
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.settings import Settings

warnings.filterwarnings("ignore", message=".*is currently in (beta|preview).*")


def build(settings: Settings) -> dg.Definitions:
    """Definitions of the whole project for some settings."""
    workspace = Workspace.open(settings)
    monthly, yearly = monthly_refresh(), pay_job()
    weighting = [
        *cell_assets(),
        *response_assets(),
        *weight_assets(),
        *estimate_assets(),
        *impact_assets(),
        *report_assets(),
    ]
    others = [*source_assets(), *reweighting_assets(), *weighting, *pay_assets(), *gate_assets()]
    marts = mart_assets(settings, others)
    tables = [*others, *marts]
    out_tables = [
        key.to_user_string() for mart in marts for key in mart.keys if key.to_user_string().startswith("out_")
    ]
    assets = [*tables, *publication_assets(out_tables, table_lineage(tables))]
    landing = landing_jobs(assets)
    return dg.Definitions(
        assets=assets,
        resources={"io_manager": LakeIOManager(workspace.lake), "workspace": workspace},
        jobs=[monthly, yearly, reweighting_job(), *landing.values()],
        schedules=[
            monthly_schedule(monthly, running=settings.automation),
            pay_schedule(yearly, running=settings.automation),
        ],
        sensors=[landing_sensor(landing, running=settings.automation)],
        executor=dg.in_process_executor,
    )


defs = build(settings_module.load())
