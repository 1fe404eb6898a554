"""The grid, its cells as a table, and means as ratios of sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes, JobsCube
from lmi_pipeline.methods.pay_cells import aggregate, cell_frame, factors_outside
from lmi_pipeline.methods.pay_reconciliation import predict_bills
from lmi_pipeline_tests.methods import pay_problem as problem
from lmi_pipeline_tests.methods.pay_problem import GRID

BY = ["occupation", "region_gss", "sex", "qualification_9", "industry_75"]


@pytest.fixture(scope="module")
def cube() -> JobsCube:
    return problem.jobs()


@pytest.fixture(scope="module")
def bills(cube: JobsCube) -> tuple[dict, dict]:
    return predict_bills(cube, problem.factors(1)), predict_bills(cube, problem.factors(2))


@pytest.fixture(scope="module")
def cells(cube: JobsCube, bills: tuple[dict, dict]) -> pd.DataFrame:
    return pd.concat([cell_frame(cube, *bills, pattern) for pattern in cube.patterns], ignore_index=True)


def test_every_cell_with_jobs_is_there_once_with_its_codes(
    cube: JobsCube, bills: tuple[dict, dict], cells: pd.DataFrame
) -> None:
    assert len(cells) == sum((each > 0).sum() for each in cube.jobs.values())
    assert not cells.duplicated([*BY, "working_pattern"]).any()
    assert (cells.dtypes[[*BY, "working_pattern"]] == "str").all()
    at = (4, 2, 1, 7, 0)
    row = cells[
        (cells["occupation"] == "2112")
        & (cells["region_gss"] == "S1")
        & (cells["sex"] == "female")
        & (cells["qualification_9"] == "8")
        & (cells["industry_75"] == "1")
        & (cells["working_pattern"] == "part_time")
    ].iloc[0]
    assert row["job_count"] == cube.jobs["part_time"][at]
    assert row["pay_bill"] == bills[0]["part_time"][at]
    assert row["hours_bill"] == bills[1]["part_time"][at]


def test_means_are_ratios_of_sums(cube: JobsCube, bills: tuple[dict, dict], cells: pd.DataFrame) -> None:
    found = aggregate(cells, ["industry_75", "working_pattern"]).set_index(["industry_75", "working_pattern"])
    pay, hours, jobs = (each["full_time"].sum((0, 1, 2, 3)) for each in (*bills, cube.jobs))
    for place, code in enumerate(GRID.industries):
        row = found.loc[(code, "full_time")]
        assert row["weekly_pay_gbp"] == pytest.approx(pay[place] / jobs[place], rel=1e-12)
        assert row["paid_hours_per_week"] == pytest.approx(hours[place] / jobs[place], rel=1e-12)
        assert row["hourly_pay_gbp"] == pytest.approx(pay[place] / hours[place], rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(by=st.sets(st.sampled_from([*BY, "working_pattern"])))
def test_sums_do_not_depend_on_the_grouping(by: set[str]) -> None:
    cube = problem.jobs(7)
    pay = predict_bills(cube, problem.factors(8))
    cells = pd.concat([cell_frame(cube, pay, pay, pattern) for pattern in cube.patterns])
    found, whole = aggregate(cells, sorted(by)), aggregate(cells, [])
    assert len(whole) == 1
    np.testing.assert_allclose(found[["job_count", "pay_bill"]].sum(), whole[["job_count", "pay_bill"]].iloc[0])
    np.testing.assert_allclose(found["hourly_pay_gbp"], 1.0)


def test_factors_outside_are_counted_by_margin() -> None:
    report = pd.DataFrame(
        {
            "margin": ["a", "a", "a", "b"],
            "cell": ["1", "2", "3", "4"],
            "factor": [0.69, 1.4, 1.41, 1.0],
        }
    )
    found = factors_outside(report).set_index("margin")
    assert list(found.loc["a"]) == [3, 2, 0.69, 1.41, "1"]
    assert list(found.loc["b"]) == [1, 0, 1.0, 1.0, "4"]
    assert factors_outside(report, limits=(0.5, 2.0))["outside"].sum() == 0


def test_bad_cells(cube: JobsCube, bills: tuple[dict, dict]) -> None:
    pay, hours = bills
    with pytest.raises(MethodError, match=r"no jobs of self_employed"):
        cell_frame(cube, pay, hours, "self_employed")
    with pytest.raises(MethodError, match=r"hours_bill, full_time: shape"):
        cell_frame(cube, pay, {"full_time": np.ones(3)}, "full_time")
    empty = {name: np.zeros_like(each) for name, each in pay.items()}
    with pytest.raises(MethodError, match=r"pay_bill, full_time: \d+ of \d+ cells with jobs have a bill that is not"):
        cell_frame(cube, empty, hours, "full_time")


def test_grid_groups_occupations() -> None:
    codes, place = GRID.occupation_groups("minor")
    assert codes == ("111", "112", "211", "221", "311")
    np.testing.assert_array_equal(place, [0, 0, 1, 2, 2, 3, 4, 4])
    assert GRID.shape == (8, 3, 2, 9, 5)
    assert GRID.axis("sex") == ("male", "female")


def test_bad_grid_jobs_and_factors(cube: JobsCube) -> None:
    with pytest.raises(MethodError, match=r"sexes has 2 codes, 1 of them different"):
        GridCodes(("1111",), ("E1",), ("male", "male"), ("1",), ("1",))
    with pytest.raises(MethodError, match=r"jobs, full_time: shape \(2,\)"):
        JobsCube(GRID, {"full_time": np.ones(2)})
    with pytest.raises(MethodError, match=r"no working pattern"):
        JobsCube(GRID, {})
    broken = cube.jobs["full_time"].copy()
    broken[0, 0, 0, 0, :2] = [np.nan, -1.0]
    with pytest.raises(MethodError, match=r"jobs, full_time: 2 of 2160 cells are negative or not finite"):
        JobsCube(GRID, {"full_time": broken})
    with pytest.raises(MethodError, match=r"no jobs at all"):
        JobsCube(GRID, {"full_time": np.zeros(GRID.shape)})
    factors = problem.factors()["full_time"]
    with pytest.raises(MethodError, match=r"here: factor region has shape \(1,\)"):
        replace(factors, region=np.ones(1)).require_grid(GRID, "here")
    with pytest.raises(MethodError, match=r"here: 1 of 5 factors of industry are not positive"):
        replace(factors, industry=np.array([1.0, 1, 1, 1, 0])).require_grid(GRID, "here")
