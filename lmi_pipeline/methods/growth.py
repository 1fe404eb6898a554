"""Quarterly means of a monthly series and their growth on the same quarter a year before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.quarters import (
    MONTHS_IN_QUARTER,
    QUARTERS_IN_YEAR,
    month_key,
    month_number,
    quarter_range,
    shift_month,
)
from lmi_pipeline.methods.tables import FloatArray, require_columns, require_finite, require_unique

_TABLE = "monthly series"


@dataclass(frozen=True, slots=True)
class QuarterlyGrowth:
    """Quarterly means and year-on-year growth.

    Attributes
    ----------
    frame : DataFrame
        One row for each group and complete quarter, sorted: the `by` columns, ``quarter``, the mean (unit of
        the monthly values) and the growth (a proportion; NaN where there is no quarter a year before).
    month_lag : int
        Months by which the means run ahead of the quarter they are filed under.
    """

    frame: pd.DataFrame
    month_lag: int


def quarterly_growth(
    monthly: pd.DataFrame,
    *,
    month: str,
    value: str,
    by: Sequence[str],
    month_lag: int = 0,
    mean: str = "mean",
    growth: str = "growth_rate",
    gaps: Literal["fail", "leave_out"] = "fail",
) -> QuarterlyGrowth:
    """Growth of calendar-quarter means, g(Q) = E(Q) / E(Q-4) - 1, for many series at once.

    ONS, "Using Real Time Information data to reweight the LFS" (2021), equation (2) for RTI employees. A
    quarter counts only where all three of its months are there.

    Parameters
    ----------
    monthly : DataFrame
        Long table: one row for each month and group.
    month, value : str
        Columns of the month key (``2020-01``) and of the number.
    by : sequence of str
        Columns that tell the series apart; at least one.
    month_lag : int, default 0
        1 files September to November under October to December.
    mean, growth : str
        Names of the two result columns.
    gaps : {"fail", "leave_out"}
        What to do with a month missing inside a series: raise, or leave out the quarters that need it.

    Returns
    -------
    QuarterlyGrowth

    Raises
    ------
    MethodError
        For a duplicate month, a missing or infinite number, a month missing inside a series (unless left out), or
        growth from a mean that is not positive.
    """
    _check(monthly, month, value, by, month_lag)
    wide = monthly.pivot(index=month, columns=list(by), values=value).sort_index(axis=1)
    quarters, levels = _quarterly_means(wide, month_lag, refuse_gaps=gaps == "fail")
    rates = _growth_on_year_before(levels)
    complete = np.isfinite(levels).T
    series, period = np.nonzero(complete)
    groups = wide.columns.to_frame(index=False).iloc[series].reset_index(drop=True)
    filed_under = pd.Series(quarters, dtype="str").take(period).to_numpy()
    results = {"quarter": filed_under, mean: levels.T[complete], growth: rates.T[complete]}
    return QuarterlyGrowth(groups.assign(**results).astype({"quarter": "str"}), month_lag)


def _check(monthly: pd.DataFrame, month: str, value: str, by: Sequence[str], month_lag: int) -> None:
    if not by:
        raise MethodError(f"{_TABLE}: name at least one column that tells the series apart")
    if month_lag < 0:
        raise MethodError(f"the lag is {month_lag} months; a quarter cannot be measured ahead of time")
    require_columns(monthly, [*by, month, value], _TABLE)
    require_unique(monthly, [*by, month], _TABLE)
    require_finite(monthly, [value], _TABLE)
    if monthly.empty:
        raise MethodError(f"{_TABLE}: no rows")


def _quarterly_means(wide: pd.DataFrame, month_lag: int, *, refuse_gaps: bool) -> tuple[tuple[str, ...], FloatArray]:
    """Quarter keys, and means of shape (quarter, series): NaN where a quarter is not complete."""
    filed_under = [shift_month(str(month), month_lag) for month in wide.index]
    first, last = month_number(min(filed_under)), month_number(max(filed_under))
    first -= first % MONTHS_IN_QUARTER
    last -= last % MONTHS_IN_QUARTER
    calendar = [month_key(number) for number in range(first, last + MONTHS_IN_QUARTER)]
    values = wide.set_axis(filed_under).reindex(calendar).to_numpy(dtype=float)
    if refuse_gaps:
        _refuse_gaps(values, wide.columns)
    quarters = quarter_range(month_key(first), month_key(last))
    means: FloatArray = values.reshape(len(quarters), MONTHS_IN_QUARTER, -1).mean(axis=1)
    return quarters, means


def _refuse_gaps(values: FloatArray, series: pd.Index) -> None:
    present = np.isfinite(values)
    started = np.logical_or.accumulate(present, axis=0)
    unfinished = np.logical_or.accumulate(present[::-1], axis=0)[::-1]
    gaps = started & unfinished & ~present
    if gaps.any():
        first = series[int(np.argmax(gaps.any(axis=0)))]
        name = ", ".join(map(str, first if isinstance(first, tuple) else (first,)))
        raise MethodError(f"{_TABLE}: {int(gaps.sum())} months missing inside a series; first series: {name}")


def _growth_on_year_before(levels: FloatArray) -> FloatArray:
    """E(Q) / E(Q-4) - 1 down the rows; NaN in the first year."""
    rates = np.full_like(levels, np.nan)
    before, now = levels[:-QUARTERS_IN_YEAR], levels[QUARTERS_IN_YEAR:]
    undefined = int((np.isfinite(now) & (before <= 0)).sum())
    if undefined:
        raise MethodError(f"{_TABLE}: {undefined} growth rates from a quarterly mean that is not positive")
    rates[QUARTERS_IN_YEAR:] = now / before - 1
    return rates
