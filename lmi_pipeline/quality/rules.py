"""Rules between rows: the ``checks`` of a table's catalogue entry, by name.

A rule takes a frame, its context and the parameters of the catalogue, and returns how many rows or
groups of rows fail of how many it looked at. It returns no value of the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Check, Table
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.quality.counts import MONTH_PATTERN, not_matching
from lmi_pipeline.quality.results import CheckOutcome, counted


@dataclass(frozen=True)
class Context:
    """What a rule may know beside its frame: the catalogue entry, and the table as it was before."""

    table: Table
    previous: pd.DataFrame | None = None


@dataclass(frozen=True)
class Tally:
    """Rows or groups that fail, and those looked at."""

    failing: int
    total: int


class NotComputableError(SchemaError):
    """A rule cannot be computed on a frame; the message names columns, never values."""


def parts_sum_to_total(
    frame: pd.DataFrame,
    context: Context,
    *,
    value: str,
    part_column: str,
    total: str,
    parts: Sequence[str] | None = None,
    codelist: str | None = None,
    tolerance: float = 0.0,
    relative: bool = False,
) -> Tally:
    """Count groups whose parts do not sum to their total.

    Parameters
    ----------
    value : str
        Column that adds up.
    part_column : str
        Key column that tells parts and total apart; groups are the rest of the table's key.
    total : str
        Code of the total.
    parts, codelist : sequence of str, str
        Codes of the parts, or the code list that holds them; one of the two.
    tolerance, relative : float, bool
        Largest difference allowed, absolute or as a share of the total.

    Notes
    -----
    A group without any part, or with a null among them, is not counted. A group with some of the
    parts, or without its total, fails.
    """
    if (parts is None) == (codelist is None):
        raise SchemaError(f"table '{context.table.name}': parts_sum_to_total needs either 'parts' or 'codelist'")
    wanted = list(parts) if parts is not None else list(catalog.codes(str(codelist)))
    found, present = _wide(frame, context.table, value, part_column, [*wanted, total])
    comparable = present[wanted].any(axis=1) & ~(present & found.isna()).any(axis=1)
    gap = (found[wanted].sum(axis=1) - found[total]).abs()
    allowed = tolerance * found[total].abs() if relative else tolerance
    holds = present.all(axis=1) & (gap <= allowed)
    return Tally(int((comparable & ~holds).sum()), int(comparable.sum()))


def _wide(
    frame: pd.DataFrame, table: Table, value: str, part_column: str, codes: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values by group and code, and whether there is a row for them."""
    _require(frame, [*table.key, value])
    rows = frame.loc[frame[part_column].isin(codes), list(table.key)]
    if rows.duplicated().any():
        raise NotComputableError("the key of the table is repeated")
    rest = _rest(table.key, part_column)
    group = rows.groupby(rest, dropna=False).ngroup() if rest else pd.Series(0, index=rows.index)
    long = pd.DataFrame({"group": group, "code": rows[part_column], "value": _numbers(frame, value)[rows.index]})
    present = long.assign(value=1).pivot(index="group", columns="code", values="value")
    wide = long.pivot(index="group", columns="code", values="value")
    return wide.reindex(columns=codes), present.reindex(columns=codes).notna()


def zero_where(
    frame: pd.DataFrame, context: Context, *, value: str, where: Mapping[str, object], tolerance: float = 0.0
) -> Tally:
    """Count rows, among those that meet a condition, whose value is further from zero than the tolerance.

    Parameters
    ----------
    value : str
        Column that must be zero; nulls are not counted.
    where : mapping
        Column to value, or to a list of values.
    tolerance : float
        Largest absolute value allowed.
    """
    _require(frame, [value, *where])
    chosen = pd.Series(True, index=frame.index)
    for column, wanted in where.items():
        chosen &= frame[column].isin(wanted if isinstance(wanted, list) else [wanted])
    numbers = _numbers(frame, value)[chosen].dropna()
    return Tally(int((~(numbers.abs() <= tolerance)).sum()), len(numbers))


def monotone(
    frame: pd.DataFrame, context: Context, *, value: str, order: str, decreasing: bool = False, tolerance: float = 0.0
) -> Tally:
    """Count steps in the wrong direction, for instance of quantiles.

    Parameters
    ----------
    value : str
        Column that may only rise (or only fall) from row to row; nulls are passed over.
    order : str
        Key column that orders the rows; groups are the rest of the table's key.
    decreasing : bool
        Whether the values may only fall.
    tolerance : float
        Step in the wrong direction that is let pass.
    """
    _require(frame, [*context.table.key, value])
    groups = _rest(context.table.key, order)
    rows = frame.assign(**{value: _numbers(frame, value)}).dropna(subset=[value]).sort_values([*groups, order])
    numbers = -rows[value] if decreasing else rows[value]
    steps = (numbers.groupby([rows[g] for g in groups]).diff() if groups else numbers.diff()).dropna()
    return Tally(int((steps < -tolerance).sum()), len(steps))


