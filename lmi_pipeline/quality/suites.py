"""Great Expectations suites made from the catalogue, and run with counts only.

Great Expectations is asked for a yes or no per expectation; how many rows fail is counted by
:mod:`lmi_pipeline.quality.counts`, so that no offending value is ever collected. Its own pages are
not used: they load scripts from outside.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Column, ColumnType, Table
from lmi_pipeline.quality import counts
from lmi_pipeline.quality.results import CheckOutcome, SuiteResult
from lmi_pipeline.quality.schema_checks import NUMBERS, range_text

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

_INTEGERS = ("int8", "int16", "int32", "int64", "Int8Dtype", "Int16Dtype", "Int32Dtype", "Int64Dtype")
_FLOATS = (*_INTEGERS, "float32", "float64", "Float32Dtype", "Float64Dtype")
_TYPES: dict[ColumnType, tuple[str, ...]] = {
    "string": ("StringDtype", "str"),
    "integer": _INTEGERS,
    "float": _FLOATS,
    "boolean": ("bool", "BooleanDtype"),
}
_NULLABLE_TYPES = {**_TYPES, "integer": (*_INTEGERS, "float64")}


@dataclass(frozen=True)
class _Expectation:
    """One expectation: its class, its arguments, how to count what fails, and words for people."""

    name: str
    kind: str
    arguments: dict[str, Any]
    count: Callable[[pd.DataFrame], int]
    description: str
    next_step: str


def build_suite(table: Table) -> ExpectationSuite:
    """Great Expectations suite of a table: columns, nulls, codes, ranges, months, types, key."""
    gx = _great_expectations()
    made = [
        getattr(gx.expectations, item.kind)(**item.arguments, meta={"name": item.name}) for item in _expectations(table)
    ]
    suite: ExpectationSuite = gx.ExpectationSuite(name=table.name, expectations=made)
    return suite


def _great_expectations() -> ModuleType:
    """Import Great Expectations, which takes seconds and imports deprecated standard modules."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"module 'sre_\w+' is deprecated", DeprecationWarning)
        import great_expectations
    return great_expectations


def validate(frame: pd.DataFrame, table: Table) -> SuiteResult:
    """Run the suite of a table on a frame, in memory, without progress bars or telemetry.

    Parameters
    ----------
    frame : DataFrame
        Rows of the table, or of one slice of it.
    table : Table
        Catalogue entry.

    Returns
    -------
    SuiteResult
        One blocking outcome per expectation, with our own count of the rows that fail.
    """
    gx = _great_expectations()
    frame = frame.loc[:, ~frame.columns.duplicated()]
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset(table.name)
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": _plain(frame)})
    report = batch.validate(build_suite(table), result_format="BOOLEAN_ONLY")
    met = {result.expectation_config.meta["name"]: bool(result.success) for result in report.results}
    raised = {result.expectation_config.meta["name"] for result in report.results if _raised(result.exception_info)}
    return SuiteResult(
        table.name,
        tuple(_outcome(item, frame, table, met[item.name], item.name in raised) for item in _expectations(table)),
    )


def _raised(info: dict[str, Any]) -> bool:
    entries = [info] if "raised_exception" in info else list(info.values())
    return any(entry["raised_exception"] for entry in entries)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Give text the one string type Great Expectations knows by name, and columns without values none."""
    text = {name: "string" for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.StringDtype)}
    empty = dict.fromkeys(frame.columns[frame.isna().all().to_numpy()], "object")
    return frame.astype({**text, **empty})


def _outcome(item: _Expectation, frame: pd.DataFrame, table: Table, met: bool, raised: bool) -> CheckOutcome:
    step = f"the expectation could not be evaluated on these columns; {item.next_step}" if raised else item.next_step
    return CheckOutcome(
        table=table.name,
        name=item.name,
        severity="block",
        passed=met,
        failing_count=0 if met else (None if raised else item.count(frame) or None),
        total_count=len(frame),
        description=item.description,
        next_step="" if met else step,
    )


def _expectations(table: Table) -> list[_Expectation]:
    found = [item for name in table.columns for item in _of_column(catalog.column(name), table)]
    kind: str = "ExpectCompoundColumnsToBeUnique"
    arguments: dict[str, Any] = {"column_list": list(table.key)}
    if len(table.key) == 1:
        kind, arguments = "ExpectColumnValuesToBeUnique", {"column": table.key[0]}
    found.append(
        _Expectation(
            "expect_key_unique",
            kind,
            arguments,
            lambda frame: counts.repeated_keys(frame, table.key),
            f"no two rows have the same key ({', '.join(table.key)})",
            "find what delivers the rows twice",
        )
    )
    return found


def _of_column(column: Column, table: Table) -> Iterator[_Expectation]:
    name, where = column.name, f"column '{column.name}'"
    yield _Expectation(
        f"expect_{name}_exists",
        "ExpectColumnToExist",
        {"column": name},
        lambda frame: int(name not in frame.columns),
        f"{where} exists",
        f"make {where} when tidying",
    )
    if name not in table.nullable:
        yield _Expectation(
            f"expect_{name}_not_null",
            "ExpectColumnValuesToNotBeNull",
            {"column": name},
            lambda frame: counts.nulls(frame[name]),
            f"{where} has a value in every row",
            f"fill {where} when tidying, or list it as nullable",
        )
    known = _NULLABLE_TYPES if name in table.nullable else _TYPES
    if column.type in known:
        yield _Expectation(
            f"expect_{name}_type",
            "ExpectColumnValuesToBeInTypeList",
            {"column": name, "type_list": list(known[column.type])},
            lambda frame: counts.wrong_type(frame[name], column.type),
            f"{where} is of type {column.type}",
            f"convert {where} when tidying",
        )
    yield from _of_values(column)


def _of_values(column: Column) -> Iterator[_Expectation]:
    name, where = column.name, f"column '{column.name}'"
    if column.codelist:
        codes = catalog.codes(column.codelist)
        yield _Expectation(
            f"expect_{name}_codes",
            "ExpectColumnValuesToBeInSet",
            {"column": name, "value_set": list(codes)},
            lambda frame: counts.unknown_codes(frame[name], codes),
            f"{where} holds codes of the list '{column.codelist}' only",
            f"map the codes when tidying, or add them to catalog/codelists/{column.codelist}.csv",
        )
    if column.type in NUMBERS and (column.minimum, column.maximum) != (None, None):
        yield _Expectation(
            f"expect_{name}_range",
            "ExpectColumnValuesToBeBetween",
            {"column": name, "min_value": column.minimum, "max_value": column.maximum},
            lambda frame: counts.out_of_range(frame[name], column.minimum, column.maximum),
            f"{where} is {range_text(column)}",
            f"check the unit and the markers of {where} in the source file",
        )
    pattern = counts.month_pattern(column)
    if pattern:
        yield _Expectation(
            f"expect_{name}_month",
            "ExpectColumnValuesToMatchRegex",
            {"column": name, "regex": pattern},
            lambda frame: counts.not_matching(frame[name], pattern),
            f"{where} is a period, {column.unit}",
            f"write {where} as {column.unit}; a quarter is named by its first month",
        )
