"""What the Dagster UI shows of a table, derived from its catalogue entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table
from lmi_pipeline.orchestration.io import SLICE, TABLE

ICONS = {"raw": "deltalake", "core": "deltalake", "est": "deltalake", "out": "deltalake"}


def describe(table: Table) -> str:
    """Markdown description of a table: what, grain, key, sources, licence, warnings."""
    lines = [
        f"**{table.title}.** {table.description.strip()}",
        f"**Grain:** {table.grain}. **Key:** {', '.join(table.key)}.",
    ]
    for name in table.sources:
        source = catalog.source(name)
        lines.append(
            f"**Source:** [{source.title}]({source.homepage}), {source.publisher}. **Licence:** {source.licence}."
        )
    if table.layer in ("est", "out"):
        lines.append("**Modelled,** not observed." + (" Never served." if table.layer == "est" else ""))
    if table.microdata:
        lines.append("**Microdata:** individual records; counts only may be shown.")
    lines += [f"- {warning}" for warning in table.warnings]
    return "\n\n".join(lines)


def column_schema(table: Table) -> dg.TableSchema:
    """Columns of a table with type, unit, code list and constraints."""
    return dg.TableSchema(columns=[_table_column(table, name) for name in table.columns])


def _table_column(table: Table, name: str) -> dg.TableColumn:
    column = catalog.column(name)
    extras = [f"unit: {column.unit}" if column.unit else "", f"codes: {column.codelist}" if column.codelist else ""]
    description = column.description + "".join(f"; {extra}" for extra in extras if extra)
    constraints = dg.TableColumnConstraints(nullable=name in table.nullable, other=["key"] if name in table.key else [])
    return dg.TableColumn(name, column.type, description=description, constraints=constraints)


def asset_arguments(
    table_name: str,
    *,
    suffix: str = "",
    slice_: Mapping[str, str] | None = None,
    kinds: tuple[str, ...] = ("python",),
    tags: Mapping[str, str] | None = None,
    code_version: str = "1",
    note: str = "",
) -> dict[str, Any]:
    """Keyword arguments of ``dg.asset`` that every asset of a table shares.

    Parameters
    ----------
    table_name : str
        Catalogued table the asset writes.
    suffix : str
        Added to the asset name where several assets write slices of one table.
    slice_ : mapping, optional
        The slice this asset writes.
    kinds, tags, code_version : optional
        As in ``dg.asset``.
    note : str
        Paragraph put before the table's description.
    """
    table = catalog.table(table_name)
    metadata: dict[str, Any] = {TABLE: table.name, "dagster/column_schema": column_schema(table)}
    if slice_:
        metadata[SLICE] = dict(slice_)
    return {
        "name": table.name + suffix,
        "group_name": table.subject,
        "description": f"{note}\n\n{describe(table)}" if note else describe(table),
        "owners": [table.owner],
        "kinds": {*kinds, ICONS[table.layer]},
        "metadata": metadata,
        "tags": {"layer": table.layer, **(tags or {})},
        "code_version": code_version,
        "io_manager_key": "io_manager",
        "required_resource_keys": {"workspace"},
    }
