"""Reconciliation of predicted pay to published means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes, JobsCube, PredictedFactors
from lmi_pipeline.methods.pay_reconciliation import PublishedMargin, predict_bills, reconcile
from lmi_pipeline_tests.methods import pay_problem as problem

MARGINS = ("occupation", "occupation/pattern", "region/sub_major", "industry", "sex/pattern")


@pytest.fixture(scope="module")
def cube() -> JobsCube:
    return problem.jobs()


@pytest.fixture(scope="module")
def truth() -> dict:
    return problem.factors()


@pytest.fixture(scope="module")
def guess(truth: dict) -> dict:
    return problem.factors(9, spread=0.05, base=truth)


def test_prediction_is_the_product_cell_by_cell(cube: JobsCube, truth: dict) -> None:
    bills = predict_bills(cube, truth)
    part = truth["part_time"]
    expected = (
        cube.jobs["part_time"][3, 2, 1, 4, 0]
        * part.occupation_sex[3, 1]
        * part.region[2]
        * part.qualification[3, 4]
        * part.industry[0]
    )
    assert bills["part_time"][3, 2, 1, 4, 0] == pytest.approx(expected, rel=1e-14)
    assert bills["full_time"].shape == problem.GRID.shape


@pytest.mark.parametrize("seed", range(3))
def test_margins_that_agree_are_all_met_as_published(seed: int) -> None:
    cube, truth = problem.jobs(seed), problem.factors(seed + 20)
    margins = [problem.margin(name, cube, truth) for name in MARGINS]
    found = reconcile(cube, problem.factors(seed + 40, spread=0.05, base=truth), margins)
    for margin in margins:
        reached = problem.means(cube, found.bills, margin.dims)["mean"]
        np.testing.assert_allclose(reached, margin.frame["mean"], rtol=1e-8)
    assert (found.summary["largest_shift"] < 1e-9).all()
    assert (found.report["kind"] == "hard").all()


def test_same_cells_as_plain_scaling_by_turns(cube: JobsCube, truth: dict, guess: dict) -> None:
    margins = [problem.margin(name, cube, truth) for name in ("occupation", "region/sub_major", "industry")]
    found = reconcile(cube, guess, margins)
    wanted, start = predict_bills(cube, truth), predict_bills(cube, guess)
    truth_bill, bill = (np.stack([each[name] for name in problem.PATTERNS]) for each in (wanted, start))
    sub_major = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    member = np.eye(4)[sub_major]
    for _ in range(400):
        bill = bill * (truth_bill.sum((0, 2, 3, 4, 5)) / bill.sum((0, 2, 3, 4, 5)))[None, :, None, None, None, None]
        target, sums = (np.einsum("porsqi,ok->kr", each, member) for each in (truth_bill, bill))
        bill = bill * (target / sums)[sub_major][None, :, :, None, None, None]
        bill = bill * (truth_bill.sum((0, 1, 2, 3, 4)) / bill.sum((0, 1, 2, 3, 4)))
    np.testing.assert_allclose(np.stack([found.bills[name] for name in problem.PATTERNS]), bill, rtol=1e-7)


def test_lower_margin_is_scaled_within_the_group_above(cube: JobsCube, truth: dict, guess: dict) -> None:
    occupation, region = (problem.margin(name, cube, truth) for name in ("occupation", "region/sub_major"))
    wrong = problem.with_means(
        region, **{f"c{place}_11": region.frame["mean"].iloc[0] * 1.3 for place in problem.GRID.regions}
    )
    found = reconcile(cube, guess, [occupation, wrong])
    reached = problem.means(cube, found.bills, ("occupation",))["mean"]
    np.testing.assert_allclose(reached, occupation.frame["mean"], rtol=1e-9)
    rows = found.report[(found.report["margin"] == "region/sub_major") & found.report["cell"].str.endswith(", 11")]
    moved = rows["target_mean"] / rows["published_mean"]
    np.testing.assert_allclose(moved, moved.iloc[0], rtol=1e-9)
    np.testing.assert_allclose(rows["final_mean"], rows["target_mean"], rtol=1e-8)
    bill = problem.means(cube, predict_bills(cube, truth), ("sub_major",)).set_index("sub_major")["bill"]["11"]
    assert (rows["target_mean"] * rows["job_count"]).sum() == pytest.approx(bill, rel=1e-9)


def test_suppressed_cells_are_no_constraint(cube: JobsCube, truth: dict, guess: dict) -> None:
    occupation = problem.margin("occupation", cube, truth)
    hidden = problem.with_means(occupation, c1112=np.nan)
    found = reconcile(cube, guess, [hidden])
    row = found.report.set_index("cell").loc["1112"]
    assert row["kind"] == "suppressed"
    assert row["factor"] == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(row["target_mean"])
    whole = reconcile(cube, guess, [hidden, problem.margin("", cube, truth)])
    expected = occupation.frame.set_index("occupation").loc["1112", "mean"]
    assert whole.report.set_index("cell").loc["1112", "final_mean"] == pytest.approx(expected, rel=1e-8)


def test_cell_without_a_mean_is_held_and_the_lower_margin_gives_way(cube: JobsCube, truth: dict, guess: dict) -> None:
    hidden = problem.with_means(problem.margin("occupation", cube, truth), c1112=np.nan)
    whole = problem.margin("", cube, truth)
    high = PublishedMargin("all", (), whole.frame.assign(mean=whole.frame["mean"] * 1.3))
    found = reconcile(cube, guess, [hidden, high])
    report = found.report.set_index("cell")
    assert report.loc["1112", "factor"] == pytest.approx(1.4, rel=1e-6)
    assert report.loc["all", "target_mean"] < 0.99 * report.loc["all", "published_mean"]
    hard = report[(report["margin"] == "occupation") & (report["kind"] == "hard")]
    np.testing.assert_allclose(hard["final_mean"], hard["published_mean"], rtol=1e-9)


def test_imprecise_mean_is_drawn_to_the_prediction(cube: JobsCube, truth: dict, guess: dict) -> None:
    margin = problem.margin("occupation", cube, truth)
    margin = PublishedMargin("occupation", margin.dims, margin.frame.assign(cv=[5.0, 5.1, 10.0, np.nan, 0, 1, 20, 3]))
    found = reconcile(cube, guess, [margin], hard_cv=5.0, scale=0.05)
    report = found.report
    assert list(report["kind"]) == ["hard", "soft", "soft", "hard", "hard", "hard", "soft", "hard"]
    weight = 1 - 0.1**2 / (0.1**2 + 0.05**2)
    row = report.iloc[2]
    expected = row["initial_mean"] * (row["published_mean"] / row["initial_mean"]) ** weight
    assert row["target_mean"] == pytest.approx(expected, rel=1e-12)
    assert row["final_mean"] == pytest.approx(expected, rel=1e-9)
    hard = report[report["kind"] == "hard"]
    np.testing.assert_allclose(hard["final_mean"], hard["published_mean"], rtol=1e-9)


def test_implied_totals_are_found_across_margins(cube: JobsCube, truth: dict, guess: dict) -> None:
    """An occupation hidden in one margin follows from its patterns in the next: the region's total is then fixed."""
    occupation = problem.with_means(problem.margin("occupation", cube, truth), c2211=np.nan)
    patterns, region = (problem.margin(name, cube, truth) for name in ("occupation/pattern", "region/sub_major"))
    wrong = PublishedMargin(
        "region/sub_major",
        region.dims,
        region.frame.assign(mean=region.frame["mean"].where(region.frame["sub_major"] != "22", lambda x: x * 1.1)),
    )
    found = reconcile(cube, guess, [occupation, patterns, wrong])
    rows = found.report[found.report["margin"] == "region/sub_major"]
    shift = rows["published_mean"] / rows["target_mean"]
    np.testing.assert_allclose(shift, np.where(rows["cell"].str.endswith("22"), 1.1, 1.0), rtol=1e-8)
    reached = problem.means(cube, found.bills, ("occupation", "pattern"))["mean"]
    np.testing.assert_allclose(reached, patterns.frame["mean"], rtol=1e-8)


