"""Open pay on a known truth: errors, coverage, what each piece of evidence may do."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.open_pay import OpenPay, estimate_open_pay, leave_out_coverage
from lmi_pipeline.methods.open_pay_evidence import complete_cvs, nested_means, parent_groups

CODES = [f"{a}{b}{c}{d}" for a in range(1, 10) for b in range(1, 4) for c in range(1, 5) for d in range(1, 4)]
HIDDEN_BELOW = 20.0


def _simulate(seed: int, *, median_error: float = 0.02) -> tuple[pd.DataFrame, np.ndarray]:
    """Unit groups with nested effects, hours, heteroskedastic samples; means with a CV above 20 per cent hidden.

    The median repeats the sampling error of the mean: it is from the same jobs.
    """
    rng = np.random.default_rng(seed)
    n = len(CODES)
    effects = [rng.normal(0, spread, n) for spread in (0.25, 0.15, 0.08)]
    group = [np.unique([code[:digits] for code in CODES], return_inverse=True)[1] for digits in (1, 2, 3)]
    hours = 33 + rng.normal(0, 4, n)
    log_truth = 6 + sum(effect[place] for effect, place in zip(effects, group, strict=True))
    log_truth = log_truth + np.log(hours / 33) + 0.12 * rng.standard_t(5, n)
    jobs = np.exp(rng.normal(10.3, 1.1, n))
    cv = 0.5 / np.sqrt(jobs / 1000)
    noise = np.sqrt(np.log1p(cv**2)) * rng.normal(size=n)
    hidden = 100 * cv > HIDDEN_BELOW
    cells = pd.DataFrame(
        {
            "occupation": CODES,
            "mean": np.where(hidden, np.nan, np.exp(log_truth + noise)),
            "job_count": np.where(jobs < 5000, np.nan, jobs),
            "cv_percent": 100 * cv,
            "hours": hours,
            "median_cv_percent": 100 * cv,
            "median": np.exp(log_truth - 0.12 + noise + median_error * rng.normal(size=n)),
        }
    )
    return cells, np.exp(log_truth)


def _inside(frame: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    return ((frame["lower"] <= truth) & (truth <= frame["upper"])).to_numpy()


@pytest.fixture(scope="module")
def trials() -> list[tuple[pd.DataFrame, np.ndarray, OpenPay]]:
    drawn = [_simulate(seed) for seed in range(12)]
    return [
        (cells, truth, estimate_open_pay(cells, covariates=["hours"], same_sample=["median"])) for cells, truth in drawn
    ]


def test_every_unit_group_has_an_estimate_inside_its_interval(trials) -> None:
    for cells, _, found in trials:
        frame = found.frame
        assert frame["occupation"].tolist() == CODES
        assert ((frame["lower"] < frame["estimate"]) & (frame["estimate"] < frame["upper"])).all()
        assert frame["shrinkage_weight"].between(0, 1).all()
        np.testing.assert_array_equal(frame["is_published"], cells["mean"].notna())


def test_intervals_hold_the_true_mean_of_published_cells(trials) -> None:
    inside = [_inside(found.frame, truth)[cells["mean"].notna()].mean() for cells, truth, found in trials]
    assert 0.78 <= np.mean(inside) <= 0.82


def test_intervals_hold_the_true_mean_of_cells_that_are_not_published(trials) -> None:
    """Calibrated on published values, so never short; the median of the same jobs adds no false precision."""
    inside = np.concatenate([_inside(found.frame, truth)[cells["mean"].isna()] for cells, truth, found in trials])
    assert len(inside) > 300
    assert 0.77 <= inside.mean() <= 0.90


def test_estimates_beat_published_means_and_relatives(trials) -> None:
    errors: dict[str, list[float]] = {"estimate": [], "published": [], "relatives": []}
    for cells, truth, found in trials:
        thin = (cells["mean"].notna() & (cells["cv_percent"] > 10)).to_numpy()
        relatives = np.exp(nested_means(np.log(cells["mean"].to_numpy()), parent_groups(CODES))[:, -1])
        for name, values in (
            ("estimate", found.frame["estimate"]),
            ("published", cells["mean"]),
            ("relatives", relatives),
        ):
            errors[name].append(float(((np.log(values) - np.log(truth))[thin] ** 2).mean()))
    rmse = {name: float(np.sqrt(np.mean(values))) for name, values in errors.items()}
    print(rmse)
    assert rmse["estimate"] < 0.85 * min(rmse["published"], rmse["relatives"])


def test_the_median_of_the_same_jobs_sharpens_means_that_are_hidden(trials) -> None:
    with_median, without = [], []
    for cells, truth, found in trials:
        hidden = cells["mean"].isna().to_numpy()
        alone = estimate_open_pay(cells, covariates=["hours"]).frame
        with_median.append((np.log(found.frame["estimate"] / truth)[hidden] ** 2).mean())
        without.append((np.log(alone["estimate"] / truth)[hidden] ** 2).mean())
        pd.testing.assert_frame_equal(alone[~hidden], found.frame[~hidden])
    assert np.mean(with_median) < np.mean(without)


def test_a_duplicate_of_the_mean_is_not_taken_for_precision() -> None:
    """A median that repeats the mean exactly leaves a hidden mean its sampling error."""
    cells = _simulate(50, median_error=0.0)[0]
    frame = estimate_open_pay(cells, same_sample=["median"]).frame
    hidden = cells["mean"].isna().to_numpy()
    width = np.log(frame["upper"] / frame["lower"])[hidden] / 2
    relatives = np.log(estimate_open_pay(cells).frame.eval("upper / lower"))[hidden] / 2
    sampling = 1.2816 * np.sqrt(np.log1p((cells["cv_percent"][hidden] / 100) ** 2))
    assert (width >= 0.999 * (relatives**-2 + sampling**-2) ** -0.5).all()
    assert (width <= 1.001 * sampling).all()


def test_an_occupation_unlike_its_relatives_keeps_what_its_own_jobs_tell() -> None:
    cells = _simulate(52)[0]
    row = int(np.flatnonzero(cells["mean"].notna())[0])
    cells.loc[row, ["mean", "median_cv_percent"]] = [np.nan, 8.0]
    usual = estimate_open_pay(cells, same_sample=["median"]).frame.loc[row]
    cells.loc[row, "median"] *= 4
    unlike = estimate_open_pay(cells, same_sample=["median"]).frame.loc[row]
    assert usual["shrinkage_weight"] < 0.9 < unlike["shrinkage_weight"]
    assert unlike["estimate"] == pytest.approx(cells.loc[row, "median"] * np.exp(0.12), rel=0.1)


def test_a_precise_median_outweighs_the_relatives_though_the_mean_is_wild() -> None:
    """A few very high salaries can hide the mean of an occupation whose median is well measured."""
    cells = _simulate(51)[0]
    row = int(np.flatnonzero(cells["mean"].notna() & (cells["cv_percent"] < 5))[0])
    cells.loc[row, ["mean", "cv_percent"]] = [np.nan, 40.0]
    expected = cells.loc[row, "median"] * np.exp(0.12)
    weights = []
    for cv in (3.0, 15.0, np.nan, 40.0):
        cells.loc[row, "median_cv_percent"] = cv
        found = estimate_open_pay(cells, same_sample=["median"]).frame.loc[row]
        weights.append(found["shrinkage_weight"])
        if cv == 3.0:
            assert found["estimate"] == pytest.approx(expected, rel=0.05)
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.9
    assert weights[-1] < 0.3


def test_left_out_means_lie_in_their_intervals() -> None:
    reports = [
        leave_out_coverage(_simulate(seed)[0], covariates=["hours"], same_sample=["median"], seeds=[seed])
        for seed in range(20, 50)
    ]
    report = pd.concat(reports)
    overall, bands = report[report["band"] == -1], report[report["band"] >= 0]
    assert 0.78 <= overall["inside_count"].sum() / overall["held_out_count"].sum() <= 0.82
    by_band = bands.groupby("band")[["inside_count", "held_out_count"]].sum()
    assert (by_band["inside_count"] / by_band["held_out_count"]).between(0.75, 0.85).all()


def test_a_mean_left_out_is_predicted_without_its_row() -> None:
    cells = _simulate(2)[0]
    spoilt = cells.assign(median=cells["median"].where(cells["mean"].isna(), 1e6 * cells["median"]))
    first, second = (leave_out_coverage(frame, same_sample=["median"], seeds=[4]) for frame in (cells, spoilt))
    pd.testing.assert_frame_equal(first, second)


def test_an_occupation_does_not_predict_itself() -> None:
    values = np.random.default_rng(1).normal(size=len(CODES))
    means = nested_means(values, parent_groups(CODES))
    moved = values.copy()
    moved[17] += 100
    again = nested_means(moved, parent_groups(CODES))
    np.testing.assert_allclose(again[17], means[17], rtol=1e-9)
    assert (np.abs(again[18] - means[18]) > 1).all()


def test_nested_means_by_hand() -> None:
    means = nested_means(np.array([1.0, 2.0, 4.0, np.nan]), parent_groups(["1111", "1112", "1121", "2111"]))
    everyone = 3.0  # mean of the others of 1111
    major = (2 + 4 + everyone) / 3
    sub_major = (2 + 4 + major) / 3
    np.testing.assert_allclose(means[0], [major, sub_major, (2 + sub_major) / 2])
    np.testing.assert_allclose(means[3], [7 / 3] * 3)


def test_coefficients_of_variation_come_from_the_table_the_band_or_the_jobs() -> None:
    jobs = np.geomspace(1000, 100_000, 40)
    cells = pd.DataFrame({"mean": 500.0, "job_count": jobs, "cv_percent": 200 / np.sqrt(jobs / 10)})
    cells["quality_band"] = "cv_5_10"
    expected = cells["cv_percent"].to_numpy(copy=True)
    cells.loc[3, "cv_percent"] = np.nan
    cells.loc[[8, 9], ["cv_percent", "quality_band"]] = np.nan
    cells.loc[9, "job_count"] = np.nan
    cells.loc[20, ["mean", "cv_percent", "quality_band"]] = np.nan
    found, source = complete_cvs(cells)
    assert source[[0, 3, 8, 9, 20]].tolist() == ["published", "band", "imputed", "imputed", "imputed"]
    assert found[3] == 8.75
    assert found[8] == pytest.approx(expected[8], rel=0.05)
    assert found[20] == 20
    np.testing.assert_allclose(found[30:], expected[30:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"occupation": "111"}, "duplicate"),
        ({"occupation": [f"{code}0" for code in CODES]}, "324 of 324 codes are not unit groups"),
        ({"mean": np.nan}, "0 of 324 means are published"),
        ({"mean": -5.0}, "324 of 324 values of mean are not above 0"),
        ({"hours": 0.0}, "324 of 324 values of hours are not above 0"),
        ({"cv_percent": np.nan}, "coefficient of variation or a quality band"),
        ({"cv_percent": -1.0}, "324 of 324 cv_percent are negative"),
    ],
)
def test_impossible_input_is_named(change, message) -> None:
    with pytest.raises(MethodError, match=message):
        estimate_open_pay(_simulate(1)[0].assign(**change), covariates=["hours"])


def test_an_absent_column_and_an_impossible_share_are_named() -> None:
    cells = _simulate(1)[0]
    with pytest.raises(MethodError, match="no column percentile"):
        estimate_open_pay(cells, same_sample=["percentile"])
    with pytest.raises(MethodError, match="a share of"):
        leave_out_coverage(cells, share=1.5)
