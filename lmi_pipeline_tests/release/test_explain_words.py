"""Codes, periods and numbers in words."""

import pytest

from lmi_pipeline.release import explain_words as words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01", "January to March 2020"),
        ("2020-10", "October to December 2020"),
        ("2020-11", "November 2020 to January 2021"),
        ("2020-12", "December 2020 to February 2021"),
        ("2020-13", "2020-13"),
        ("all", "all"),
    ],
)
def test_period_when_named_by_first_month_then_three_months_in_words(text, expected):
    assert words.period_words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2020Q1", "2020-01"), ("2020 q4", "2020-10"), ("2020-Q3", "2020-07"), ("2020-04", "2020-04")],
)
def test_quarter_when_written_as_people_do_then_code(text, expected):
    assert words.quarter_code(text) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (612.3, "GBP per week", "£612.30 per week"),
        (1500.0, "GBP per week", "£1,500 per week"),
        (-3.5, "GBP per hour", "-£3.50 per hour"),
        (9000.0, "persons", "9,000 people"),
        (4.25, "per cent", "4.25 per cent"),
        (0.0, "", "0"),
        (1161234.0, "persons", "1,161,234 people"),
        (2.99048586732, "per cent", "2.99 per cent"),
        (12.5, "per cent", "12.5 per cent"),
        (-0.01234, "", "-0.012"),
    ],
)
def test_number_when_it_has_a_unit_then_as_one_would_write_it(value, unit, expected):
    assert words.number_text(value, unit) == expected


def test_unit_when_the_column_has_none_then_that_of_what_is_measured():
    assert words.unit_of("estimate_value", {"measure": "employment_rate", "estimate_value": 75.1}) == "per cent"
    assert words.unit_of("pay_estimate", {"pay_basis": "hourly", "pay_estimate": 14.0}) == "GBP per hour"
    assert words.unit_of("impact_value", {"unit": "percentage points"}) == "percentage points"
    assert words.unit_of("population_count", {"unit": "per cent"}) == "persons"
    assert words.unit_of("shrinkage_weight", {"pay_basis": "hourly", "unit": "per cent"}) == ""


def test_category_when_split_by_another_breakdown_then_another_name():
    assert words.value_words("category", "1", {"breakdown": "occupation_major"}).startswith("Managers")
    assert words.value_words("category", "female", {"breakdown": "sex"}) == "Female"
    assert words.value_words("category", "all", {"breakdown": "all"}) == "All"


def test_occupation_when_the_edition_differs_then_the_name_does():
    assert (
        words.value_words("occupation_code", "1111", {"soc_edition": "2020"}) == "Chief executives and senior officials"
    )
    assert words.value_words("occupation_code", "1111", {"soc_edition": "2010"}) == ""


def test_value_when_the_table_has_a_column_of_names_then_that_name():
    row = {"area_code": "E12000007", "area_name": "Greater London"}
    assert words.value_words("area_code", "E12000007", row) == "Greater London"
    assert words.value_words("area_code", "E12000007", {"area_code": "E12000007"}) == "London"
    assert words.value_words("work_region_gss", "K02000001", {}) == "United Kingdom"


def test_value_when_empty_then_no_words():
    assert words.value_words("rti_release", None, {}) == ""
    assert words.value_words("rti_release", float("nan"), {}) == ""
    assert words.value_words("rti_release", "2022-06", {}) == "June 2022"


def test_label_when_the_column_is_not_catalogued_then_its_name():
    assert words.figure_label("no_such_number") == "No such number"
    assert words.figure_label("estimate_value") == "Estimate"


@pytest.mark.parametrize(
    ("column", "code", "expected"),
    [
        ("qualification_code", "degree", "Degree or equivalent"),
        ("qualification_code", "3-1", "High"),
        ("industry_group", "22-2", "Mining and quarrying"),
        ("occupation_code", "all", "All occupations"),
        ("occupation_code", "11", "Corporate managers and directors"),
        ("work_status", "all", "All in employment"),
        ("area_code", "W92000004", "Wales"),
        ("period_code", "2020-01", "January to March 2020"),
        ("period_code", "2020", "2020"),
    ],
)
def test_code_when_of_a_level_of_a_hierarchy_then_its_name(column, code, expected):
    assert words.value_words(column, code, {}) == expected
