"""What goes beside the tables of a release: dictionary, attribution, CSV on the Web metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Column, Table

_DATATYPES = {
    "string": "string",
    "integer": "integer",
    "float": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "dateTime",
}
_TIMESTAMP_FORMAT = "yyyy-MM-dd HH:mm:ss.SSSSSSX"

_OPEN_GOVERNMENT = "Open Government Licence"
OGL_STATEMENT = "Contains public sector information licensed under the Open Government Licence v3.0."

NOTICES = {
    "true": "**Synthetic data.** No figure here is of the United Kingdom or of the publishers named.",
    "mixed": "**Partly synthetic data.** Some figures rest on synthetic files: see the column `synthetic`.",
    "false": "",
}


def csvw(table: Table) -> dict[str, Any]:
    """CSV on the Web (W3C, 2015) metadata of a table's CSV file."""
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": f"{table.name}.csv",
        "dc:title": table.title,
        "dc:description": table.description.strip(),
        "tableSchema": {
            "columns": [_csvw_column(catalog.column(name), name not in table.nullable) for name in table.columns],
            "primaryKey": list(table.key),
        },
    }


def _csvw_column(column: Column, required: bool) -> dict[str, Any]:
    datatype: dict[str, Any] = {"base": _DATATYPES[column.type]}
    if column.type == "timestamp":
        datatype["format"] = _TIMESTAMP_FORMAT
    limits = {"minimum": column.minimum, "maximum": column.maximum}
    datatype |= {name: _limit(value, column) for name, value in limits.items() if value is not None}
    entry: dict[str, Any] = {
        "name": column.name,
        "titles": column.name,
        "datatype": datatype,
        "dc:description": column.description,
        "required": required,
    }
    if column.unit:
        entry["schema:unitText"] = column.unit
    return entry


def _limit(value: float, column: Column) -> float | int:
    return int(value) if column.type == "integer" else value


def dictionary(tables: Sequence[str], inputs: pd.DataFrame, synthetic: str) -> str:
    """Data dictionary in Markdown: tables, columns, units, warnings, code lists, publishers' names.

    Parameters
    ----------
    tables : sequence of str
        Servable tables.
    inputs : DataFrame
        Ledger rows of the files behind them.
    synthetic : {'true', 'false', 'mixed'}
        Whether the figures rest on synthetic files.
    """
    columns = {c: catalog.column(c) for name in tables for c in catalog.table(name).columns}
    lists = sorted({column.codelist for column in columns.values() if column.codelist})
    parts = ["# Data dictionary", NOTICES[synthetic]]
    parts += [_table_section(catalog.table(name)) for name in tables]
    parts += [_codelist_section(name) for name in lists]
    parts += [_names_section(source) for source in sorted(inputs["source"].unique())]
    return joined(parts)


def _table_section(table: Table) -> str:
    rows = [
        (c.name, c.type, c.unit or "", c.codelist or "", "yes" if c.name in table.nullable else "", c.description)
        for c in (catalog.column(name) for name in table.columns)
    ]
    return joined(
        [
            f"## {table.name}",
            f"**{table.title}.** {table.description.strip()}",
            f"One row per {table.grain}. Key: {', '.join(table.key)}.",
            "\n".join(f"- {warning}" for warning in table.warnings),
            grid(("column", "type", "unit", "codes", "may be empty", "meaning"), rows),
        ]
    )


def _codelist_section(name: str) -> str:
    rows = catalog.codelist(name)[["code", "name"]].itertuples(index=False)
    return joined([f"## Code list {name}", grid(("code", "name"), rows)])


def _names_section(name: str) -> str:
    source = catalog.source(name)
    rows = [(layout.title, theirs, ours) for layout in source.layouts for theirs, ours in layout.column_map.items()]
    if not rows:
        return ""
    return joined([f"## Published names: {source.title}", grid(("file", "published name", "our column"), rows)])


def attribution(inputs: pd.DataFrame, synthetic: str) -> str:
    """Publisher, licence, citation and releases used of every source behind a release, in Markdown.

    Parameters
    ----------
    inputs : DataFrame
        Ledger rows of the files behind the release.
    synthetic : {'true', 'false', 'mixed'}
        Whether the figures rest on synthetic files.
    """
    parts = ["# Attribution", NOTICES[synthetic]]
    parts += [_source_section(name, rows) for name, rows in inputs.groupby("source", sort=True)]
    return joined(parts)


def _source_section(name: object, rows: pd.DataFrame) -> str:
    source = catalog.source(str(name))
    made_up = rows["synthetic"] != "false"
    licence = f"{source.licence} ({source.licence_url})" if source.licence_url else source.licence
    lines = [
        f"- Publisher: {source.publisher}",
        f"- Licence: {licence}",
        f"- Cite as: {source.citation.strip()}",
        f"- {source.homepage}",
    ]
    used = [f"{layout} {release}" for layout, release in _releases(rows[~made_up])]
    if used:
        lines.append(f"- Files used: {', '.join(used)}")
    if made_up.any():
        lines.append(f"- Synthetic files, in this publisher's layout but not its data: {int(made_up.sum())}")
    return joined([f"## {source.title}", "\n".join(lines)])


def licences(inputs: pd.DataFrame, synthetic: str) -> str:
    """Licences of a release, in Markdown: what each asks for, and of which sources.

    Parameters
    ----------
    inputs : DataFrame
        Ledger rows of the files behind the release.
    synthetic : {'true', 'false', 'mixed'}
        Whether the figures rest on synthetic files.
    """
    rows = [
        (source.title, source.publisher, source.licence, source.licence_url or "")
        for source in (catalog.source(str(name)) for name in sorted(inputs["source"].unique()))
    ]
    open_government = any(_OPEN_GOVERNMENT in licence for _, _, licence, _ in rows)
    parts = ["# Licences", NOTICES[synthetic], grid(("source", "publisher", "licence", "its text"), rows)]
    parts.append(
        f"{OGL_STATEMENT} Keep this statement with whatever you make of the tables." if open_government else ""
    )
    parts.append("The tables hold no individual records. `attribution.md` says how to cite each source.")
    return joined(parts)


def _releases(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return sorted(set(zip(rows["layout"], rows["release"], strict=True)))


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Table in Markdown."""
    lines = [_row(head), f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(str(cell).split()).replace('|', chr(92) + '|') for cell in cells)} |"


def joined(parts: Iterable[str]) -> str:
    """Parts of a text that are not empty, with an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
