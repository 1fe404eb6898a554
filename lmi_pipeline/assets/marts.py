"""Assets made of SQL: one per model of ``dbt_like_sql``, dependencies from ``ref``."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from lmi_pipeline import catalog
from lmi_pipeline.assets.writing import frame_result
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.io import TABLE
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.settings import Settings
from lmi_pipeline.storage.sql import SqlModel, SqlTest, column_lineage, load_models, load_tests, run_model, run_test

Writers = Mapping[str, Sequence[str]]


def writers_of(assets: Iterable[dg.AssetsDefinition]) -> dict[str, list[str]]:
    """Names of the assets that write each table: several where each writes a slice."""
    found: dict[str, list[str]] = {}
    for spec in (spec for definition in assets for spec in definition.specs if TABLE in spec.metadata):
        found.setdefault(str(spec.metadata[TABLE]), []).append(spec.key.to_user_string())
    return found


def _assets_behind(table: str, writers: Writers) -> Sequence[str]:
    """Assets that write a table; of one written with another, those of the other; of a model, itself."""
    written = catalog.table(table).written_with or table
    return writers.get(written, [written])


def _read_by(model: SqlModel, tests: Iterable[SqlTest]) -> list[str]:
    """Tables that a model and its tests read."""
    read = [ref for each in (model, *(test.model for test in tests)) for ref in each.refs]
    return [ref for ref in dict.fromkeys(read) if ref != model.name]


def _lineage(model: SqlModel, writers: Writers) -> dg.TableColumnLineage:
    deps = {}
    for column, origins in column_lineage(model).items():
        pairs = [origin.split(".", 1) for origin in origins]
        deps[column] = [
            dg.TableColumnDep(asset_key=name, column_name=origin)
            for table, origin in pairs
            for name in _assets_behind(table, writers)
        ]
    return dg.TableColumnLineage(deps)


def _model_asset(model: SqlModel, tests: list[SqlTest], writers: Writers) -> dg.AssetsDefinition:
    table = catalog.table(model.name)
    arguments = asset_arguments(model.name, kinds=("sql", "duckdb"))
    arguments["description"] += f"\n\n```sql\n{model.text.strip()}\n```"

    @dg.asset(
        **arguments,
        deps=[name for ref in _read_by(model, tests) for name in _assets_behind(ref, writers)],
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
        result = frame_result(context, table.name, frame, **{"dagster/column_lineage": _lineage(model, writers)})
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


def mart_assets(settings: Settings, others: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """One asset per SQL model of the project; `others` write the tables that no model makes."""
    root = settings.project_root / "dbt_like_sql"
    tests, writers = load_tests(root / "tests"), writers_of(others)
    models = load_models(root / "models")
    return [_model_asset(model, [t for t in tests if t.table == model.name], writers) for model in models.values()]
