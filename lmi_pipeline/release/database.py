"""Servable tables in a database through SQLAlchemy: SQLite in the release, or one schema per release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.bulk import busy_columns, load

if TYPE_CHECKING:
    import sqlalchemy as sa

SQLITE = "release.sqlite"
MARKER = "release_marker"
_INDEXED_FROM = 20
_DISK_FULL = ("disk is full", "No space left on device", "disk I/O error")


def write_sqlite(tables: Mapping[str, Path], folder: Path) -> None:
    """Write the Parquet files of servable tables, with their primary keys, to a SQLite file in a folder."""
    import sqlalchemy as sa

    url = f"sqlite:///{folder / SQLITE}"
    engine = _engine(url)

    @sa.event.listens_for(engine, "connect")
    def _built_in_one_go(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")

    _write(tables, engine, None, {})


def write_schema(
    tables: Mapping[str, Path], url: str, version: str, *, owner: str = "", reader: str | None = None
) -> str:
    """Write the Parquet files of servable tables, with their primary keys, to a schema of their own, all or nothing.

    A schema of this version that the same owner left is replaced: the caller knows that no such release was published.

    Parameters
    ----------
    tables : mapping of str to Path
        Parquet files of servable tables by name, rows in key order.
    url : str
        SQLAlchemy URL of a database with schemas.
    version : str
        Release version, which names the schema.
    owner : str
        Identity of the folder of releases, kept in the table ``release_marker`` of the schema.
    reader : str, optional
        Database role that may read the schema, and nothing else; made, without log-in, if there is none.

    Returns
    -------
    str
        Where the tables are, without a password.

    Raises
    ------
    ReleaseError
        SQLite (which has no schemas), no connection, no space, or the schema exists and is of another owner.
    """
    _require_schemas(url)
    schema = schema_name(version)
    engine = _engine(url)
    _write(tables, engine, schema, {"release": version, "owner": owner}, reader)
    return f"{_shown(url)} schema {schema}"


def drop_schema(url: str, version: str) -> None:
    """Take back what :func:`write_schema` wrote for a release that was not published after all."""
    import sqlalchemy as sa

    engine = _engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema_name(version), cascade=True, if_exists=True))
    engine.dispose()


def schema_name(version: str) -> str:
    """Name of the database schema of a release."""
    return f"release_{version.replace('.', '_')}"


def _require_schemas(url: str) -> None:
    import sqlalchemy as sa

    if sa.make_url(url).get_backend_name() == "sqlite":
        raise ReleaseError(
            f"database {_shown(url)}: SQLite has no schema per release; name no database, and each release gets"
            f" its own {SQLITE}"
        )


def _shown(url: str) -> str:
    import sqlalchemy as sa

    return sa.make_url(url).render_as_string(hide_password=True)


def _engine(url: str) -> sa.Engine:
    import sqlalchemy as sa

    try:
        return sa.create_engine(url)
    except ModuleNotFoundError as error:
        raise ReleaseError(
            f"database {_shown(url)}: its driver {error.name} is not installed; pip install 'lmi-pipeline[postgres]'"
        ) from error


def _write(
    tables: Mapping[str, Path], engine: sa.Engine, schema: str | None, marker: Mapping[str, str],
    reader: str | None = None,
) -> None:  # fmt: skip
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    metadata = sa.MetaData(schema=schema)
    targets = {name: _table(name, metadata) for name in tables}
    try:
        with engine.begin() as connection:
            if schema:
                _make_schema(connection, schema, marker)
            for name, parquet in tables.items():
                _write_table(connection, targets[name], parquet)
            if schema and reader:
                _let_read(connection, schema, reader)
    except SQLAlchemyError as error:
        raise _not_written(engine, schema, error) from error
    finally:
        engine.dispose()


def _not_written(engine: sa.Engine, schema: str | None, error: Exception) -> ReleaseError:
    what = f"schema {schema}" if schema else "the tables"
    full = any(words in str(getattr(error, "orig", error)) for words in _DISK_FULL)
    fault, step = type(error).__name__, "see that it can be reached and that its user may create schemas"
    if full:
        fault, step = "no space left on its disk", "free some and publish again"
    url = engine.url.render_as_string(hide_password=True)
    return ReleaseError(f"database {url}: {fault} while writing {what}; nothing is published; {step}")


def _make_schema(connection: sa.Connection, schema: str, marker: Mapping[str, str]) -> None:
    import sqlalchemy as sa

    kept = sa.Table(MARKER, sa.MetaData(schema=schema), *(sa.Column(name, sa.String()) for name in marker))
    if sa.inspect(connection).has_schema(schema):
        known = sa.inspect(connection).has_table(MARKER, schema=schema)
        if not known or dict(connection.execute(kept.select()).mappings().one()) != dict(marker):
            raise ReleaseError(
                f"database {connection.engine.url.render_as_string(hide_password=True)}: schema {schema} exists and is"
                " not of this folder of releases; name another database, or drop it if nobody reads it"
            )
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    connection.execute(sa.schema.CreateSchema(schema))
    kept.create(connection)
    connection.execute(kept.insert(), dict(marker))


def _write_table(connection: sa.Connection, target: sa.Table, parquet: Path) -> None:
    import sqlalchemy as sa

    key = [column.name for column in target.primary_key]
    target.create(connection)
    load(connection, target, parquet)
    for name in busy_columns(parquet, key[1:], _INDEXED_FROM):
        sa.Index(f"ix_{target.name}__{name}"[:63], target.c[name]).create(connection)


def _let_read(connection: sa.Connection, schema: str, reader: str) -> None:
    import sqlalchemy as sa

    quote = connection.dialect.identifier_preparer.quote
    there = connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": reader}).first()
    if there is None:
        connection.exec_driver_sql(f"CREATE ROLE {quote(reader)} NOLOGIN")
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {quote(schema)} TO {quote(reader)}")
    connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {quote(schema)} TO {quote(reader)}")


def _table(name: str, metadata: sa.MetaData) -> sa.Table:
    import sqlalchemy as sa

    types: dict[str, sa.types.TypeEngine[Any]] = {
        "string": sa.String().with_variant(sa.String(collation="C"), "postgresql"),
        "integer": sa.BigInteger(),
        "float": sa.Double(),
        "boolean": sa.Boolean(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(timezone=True),
    }
    entry = catalog.table(name)
    columns: list[sa.Column[Any]] = [
        sa.Column(
            column,
            types[catalog.column(column).type],
            primary_key=column in entry.key,
            autoincrement=False,
            nullable=column in entry.nullable,
            comment=catalog.column(column).description,
        )
        for column in entry.columns
    ]
    return sa.Table(name, metadata, *columns, comment=entry.title, sqlite_with_rowid=False)
