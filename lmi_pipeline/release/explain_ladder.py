"""Where to look instead of a withheld or flagged number: the broader cells that its release names for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.protection import Product

OFFERED = "alternative_"
_TOTALS = ("all", "total", "16+", catalog.UNITED_KINGDOM)
_PERIOD, _YEAR_MONTH = "period_code", 7


def products_behind(path: Iterable[str]) -> list[Product]:
    """Products of the disclosure gate whose cells or decisions are among the tables of a path."""
    known = set(path)
    return [product for product in catalog.products().values() if {product.cells, product.decision} & known]


def product_of(table: str, path: Sequence[str]) -> Product | None:
    """Product of the disclosure gate a mart is of: the one it is made from; if that is not known, of its subject."""
    if set(path) - {table}:
        return next(iter(products_behind(path)), None)
    subject = [p for p in catalog.products().values() if p.alternatives.split("__")[0] == table.split("__")[0]]
    return next(iter(subject), None)


def alternatives_of(row: Mapping[str, Any], offers: pd.DataFrame) -> list[dict[str, Any]]:
    """Cells offered for a row, nearest first, as coordinates by column of the row.

    Parameters
    ----------
    row : mapping
        Row of a mart. Coordinates it does not have are taken to be totals; a quarter is its ``period_code``.
    offers : DataFrame
        Rows with the coordinates of a cell, ``rank``, and ``alternative_<column>`` for each coordinate that may
        change.
    """
    columns = [str(column) for column in offers.columns]
    changing = [column for column in columns if f"{OFFERED}{column}" in columns]
    if not changing or "rank" not in offers:
        return []
    mine = pd.Series(data=True, index=offers.index)
    for column in [c for c in columns if c in (*changing, "year", "quarter")]:
        mine &= offers[column].isin(_coordinates(row, column))
    found = offers[mine].sort_values("rank").to_dict("records")
    return [_as_in(row, {column: offer[f"{OFFERED}{column}"] for column in changing}) for offer in found]


def _coordinates(row: Mapping[str, Any], column: str) -> tuple[Any, ...]:
    if row.get(column) is not None:
        return (row[column],)
    quarter, year = row.get("quarter"), row.get("year")
    if column == _PERIOD:
        return (quarter or str(year),)
    if column == "year" and quarter:
        return (int(str(quarter)[:4]),)
    return _TOTALS


def _as_in(row: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
    """A cell in the columns of a row, whose other columns stay as they are."""
    moved = {str(column): value for column, value in cell.items() if column in row}
    period = str(cell.get(_PERIOD, ""))
    if _PERIOD not in row and "quarter" in row and period:
        moved["quarter"] = period if len(period) == _YEAR_MONTH else f"{period}, whole year"
    return {**row, **moved}
