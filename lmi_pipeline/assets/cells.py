"""Assets of the population behind the controls: cells by region, sex, age and country of birth, and tenure."""

from dataclasses import dataclass

import dagster as dg
import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.inputs import VintageEditions, areas_of, choose_release, editions_for, stated_stocks
from lmi_pipeline.assets.writing import frame_result
from lmi_pipeline.catalog.models import PopulationInput, WeightVintage
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods import control_cells
from lmi_pipeline.methods.quarters import quarter_range, shift_quarter
from lmi_pipeline.methods.tables import FloatArray, to_array, to_long
from lmi_pipeline.methods.weighting import codes_of, control_columns
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake

CELL, TENURE = "est_population__quarterly_cell", "est_population__quarterly_tenure"
CONTROL = "est_population__quarterly_control"
FIRST_QUARTER = "2019-01"
STRUCTURE_YEAR = ("2019-01", "2019-04", "2019-07", "2019-10")
_BIRTH_TOTAL = "total"


@dataclass(frozen=True)
class CellFrame:
    """Cells of one vintage, and what they were made from."""

    frame: pd.DataFrame
    estimate_release: str
    projection_release: str
    later_editions: tuple[str, ...] = ()


def mid_years(lake: Lake, population: PopulationInput) -> tuple[pd.DataFrame, str, str]:
    """Mid-year population by control age, projections after the last estimate; and the releases used."""
    estimates, used = _release(lake, "core_population__yearly_estimate", population.estimates, population.if_absent)
    parts, projected = [_grouped(estimates)], ""
    if population.projection:
        frame, projected = _release(
            lake, "core_population__yearly_projection", population.projection, population.if_absent
        )
        later = frame[(frame["year"] > estimates["year"].max()) & (frame["projection_variant"] == "ppp")]
        parts.append(_grouped(later))
    return pd.concat(parts, ignore_index=True), used, projected


def _release(lake: Lake, table: str, wanted: str, if_absent: str) -> tuple[pd.DataFrame, str]:
    regions = {"area_code": list(catalog.codes("region")), "sex": ["male", "female"]}
    frame = lake.read(table, where=regions)
    frame = frame[frame["age_label"] != "total"]
    used = choose_release(wanted, frame["release"].unique(), if_absent, f"population ({table}), 12 regions, by age:")
    return frame[frame["release"] == used], used


def _grouped(frame: pd.DataFrame) -> pd.DataFrame:
    single = frame["age_label"].str.fullmatch(r"\d+\+?")
    ages = frame.loc[single, "age_label"].str.rstrip("+").astype(int)
    listed = catalog.codelist("control_age")
    row = np.searchsorted(listed["lowest"].astype(int).to_numpy(), ages.to_numpy(), side="right") - 1
    kept = frame[single].assign(age_group=listed["code"].to_numpy()[row])
    keys = ["year", "area_code", "sex", "age_group"]
    summed: pd.DataFrame = kept.groupby([*keys, "synthetic"])["population_count"].sum().reset_index()
    return summed


def base_year_persons(lake: Lake, vintage: WeightVintage) -> VintageEditions:
    """Respondents of the base year, the official weight a vintage may have, and the columns controls are cut by."""
    where = {"quarter": list(STRUCTURE_YEAR)}
    columns = ["quarter", "person_id", "age_years", "sex", "region_gss", "tenure", "birth_group", "synthetic"]
    persons = lake.read("core_lfs__quarterly_person", columns=columns, where=where)
    weights = lake.read(
        "core_lfs__quarterly_published_weight",
        columns=["quarter", "person_id", "edition", "analysis_weight", "analysis_weight_year"],
        where=where,
    )
    absent = sorted(set(STRUCTURE_YEAR) - set(persons["quarter"]))
    if absent:
        raise MethodError(f"the structure of 2019 needs the LFS person files of {', '.join(absent)}, not in the lake")
    chosen = editions_for(weights, vintage)
    joined = persons.merge(chosen.frame.drop(columns="analysis_weight_year"), on=["quarter", "person_id"])
    return VintageEditions(control_columns(joined), chosen.later)


