"""Changes of pay on a known truth: errors, coverage, what is withheld."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.pay_change import PayChange, estimate_change

GROUPS = [f"{major}{minor}" for major in range(1, 6) for minor in range(1, 6)]
OCCUPATIONS = [f"{group}{number:02d}" for group in GROUPS for number in range(11, 26)]


def _simulate(seed: int, *, correlation: float = 0.0, spread: float = 0.02) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells of one nation with the true log change: groups about 3 per cent, occupations about their group."""
    rng = np.random.default_rng(seed)
    n = len(OCCUPATIONS)
    group = np.repeat(rng.normal(0.03, 0.015, len(GROUPS)), n // len(GROUPS))
    truth = group + rng.normal(0, spread, n)
    cv = rng.choice([0.01, 0.03, 0.08, 0.15], n)
    shared, first, second = rng.normal(size=(3, n))
    level = np.exp(rng.normal(6.3, 0.4, n))
    errors = [np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own for own in (first, second)]
    cells = pd.DataFrame(
        {
            "occupation": OCCUPATIONS,
            "before": level * np.exp(cv * errors[0]),
            "after": level * np.exp(truth + cv * errors[1]),
            "cv": 100 * np.sqrt(np.expm1(cv**2)),
        }
    )
    return cells, truth


def _estimate(cells: pd.DataFrame, **options: float) -> PayChange:
    return estimate_change(
        cells["before"], cells["cv"], cells["after"], cells["cv"], cells["occupation"], ["uk"] * len(cells), **options
    )


def test_shrunken_changes_are_nearer_the_truth_than_raw_ones_or_the_groups() -> None:
    squares: dict[str, list[float]] = {"shrunken": [], "raw": [], "group": []}
    for seed in range(5):
        cells, truth = _simulate(seed)
        found = _estimate(cells, cv_limit=1e9)
        raw = np.log(cells["after"] / cells["before"])
        level = found.groups.set_index("sub_major")["change_percent"][cells["occupation"].str[:2]].to_numpy()
        squares["shrunken"].append(((np.log1p(found.frame["change_percent"] / 100) - truth) ** 2).mean())
        squares["raw"].append(((raw - truth) ** 2).mean())
        squares["group"].append(((np.log1p(level / 100) - truth) ** 2).mean())
    error = {name: float(np.sqrt(np.mean(values))) for name, values in squares.items()}
    print(error)
    assert error["shrunken"] < 0.95 * error["group"]
    assert error["group"] < 0.5 * error["raw"]


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_standard_errors_are_those_seen_over_repetitions(correlation: float) -> None:
    scores, inside = [], []
    for seed in range(25):
        cells, truth = _simulate(100 + seed, correlation=correlation)
        frame = _estimate(cells, correlation=correlation, cv_limit=1e9).frame
        error = (frame["change_percent"] - 100 * np.expm1(truth)) / frame["change_error"]
        scores.append((error**2).mean())
        inside.append((error.abs() < 1.96).mean())
    assert np.mean(scores) == pytest.approx(1, abs=0.08)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_overlapping_samples_measure_a_change_more_precisely() -> None:
    errors = {
        overlap: np.mean(
            [
                _estimate(_simulate(seed, correlation=overlap)[0], correlation=overlap, cv_limit=1e9)
                .frame["change_error"]
                .mean()
                for seed in range(8)
            ]
        )
        for overlap in (0.0, 0.6)
    }
    assert errors[0.6] < 0.95 * errors[0.0]


def test_a_change_within_its_noise_is_withheld_and_null() -> None:
    cells = _simulate(7)[0]
    everything = _estimate(cells, cv_limit=1e9).frame
    assert (everything["status"] == "withheld").sum() == 0
    frame = _estimate(cells).frame
    percent = everything["change_percent"]
    noise = np.log1p(percent / 100).abs() * (100 + percent) < 1.96 * everything["change_error"]
    assert 0.1 < noise.mean() < 0.9
    np.testing.assert_array_equal(frame["status"] == "withheld", noise)
    assert frame.loc[noise, ["change_percent", "change_error", "shrinkage_weight"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(frame[~noise], everything[~noise])


def test_no_true_change_is_told_from_noise_one_time_in_twenty_at_most() -> None:
    told = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = len(OCCUPATIONS)
        cells = pd.DataFrame(
            {"occupation": OCCUPATIONS, "before": 500.0, "after": 500 * np.exp(rng.normal(0, 0.05, n))}
        )
        cells["cv"] = 100 * 0.05 / np.sqrt(2)
        told.append((_estimate(cells).frame["status"] == "ok").mean())
    assert np.mean(told) < 0.05


def test_a_missing_mean_is_withheld_and_does_not_move_the_others() -> None:
    cells, _ = _simulate(9)
    gone = cells.copy()
    gone.loc[4, "before"] = np.nan
    gone.loc[8, "cv"] = np.nan
    kept = [row for row in range(len(cells)) if row not in (4, 8)]
    with_gaps = _estimate(gone).frame
    assert with_gaps.loc[[4, 8], "status"].tolist() == ["withheld", "withheld"]
    assert with_gaps.loc[[4, 8], "change_percent"].isna().all()
    alone = _estimate(cells.iloc[kept].reset_index(drop=True)).frame
    pd.testing.assert_frame_equal(with_gaps.iloc[kept].reset_index(drop=True), alone)


def test_areas_have_groups_of_their_own() -> None:
    cells, _ = _simulate(11)
    doubled = pd.concat([cells, cells.assign(after=cells["after"] * 1.2)], ignore_index=True)
    found = estimate_change(
        doubled["before"], doubled["cv"], doubled["after"], doubled["cv"], doubled["occupation"],
        ["north"] * len(cells) + ["south"] * len(cells),
    )  # fmt: skip
    level = found.groups.groupby("area")["change_percent"].mean()
    assert level["south"] - level["north"] == pytest.approx(20, abs=3)
    assert found.groups["cell_count"].sum() == len(doubled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correlation": 1.0}, "correlation 1.0 is not in"),
        ({"before": -1.0}, "375 of 375 values of mean_before are not above 0"),
        ({"cv": 0.0}, "375 of 375 values of cv_before are not above 0"),
        ({"after": np.nan}, "0 of 375 cells have both means"),
        ({"occupation": "1111"}, "374 of 375 cells are there twice"),
    ],
)
def test_impossible_input_is_named(change, message) -> None:
    cells, _ = _simulate(1)
    options = {name: value for name, value in change.items() if name == "correlation"}
    with pytest.raises(MethodError, match=message):
        _estimate(cells.assign(**{k: v for k, v in change.items() if k not in options}), **options)
