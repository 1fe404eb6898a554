"""The asset at the end of the graph: an immutable release of everything servable."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.release.gate import publish_checked

RELEASE = "publication__release"


def publication_assets(out_tables: list[str], lineage: Mapping[str, Sequence[str]]) -> list[dg.AssetsDefinition]:
    """The release asset, downstream of every servable table."""

    @dg.asset(
        name=RELEASE,
        deps=out_tables,
        group_name="publication",
        description=(
            "Immutable release of every servable table: database, Parquet, CSV with CSV-W metadata, data dictionary,"
            " attribution, manifest and difference from the release before. Refused unless every blocking check of the"
            " tables in it passes at the moment of publishing."
        ),
        owners=["team:labour-market"],
        kinds={"sqlite", "parquet", "csv"},
        tags={"layer": "release"},
        code_version="1",
        required_resource_keys={"workspace"},
    )
    def release(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        workspace: Workspace = context.resources.workspace
        started = context.instance.get_run_stats(context.run.run_id).start_time
        if started is None:
            raise ReleaseError(f"run {context.run.run_id} has no start time; publish with `lmi release publish`")
        folder = publish_checked(
            workspace.lake,
            workspace.vault,
            workspace.settings,
            made_at=datetime.fromtimestamp(started, UTC),
            now=datetime.now(UTC),
            lineage=lineage,
        )
        return dg.MaterializeResult(metadata={"release": folder.name, "folder": dg.MetadataValue.path(str(folder))})

    return [release]
