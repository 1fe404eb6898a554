"""How every asset of the pay estimates is made: by year, skipped where nothing changed, left out without tables."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.pay_inputs import JOB, PERSON, PUBLISHED, WEIGHT, PayInputs
from lmi_pipeline.assets.survey import fingerprint
from lmi_pipeline.assets.writing import Part, slices_result
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.partitions import YEARS
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.storage.lake import Lake, slice_text

Make = Callable[[PayInputs], pd.DataFrame]
Show = Callable[[Lake, Sequence[int]], Mapping[str, Any]]


def _pooled() -> dg.TimeWindowPartitionMapping:
    """A year is made from what its own year and the one before have, as far as there is anything."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is currently in (beta|preview).*")
        return dg.TimeWindowPartitionMapping(start_offset=-1, allow_nonexistent_upstream_partitions=True)


def yearly_pay_asset(
    table_name: str,
    make: Make,
    *,
    version: str,
    after: Sequence[str] = (),
    survey: bool = True,
    when: Callable[[PayInputs], bool] = PayInputs.has_tables,
    show: Show | None = None,
    check: tuple[dg.AssetCheckSpec, Callable[[Lake, Sequence[int]], dg.AssetCheckResult]] | None = None,
    note: str = "",
) -> dg.AssetsDefinition:
    """Asset that writes a yearly table of the pay estimates.

    Parameters
    ----------
    make : callable
        Rows of a year from its inputs.
    version : str
        Raised when the method changes, so that slices are made anew.
    after : sequence of str
        Estimated tables of the same year it is made from.
    survey : bool
        Whether it reads the Labour Force Survey.
    when : callable
        Whether a year can be estimated at all; the others are left out and counted.
    show : callable, optional
        Metadata (charts, tables) of the years of a run, from the lake.
    check : pair, optional
        A further blocking check, and how to answer it for the years of a run.
    """
    upstream = [PERSON, WEIGHT] if survey else []
    deps = [dg.AssetDep(name, partition_mapping=_pooled()) for name in (JOB, *upstream)]

    @dg.asset(
        **asset_arguments(table_name, note=note, code_version=version),
        deps=[PUBLISHED, *deps, *after],
        partitions_def=YEARS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[*check_specs(table_name, table_name), *([check[0]] if check else [])],
    )
    def estimates(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        lake = workspace.lake
        inputs = {key: PayInputs(lake, int(key), workspace.settings.pay_mode) for key in context.partition_keys}
        wanted = [key for key, found in inputs.items() if found.has_tables() and when(found)]
        result = slices_result(
            context,
            table_name,
            (
                Part(key, _made_from(inputs[key], version, after, survey=survey), lambda key: make(inputs[key]))
                for key in wanted
            ),
            keep_going=True,
            years_left_out=len(inputs) - len(wanted),
        )
        years = [int(key) for key in wanted]
        shown = dict(show(lake, years)) if show and years else {}
        checked = [check[1](lake, years)] if check else []
        return result._replace(
            metadata={**shown, **(result.metadata or {})}, check_results=[*result.check_results, *checked]
        )

    return estimates


def _made_from(inputs: PayInputs, version: str, after: Sequence[str], *, survey: bool) -> str:
    prints = [inputs.lake.fingerprints(table).get(slice_text({"year": str(inputs.year)}), "") for table in after]
    return fingerprint([inputs.made_from(version, survey=survey), *prints])


def write_beside(
    inputs: PayInputs, table_name: str, frame: pd.DataFrame, more: Mapping[str, str] | None = None
) -> None:
    """Write a year of a table that has no asset of its own, before the table it belongs to."""
    columns = list(catalog.table(table_name).columns)
    inputs.lake.write(table_name, frame[columns], {"year": str(inputs.year), **(more or {})})
