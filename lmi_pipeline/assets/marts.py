"""Assets made of SQL: one per model of ``dbt_like_sql``, dependencies from ``ref``."""

import dagster as dg

from lmi_pipeline import catalog
from lmi_pipeline.assets.reweighting import CONTROL, control_name, control_vintages
from lmi_pipeline.assets.writing import frame_result
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.settings import Settings
from lmi_pipeline.storage.sql import SqlModel, SqlTest, column_lineage, load_models, load_tests, run_model, run_test


def assets_behind(table: str) -> list[str]:
    """Names of the assets that write a table: several where each writes a slice, another's where it writes both."""
    if table == CONTROL:
        return [control_name(vintage.name) for vintage in control_vintages()]
    return [catalog.table(table).written_with or table]


def _lineage(model: SqlModel) -> dg.TableColumnLineage:
    deps = {}
    for column, origins in column_lineage(model).items():
        pairs = [origin.split(".", 1) for origin in origins]
        deps[column] = [
            dg.TableColumnDep(asset_key=name, column_name=origin)
            for table, origin in pairs
            for name in assets_behind(table)
        ]
    return dg.TableColumnLineage(deps)


def _model_asset(model: SqlModel, tests: list[SqlTest]) -> dg.AssetsDefinition:
    table = catalog.table(model.name)
    arguments = asset_arguments(model.name, kinds=("sql", "duckdb"))
    arguments["description"] += f"\n\n```sql\n{model.text.strip()}\n```"

    @dg.asset(
        **arguments,
        deps=[name for ref in model.refs for name in assets_behind(ref)],
        check_specs=[
            *check_specs(model.name, model.name),
            *(
                dg.AssetCheckSpec(
                    test.rule, asset=model.name, blocking=True, description="SQL test; it must select no row"
                )
                for test in tests
            ),
        ],
    )
    def mart(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        frame = run_model(model, workspace.lake)
        result = frame_result(context, table.name, frame, **{"dagster/column_lineage": _lineage(model)})
        tested = [
            dg.AssetCheckResult(
                asset_key=context.asset_key,
                check_name=test.rule,
                passed=failing == 0,
                metadata={"rows_failing": failing},
            )
            for test, failing in ((t, run_test(t, workspace.lake, replace={model.name: frame})) for t in tests)
        ]
        return result._replace(check_results=[*result.check_results, *tested])

    return mart


def mart_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset per SQL model of the project."""
    root = settings.project_root / "dbt_like_sql"
    tests = load_tests(root / "tests")
    models = load_models(root / "models")
    return [_model_asset(model, [t for t in tests if t.table == model.name]) for model in models.values()]
