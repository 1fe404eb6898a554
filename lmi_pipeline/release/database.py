"""Servable tables in a database through SQLAlchemy: SQLite in the release, or one schema per release."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError


def write_database(frames: Mapping[str, pd.DataFrame], url: str, version: str) -> str:
    """Write tables with primary keys and indexed columns; returns where, without a password.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Servable tables by name.
    url : str
        SQLAlchemy URL. SQLite takes the tables as they are; any other database one schema per release.
    version : str
        Release version.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    engine = sa.create_engine(url)
    schema = None if engine.dialect.name == "sqlite" else f"release_{version.replace('.', '_')}"
    metadata = sa.MetaData(schema=schema)
    tables = {name: _table(name, metadata) for name in frames}
    try:
        with engine.begin() as connection:
            if schema:
                connection.execute(sa.schema.CreateSchema(schema))
            metadata.create_all(connection)
            for name, frame in frames.items():
                rows = frame.astype("object").where(frame.notna(), None).to_dict("records")
                connection.execute(tables[name].insert(), rows)
    except SQLAlchemyError as error:
        shown = engine.url.render_as_string(hide_password=True)
        raise ReleaseError(f"release database {shown}: {type(error).__name__}; nothing is published") from error
    finally:
        engine.dispose()
    if engine.dialect.name == "sqlite":
        return "release.sqlite"
    return f"{engine.url.render_as_string(hide_password=True)} schema {schema}"


def _table(name: str, metadata: object) -> object:
    import sqlalchemy as sa

    types = {
        "string": sa.String,
        "integer": sa.BigInteger,
        "float": sa.Float,
        "boolean": sa.Boolean,
        "date": sa.Date,
        "timestamp": sa.DateTime,
    }
    entry = catalog.table(name)
    columns = [
        sa.Column(
            column,
            types[catalog.column(column).type],
            primary_key=column in entry.key,
            nullable=column in entry.nullable,
            comment=catalog.column(column).description,
        )
        for column in entry.columns
    ]
    return sa.Table(name, metadata, *columns, comment=entry.title)
