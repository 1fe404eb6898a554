"""Rules between rows."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.catalog.models import Check, Table
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.quality.rules import RULES, check_rule, run_rules

EMPLOYEES = "core_rti__monthly_employees"
CONTROLS = "est_population__quarterly_control"


def tallies(frame: pd.DataFrame, table: str) -> dict[str, tuple[int | None, int | None]]:
    return {o.name: (o.failing_count, o.total_count) for o in run_rules(frame, catalog.table(table))}


def one_rule(frame: pd.DataFrame, key: tuple[str, ...], rule: str, previous=None, **parameters):
    check = Check(name="it", rule=rule, severity="warn", description="", parameters=parameters)
    table = Table(
        name="est_test__it", title="", description="", subject="s", grain="", key=key, columns=key, checks=(check,)
    )
    (outcome,) = run_rules(frame, table, previous)
    return outcome


@pytest.mark.parametrize("table", catalog.tables().values(), ids=lambda t: t.name)
def test_catalogue_when_it_names_rules_then_they_exist_and_take_its_parameters(table):
    assert all(check_rule(check, table) is RULES[check.rule] for check in table.checks)


def test_parts_sum_to_total_when_they_do_then_groups_are_counted(employees):
    months, regions, groups = 2, 12, 4
    assert tallies(employees, EMPLOYEES) == {
        "parts_sum_to_total": (0, months * (regions + 1)),
        "areas_sum_to_uk": (0, months * groups),
    }


def test_parts_sum_to_total_when_one_part_is_off_then_both_identities_fail_once(employees):
    place = (employees["area_code"] == "E12000007") & (employees["nationality_group"] == "eu")
    employees.loc[place & (employees["month"] == "2020-01"), "employee_count"] += 13
    assert tallies(employees, EMPLOYEES) == {"parts_sum_to_total": (1, 26), "areas_sum_to_uk": (1, 8)}


def test_parts_sum_to_total_when_difference_is_within_tolerance_then_it_passes(employees):
    place = (employees["area_code"] == "E12000007") & (employees["nationality_group"] == "eu")
    employees.loc[place, "employee_count"] += 3
    assert tallies(employees, EMPLOYEES)["parts_sum_to_total"] == (0, 26)


def test_parts_sum_to_total_when_all_parts_are_absent_then_group_is_not_counted(employees):
    national = employees[employees["area_code"] == UNITED_KINGDOM]
    assert tallies(national, EMPLOYEES) == {"parts_sum_to_total": (0, 2), "areas_sum_to_uk": (0, 0)}


@pytest.mark.parametrize("absent", ["eu", "total"])
def test_parts_sum_to_total_when_some_part_or_total_is_absent_then_it_fails(employees, absent):
    place = (employees["area_code"] == "E12000007") & (employees["nationality_group"] == absent)
    assert tallies(employees[~place], EMPLOYEES)["parts_sum_to_total"] == (2, 26)


def test_parts_sum_to_total_when_a_part_is_suppressed_then_group_is_not_counted(employees):
    employees["employee_count"] = employees["employee_count"].astype("Int64")
    place = (employees["area_code"] == "E12000007") & (employees["nationality_group"] == "eu")
    employees.loc[place, "employee_count"] = pd.NA
    assert tallies(employees, EMPLOYEES)["parts_sum_to_total"] == (0, 24)


def test_parts_sum_to_total_when_tolerance_is_relative_then_it_scales(controls):
    assert tallies(controls, CONTROLS)["groups_sum_to_total"] == (0, 24)
    controls.loc[controls["birth_group"] == "uk", "population_count"] *= 1 + 1e-5
    assert tallies(controls, CONTROLS)["groups_sum_to_total"] == (24, 24)


def test_zero_where_when_condition_holds_then_only_those_rows_are_looked_at(controls):
    assert tallies(controls, CONTROLS)["base_quarter_zero_adjustment"] == (0, 48)
    controls.loc[[0, 1], "growth_adjustment"] = [1e-9, np.nan]
    assert tallies(controls, CONTROLS)["base_quarter_zero_adjustment"] == (1, 47)


def test_run_rules_when_a_column_is_missing_or_no_number_then_it_fails_without_a_count(controls):
    for broken in (
        controls.drop(columns="growth_adjustment"),
        controls.assign(growth_adjustment="MARKED"),
    ):
        outcome = {o.name: o for o in run_rules(broken, catalog.table(CONTROLS))}["base_quarter_zero_adjustment"]
        assert not outcome.passed
        assert outcome.failing_count is None
        assert "growth_adjustment" in outcome.next_step
        assert "MARKED" not in str(outcome)


def test_parts_sum_to_total_when_key_repeats_then_it_fails_without_a_count(employees):
    repeated = pd.concat([employees, employees.head(1)])
    assert tallies(repeated, EMPLOYEES)["parts_sum_to_total"] == (None, 105)


def test_monotone_when_quantiles_cross_then_the_step_is_counted():
    frame = pd.DataFrame({"area": list("aaabbb"), "q": [10, 50, 90] * 2, "pay": [9.0, 12, 20, 9, 8, 20]})
    assert one_rule(frame, ("area", "q"), "monotone", value="pay", order="q").failing_count == 1
    assert one_rule(frame, ("area", "q"), "monotone", value="pay", order="q", tolerance=1.0).passed
    falling = one_rule(frame, ("area", "q"), "monotone", value="pay", order="q", decreasing=True)
    assert (falling.failing_count, falling.total_count) == (3, 4)


def test_no_gaps_when_a_quarter_is_missing_then_it_is_counted_in_its_series():
    frame = pd.DataFrame({"release": ["a", "a", "b", "b"], "quarter": ["2019-10", "2020-04", "2019-10", "2020-01"]})
    key = ("release", "quarter")
    outcome = one_rule(frame, key, "no_gaps", period="quarter", step=3, by=["release"])
    assert (outcome.failing_count, outcome.total_count) == (1, 5)
    assert one_rule(frame, key, "no_gaps", period="quarter", step=3).passed


def test_no_gaps_when_a_period_is_unreadable_then_its_text_stays_inside():
    outcome = one_rule(pd.DataFrame({"month": ["MARKED", "2020-01"]}), ("month",), "no_gaps", period="month")
    assert outcome.failing_count is None
    assert "MARKED" not in str(outcome)


def test_drift_against_when_value_moves_then_it_warns():
    before = pd.DataFrame({"area": list("abc"), "count": [100, 100, 0]})
    now = pd.DataFrame({"area": list("abcd"), "count": [104, 120, 0, 5]})
    outcome = one_rule(now, ("area",), "drift_against", before, value="count", tolerance=0.05)
    assert (outcome.failing_count, outcome.total_count, outcome.severity) == (1, 3, "warn")
    assert one_rule(now, ("area",), "drift_against", None, value="count", tolerance=0.05).total_count == 0


@pytest.mark.parametrize(
    ("rule", "parameters", "message"),
    [
        ("parts_add_up", {}, "no rule 'parts_add_up'; there are parts_sum_to_total"),
        ("zero_where", {"value": "x", "wher": {}}, "rule 'zero_where'"),
        ("parts_sum_to_total", {"value": "x", "part_column": "a", "total": "t"}, "either 'parts' or 'codelist'"),
    ],
)
def test_run_rules_when_the_catalogue_is_wrong_then_schema_error_says_where(rule, parameters, message):
    with pytest.raises(SchemaError, match="est_test__it") as caught:
        one_rule(pd.DataFrame({"a": ["x"], "x": [1]}), ("a",), rule, **parameters)
    assert message in str(caught.value)
