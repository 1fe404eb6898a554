"""Quarter keys: labels, lags and shifts."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods import quarters as q

MONTHS = st.integers(min_value=1990 * 12, max_value=2040 * 12).map(q.month_key)


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("2020-01", "Jan-Mar 2020"),
        ("2019-10", "Oct-Dec 2019"),
        ("2020-03", "Mar-May 2020"),
        ("2019-11", "Nov-Jan 2020"),
        ("2019-12", "Dec-Feb 2020"),
    ],
)
def test_label_when_period_crosses_the_year_then_carries_the_year_of_its_last_month(key: str, label: str) -> None:
    assert q.label_of(key) == label
    assert q.parse_label(label) == key


@pytest.mark.parametrize(
    "label", ["Jan-Mar 2020 (r)", "Jan-Apr 2020", "Mar-Jan 2020", "jan-mar 2020", "Jan-Mar 20", "2020-01", ""]
)
def test_parse_label_when_not_three_consecutive_months_then_refused(label: str) -> None:
    with pytest.raises(MethodError, match="three-month period"):
        q.parse_label(label)


@pytest.mark.parametrize(
    "key", ["2020-13", "2020-00", "2020-1", "2020Q1", "2020-01-01", " 2020-01", "\uff12\uff10\uff12\uff10-01"]
)
def test_month_when_not_a_key_then_refused(key: str) -> None:
    with pytest.raises(MethodError, match="YYYY-MM"):
        q.quarter_of(key)


def test_months_of_quarter_when_lagged_one_month_then_september_stands_for_october() -> None:
    assert q.months_of_quarter("2019-10") == ("2019-10", "2019-11", "2019-12")
    assert q.months_of_quarter("2019-10", month_lag=1) == ("2019-09", "2019-10", "2019-11")


def test_quarter_range_when_over_a_year_end_then_holds_both_ends() -> None:
    assert q.quarter_range("2019-07", "2020-04") == ("2019-07", "2019-10", "2020-01", "2020-04")
    assert q.quarter_range("2019-11", "2020-02") == ("2019-11", "2020-02")


@pytest.mark.parametrize("last", ["2019-04", "2019-08"])
def test_quarter_range_when_not_whole_quarters_ahead_then_refused(last: str) -> None:
    with pytest.raises(MethodError, match="whole number of quarters"):
        q.quarter_range("2019-07", last)


@given(MONTHS)
def test_every_month_belongs_to_the_calendar_quarter_that_lists_it(month: str) -> None:
    assert q.is_calendar_quarter(q.quarter_of(month))
    assert month in q.months_of_quarter(q.quarter_of(month))


@given(MONTHS, st.integers(-40, 40))
def test_shift_and_label_have_inverses(key: str, quarters: int) -> None:
    assert q.shift_quarter(q.shift_quarter(key, quarters), -quarters) == key
    assert q.parse_label(q.label_of(key)) == key


@given(st.lists(MONTHS, max_size=20))
def test_series_functions_agree_with_the_single_ones(months: list[str]) -> None:
    series = pd.Series(months, dtype="str")
    assert q.quarters_of(series).tolist() == [q.quarter_of(month) for month in months]
    assert q.shift_quarters(series, -4).tolist() == [q.shift_quarter(month, -4) for month in months]
    assert q.parse_labels(q.labels_of(series)).tolist() == months


def test_series_when_a_key_is_missing_then_refused_with_the_count() -> None:
    with pytest.raises(MethodError, match="1 of 2 period keys are missing"):
        q.quarters_of(pd.Series(["2020-01", None], dtype="str"))
