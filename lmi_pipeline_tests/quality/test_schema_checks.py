"""Checks from the catalogue entry alone."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.quality.schema_checks import assert_valid, check_schema

PERSONS = "core_lfs__quarterly_person"
EMPLOYEES = "core_rti__monthly_employees"


def failures(frame: pd.DataFrame, table: str) -> dict[str, int | None]:
    return {o.name: o.failing_count for o in check_schema(frame, catalog.table(table)) if not o.passed}


def test_check_schema_when_frame_agrees_then_every_check_passes(persons, employees):
    assert failures(persons, PERSONS) == {}
    assert failures(employees, EMPLOYEES) == {}
    assert_valid(persons, PERSONS)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("quarter", "2020-02", "format_quarter"),
        ("quarter", "Q1 2020", "format_quarter"),
        ("sex", "neither", "codes_sex"),
        ("age_years", 130, "range_age_years"),
        ("hourly_pay_gbp", -1.0, "range_hourly_pay_gbp"),
        ("hourly_pay_gbp", np.inf, "range_hourly_pay_gbp"),
        ("birth_group", None, "not_null_birth_group"),
        ("region_gss", 7, "type_region_gss"),
    ],
)
def test_check_schema_when_two_rows_are_wrong_then_two_are_counted(persons, column, value, check):
    broken = persons.astype({column: "object"}) if value is None or isinstance(value, str | int) else persons
    broken.loc[[3, 5], column] = value
    if column == "age_years":
        broken = broken.astype({column: "int64"})
    assert failures(broken, PERSONS) == {check: 2}


def test_check_schema_when_columns_differ_then_missing_and_extra_are_counted(employees):
    changed = employees.rename(columns={"employee_count": "employees"})
    (outcome,) = [o for o in check_schema(changed, catalog.table(EMPLOYEES)) if not o.passed]
    assert (outcome.name, outcome.failing_count) == ("columns", 2)
    assert "missing: employee_count; not catalogued: employees" in outcome.next_step


def test_check_schema_when_a_column_stands_twice_then_it_is_refused(employees):
    assert failures(pd.concat([employees, employees[["month"]]], axis=1), EMPLOYEES) == {"columns": 1}


def test_check_schema_when_key_repeats_then_every_row_of_it_is_counted(employees):
    assert failures(pd.concat([employees, employees.head(2)]), EMPLOYEES) == {"key_unique": 4}


def test_check_schema_when_empty_then_only_that_is_wrong(employees):
    assert failures(employees.head(0), EMPLOYEES) == {"not_empty": 1}


def test_check_schema_when_nullable_columns_are_empty_then_types_pass(persons):
    nullable = list(catalog.table(PERSONS).nullable)
    for empty in (None, np.nan, pd.NA):
        assert failures(persons.assign(**dict.fromkeys(nullable, empty)), PERSONS) == {}


def test_check_schema_when_whole_numbers_are_stored_as_floats_then_only_fractions_fail(persons):
    whole = persons.astype({"wave": "float64"})
    assert failures(whole, PERSONS) == {}
    whole.loc[0, "wave"] = 1.5
    assert failures(whole, PERSONS) == {"type_wave": 1}


@pytest.mark.parametrize("dtype", ["str", "string", "object", "category"])
def test_check_schema_when_text_has_any_pandas_dtype_then_it_is_text(employees, dtype):
    assert failures(employees.astype({"month": dtype, "area_code": dtype}), EMPLOYEES) == {}


@pytest.mark.parametrize(
    ("column", "values", "passes"),
    [
        ("retrieved_at", pd.to_datetime(["2021-01-01", "2021-02-01"], utc=True), True),
        ("retrieved_at", ["2021-01-01", "2021-02-01"], False),
        ("size_bytes", pd.array([1, None], dtype="Int64"), True),
    ],
)
def test_check_schema_when_type_is_time_or_nullable_integer_then_dtype_decides(column, values, passes):
    outcomes = check_schema(pd.DataFrame({column: values}), catalog.table("vault_ledger__file"))
    assert next(o for o in outcomes if o.name == f"type_{column}").passed is passes


def test_assert_valid_when_codes_are_unknown_then_five_are_shown(employees):
    groups = [f"group {n}" for n in range(7)]
    employees.loc[range(7), "nationality_group"] = groups
    with pytest.raises(SchemaError) as caught:
        assert_valid(employees, EMPLOYEES)
    text = str(caught.value)
    assert "unknown: group 0, group 1, group 2, group 3, group 4 and 2 more" in text
    assert EMPLOYEES in text
    assert "7 of 104" in text
    assert "catalog/codelists/nationality_group.csv" in text


def test_assert_valid_when_microdata_has_unknown_codes_then_none_is_shown(persons):
    persons.loc[0, "sex"] = "MARKED"
    with pytest.raises(SchemaError, match="1 of 60") as caught:
        assert_valid(persons, PERSONS)
    assert "MARKED" not in str(caught.value)