def _one_by_two() -> tuple[JobsCube, dict[str, PredictedFactors]]:
    """Occupation 1111 is only in industry 1, 1112 in both."""
    grid = GridCodes(("1111", "1112"), ("E1",), ("male", "female"), ("1",), ("1", "2"))
    jobs = np.ones(grid.shape) * 100.0
    jobs[0, ..., 1] = 0.0
    ones = PredictedFactors(np.full((2, 2), 100.0), np.ones(1), np.ones(2), np.ones((2, 1)))
    return JobsCube(grid, {"full_time": jobs}), {"full_time": ones}


def test_zeros_that_contradict_a_lower_margin() -> None:
    cube, factors = _one_by_two()
    occupation = PublishedMargin(
        "occupation", ("occupation",), pd.DataFrame({"occupation": ["1111", "1112"], "mean": [150.0, 100.0], "cv": 1.0})
    )
    industry = PublishedMargin(
        "industry", ("industry",), pd.DataFrame({"industry": ["1", "2"], "mean": [60.0, 230.0], "cv": 1.0})
    )
    with pytest.raises(MethodError, match=r"margin industry: .* cannot be met together with the margins above"):
        reconcile(cube, factors, [occupation, industry], relaxation=1.05)
    found = reconcile(cube, factors, [occupation, industry])
    first = found.report[found.report["margin"] == "occupation"]
    np.testing.assert_allclose(first["final_mean"], [150.0, 100.0], rtol=1e-9)
    assert found.report["final_mean"].gt(0).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), hidden=st.floats(0, 0.5), noise=st.floats(0, 0.1))
