"""Assets of the reweighting: RTI growth, and population controls by country of birth per vintage.

The numbers happen in :mod:`lmi_pipeline.methods`; here inputs are chosen as the vintage says, and
results are described.
"""

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.inputs import ControlInputs, control_inputs
from lmi_pipeline.assets.writing import frame_result
from lmi_pipeline.catalog.models import WeightVintage
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.areas import combine_areas
from lmi_pipeline.methods.birth_controls import add_national_controls, birth_group_controls
from lmi_pipeline.methods.growth import quarterly_growth
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.release.charts import chart_controls_by_vintage, chart_growth_by_nationality
from lmi_pipeline.storage.frames import combine_synthetic

GROWTH = "est_rti__quarterly_growth"
CONTROL = "est_population__quarterly_control"
LAGS = (0, 1)
_SERIES = ["release", "area_code", "nationality_group", "is_seasonally_adjusted"]


def control_name(vintage: str) -> str:
    """Name of the asset that writes a vintage's slice of the controls."""
    return f"{CONTROL}_{vintage}"


def with_region_groups(employees: pd.DataFrame) -> pd.DataFrame:
    """Append the groups of regions of the catalogue to regional employee counts."""
    groups = catalog.mapping("region", "region_group")
    several = {region: group for region, group in groups.items() if region != group}
    keys = ["release", "month", "nationality_group", "is_seasonally_adjusted"]
    regional = employees[employees["area_code"].isin(several)]
    grouped = combine_areas(
        regional[[*keys, "area_code", "employee_count"]], several, "employee_count", table="employees"
    )
    return pd.concat([employees[[*keys, "area_code", "employee_count"]], grouped], ignore_index=True)


@dg.asset(
    **asset_arguments(GROWTH, note="Growth within one release only: RTI restates its whole history every month."),
    check_specs=check_specs(GROWTH, GROWTH),
)
def est_rti__quarterly_growth(context: dg.AssetExecutionContext, core_rti__monthly_employees: pd.DataFrame):
    """Quarterly means and year-on-year growth, for the lags that weight vintages use."""
    employees = with_region_groups(core_rti__monthly_employees)
    frames = [
        quarterly_growth(
            employees,
            month="month",
            value="employee_count",
            by=_SERIES,
            month_lag=lag,
            mean="employee_mean",
            gaps="leave_out",
        ).frame.assign(month_lag=lag)
        for lag in LAGS
    ]
    synthetic = core_rti__monthly_employees.groupby("release")["synthetic"].agg(combine_synthetic)
    frame = pd.concat(frames, ignore_index=True)
    frame["synthetic"] = frame["release"].map(synthetic).astype("str")
    newest = max(frame["release"])
    chart = chart_growth_by_nationality(frame, newest)
    return frame_result(
        context,
        GROWTH,
        frame,
        chart=dg.MetadataValue.md(chart.markdown()),
        releases=", ".join(sorted(frame["release"].unique())),
    )


def controls_of(inputs: ControlInputs, vintage: WeightVintage) -> pd.DataFrame:
    """Controls of one vintage as rows of the control table."""
    model = vintage.growth
    if model is None or vintage.rti is None:
        raise MethodError(f"weight vintage {vintage.name} does not control for country of birth")
    controls = birth_group_controls(
        inputs.stocks,
        inputs.growth,
        inputs.natural_change,
        inputs.base_growth,
        quarters=inputs.quarters,
        base_quarter=model.base_quarter,
        coefficient=model.coefficient,
        uk_adjusted=model.uk_adjusted,
        uk_reference=model.uk_reference,
    )
    if model.geography == "region_group":
        controls = add_national_controls(controls)
    quarter = controls.frame["quarter"]
    kept = controls.frame[(quarter >= str(vintage.from_quarter)) | (quarter == model.base_quarter)]
    return kept.assign(
        weight_vintage=vintage.name,
        rti_release=quarter[kept.index].map(inputs.release_of),
        month_lag=vintage.rti.month_lag,
        synthetic=inputs.synthetic,
    )


def _control_asset(vintage: WeightVintage) -> dg.AssetsDefinition:
    name = control_name(vintage.name)

    @dg.asset(
        **asset_arguments(
            CONTROL,
            suffix=f"_{vintage.name}",
            slice_={"weight_vintage": vintage.name},
            tags={"vintage": vintage.name},
            note=f"**Vintage {vintage.name}: {vintage.title}.** {vintage.note}",
        ),
        deps=[
            GROWTH,
            "est_population__quarterly_stock",
            "core_population__quarterly_natural_change",
            "core_migration__yearly_net",
        ],
        check_specs=check_specs(CONTROL, name),
    )
    def control(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        inputs = control_inputs(workspace.lake, vintage)
        frame = controls_of(inputs, vintage)
        shown = [frame]
        if workspace.lake.exists(CONTROL):
            others = workspace.lake.read(CONTROL)
            shown.append(others[others["weight_vintage"] != vintage.name])
        chart = chart_controls_by_vintage(pd.concat(shown, ignore_index=True))
        return frame_result(
            context,
            CONTROL,
            frame,
            chart=dg.MetadataValue.md(chart.markdown()),
            rti_release_wanted=vintage.rti.release if vintage.rti else "",
            rti_release_used=inputs.rti_release,
            rti_releases_by_quarter=dg.MetadataValue.json(inputs.release_of),
            quarters_left_out=", ".join(inputs.left_out) or "none",
            not_stated_share=f"{inputs.not_stated_share:.2%}",
            editions_later_than_vintage=", ".join(inputs.later_editions) or "none",
            first_quarter=inputs.quarters[0],
            last_quarter=inputs.quarters[-1],
        )

    return control


def control_vintages() -> list[WeightVintage]:
    """Vintages whose controls include country of birth."""
    return [v for v in catalog.weight_vintages().values() if v.growth is not None and v.rti is not None]


def reweighting_assets() -> list[dg.AssetsDefinition]:
    """RTI growth, and one control asset per vintage that controls for country of birth."""
    return [est_rti__quarterly_growth, *(_control_asset(vintage) for vintage in control_vintages())]