def no_gaps(frame: pd.DataFrame, context: Context, *, period: str, step: int = 1, by: Sequence[str] = ()) -> Tally:
    """Count months (or quarters) missing between the first and the last one of each series.

    Parameters
    ----------
    period : str
        Column of months, YYYY-MM.
    step : int
        Months from one period to the next: 1 for months, 3 for quarters.
    by : sequence of str
        Columns that name a series, for instance ``release``; none is one series.
    """
    _require(frame, [period, *by])
    if not_matching(frame[period], MONTH_PATTERN):
        raise NotComputableError(f"column {period} does not hold months as YYYY-MM")
    seen = frame[[*by, period]].dropna().drop_duplicates()
    if seen.empty:
        return Tally(0, 0)
    months = pd.PeriodIndex(seen[period], freq="M")
    seen = seen.assign(number=months.year * 12 + months.month)
    series = seen.groupby([seen[b] for b in by] if by else np.zeros(len(seen)))["number"].agg(["min", "max", "nunique"])
    expected = (series["max"] - series["min"]) // step + 1
    return Tally(int((expected - series["nunique"]).abs().sum()), int(expected.sum()))


def drift_against(
    frame: pd.DataFrame, context: Context, *, value: str, tolerance: float, on: Sequence[str] = ()
) -> Tally:
    """Count rows that moved by more than a share of what they were in the previous version.

    Parameters
    ----------
    value : str
        Column compared.
    tolerance : float
        Largest relative change allowed.
    on : sequence of str
        Columns that match rows; the table's key by default. Without a previous version nothing is
        compared.
    """
    if context.previous is None:
        return Tally(0, 0)
    keys = list(on) or list(context.table.key)
    sides = []
    for side in (frame, context.previous):
        _require(side, [*keys, value])
        if side.duplicated(subset=keys).any():
            raise NotComputableError(f"columns {', '.join(keys)} do not identify a row")
        sides.append(side[keys].assign(number=_numbers(side, value)))
    both = sides[0].merge(sides[1], on=keys, suffixes=("_now", "_before")).dropna()
    moved = (both["number_now"] - both["number_before"]).abs() > tolerance * both["number_before"].abs()
    return Tally(int(moved.sum()), len(both))


Rule = Callable[..., Tally]
RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (parts_sum_to_total, zero_where, monotone, no_gaps, drift_against)
}


def run_rules(frame: pd.DataFrame, table: Table, previous: pd.DataFrame | None = None) -> list[CheckOutcome]:
    """Run the rules of a table's catalogue entry.

    Parameters
    ----------
    frame : DataFrame
        Rows of the table, or of one slice of it.
    table : Table
        Catalogue entry.
    previous : DataFrame, optional
        The same table, or slice, as it was before, for :func:`drift_against`.

    Returns
    -------
    list of CheckOutcome
        One per check, named as in the catalogue.

    Raises
    ------
    SchemaError
        The catalogue names a rule that does not exist, or parameters it does not take.
    """
    return [_run(frame, check, Context(table, previous)) for check in table.checks]


def _run(frame: pd.DataFrame, check: Check, context: Context) -> CheckOutcome:
    rule = check_rule(check, context.table)
    try:
        tally = rule(frame, context, **check.parameters)
    except NotComputableError as error:
        return CheckOutcome(
            table=context.table.name,
            name=check.name,
            severity=check.severity,
            passed=False,
            failing_count=None,
            total_count=len(frame),
            description=check.description,
            next_step=f"the rule could not be computed: {error}; see the schema check of the table",
        )
    return counted(
        context.table.name,
        check.name,
        tally.failing,
        tally.total,
        severity=check.severity,
        description=check.description,
        next_step=f"rule {check.rule}: look the groups up in the table with `lmi export`, then in the source file",
    )


def check_rule(check: Check, table: Table) -> Rule:
    """Rule of a catalogued check; SchemaError if it does not exist or does not take the parameters."""
    where = f"table '{table.name}', check '{check.name}'"
    if check.rule not in RULES:
        raise SchemaError(f"{where}: no rule '{check.rule}'; there are {', '.join(RULES)}")
    rule = RULES[check.rule]
    try:
        inspect.signature(rule).bind(None, None, **check.parameters)
    except TypeError as error:
        raise SchemaError(f"{where}: rule '{check.rule}': {error}; correct catalog/tables/{table.layer}.yml") from None
    return rule


def _rest(key: Sequence[str], column: str) -> list[str]:
    return [name for name in key if name != column]


def _require(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = sorted({name for name in columns if name not in frame.columns})
    if missing:
        raise NotComputableError(f"columns {', '.join(missing)} are missing")


def _numbers(frame: pd.DataFrame, column: str) -> pd.Series:
    numbers = frame[column]
    if not types.is_numeric_dtype(numbers.dtype):
        if numbers.notna().any():
            raise NotComputableError(f"column {column} is not a column of numbers")
        numbers = numbers.astype("object")
    return numbers.astype("float64")