def cells_of(lake: Lake, vintage: WeightVintage) -> CellFrame:
    """Population cells of a vintage for every quarter its inputs reach."""
    mid_year, estimates, projection = mid_years(lake, vintage.population)
    known = {int(year) for year in mid_year["year"]}
    last = vintage.to_quarter or f"{max(known)}-04"
    quarters = [
        quarter
        for quarter in quarter_range(FIRST_QUARTER, min(last, f"{max(known)}-04"))
        if set(control_cells.years_around(quarter)) <= known
    ]
    cells = {quarter: _whole(mid_year, quarter) for quarter in quarters}
    flags = [*mid_year["synthetic"].unique()]
    groups: tuple[str, ...] = (_BIRTH_TOTAL,)
    later: tuple[str, ...] = ()
    if "birth_group" in vintage.controls:
        groups = codes_of("birth_group")
        cells, flag, later = _by_birth(lake, vintage, cells)
        flags.append(flag)
    else:
        cells = {quarter: whole[..., None] for quarter, whole in cells.items()}
    axes = {"region_gss": codes_of("region_gss"), "sex": codes_of("sex"), "age_group": codes_of("age_group")}
    frames = [
        to_long({"population_count": values}, {**axes, "birth_group": groups}).assign(quarter=quarter)
        for quarter, values in cells.items()
    ]
    frame = pd.concat(frames, ignore_index=True)
    frame = frame.assign(weight_vintage=vintage.name, synthetic=combine_synthetic(*flags))
    return CellFrame(frame, estimates, projection, later)


def _whole(mid_year: pd.DataFrame, quarter: str) -> FloatArray:
    return control_cells.interpolate_mid_years(
        mid_year, quarter, areas=codes_of("region_gss"), sexes=codes_of("sex"), ages=codes_of("age_group")
    )


def control_area_index(vintage: WeightVintage) -> tuple[list[str], np.ndarray]:
    """Control areas of a vintage's geography, and the one each region belongs to."""
    if vintage.growth is None:
        raise MethodError(f"weight vintage {vintage.name} does not control for country of birth")
    mapping = areas_of(vintage.growth)
    areas = sorted(set(mapping.values()))
    return areas, np.array([areas.index(mapping[region]) for region in codes_of("region_gss")])


def _by_birth(
    lake: Lake, vintage: WeightVintage, whole: dict[str, FloatArray]
) -> tuple[dict[str, FloatArray], str, tuple[str, ...]]:
    """Cells by country of birth: from the controls after the base quarter, from the stocks before."""
    areas, index = control_area_index(vintage)
    groups = codes_of("birth_group")
    respondents = base_year_persons(lake, vintage)
    persons = respondents.frame
    profile = control_cells.mean_age_profile(persons, "analysis_weight", ages=codes_of("age_group"), groups=groups)
    stocks = _stocks(lake, vintage, areas)
    controls = lake.read(CONTROL, where={"weight_vintage": vintage.name, "area_code": areas})
    axes = {"area_code": areas, "birth_group": groups}
    reached = sorted(set(controls["quarter"]))
    structure = {
        quarter: control_cells.split_by_birth_group(whole[quarter], stocks[quarter], index, profile)
        for quarter in STRUCTURE_YEAR
    }
    result = dict(structure)
    for quarter in reached:
        if quarter not in whole:
            continue
        totals = to_array(controls[controls["quarter"] == quarter], "population_count", axes, f"controls {quarter}")
        if vintage.population.role == "structure":
            base = structure[f"2019-{quarter[5:]}"]
            result[quarter] = control_cells.move_by_birth_group(base, totals, index)
        else:
            result[quarter] = control_cells.split_by_birth_group(whole[quarter], totals, index, profile)
    flag = combine_synthetic(persons["synthetic"], controls["synthetic"])
    return {quarter: result[quarter] for quarter in sorted(result)}, flag, respondents.later


def _stocks(lake: Lake, vintage: WeightVintage, areas: list[str]) -> dict[str, FloatArray]:
    if vintage.growth is None:
        raise MethodError(f"weight vintage {vintage.name} does not control for country of birth")
    stock = editions_for(lake.read("est_population__quarterly_stock"), vintage)
    frame, _ = stated_stocks(stock.frame, vintage.growth, STRUCTURE_YEAR[0], STRUCTURE_YEAR[-1])
    axes = {"quarter": STRUCTURE_YEAR, "area_code": areas, "birth_group": codes_of("birth_group")}
    values = to_array(frame, "population_count", axes, "stocks")
    return dict(zip(STRUCTURE_YEAR, values, strict=True))


