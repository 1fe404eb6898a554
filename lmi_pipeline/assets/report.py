"""The asset of the reports: one self-contained page per weight vintage, what the new weights change."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.impact import IMPACT, PERIOD, ImpactInputs, impact_name, impact_tables, rows_of
from lmi_pipeline.assets.weights import WEIGHTING
from lmi_pipeline.catalog.models import WeightVintage
from lmi_pipeline.errors import MethodError, ReleaseError
from lmi_pipeline.methods.weight_report import weight_histogram
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.release.impact_report import render_impact_report
from lmi_pipeline.storage.lake import Lake

REPORT = "publication__reweighting_report"
WEIGHTS = "est_lfs__quarterly_weight"


def reports_folder(data: Path) -> Path:
    """Folder of the reports; they are for the data team and no part of a release."""
    return data / "reports"


def report_vintages() -> list[WeightVintage]:
    """Vintages that are compared with another, one report each."""
    return [vintage for vintage in catalog.weight_vintages().values() if vintage.compare_with]


def newest_weights(lake: Lake, vintage: str) -> pd.DataFrame:
    """Base and final weights of the newest calibrated quarter of a vintage; empty if there is none."""
    if not lake.exists(WEIGHTS):
        return pd.DataFrame()
    where = {"weight_vintage": vintage, "weight_source": "calibrated"}
    quarters = lake.read(WEIGHTS, columns=["quarter"], where=where)["quarter"]
    if quarters.empty:
        return pd.DataFrame()
    return lake.read(WEIGHTS, columns=["base_weight", "weight"], where={**where, "quarter": quarters.max()})


def render(lake: Lake, vintage: WeightVintage, made_at: datetime) -> str:
    """Page of one vintage from the tables as they stand."""
    rows = lake.read(IMPACT, where={"weight_vintage": vintage.name}).rename(columns={PERIOD: "quarter"})
    if rows.empty:
        raise ReleaseError(f"weight vintage {vintage.name} has no rows in {IMPACT}; run it first")
    held = newest_weights(lake, vintage.name)
    histogram = None if held.empty else weight_histogram(held["base_weight"].to_numpy(), held["weight"].to_numpy())
    weighting = lake.read(WEIGHTING, where={"weight_vintage": vintage.name}) if lake.exists(WEIGHTING) else None
    return render_impact_report(
        rows,
        vintage=vintage,
        missing=_missing(lake, vintage, set(rows["impact_table"])),
        weighting=weighting,
        histogram=histogram,
        made_from={IMPACT: f"version {lake.version(IMPACT)}"},
        made_at=made_at,
    )


def _missing(lake: Lake, vintage: WeightVintage, there: set[str]) -> dict[str, str]:
    """Why a table has no rows for a vintage."""
    inputs, reasons = ImpactInputs(lake), {}
    for code, table in impact_tables().items():
        if code in there:
            continue
        if vintage not in table.vintages:
            reasons[code] = f"not made for {vintage.name}, which does not control for country of birth"
            continue
        try:
            _, absent = rows_of(inputs, table)
        except MethodError as error:
            absent = {vintage.name: str(error)}
        reasons[code] = absent.get(vintage.name, "not in the table yet")
    return reasons


def report_assets() -> list[dg.AssetsDefinition]:
    """The one asset that writes the reports."""
    codes = [*impact_tables(), "published_editions"]

    @dg.asset(
        name=REPORT,
        deps=[impact_name(code) for code in codes],
        group_name="publication",
        description=(
            "One self-contained HTML page per weight vintage: the tables of the ONS reweighting article with charts and"
            " a sentence each, the quality of the weights, and what everything was made from. For the data team: the"
            " estimates have not passed the disclosure gate, so the pages are no part of a release."
        ),
        owners=["team:labour-market"],
        kinds={"html"},
        tags={"layer": "release"},
        code_version="1",
        required_resource_keys={"workspace"},
    )
    def reweighting_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        workspace: Workspace = context.resources.workspace
        started = context.instance.get_run_stats(context.run.run_id).start_time
        made_at = datetime.fromtimestamp(started or 0.0, UTC)
        folder = reports_folder(workspace.settings.data)
        folder.mkdir(parents=True, exist_ok=True)
        written: dict[str, dg.MetadataValue] = {}
        for vintage in report_vintages():
            page = render(workspace.lake, vintage, made_at)
            path = folder / f"reweighting_{vintage.name}.html"
            part = path.with_suffix(".part")
            part.write_text(page, encoding="utf-8")
            part.replace(path)
            written[vintage.name] = dg.MetadataValue.path(str(path))
        return dg.MaterializeResult(metadata={"reports": len(written), **written})

    return [reweighting_report]
