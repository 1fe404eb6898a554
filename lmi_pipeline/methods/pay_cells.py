"""Cells of pay and hours as a table, and means of any group of them as ratios of sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes, JobsCube
from lmi_pipeline.methods.pay_targets import LIMITS
from lmi_pipeline.methods.tables import FloatArray, require_columns

COLUMNS = ("occupation", "region_gss", "sex", "qualification_9", "industry_75")
SUMS = ("job_count", "pay_bill", "hours_bill")


def cell_frame(
    jobs: JobsCube, pay_bills: Mapping[str, FloatArray], hours_bills: Mapping[str, FloatArray], pattern: str
) -> pd.DataFrame:
    """Lay out the cells of one working pattern that have jobs.

    Parameters
    ----------
    jobs : JobsCube
    pay_bills, hours_bills : mapping of str to ndarray
        Working pattern -> bill of every cell, of the grid's shape; pounds a week and paid hours a week.
    pattern : str

    Returns
    -------
    DataFrame
        occupation, region_gss, sex, qualification_9, industry_75, working_pattern (text), job_count, pay_bill,
        hours_bill; in the order of the grid.

    Raises
    ------
    MethodError
        A pattern that is not there, or bills of another shape, or not positive where there are jobs.
    """
    bills = {"pay_bill": pay_bills, "hours_bill": hours_bills}
    for name, given in {"jobs": jobs.jobs, **bills}.items():
        if pattern not in given:
            raise MethodError(f"cells: no {name} of {pattern}; there is {', '.join(given)}")
    held = jobs.jobs[pattern]
    flat = np.flatnonzero(held > 0)
    frame = codes_of(jobs.grid, flat)
    frame["working_pattern"] = _repeat((pattern,), np.zeros(len(flat), dtype=np.int8))
    frame["job_count"] = held.ravel()[flat]
    for name, given in bills.items():
        frame[name] = _bill(given[pattern], held, flat, f"{name}, {pattern}")
    return frame


def codes_of(grid: GridCodes, flat: np.ndarray) -> pd.DataFrame:
    """Codes of cells by their position in a flattened array of the grid's shape, as columns of text."""
    axes = (grid.occupations, grid.regions, grid.sexes, grid.qualifications, grid.industries)
    columns = {}
    for name, codes in reversed(list(zip(COLUMNS, axes, strict=True))):
        flat, place = np.divmod(flat, len(codes))
        columns[name] = _repeat(codes, place)
    return pd.DataFrame({name: columns[name] for name in COLUMNS}, copy=False)


def aggregate(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Jobs, bills and means of groups of cells.

    Parameters
    ----------
    cells : DataFrame
        Of :func:`cell_frame`, of one or several working patterns.
    by : sequence of str
        Columns to group by; none for everybody.

    Returns
    -------
    DataFrame
        `by`, job_count, pay_bill, hours_bill, and the ratios of sums weekly_pay_gbp (pay bill over jobs),
        paid_hours_per_week (hours bill over jobs) and hourly_pay_gbp (pay bill over hours bill: overtime is in both).

    Raises
    ------
    MethodError
        Columns missing.
    """
    require_columns(cells, [*by, *SUMS], "cells")
    if by:
        sums = cells.groupby(list(by), sort=True, observed=True)[list(SUMS)].sum().reset_index()
    else:
        sums = cells[list(SUMS)].sum().to_frame().T
    return sums.assign(
        weekly_pay_gbp=sums["pay_bill"] / sums["job_count"],
        paid_hours_per_week=sums["hours_bill"] / sums["job_count"],
        hourly_pay_gbp=sums["pay_bill"] / sums["hours_bill"],
    )


def factors_outside(report: pd.DataFrame, *, limits: tuple[float, float] = LIMITS) -> pd.DataFrame:
    """Count reconciliation factors beyond the limits, by margin.

    Parameters
    ----------
    report : DataFrame
        ``margin``, ``cell`` and ``factor``, as in
        :attr:`~lmi_pipeline.methods.pay_reconciliation.Reconciled.report`.
    limits : tuple of float
        Smallest and largest factor allowed.

    Returns
    -------
    DataFrame
        margin, cells, outside, smallest, largest, farthest_cell (by the logarithm of its factor).
    """
    require_columns(report, ["margin", "cell", "factor"], "report of the reconciliation")
    rows = report.assign(outside=~report["factor"].between(*limits), distance=np.log(report["factor"]).abs())
    grouped = rows.groupby("margin", sort=False)
    counts = grouped.agg(
        cells=("factor", "size"), outside=("outside", "sum"), smallest=("factor", "min"), largest=("factor", "max")
    )
    counts["farthest_cell"] = rows.loc[grouped["distance"].idxmax()].set_index("margin")["cell"]
    return counts.reset_index()


def _repeat(codes: Sequence[str], place: np.ndarray) -> pd.api.extensions.ExtensionArray:
    """Text of each position: taken from an array of text, not built value by value."""
    return pd.array(list(codes), dtype="str").take(place)


def _bill(values: FloatArray, held: FloatArray, flat: np.ndarray, where: str) -> FloatArray:
    if np.shape(values) != held.shape:
        raise MethodError(f"{where}: shape {np.shape(values)}, the jobs have {held.shape}")
    found: FloatArray = values.ravel()[flat]
    bad = int((~(np.isfinite(found) & (found > 0))).sum())
    if bad:
        raise MethodError(f"{where}: {bad} of {len(found)} cells with jobs have a bill that is not positive and finite")
    return found
