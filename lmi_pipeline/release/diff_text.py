"""The difference between two releases for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmi_pipeline.release.documents import grid, joined

SHOWN = 5


def diff_markdown(difference: Mapping[str, Any], previous: str | None) -> str:
    """The difference in Markdown: one line a table, then what changed in each."""
    if previous is None:
        return "# Changes\n\nThis is the first release.\n"
    rows = [(name, *_overview(found)) for name, found in difference.items()]
    head = ("table", "rows", "added", "gone", "changed", "cells changed", "statuses changed")
    parts = [f"# Changes since {previous}", summary(difference), grid(head, rows)]
    parts += [_section(name, found) for name, found in difference.items()]
    parts.append("A value that is withheld in either release counts as no value in both.")
    return joined(parts)


def summary(difference: Mapping[str, Any]) -> str:
    """What changed, in a sentence or two."""
    new, gone, rekeyed = (
        [name for name, found in difference.items() if found.get("change") == change]
        for change in ("new table", "table gone", "key changed")
    )
    lists = {"New tables": new, "Tables gone": gone, "Tables with another key": rekeyed}
    sentences = [f"{title}: {', '.join(names)}." for title, names in lists.items() if names]
    changed = [name for name, found in difference.items() if found.get("cells_changed")]
    sentences.append(f"Cells changed: {'yes, in ' + ', '.join(changed) if changed else 'no'}.")
    moved = [name for name, found in difference.items() if found.get("rows_added") or found.get("rows_gone")]
    sentences.append(f"Rows added or gone: {'yes, in ' + ', '.join(moved) if moved else 'no'}.")
    return " ".join(sentences)


def _overview(found: Mapping[str, Any]) -> tuple[str, ...]:
    if "rows" in found:
        return (f"{found['rows']:,}", found["change"], "", "", "", "")
    if "change" in found:
        return (f"{found['rows_after']:,}", found["change"], "", "", "", "")
    cells = sum(column["changed"] for column in found["cells_changed"].values())
    statuses = sum(change["rows"] for change in found["status_changes"])
    counts = (found["rows_after"], found["rows_added"], found["rows_gone"], found["rows_changed"], cells, statuses)
    return tuple(f"{count:,}" for count in counts)


def _section(name: str, found: Mapping[str, Any]) -> str:
    columns = [
        f"Columns {word}: {', '.join(found[f'columns_{word}'])}."
        for word in ("added", "gone", "retyped")
        if found.get(f"columns_{word}")
    ]
    if found.get("change") == "key changed":
        columns.append("The key is another one, so rows cannot be compared.")
    body = [" ".join(columns), _status_grid(found), *_column_parts(found)]
    return joined([f"## {name}", *body]) if any(body) else ""


def _status_grid(found: Mapping[str, Any]) -> str:
    rows = [(str(c["before"]), str(c["after"]), f"{c['rows']:,}") for c in found.get("status_changes", ())]
    return grid(("status before", "status now", "rows"), rows) if rows else ""


def _column_parts(found: Mapping[str, Any]) -> list[str]:
    parts = []
    for column, cells in found.get("cells_changed", {}).items():
        text = f"`{column}`: {cells['changed']:,} cells changed"
        if cells["appeared"] or cells["gone"]:
            text += f", of which {cells['appeared']:,} had no value before and {cells['gone']:,} have none now"
        largest = cells.get("largest", [])[:SHOWN]
        parts.append(f"{text}. Largest changes:" if largest else f"{text}.")
        if largest:
            head = (*largest[0]["key"], "before", "now", "change", "per cent")
            parts.append(grid(head, [_largest_row(change) for change in largest]))
    return parts


def _largest_row(change: Mapping[str, Any]) -> tuple[str, ...]:
    relative = "" if change["relative"] is None else f"{100 * change['relative']:+.1f}"
    numbers = (f"{change['before']:,.12g}", f"{change['after']:,.12g}", f"{change['change']:+,.6g}")
    return (*change["key"].values(), *numbers, relative)