def test_first_margin_holds_and_jobs_stay_whatever_is_hidden(seed: int, hidden: float, noise: float) -> None:
    rng = np.random.default_rng(seed)
    cube, truth = problem.jobs(seed), problem.factors(seed + 1)
    margins = []
    for name in MARGINS:
        margin = problem.margin(name, cube, truth)
        mean = margin.frame["mean"] * np.exp(rng.normal(0, noise, len(margin.frame)))
        margins.append(
            PublishedMargin(name, margin.dims, margin.frame.assign(mean=mean.where(rng.random(len(mean)) >= hidden)))
        )
    found = reconcile(cube, problem.factors(seed + 2, spread=0.03, base=truth), margins)
    first = found.report[(found.report["margin"] == "occupation") & (found.report["kind"] == "hard")]
    np.testing.assert_allclose(first["final_mean"], first["published_mean"], rtol=1e-6)
    assert (found.summary["largest_miss"].fillna(0) <= 1e-8).all()
    for pattern, bill in found.bills.items():
        assert ((bill > 0) == (cube.jobs[pattern] > 0)).all()


def test_summary_counts_and_measures(cube: JobsCube, truth: dict) -> None:
    margin = problem.margin("occupation", cube, truth)
    doubled = problem.with_means(margin, c1111=margin.frame["mean"].iloc[0] * 2)
    summary = reconcile(cube, truth, [doubled]).summary.iloc[0]
    assert (summary["cells"], summary["hard"], summary["soft"], summary["outside"]) == (8, 8, 0, 1)
    assert summary["largest_change"] == pytest.approx(1.0, rel=1e-9)
    assert summary["mean_change"] == pytest.approx(1 / 8, rel=1e-9)


def _margin(**columns: object) -> PublishedMargin:
    return PublishedMargin("occupation", ("occupation",), pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"occupation": ["1111"], "mean": [0.0], "cv": [1.0]}, "1 of 1 means are not positive"),
        ({"occupation": ["1111"], "mean": [5.0], "cv": [-1.0]}, "1 CVs are negative"),
        ({"occupation": ["1111", "1111"], "mean": [5.0, 6.0], "cv": [1.0, 1.0]}, "duplicate"),
        ({"occupation": ["1111"], "mean": [5.0]}, "no column cv"),
    ],
)
def test_bad_margins(columns: dict, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        _margin(**columns)


def test_bad_input(cube: JobsCube, truth: dict) -> None:
    with pytest.raises(MethodError, match=r"dimensions planet"):
        PublishedMargin("x", ("planet",), pd.DataFrame({"planet": ["1"], "mean": [1.0], "cv": [1.0]}))
    with pytest.raises(MethodError, match=r"one level of occupation"):
        PublishedMargin("x", ("major", "minor"), pd.DataFrame())
    with pytest.raises(MethodError, match=r"1 of 1 rows have a occupation that is not in the grid \(9999\)"):
        reconcile(cube, truth, [_margin(occupation=["9999"], mean=[1.0], cv=[1.0])])
    with pytest.raises(MethodError, match=r"jobs in part_time and no factors"):
        reconcile(cube, {"full_time": truth["full_time"]}, [])
    with pytest.raises(MethodError, match=r"no published margin"):
        reconcile(cube, truth, [])
    gone = {name: each.copy() for name, each in cube.jobs.items()}
    for each in gone.values():
        each[0] = 0.0
    with pytest.raises(MethodError, match=r"1 of 8 published means are of cells without jobs, first 1111"):
        reconcile(JobsCube(problem.GRID, gone), truth, [problem.margin("occupation", cube, truth)])
