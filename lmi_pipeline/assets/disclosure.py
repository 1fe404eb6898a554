"""The disclosure gate as assets: one per product of the catalogue, between its cells and its marts."""

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.writing import Part, slices_result
from lmi_pipeline.catalog.protection import Product
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.release.protection import CERTIFIED, VERSION, Gate, decide, fingerprint_of, verify
from lmi_pipeline.storage.lake import Lake


def _gate_asset(product: Product) -> dg.AssetsDefinition:
    column = catalog.table(product.cells).slice_by[0]

    @dg.asset(
        **asset_arguments(product.decision, note=product.note, code_version=VERSION),
        deps=[product.cells],
        check_specs=[
            *check_specs(product.decision, product.decision),
            dg.AssetCheckSpec(
                CERTIFIED,
                asset=product.decision,
                blocking=True,
                description="every withheld cell is proven safe by a certificate that keeps every sum",
            ),
        ],
    )
    def decision(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        held = workspace.lake.read(product.cells)
        cells = {str(value): frame.reset_index(drop=True) for value, frame in held.groupby(column, sort=True)}
        counts: dict[str, dict[str, int]] = {}

        def make(value: str) -> pd.DataFrame:
            context.log.info("%s %s: deciding on %d cells", product.name, value, len(cells[value]))
            gate = decide(product, cells[value])
            _write_beside(workspace.lake, product, gate, {column: value})
            counts[value] = gate.counts
            return gate.decision

        parts = [Part(value, fingerprint_of(product, frame), make) for value, frame in cells.items()]
        result = slices_result(context, product.decision, parts)
        return result._replace(
            metadata={**(result.metadata or {}), "decisions": _counted(column, counts)},
            check_results=[*result.check_results, _certified(workspace.lake, product, cells)],
        )

    return decision


def _counted(column: str, counts: dict[str, dict[str, int]]) -> dg.MetadataValue:
    """Table of the cells of each slice that was decided on, by status."""
    if not counts:
        return dg.MetadataValue.text("nothing has changed: the decisions stand")
    return dg.MetadataValue.table([dg.TableRecord({column: value, **each}) for value, each in counts.items()])


def _write_beside(lake: Lake, product: Product, gate: Gate, slice_: dict[str, str]) -> None:
    lake.write(product.witness, gate.witness, slice_)
    lake.write(product.offer, gate.offer, slice_)


def _certified(lake: Lake, product: Product, cells: dict[str, pd.DataFrame]) -> dg.AssetCheckResult:
    column = catalog.table(product.cells).slice_by[0]
    faults = {}
    for value, frame in cells.items():
        where = {column: frame[column].iloc[0]}
        found = verify(
            product, frame, lake.read(product.decision, where=where), lake.read(product.witness, where=where)
        )
        if found:
            faults[value] = "; ".join(found)
    return dg.AssetCheckResult(
        asset_key=product.decision,
        check_name=CERTIFIED,
        passed=not faults,
        metadata={"faults": faults, "slices": len(cells)},
    )


def gate_assets() -> list[dg.AssetsDefinition]:
    """One asset per product of the catalogue."""
    return [_gate_asset(product) for product in catalog.products().values()]
