"""Checks that follow from a table's catalogue entry alone.

Columns, types, nulls, key, codes, ranges and months. Rules between rows are in
:mod:`lmi_pipeline.quality.rules`; how a table is stored is no matter of this module.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Column, Table
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.quality import counts
from lmi_pipeline.quality.results import CheckOutcome, counted

NUMBERS = ("integer", "float")
SHOWN_CODES = 5


def check_schema(frame: pd.DataFrame, table: Table) -> list[CheckOutcome]:
    """Hold a frame against its catalogue entry.

    Parameters
    ----------
    frame : DataFrame
        Rows of the table, or of one slice of it; columns in any order.
    table : Table
        Catalogue entry.

    Returns
    -------
    list of CheckOutcome
        Passed and failed checks, all blocking. A column that is missing is reported once, and one
        of the wrong type is not examined further.
    """
    outcomes = [
        counted(
            table.name,
            "not_empty",
            int(frame.empty and not table.may_be_empty),
            len(frame),
            description="the table has rows",
            next_step="check that the upstream tables have rows",
        ),
        _columns_outcome(frame, table),
    ]
    if frame.columns.has_duplicates:
        return outcomes
    missing = [name for name in table.columns if name not in frame.columns]
    for name in table.columns:
        if name in frame.columns:
            outcomes += _column_outcomes(frame[name], catalog.column(name), table)
    if not set(table.key) & set(missing):
        outcomes.append(_key_outcome(frame, table))
    return outcomes


def _columns_outcome(frame: pd.DataFrame, table: Table) -> CheckOutcome:
    missing = [name for name in table.columns if name not in frame.columns]
    extra = [str(name) for name in frame.columns if name not in table.columns]
    repeated = int(frame.columns.duplicated().sum())
    extra_text = str(len(extra)) if table.microdata else ", ".join(extra) or "none"
    return counted(
        table.name,
        "columns",
        len(missing) + len(extra) + repeated,
        len(table.columns) + len(extra) + repeated,
        description="the columns are the catalogued ones, each once",
        next_step=f"missing: {', '.join(missing) or 'none'}; not catalogued: {extra_text}; repeated: {repeated};"
        f" change the asset or the table's entry in catalog/tables/{table.layer}.yml",
    )


def _column_outcomes(series: pd.Series, column: Column, table: Table) -> Iterator[CheckOutcome]:
    where, name = f"column '{column.name}'", column.name
    wrong = counts.wrong_type(series, column.type)
    yield counted(
        table.name,
        f"type_{name}",
        wrong,
        len(series),
        description=f"{where} is of type {column.type}",
        next_step=f"{where} is {counts.found_type(series)}, expected {column.type}; convert it when tidying",
    )
    if name not in table.nullable:
        yield counted(
            table.name,
            f"not_null_{name}",
            counts.nulls(series),
            len(series),
            description=f"{where} has a value in every row",
            next_step=f"fill {where} when tidying, or list it as nullable in catalog/tables/{table.layer}.yml",
        )
    if not wrong:
        yield from _value_outcomes(series, column, table)


def _value_outcomes(series: pd.Series, column: Column, table: Table) -> Iterator[CheckOutcome]:
    where, name, total = f"column '{column.name}'", column.name, len(series)
    if column.codelist:
        yield counted(
            table.name,
            f"codes_{name}",
            counts.unknown_codes(series, catalog.codes(column.codelist)),
            total,
            description=f"{where} holds codes of the list '{column.codelist}' only",
            next_step=f"map the codes when tidying, or add them to catalog/codelists/{column.codelist}.csv",
        )
    if column.type in NUMBERS:
        yield counted(
            table.name,
            f"range_{name}",
            counts.out_of_range(series, column.minimum, column.maximum),
            total,
            description=f"{where} is {range_text(column)}",
            next_step=f"check the unit and the markers of {where} in the source file, then its range in columns.yml",
        )
    pattern = counts.month_pattern(column)
    if pattern:
        yield counted(
            table.name,
            f"format_{name}",
            counts.not_matching(series, pattern),
            total,
            description=f"{where} is a {'quarter' if name == 'quarter' else 'period'}, {column.unit}",
            next_step=f"write {where} as {column.unit}; a quarter is named by its first month",
        )


def range_text(column: Column) -> str:
    """Range of a number in words."""
    if column.minimum is None and column.maximum is None:
        return "a finite number"
    if column.maximum is None:
        return f"{column.minimum:g} or more"
    if column.minimum is None:
        return f"{column.maximum:g} or less"
    return f"between {column.minimum:g} and {column.maximum:g}"


def _key_outcome(frame: pd.DataFrame, table: Table) -> CheckOutcome:
    key = ", ".join(table.key)
    return counted(
        table.name,
        "key_unique",
        counts.repeated_keys(frame, table.key),
        len(frame),
        description=f"no two rows have the same key ({key})",
        next_step=f"find what delivers the rows twice; the key is {key}",
    )


def assert_valid(frame: pd.DataFrame, table_name: str) -> None:
    """Raise unless a frame agrees with its catalogue entry.

    Raises
    ------
    SchemaError
        Names every failed check, how many rows and what to do next. Up to five unknown codes are
        shown for tables that hold no microdata; nothing else of the table's content ever is.
    """
    table = catalog.table(table_name)
    failed = [outcome for outcome in check_schema(frame, table) if not outcome.passed]
    if failed:
        lines = [_failure_text(outcome, frame, table) for outcome in failed]
        raise SchemaError(f"table '{table.name}' does not agree with the catalogue: {'; '.join(lines)}")


def _failure_text(outcome: CheckOutcome, frame: pd.DataFrame, table: Table) -> str:
    number = f"{outcome.failing_count} of {outcome.total_count}"
    text = f"[{outcome.name}] expected: {outcome.description}; not so for {number}"
    shown = "" if table.microdata else _unknown_codes_text(outcome.name, frame, table)
    return f"{text}{shown}; next: {outcome.next_step}"


def _unknown_codes_text(check: str, frame: pd.DataFrame, table: Table) -> str:
    name = check.removeprefix("codes_")
    if name == check or name not in table.columns:
        return ""
    column = catalog.column(name)
    values = frame[name].dropna()
    unknown = values[~values.isin(list(catalog.codes(str(column.codelist))))].unique()
    more = f" and {len(unknown) - SHOWN_CODES} more" if len(unknown) > SHOWN_CODES else ""
    return f" (unknown: {', '.join(sorted(map(str, unknown))[:SHOWN_CODES])}{more})"