def first_controlled(vintage: WeightVintage) -> str:
    """First quarter from which a vintage has population cells without a gap.

    All have those of the structure year; a vintage that begins after it has the next ones when it begins.
    """
    begins = vintage.from_quarter or FIRST_QUARTER
    return FIRST_QUARTER if begins <= shift_quarter(STRUCTURE_YEAR[-1], 1) else begins


def cell_name(vintage: str) -> str:
    """Name of the asset that writes a vintage's slice of the population cells."""
    return f"{CELL}_{vintage}"


def tenure_name(vintage: str) -> str:
    """Name of the asset that writes a vintage's slice of the tenure totals."""
    return f"{TENURE}_{vintage}"


def _cell_asset(vintage: WeightVintage) -> dg.AssetsDefinition:
    deps = ["core_population__yearly_estimate", "core_population__yearly_projection"]
    if "birth_group" in vintage.controls:
        deps += [
            f"{CONTROL}_{vintage.name}",
            "est_population__quarterly_stock",
            "core_lfs__quarterly_person",
            "core_lfs__quarterly_published_weight",
        ]

    @dg.asset(
        **asset_arguments(
            CELL,
            suffix=f"_{vintage.name}",
            slice_={"weight_vintage": vintage.name},
            tags={"vintage": vintage.name},
            note=f"**Vintage {vintage.name}: {vintage.title}.**",
        ),
        deps=deps,
        check_specs=check_specs(CELL, cell_name(vintage.name)),
    )
    def cell(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        made = cells_of(workspace.lake, vintage)
        quarters = sorted(set(made.frame["quarter"]))
        return frame_result(
            context,
            CELL,
            made.frame,
            estimate_release=made.estimate_release,
            projection_release=made.projection_release,
            editions_later_than_vintage=", ".join(made.later_editions) or "none",
            first_quarter=quarters[0],
            last_quarter=quarters[-1],
        )

    return cell


def _tenure_asset(vintage: WeightVintage) -> dg.AssetsDefinition:
    @dg.asset(
        **asset_arguments(
            TENURE,
            suffix=f"_{vintage.name}",
            slice_={"weight_vintage": vintage.name},
            tags={"vintage": vintage.name},
            note=(
                f"**Vintage {vintage.name}.** ONS did not publish the source of the tenure totals; the shares of 2019,"
                " before interviewing changed, are this project's choice."
            ),
        ),
        deps=[cell_name(vintage.name), "core_lfs__quarterly_person", "core_lfs__quarterly_published_weight"],
        check_specs=check_specs(TENURE, tenure_name(vintage.name)),
    )
    def tenure(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        cells = workspace.lake.read(CELL, where={"weight_vintage": vintage.name})
        respondents = base_year_persons(workspace.lake, vintage)
        persons = respondents.frame
        known = persons[persons["tenure_group"].notna()]
        counts = known.groupby(["region_gss", "tenure_group"])["analysis_weight"].sum().rename("share").reset_index()
        counts["share"] /= counts.groupby("region_gss")["share"].transform("sum")
        regional = cells.groupby(["quarter", "region_gss"])["population_count"].sum().reset_index()
        frame = regional.merge(counts, on="region_gss")
        frame["population_count"] *= frame["share"]
        flag = combine_synthetic(cells["synthetic"], persons["synthetic"])
        return frame_result(
            context,
            TENURE,
            frame.drop(columns="share").assign(weight_vintage=vintage.name, synthetic=flag),
            editions_later_than_vintage=", ".join(respondents.later) or "none",
        )

    return tenure


def cell_assets() -> list[dg.AssetsDefinition]:
    """Population cells of every vintage, and tenure totals of those that control for tenure."""
    vintages = list(catalog.weight_vintages().values())
    return [
        *(_cell_asset(vintage) for vintage in vintages),
        *(_tenure_asset(vintage) for vintage in vintages if "tenure_region" in vintage.controls),
    ]
