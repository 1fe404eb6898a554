"""The asset of the non-response factors: a response model per quarter, and a factor per responding household."""

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.cells import FIRST_QUARTER
from lmi_pipeline.assets.survey import FACTOR, fingerprint, frame_hash
from lmi_pipeline.assets.writing import Part, slices_result
from lmi_pipeline.methods.non_response import area_characteristics, fit_response, response_factors
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.partitions import QUARTERS
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake, slice_text

ISSUED, CENSUS = "core_lfs__quarterly_issued_household", "core_census__area_characteristic"
RESPONSE_VERSION = "1"
_READ = ["quarter", "household_id", "region_gss", "local_authority_code", "contact_mode", "first_contact_succeeded",
         "responded", "synthetic"]  # fmt: skip


def census_characteristics(lake: Lake) -> tuple[pd.DataFrame, str]:
    """Shares of census categories by local authority, and whether the census is synthetic."""
    model = catalog.non_response_model()
    counts = lake.read(CENSUS, where={"census_table": model.census_table})
    counts = counts[counts["release"] == counts["release"].max()]
    shares = {name: list(categories) for name, categories in model.shares.items()}
    made = area_characteristics(
        counts.rename(columns={"area_code": "local_authority_code"}),
        area="local_authority_code",
        category="category",
        count="household_count",
        shares=shares,
        total=model.total,
    )
    return made, combine_synthetic(counts["synthetic"])


def factors_of(issued: pd.DataFrame, areas: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float]]:
    """Factor of every household whose first contact succeeded, and figures of the model for the run."""
    model = catalog.non_response_model()
    joined = issued.merge(areas, on="local_authority_code", how="left")
    fitted = fit_response(
        joined, responded="first_contact_succeeded", covariates=list(model.shares), factors=list(model.factors)
    )
    contacted = joined["first_contact_succeeded"].to_numpy(dtype=bool)
    made = response_factors(
        fitted.propensity,
        contacted,
        method=model.method,
        classes=model.classes,
        maximum_ratio=model.maximum_ratio,
    )
    frame = joined.loc[contacted, ["quarter", "household_id", "region_gss"]].assign(
        non_response_factor=made.factors[contacted], response_share=float(contacted.mean())
    )
    figures = {
        "response": float(contacted.mean()),
        "smallest_factor": float(frame["non_response_factor"].min()),
        "largest_factor": float(frame["non_response_factor"].max()),
    }
    return frame, figures


def response_assets() -> list[dg.AssetsDefinition]:
    """The one asset of the non-response factors."""

    @dg.asset(
        **asset_arguments(
            FACTOR,
            tags={"from_quarter": FIRST_QUARTER},
            note=(
                "The response model is this project's: ONS published that first contacts are adjusted with area-level"
                " census data, not how. Quarters without a file of the issued sample have no factors."
            ),
        ),
        deps=[ISSUED, CENSUS],
        partitions_def=QUARTERS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=check_specs(FACTOR, FACTOR),
    )
    def est_lfs__quarterly_response_factor(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        lake = workspace.lake
        prints = lake.fingerprints(ISSUED)
        areas, census_flag = census_characteristics(lake)
        held = set(lake.slices(ISSUED))
        model = fingerprint([RESPONSE_VERSION, catalog.non_response_model().model_dump_json(), frame_hash(areas)])
        wanted = [quarter for quarter in context.partition_keys if quarter in held]
        shown: dict[str, dict[str, float]] = {}

        def make(quarter: str) -> pd.DataFrame:
            issued = lake.read(ISSUED, columns=_READ, where={"quarter": quarter})
            frame, shown[quarter] = factors_of(issued, areas)
            return frame.assign(synthetic=combine_synthetic(issued["synthetic"], census_flag))

        parts = (
            Part(quarter, fingerprint([model, prints.get(slice_text({"quarter": quarter}), "")]), make)
            for quarter in wanted
        )
        result = slices_result(
            context, FACTOR, parts, quarters_without_sample=len(context.partition_keys) - len(wanted)
        )
        return result._replace(metadata={**(result.metadata or {}), "model": dg.MetadataValue.json(shown)})

    return [est_lfs__quarterly_response_factor]
