"""Great Expectations suites from the catalogue."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table
from lmi_pipeline.quality.suites import build_suite, validate

PERSONS = "core_lfs__quarterly_person"
CORE = [table for table in catalog.tables().values() if table.layer == "core"]


@pytest.mark.parametrize("table", CORE, ids=lambda t: t.name)
def test_build_suite_when_table_is_core_then_every_column_and_the_key_are_expected(table):
    expectations = build_suite(table).expectations
    existing = {e.column for e in expectations if e.expectation_type == "expect_column_to_exist"}
    assert existing == set(table.columns)
    assert sum("unique" in e.expectation_type for e in expectations) == 1
    names = [e.meta["name"] for e in expectations]
    assert len(names) == len(set(names))


def test_validate_when_frame_agrees_then_suite_passes(persons):
    result = validate(persons, catalog.table(PERSONS))
    assert result.passed, [o for o in result.outcomes if not o.passed]
    assert all(o.failing_count == 0 for o in result.outcomes)


def test_validate_when_rows_are_wrong_then_our_counts_stand_beside(persons):
    persons.loc[[0, 1], "sex"] = "neither"
    persons.loc[2, "usual_hours_per_week"] = 98.0
    persons.loc[[3, 4, 5], "birth_group"] = None
    persons.loc[6, "quarter"] = "2020-02"
    persons.loc[8, ["quarter", "person_id"]] = persons.loc[7, ["quarter", "person_id"]]
    persons["age_years"] = persons["age_years"].astype("str")
    failed = {o.name: o.failing_count for o in validate(persons, catalog.table(PERSONS)).outcomes if not o.passed}
    assert failed.pop("expect_age_years_range") is None  # text has no range: not evaluated
    assert failed == {
        "expect_sex_codes": 2,
        "expect_usual_hours_per_week_range": 1,
        "expect_birth_group_not_null": 3,
        "expect_quarter_month": 1,
        "expect_key_unique": 2,
        "expect_age_years_type": 60,
    }


def test_validate_when_a_column_is_missing_or_repeated_then_it_says_so(persons):
    broken = persons.drop(columns="sex")
    broken = pd.concat([broken, broken[["wave"]]], axis=1)
    failed = {o.name: o.failing_count for o in validate(broken, catalog.table(PERSONS)).outcomes if not o.passed}
    assert failed["expect_sex_exists"] == 1
    assert failed["expect_sex_codes"] is None
    assert all("sex" in name for name in failed)


@pytest.mark.parametrize(
    ("whole", "number", "flag", "text"),
    [
        ("int64", "float64", "bool", "str"),
        ("Int64", "Float64", "boolean", "string"),
        ("float64", "int64", "object", "object"),
        ("Int16", "float32", "bool", "str"),
    ],
)
def test_validate_when_dtypes_are_those_of_readers_or_lake_then_types_pass(whole, number, flag, text):
    columns = ("quarter", "wave", "measure_value", "is_revised", "sex")
    table = Table(
        name="core_test__it", title="", description="", subject="s", grain="", key=("quarter",), columns=columns,
        nullable=columns[1:],
    )  # fmt: skip
    frame = pd.DataFrame(
        {
            "quarter": ["2020-01", "2020-04"],
            "wave": pd.Series([1, 2]).astype(whole),
            "measure_value": pd.Series([1, 2]).astype(number),
            "is_revised": pd.Series([True, False]).astype(flag),
            "sex": pd.Series(["male", "female"]).astype(text),
        }
    )
    assert validate(frame, table).passed
    assert validate(frame.assign(wave=np.nan, sex=None, is_revised=None, measure_value=pd.NA), table).passed


def test_validate_when_it_runs_then_nothing_is_printed(persons, capfd):
    validate(persons, catalog.table(PERSONS))
    assert capfd.readouterr() == ("", "")
