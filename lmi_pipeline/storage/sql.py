"""SQL models and tests of ``dbt_like_sql``, run in an in-process DuckDB over the lake.

A model is one SELECT that makes one catalogued table; a test is one SELECT of failing rows, of which
only the count leaves. ``{{ ref('table') }}`` names another table, ``{{ codelist('name') }}`` a code list,
``{{ hierarchy('name') }}`` the leaves of a hierarchy beside their ancestors (with ``{{ total('name') }}``),
``{{ key_of('table') }}`` the columns of a key and ``{{ param('reliability.withhold_below') }}`` a threshold of the
catalogue. Macros are imported from the files of ``macros/``. A SELECT sees the tables it names so and nothing
else: no file, no network, no variable of the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SchemaError

if TYPE_CHECKING:
    import duckdb

    from lmi_pipeline.storage.lake import Lake

# One thread: sums of weights in a changing order differ in their last digits from run to run.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "threads": 1,
}

_SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class SqlModel:
    """One SELECT of the project.

    Attributes
    ----------
    name : str
        Table it makes, or name of the test.
    path : Path
        File it stands in.
    text, sql : str
        As written, and with its names filled in.
    outline : str
        The same columns from the same columns, each macro told to say it shortly (``outline`` is true): what the
        lineage is read from.
    refs : tuple of str
        Tables it reads, in order of appearance.
    codelists, hierarchies : tuple of str
        Code lists and hierarchies it reads.
    thresholds : tuple of str
        Sections of the thresholds it asks for.
    """

    name: str
    path: Path
    text: str
    sql: str
    refs: tuple[str, ...]
    codelists: tuple[str, ...]
    hierarchies: tuple[str, ...]
    thresholds: tuple[str, ...]
    outline: str


@dataclass(frozen=True)
class SqlTest:
    """A SELECT of rows that should not be there."""

    table: str
    rule: str
    model: SqlModel


def _parameter(path: str) -> int | float:
    found: Any = catalog.thresholds()
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise SchemaError(f"param('{path}'): no '{part}' in catalog/thresholds.yml")
        found = found[part]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise SchemaError(f"param('{path}') is not a number in catalog/thresholds.yml; only numbers go into SQL")
    return found


def parse(path: Path) -> SqlModel:
    """Read one SQL file and fill in its names.

    Raises
    ------
    SchemaError
        It names a table, code list or threshold that is not in the catalogue, or its template is at fault.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

    refs: list[str] = []
    lists: list[str] = []
    ladders: list[str] = []
    sections: list[str] = []

    def ref(table: str) -> str:
        refs.append(catalog.table(table).name)
        return table

    def codelist(name: str) -> str:
        catalog.codelist(name)
        lists.append(name)
        return f"codelist_{name}"

    def hierarchy(name: str) -> str:
        catalog.hierarchy_nodes(name)
        ladders.append(name)
        return f"hierarchy_{name}"

    def param(name: str) -> int | float:
        sections.append(name.split(".")[0])
        return _parameter(name)

    text = path.read_text(encoding="utf-8")
    macros = FileSystemLoader(next((p / "macros" for p in path.parents if (p / "macros").is_dir()), path.parent))
    engine = Environment(undefined=StrictUndefined, autoescape=False, loader=macros)  # noqa: S701 - SQL, not HTML
    names = {"ref": ref, "codelist": codelist, "hierarchy": hierarchy, "total": _total, "param": param, "key_of": _key}
    facts = {"united_kingdom": catalog.UNITED_KINGDOM, "newest_vintage": catalog.newest_vintage()}
    try:
        template = engine.from_string(text)
        outline = template.render(**names, **facts, outline=True)
        sql = template.render(**names, **facts, outline=False)
    except (TemplateError, SchemaError) as error:
        raise SchemaError(f"{path.name}: {error}") from error
    first = [tuple(dict.fromkeys(found)) for found in (refs, lists, ladders, sections)]
    return SqlModel(path.stem, path, text, sql, first[0], first[1], first[2], first[3], outline)


def _key(table: str) -> list[str]:
    return list(catalog.table(table).key)


def _total(name: str) -> str:
    return str(catalog.hierarchy_nodes(name)["code"].iloc[-1])


