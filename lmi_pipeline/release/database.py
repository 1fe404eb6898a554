"""Servable tables in a database through SQLAlchemy: SQLite in the release, or one schema per release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError

if TYPE_CHECKING:
    import sqlalchemy as sa

SQLITE = "release.sqlite"
_BATCH = 20_000


def write_sqlite(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Write servable tables with their primary keys to a SQLite file in a folder."""
    _write(tables, f"sqlite:///{folder / SQLITE}", None)


def write_schema(tables: Mapping[str, pa.Table], url: str, version: str) -> str:
    """Write servable tables with their primary keys to a schema of their own, all or nothing.

    Parameters
    ----------
    tables : mapping of str to Table
        Servable tables by name.
    url : str
        SQLAlchemy URL of a database with schemas.
    version : str
        Release version, which names the schema.

    Returns
    -------
    str
        Where the tables are, without a password.

    Raises
    ------
    ReleaseError
        SQLite (which has no schemas), no connection, or the schema exists.
    """
    _require_schemas(url)
    schema = schema_name(version)
    _write(tables, url, schema)
    return f"{_shown(url)} schema {schema}"


def drop_schema(url: str, version: str) -> None:
    """Take back what :func:`write_schema` wrote for a release that was not published after all."""
    import sqlalchemy as sa

    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema_name(version), cascade=True))
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


def _write(tables: Mapping[str, pa.Table], url: str, schema: str | None) -> None:
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    engine = sa.create_engine(url)
    metadata = sa.MetaData(schema=schema)
    targets = {name: _table(name, metadata) for name in tables}
    try:
        with engine.begin() as connection:
            if schema:
                connection.execute(sa.schema.CreateSchema(schema))
            metadata.create_all(connection)
            for name, table in tables.items():
                for batch in table.to_batches(max_chunksize=_BATCH):
                    connection.execute(targets[name].insert(), batch.to_pylist())
    except SQLAlchemyError as error:
        raise ReleaseError(
            f"database {_shown(url)}: {type(error).__name__} while writing"
            f" {f'schema {schema}' if schema else 'the tables'}; nothing is published. See that it can be reached and"
            " that no schema of this name is left from a killed run"
        ) from error
    finally:
        engine.dispose()


def _table(name: str, metadata: sa.MetaData) -> sa.Table:
    import sqlalchemy as sa

    types: dict[str, sa.types.TypeEngine[Any]] = {
        "string": sa.String(),
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
    return sa.Table(name, metadata, *columns, comment=entry.title)
