"""Quarterly growth: against the published workbook, and on series with holes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.growth import quarterly_growth
from lmi_pipeline.methods.quarters import month_key

WORKBOOK = "rti/nuts1bynationalitynsaandsamar2023.xlsx"
SHEET = "(1) NUTS1 by Nat - NSA"
NATIONALITY = {"Total": "total", "EU": "eu", "Non-EU": "non_eu", "UK": "uk"}

HALF_A_PRINTED_DIGIT = 0.0005 + 1e-9
"""Growth is printed in per cent with three decimals."""


@pytest.fixture(scope="module")
def employees(real_data: Path) -> pd.DataFrame:
    """Monthly employees of the whole workbook: month, area, nationality_group, employee_count."""
    sheet = pd.read_excel(real_data / WORKBOOK, sheet_name=SHEET, header=None, engine="calamine")
    columns = pd.MultiIndex.from_arrays([sheet.loc[5, 1:].ffill(), sheet.loc[6, 1:].map(NATIONALITY)])
    body = sheet.loc[7:].dropna(subset=[1])
    months = pd.to_datetime(body[0], format="%B %Y").dt.strftime("%Y-%m")
    wide = body.loc[:, 1:].astype(float).set_axis(columns, axis=1).set_axis(months.to_numpy(), axis=0)
    long = wide.rename_axis(index="month", columns=["area", "nationality_group"]).stack([0, 1])
    return long.rename("employee_count").reset_index()


def monthly(start: str, values: list[float], **group: str) -> pd.DataFrame:
    first = int(start[:4]) * 12 + int(start[5:]) - 1
    return pd.DataFrame({"month": [month_key(first + i) for i in range(len(values))], "n": values}).assign(**group)


def growth_of(frame: pd.DataFrame, **options: int) -> pd.DataFrame:
    return quarterly_growth(frame, month="month", value="n", by=["area"], **options).frame


@pytest.mark.parametrize("month_lag", [0, 1])
def test_growth_of_real_employees_then_equals_the_computed_reference(
    employees: pd.DataFrame, reference: Callable[[str], pd.DataFrame], month_lag: int
) -> None:
    uk = employees[employees["area"].str.strip() == "UK Total"]
    result = quarterly_growth(uk, month="month", value="employee_count", by=["nationality_group"], month_lag=month_lag)
    expected = reference("rti_growth_by_lag").query("month_lag == @month_lag").set_index("quarter")
    found = result.frame.pivot(index="quarter", columns="nationality_group", values="growth_rate")
    found = 100 * found.loc[expected.index, ["uk", "eu", "non_eu"]]
    np.testing.assert_allclose(found, expected[["uk", "eu", "non_eu"]], rtol=0, atol=HALF_A_PRINTED_DIGIT)
    assert result.month_lag == month_lag


def test_quarterly_means_of_real_employees_then_equal_the_computed_reference(
    employees: pd.DataFrame, reference: Callable[[str], pd.DataFrame]
) -> None:
    uk = employees[employees["area"].str.strip() == "UK Total"]
    frame = quarterly_growth(uk, month="month", value="employee_count", by=["nationality_group"]).frame
    expected = reference("rti_quarterly_means").set_index("quarter")
    found = frame.pivot(index="quarter", columns="nationality_group", values="mean").loc[expected.index]
    np.testing.assert_allclose(found[expected.columns], expected, rtol=0, atol=0.5 + 1e-6)


def test_growth_of_all_areas_at_once_then_equals_growth_of_each(employees: pd.DataFrame) -> None:
    by = ["area", "nationality_group"]
    together = quarterly_growth(employees, month="month", value="employee_count", by=by).frame
    apart = [
        quarterly_growth(part, month="month", value="employee_count", by=by).frame for _, part in employees.groupby(by)
    ]
    assert len(apart) == 13 * 4
    pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True))


def test_growth_when_quarter_is_incomplete_then_not_there() -> None:
    frame = growth_of(monthly("2019-02", [1.0] * 12 + [2.0] * 6, area="a"))
    assert frame["quarter"].tolist() == ["2019-04", "2019-07", "2019-10", "2020-01", "2020-04"]
    assert frame["growth_rate"].isna().tolist() == [True, True, True, True, False]
    assert frame["growth_rate"].iloc[-1] == 1.0


def test_growth_when_lagged_then_the_months_before_are_used() -> None:
    frame = growth_of(monthly("2019-09", [1.0, 2.0, 3.0, 9.0], area="a"), month_lag=1)
    assert frame[["quarter", "mean"]].values.tolist() == [["2019-10", 2.0]]


def test_growth_when_series_start_apart_then_each_keeps_its_own_quarters() -> None:
    both = pd.concat([monthly("2019-01", [1.0] * 6, area="a"), monthly("2019-04", [2.0] * 6, area="b")])
    frame = growth_of(both)
    assert frame[["area", "quarter"]].values.tolist() == [
        ["a", "2019-01"], ["a", "2019-04"], ["b", "2019-04"], ["b", "2019-07"],
    ]  # fmt: skip


def test_growth_when_columns_are_renamed_then_they_are() -> None:
    frame = quarterly_growth(
        monthly("2019-01", [1.0] * 3, area="a"), month="month", value="n", by=["area"], mean="m", growth="g"
    ).frame
    assert frame.columns.tolist() == ["area", "quarter", "m", "g"]


def test_growth_when_month_is_missing_inside_a_series_then_refused_by_name() -> None:
    holed = monthly("2019-01", [1.0] * 6, area="east").drop(index=3)
    with pytest.raises(MethodError, match="1 months missing inside a series; first series: east"):
        growth_of(pd.concat([holed, monthly("2019-01", [1.0] * 6, area="west")]))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_growth_when_number_is_not_finite_then_refused_without_the_value(bad: float) -> None:
    with pytest.raises(MethodError, match="1 of 3 values of n are missing or not finite"):
        growth_of(monthly("2019-01", [1.0, bad, 3.0], area="a"))


def test_growth_when_month_is_there_twice_then_refused() -> None:
    frame = monthly("2019-01", [1.0] * 3, area="a")
    with pytest.raises(MethodError, match=r"3 duplicate rows of the key \(area, month\); first area a, month 2019-01"):
        growth_of(pd.concat([frame, frame]))


def test_growth_when_year_before_is_zero_then_refused() -> None:
    with pytest.raises(MethodError, match="1 growth rates from a quarterly mean that is not positive"):
        growth_of(monthly("2019-01", [0.0] * 3 + [1.0] * 12, area="a"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": "m"}, "no column m"),
        ({"by": []}, "at least one column"),
        ({"month_lag": -1}, "ahead of time"),
    ],
)
def test_growth_when_arguments_are_impossible_then_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        quarterly_growth(
            monthly("2019-01", [1.0] * 3, area="a"),
            **{"month": "month", "value": "n", "by": ["area"], **arguments},
        )


def test_growth_when_there_are_no_rows_then_refused() -> None:
    with pytest.raises(MethodError, match="no rows"):
        growth_of(monthly("2019-01", [1.0], area="a").iloc[:0])


@given(st.floats(-0.5, 0.5), st.floats(1, 1e7), st.integers(24, 60), st.integers(0, 1))
def test_growth_when_series_grows_steadily_then_is_that_rate(rate: float, level: float, n: int, lag: int) -> None:
    values = [level * (1 + rate) ** (i / 12) for i in range(n)]
    growth = growth_of(monthly("2018-01", values, area="a"), month_lag=lag)["growth_rate"].dropna()
    np.testing.assert_allclose(growth, rate, rtol=0, atol=1e-12)
