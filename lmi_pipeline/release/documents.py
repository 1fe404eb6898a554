"""What goes beside the tables of a release: dictionary, attribution, CSV on the Web metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table

_DATATYPES = {
    "string": "string",
    "integer": "integer",
    "float": "double",
    "boolean": {"base": "boolean", "format": "True|False"},
    "date": "date",
    "timestamp": "dateTime",
}


def csvw(table: Table) -> dict[str, Any]:
    """CSV on the Web (W3C) metadata of a table's CSV file."""
    columns = []
    for name in table.columns:
        column = catalog.column(name)
        entry: dict[str, Any] = {
            "name": name,
            "titles": name,
            "datatype": _DATATYPES[column.type],
            "dc:description": column.description,
            "required": name not in table.nullable,
        }
        if column.unit:
            entry["schema:unitText"] = column.unit
        columns.append(entry)
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"schema": "http://schema.org/"}],
        "url": f"{table.name}.csv",
        "dc:title": table.title,
        "dc:description": table.description.strip(),
        "tableSchema": {"columns": columns, "primaryKey": list(table.key)},
    }


def dictionary(tables: Sequence[str]) -> str:
    """Data dictionary in Markdown: tables, columns, units, code lists, warnings."""
    parts = ["# Data dictionary\n"]
    for name in tables:
        table = catalog.table(name)
        parts.append(f"## {name}\n\n**{table.title}.** {table.description.strip()}\n")
        parts.append(f"One row per {table.grain}. Key: {', '.join(table.key)}.\n")
        parts += [f"- {warning}" for warning in table.warnings]
        parts.append("| column | type | unit | codes | meaning |\n|---|---|---|---|---|")
        for column in (catalog.column(c) for c in table.columns):
            facts = (column.name, column.type, column.unit or "", column.codelist or "", column.description)
            parts.append(f"| {' | '.join(facts)} |")
        parts.append("")
    used = {catalog.column(c).codelist for name in tables for c in catalog.table(name).columns}
    for name in sorted(codelist for codelist in used if codelist):
        rows = catalog.codelist(name)
        parts.append(f"## Code list {name}\n\n| code | name |\n|---|---|")
        parts += [f"| {code} | {label} |" for code, label in zip(rows["code"], rows["name"], strict=True)]
        parts.append("")
    return "\n".join(parts)


def attribution(sources: Sequence[str]) -> str:
    """Publisher, licence and citation of every source behind a release."""
    parts = ["# Attribution\n"]
    for source in (catalog.source(name) for name in sources):
        parts.append(f"## {source.title}\n\n- Publisher: {source.publisher}\n- Licence: {source.licence}")
        parts.append(f"- Cite as: {source.citation}\n- {source.homepage}\n")
    return "\n".join(parts)