def load_models(root: Path) -> dict[str, SqlModel]:
    """Models under a folder by table name, each after those it reads.

    Raises
    ------
    SchemaError
        A file is not named after a catalogued table or not in the folder of its layer, stands twice, reads a layer
        it may not read, or models read each other in a circle.
    """
    models: dict[str, SqlModel] = {}
    for path in sorted(root.rglob("*.sql")):
        if path.stem in models:
            raise SchemaError(f"SQL model '{path.stem}' stands twice: {models[path.stem].path} and {path}")
        models[path.stem] = _placed(parse(path))
    graph = {name: [ref for ref in model.refs if ref in models] for name, model in models.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise SchemaError(f"SQL models read each other in a circle: {' -> '.join(error.args[1])}") from error
    return {name: models[name] for name in order}


def _placed(model: SqlModel) -> SqlModel:
    layer = catalog.table(model.name).layer
    if model.path.parent.name != layer:
        raise SchemaError(f"SQL model '{model.name}' belongs in the folder '{layer}', not '{model.path.parent.name}'")
    early = [ref for ref in model.refs if catalog.table(ref).layer in ("vault", "raw")]
    if early:
        raise SchemaError(f"SQL model '{model.name}' reads {', '.join(early)}; SQL reads core_, est_ and out_ tables")
    return model


def load_tests(root: Path) -> list[SqlTest]:
    """SQL tests of a folder; files are named ``<table>__<rule>.sql``."""
    tests = []
    for path in sorted(root.glob("*.sql")):
        table = next(
            (t for t in sorted(catalog.tables(), key=len, reverse=True) if path.stem.startswith(f"{t}__")), None
        )
        if table is None:
            raise SchemaError(f"SQL test {path.name} is not named <table>__<rule>.sql after a catalogued table")
        tests.append(SqlTest(table, path.stem.removeprefix(f"{table}__"), parse(path)))
    return tests


@contextmanager
def _connected(
    model: SqlModel, lake: Lake, versions: Mapping[str, int] | None, replace: Mapping[str, pd.DataFrame] | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    held = {name: (replace or {}).get(name) for name in model.refs}
    sources = {
        name: lake.dataset(name, version=(versions or {}).get(name)) if frame is None else frame
        for name, frame in held.items()
    }
    sources |= {f"codelist_{name}": catalog.codelist(name) for name in model.codelists}
    sources |= {f"hierarchy_{name}": catalog.hierarchy_closure(name) for name in model.hierarchies}
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        connection.execute("SET python_enable_replacements = false; SET lock_configuration = true")
        for name, source in sources.items():
            connection.register(name, source)
        try:
            yield connection
        except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
            raise SchemaError(f"{model.path.name}: {error}") from error
        except duckdb.Error as error:
            # Its text may quote a row.
            kind = type(error).__name__
            raise SchemaError(f"{model.path.name}: {kind} on the rows of {', '.join(model.refs)}") from None


def run_model(
    model: SqlModel,
    lake: Lake,
    *,
    versions: Mapping[str, int] | None = None,
    replace: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Rows of a model over the lake, in key order.

    Parameters
    ----------
    versions : mapping of str to int, optional
        Versions of the lake's tables to read; the newest of a table not named.
    replace : mapping of str to DataFrame, optional
        Frames to read instead of the lake's tables.

    Raises
    ------
    SchemaError
        The SELECT cannot be run; the message quotes the SQL at most, never a row.
    """
    with _connected(model, lake, versions, replace) as connection:
        frame: pd.DataFrame = connection.execute(model.sql).to_arrow_table().to_pandas()
    key = [column for column in catalog.table(model.name).key if column in frame.columns]
    return frame.sort_values(key, ignore_index=True) if key else frame


def run_test(
    test: SqlTest,
    lake: Lake,
    *,
    versions: Mapping[str, int] | None = None,
    replace: Mapping[str, pd.DataFrame] | None = None,
) -> int:
    """Number of rows a test selects; the rows themselves stay inside. Parameters as of :func:`run_model`."""
    with _connected(test.model, lake, versions, replace) as connection:
        counted = f"select count(*) from ({test.model.sql.rstrip().rstrip(';')}\n) as failing"
        found = connection.execute(counted).fetchone()
    return int(found[0]) if found else 0


def column_lineage(model: SqlModel) -> dict[str, list[str]]:
    """Columns of other tables behind each column of a model, as ``table.column``.

    Raises
    ------
    SchemaError
        The SELECT does not make a catalogued column, or reads one that is not there.
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage
    from sqlglot.optimizer import build_scope, qualify

    schema: dict[str, object] = {
        name: {column: _SQL_TYPES[catalog.column(column).type] for column in catalog.table(name).columns}
        for name in model.refs
    }
    schema |= {f"codelist_{name}": dict.fromkeys(catalog.codelist(name).columns, "VARCHAR") for name in model.codelists}
    for name in model.hierarchies:
        schema[f"hierarchy_{name}"] = dict.fromkeys(catalog.hierarchy_closure(name).columns, "VARCHAR")
    found: dict[str, list[str]] = {}
    try:
        whole: exp.Expression = qualify.qualify(
            exp.maybe_parse(model.outline, dialect="duckdb"), dialect="duckdb", schema=schema,
            validate_qualify_columns=False, identify=False,
        )  # fmt: skip
        scope = build_scope(whole)
    except (SqlglotError, ValueError) as error:
        raise SchemaError(f"{model.path.name}: no lineage: {error}") from error
    for column in catalog.table(model.name).columns:
        origins = set()
        try:
            root = lineage(column, whole, schema=schema, dialect="duckdb", scope=scope)
        except (SqlglotError, ValueError) as error:
            raise SchemaError(f"{model.path.name}: no lineage of column '{column}': {error}") from error
        for node in root.walk():
            if isinstance(node.expression, exp.Table) and node.expression.name in model.refs:
                origins.add(f"{node.expression.name}.{node.name.split('.')[-1].strip(chr(34))}")
        found[column] = sorted(origins)
    return found
