"""Calibration against closed forms, iterative proportional fitting, and a plain dense Newton written here."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration import Calibration, calibrate
from lmi_pipeline.methods.distances import Distance, Linear, Logit, Raking, TruncatedLinear
from lmi_pipeline.methods.margins import Margin, control_totals, design_matrix, margin_errors, margin_from_codes

FIXTURE = Path(__file__).parent / "reference" / "calibration_fixture.csv"
EVERY = [Linear(), Raking(), Logit(0.2, 4.0), TruncatedLinear(0.2, 4.0)]
every = pytest.mark.parametrize("law", EVERY, ids=[law.name for law in EVERY])
seeds = given(seed=st.integers(0, 10_000))
few = settings(max_examples=15)


class Sample:
    """An invented sample with nested, crossed and continuous controls that some positive weights meet."""

    def __init__(self, seed: int = 1, n: int = 240, *, national: bool = True) -> None:
        rng = np.random.default_rng(seed)
        area = np.concatenate([np.repeat(np.arange(4), 6), rng.integers(0, 4, n - 24)])
        sex = np.concatenate([np.tile([0, 1, 0, 1, 0, 1], 4), rng.integers(0, 2, n - 24)])
        tenure = np.concatenate([np.tile([0, 0, 1, 1, 2, 2], 4), rng.integers(0, 3, n - 24)])
        self.codes = pd.DataFrame({"area": area, "region": area // 2, "sex": sex, "tenure": tenure})
        self.income = rng.gamma(3, 10, n)
        self.base = rng.uniform(5, 20, n)
        self.household = np.sort(rng.integers(0, n // 2, n))
        self.truth = self.base * np.exp(rng.normal(0, 0.25, n))
        keys = {"area_sex": ["area", "sex"], "region_tenure": ["region", "tenure"], "area": ["area"]}
        self.margins = [self.margin(name, columns) for name, columns in keys.items()]
        if national:
            self.margins += [self.margin("sex_tenure", ["sex", "tenure"]), self.total("income", self.income)]

    def margin(self, name: str, columns: list[str]) -> Margin:
        totals = self.codes.assign(total=self.truth).groupby(columns, as_index=False)["total"].sum()
        return margin_from_codes(name, self.codes[columns], totals, value="total")

    def total(self, name: str, values: np.ndarray) -> Margin:
        everybody = np.zeros(len(values), dtype=np.int64)
        return Margin(name, ("all",), np.array([values @ self.truth]), everybody, values)

    def permuted(self, order: np.ndarray) -> list[Margin]:
        return [
            replace(m, index=m.index[order], values=None if m.values is None else m.values[order]) for m in self.margins
        ]


def reference_weights(
    base: np.ndarray, margins: Sequence[Margin], law: Distance, scale: np.ndarray | float = 1.0
) -> np.ndarray:
    """Newton's method on the dense design with a pseudo-inverse: no cells, blocks or elimination."""
    x, totals = design_matrix(margins, len(base)).toarray(), control_totals(margins)
    size = np.abs(x).max(axis=0)
    x, totals = x / size, totals / size
    multipliers = np.zeros(len(totals))
    for _ in range(100):
        u = scale * (x @ multipliers)
        missing = totals - x.T @ (base * law.ratio(u))
        if np.abs(missing / totals).max() < 1e-12:
            break
        curvature = x.T @ ((base * scale * law.slope(u))[:, None] * x)
        multipliers = multipliers + np.linalg.pinv(curvature, rcond=1e-11, hermitian=True) @ missing
    return base * law.ratio(scale * (x @ multipliers))


def assert_met(weights: np.ndarray, margins: Sequence[Margin], tolerance: float = 1e-9) -> None:
    assert margin_errors(weights, margins)["relative_error"].max() <= tolerance


def fixture_margins() -> tuple[pd.DataFrame, list[Margin]]:
    units = pd.read_csv(FIXTURE)
    given_totals = {
        "sex": {"M": 50.0, "F": 54.0},
        "age": {"o": 52.0, "y": 52.0},
        "cob": {"EU": 15.0, "nonEU": 16.0, "UK": 73.0},
    }
    margins = [
        margin_from_codes(name, units[name], pd.DataFrame(totals.items(), columns=[name, "total"]), value="total")
        for name, totals in given_totals.items()
    ]
    return units, margins


@pytest.mark.parametrize(
    ("law", "column"), [(Linear(), "w_linear"), (Raking(), "w_raking"), (Logit(0.4, 2.5), "w_logit")]
)
def test_eight_units_with_redundant_margins_to_six_decimals(law: Distance, column: str) -> None:
    units, margins = fixture_margins()
    result = calibrate(units["d"].to_numpy(float), margins, distance=law)
    np.testing.assert_allclose(result.weights, units[column], rtol=0, atol=6e-7)
    assert len(result.redundant) == 2
    assert result.multipliers.shape == (7,)


@every
def test_one_margin_is_post_stratification(law: Distance) -> None:
    rng = np.random.default_rng(3)
    stratum, base = np.repeat(np.arange(5), 8), rng.uniform(1, 9, 40)
    totals = np.bincount(stratum, base) * np.array([0.5, 0.9, 1.0, 1.4, 3.0])
    result = calibrate(base, [Margin("stratum", tuple("abcde"), totals, stratum)], distance=law)
    np.testing.assert_allclose(result.weights, base * (totals / np.bincount(stratum, base))[stratum], rtol=1e-9)
    assert result.structure == "5 cells, 5 blocks"


def test_scale_one_over_x_makes_the_linear_distance_the_ratio_estimator() -> None:
    sample = Sample()
    margin = sample.total("income", sample.income)
    result = calibrate(sample.base, [margin], distance=Linear(), scale=1 / sample.income)
    ratio = margin.totals[0] / (sample.income @ sample.base)
    np.testing.assert_allclose(result.weights, sample.base * ratio, rtol=1e-12)


def test_linear_is_the_regression_estimator() -> None:
    sample = Sample()
    x, totals = design_matrix(sample.margins, len(sample.base)).toarray(), control_totals(sample.margins)
    y = np.random.default_rng(5).normal(size=len(sample.base))
    root = np.sqrt(sample.base)
    coefficients = np.linalg.lstsq(root[:, None] * x, root * y)[0]
    expected = sample.base @ y + (totals - x.T @ sample.base) @ coefficients
    weights = calibrate(sample.base, sample.margins, distance=Linear()).weights
    assert weights @ y == pytest.approx(expected, rel=1e-9)


def test_raking_is_the_limit_of_iterative_proportional_fitting() -> None:
    sample = Sample(national=False)
    weights = sample.base.copy()
    for _ in range(2000):
        for margin in sample.margins:
            reached = np.bincount(margin.index, weights, minlength=len(margin.labels))
            weights *= (margin.totals / reached)[margin.index]
    np.testing.assert_allclose(calibrate(sample.base, sample.margins).weights, weights, rtol=1e-9)


@every
@seeds
@few
def test_cells_blocks_and_elimination_change_nothing(law: Distance, seed: int) -> None:
    sample = Sample(seed)
    for margins in (sample.margins, sample.margins[:3], sample.margins[:-1]):
        result = calibrate(sample.base, margins, distance=law)
        assert_met(result.weights, margins)
        np.testing.assert_allclose(result.weights, reference_weights(sample.base, margins, law), rtol=1e-8)


@every
def test_scale_is_honoured_where_cells_share_their_auxiliaries(law: Distance) -> None:
    sample = Sample(national=False)
    scale = np.random.default_rng(2).choice([0.5, 1.0, 2.0], len(sample.base))
    result = calibrate(sample.base, sample.margins, distance=law, scale=scale)
    np.testing.assert_allclose(
        result.weights, reference_weights(sample.base, sample.margins, law, scale), rtol=1e-8, atol=1e-10
    )


def test_structure_is_found_out_from_the_controls() -> None:
    sample = Sample(n=2000)
    assert calibrate(sample.base, sample.margins[:3]).structure == "24 cells, 2 blocks"
    assert calibrate(sample.base, sample.margins[:4]).structure == "24 cells, 1 block"
    assert calibrate(sample.base, sample.margins).structure == "2000 cells, 1 block"


@pytest.mark.parametrize("law", [Linear(), Raking()], ids=["linear", "raking"])
@seeds
@few
def test_the_size_of_the_base_weights_is_irrelevant_where_a_margin_covers_everybody(law: Distance, seed: int) -> None:
    sample = Sample(seed)
    plain = calibrate(sample.base, sample.margins, distance=law).weights
    for factor in (1e-6, 0.01, 1e4):
        scaled = calibrate(factor * sample.base, sample.margins, distance=law).weights
        np.testing.assert_allclose(scaled, plain, rtol=1e-7)


def test_elsewhere_linear_weights_depend_on_it_and_are_not_rescaled_silently() -> None:
    sample = Sample()
    income = sample.total("income", sample.income)
    plain = calibrate(sample.base, [income], distance=Linear()).weights
    doubled = calibrate(2 * sample.base, [income], distance=Linear()).weights
    gap = income.totals[0] - 2 * sample.income @ sample.base
    expected = 2 * sample.base * (1 + sample.income * gap / (2 * sample.base @ sample.income**2))
    np.testing.assert_allclose(doubled, expected, rtol=1e-12)
    assert not np.allclose(doubled, plain, rtol=0.1)


@every
@seeds
@few
def test_order_of_units_and_margins_is_irrelevant(law: Distance, seed: int) -> None:
    sample = Sample(seed)
    plain = calibrate(sample.base, sample.margins, distance=law).weights
    order = np.random.default_rng(seed).permutation(len(sample.base))
    shuffled = calibrate(sample.base[order], sample.permuted(order)[::-1], distance=law).weights
    np.testing.assert_allclose(shuffled, plain[order], rtol=1e-8)


@every
def test_a_start_changes_the_way_and_not_the_end(law: Distance) -> None:
    sample = Sample()
    plain = calibrate(sample.base, sample.margins, distance=law)
    warm = calibrate(sample.base, sample.margins, distance=law, start=plain.multipliers)
    assert warm.iterations == 0
    bad: Callable[[float], np.ndarray] = lambda size: np.full(len(plain.multipliers), size)  # noqa: E731
    for start in (plain.multipliers * 0.9, bad(60.0), bad(-500.0), bad(1e6)):
        again = calibrate(sample.base, sample.margins, distance=law, start=start)
        np.testing.assert_allclose(again.weights, plain.weights, rtol=1e-8)


def test_a_start_of_another_length_is_refused() -> None:
    sample = Sample()
    with pytest.raises(MethodError, match="a start of 3 multipliers"):
        calibrate(sample.base, sample.margins, start=np.zeros(3))


@every
@seeds
@few
def test_members_of_a_household_have_one_weight_and_controls_of_persons_are_met(law: Distance, seed: int) -> None:
    sample = Sample(seed, national=False)
    result = calibrate(sample.base, sample.margins, distance=law, household=sample.household)
    assert_met(result.weights, sample.margins)
    spread = pd.Series(result.weights).groupby(sample.household).agg(np.ptp)
    assert spread.max() == 0


def test_household_weights_are_those_of_averaged_auxiliaries_and_base_weights() -> None:
    sample = Sample()
    members = pd.Series(1, range(len(sample.base))).groupby(sample.household).transform("sum").to_numpy()
    x = pd.DataFrame(design_matrix(sample.margins, len(sample.base)).toarray())
    mean = x.groupby(sample.household).transform("mean").to_numpy()
    base = pd.Series(sample.base).groupby(sample.household).transform("mean").to_numpy()
    everybody = np.zeros(len(base), dtype=np.int64)
    averaged = [
        Margin(f"x{j}", ("all",), np.array([total]), everybody, mean[:, j])
        for j, total in enumerate(control_totals(sample.margins))
    ]
    result = calibrate(sample.base, sample.margins, household=sample.household)
    np.testing.assert_allclose(result.weights, reference_weights(base, averaged, Raking()), rtol=1e-8)
    np.testing.assert_allclose(result.base_weights, base)
    assert members.max() > 1


def test_names_of_households_may_be_anything_but_missing() -> None:
    sample = Sample()
    names = pd.Series(sample.household).map("H{}".format).to_numpy(dtype=object)
    plain = calibrate(sample.base, sample.margins, household=sample.household).weights
    np.testing.assert_array_equal(calibrate(sample.base, sample.margins, household=names).weights, plain)
    names[3] = None
    with pytest.raises(MethodError, match="1 of 240 units have no household"):
        calibrate(sample.base, sample.margins, household=names)


@pytest.mark.parametrize("law", [Logit(0.94, 1.13), TruncatedLinear(0.94, 1.13)], ids=["logit", "truncated"])
def test_factors_keep_within_tight_bounds_that_bind(law: Distance) -> None:
    sample = Sample(national=False)
    free = calibrate(sample.base, sample.margins, distance=Linear())
    assert free.g_weights.min() < law.lower
    assert free.g_weights.max() > law.upper
    result = calibrate(sample.base, sample.margins, distance=law)
    assert_met(result.weights, sample.margins)
    assert result.g_weights.min() >= law.lower
    assert result.g_weights.max() <= law.upper
    assert (result.share_at_bounds > 0) == (law.name == "truncated linear")


@every
def test_controls_of_very_unlike_size_stand_side_by_side(law: Distance) -> None:
    sample = Sample()
    pounds = sample.total("pounds", 1e9 * sample.income)
    result = calibrate(sample.base, [*sample.margins[:-1], pounds], distance=law)
    np.testing.assert_allclose(result.weights, calibrate(sample.base, sample.margins, distance=law).weights, rtol=1e-9)


def test_a_balance_of_almost_zero_is_met_as_far_as_rounding_allows() -> None:
    sample = Sample()
    balance = np.random.default_rng(4).normal(size=len(sample.base))
    near = replace(sample.total("balance", balance), totals=np.array([1e-9]))
    result = calibrate(sample.base, [*sample.margins[:2], near])
    assert result.converged
    assert abs(result.residuals[-1]) < 1e-10


def test_a_control_of_zero_gives_weight_zero_under_raking_and_cancels_under_the_linear_distance() -> None:
    rng = np.random.default_rng(6)
    group, base = np.tile([0, 1, 2], 20), rng.uniform(5, 9, 60)
    half = np.repeat([0, 1], 30)
    totals = np.array([300.0, 200.0, 0.0])
    margins = [
        Margin("group", ("a", "b", "c"), totals, group),
        Margin("half", ("one", "two"), np.array([260.0, 240.0]), half),
    ]
    raked = calibrate(base, margins)
    assert (raked.weights[group == 2] == 0).all()
    assert (raked.weights[group != 2] > 0).all()
    linear = calibrate(base, margins, distance=Linear())
    assert linear.weights[group == 2].sum() == pytest.approx(0, abs=1e-9)
    assert (linear.weights[group == 2] != 0).any()
    assert_met(calibrate(base, margins, distance=TruncatedLinear(0, 4)).weights, margins)
    with pytest.raises(MethodError, match="group: c needs factors of 0 on average"):
        calibrate(base, margins, distance=Logit(0.2, 4))


def test_units_of_weight_zero_or_in_no_cell() -> None:
    base = np.array([2.0, 3.0, 0.0, 5.0])
    margin = Margin("half", ("a", "b"), np.array([4.0, 9.0]), np.array([0, 1, 1, -1]))
    result = calibrate(base, [margin])
    np.testing.assert_allclose(result.weights, [4, 9, 0, 5], rtol=1e-10)


@pytest.mark.parametrize(
    "law", [Logit(0.5, 2), TruncatedLinear(0.5, 2), Raking()], ids=["logit", "truncated", "raking"]
)
def test_a_control_out_of_reach_of_the_bounds_is_named_before_solving(law: Distance) -> None:
    units, margins = fixture_margins()
    margins[2] = replace(margins[2], totals=np.array([-3.0, 16.0, 91.0]) if law.name == "raking" else margins[2].totals)
    base = units["d"].to_numpy(float) * (1.0 if law.name == "raking" else 0.25)
    with pytest.raises(MethodError, match=r"cannot be met with factors from .* on average"):
        calibrate(base, margins, distance=law)


@pytest.mark.parametrize("law", [Logit(0.75, 1.25), TruncatedLinear(0.75, 1.25)], ids=["logit", "truncated"])
def test_bounds_that_only_both_controls_together_exceed_fail_and_name_the_worst(law: Distance) -> None:
    row, column = np.repeat([0, 0, 1, 1], [45, 5, 5, 45]), np.repeat([0, 1, 0, 1], [45, 5, 5, 45])
    margins = [
        Margin("row", ("a", "b"), np.array([60.0, 40.0]), row),
        Margin("column", ("x", "y"), np.array([40.0, 60.0]), column),
    ]
    with pytest.raises(MethodError, match=r"not meet its controls after \d+ iterations: .* off by .*widen the bounds"):
        calibrate(np.ones(100), margins, distance=law)


def test_best_effort_returns_the_nearest_weights_with_their_residuals() -> None:
    sample = Sample(national=False)
    law = Logit(0.97, 1.12)
    result = calibrate(sample.base, sample.margins, distance=law, best_effort=True)
    assert not result.converged
    errors = margin_errors(result.weights, sample.margins)
    assert result.max_relative_error == pytest.approx(errors["relative_error"].max())
    np.testing.assert_allclose(result.residuals, errors["reached"] - errors["target"], atol=1e-9)
    assert errors["relative_error"].max() <= margin_errors(sample.base, sample.margins)["relative_error"].max()
    assert result.g_weights.min() >= law.lower
    assert result.g_weights.max() <= law.upper


def test_too_few_iterations_are_a_failure_not_an_approximation() -> None:
    sample = Sample()
    with pytest.raises(MethodError, match=r"after 1 iterations: .*merge cells"):
        calibrate(sample.base, sample.margins, max_iterations=1)


def test_result_says_what_was_reached() -> None:
    sample = Sample()
    result = calibrate(sample.base, sample.margins)
    errors = margin_errors(result.weights, sample.margins)
    assert result.converged
    assert result.labels[0] == "area_sex: 0, 0"
    assert result.max_relative_error == pytest.approx(errors["relative_error"].max(), abs=1e-12)
    np.testing.assert_allclose(result.weights, result.base_weights * result.g_weights)
    variation = result.weights.std() / result.weights.mean()
    assert result.design_effect == pytest.approx(1 + variation**2)
    assert result.effective_size == pytest.approx(len(result.weights) / (1 + variation**2))
    left_out = [result.labels.index(label) for label in result.redundant]
    rank = np.linalg.matrix_rank(design_matrix(sample.margins, len(sample.base)).toarray())
    assert len(left_out) == len(result.labels) - rank
    assert (result.multipliers[left_out] == 0).all()
    assert _factors(result, sample.margins) == pytest.approx(result.g_weights, rel=1e-10)


def _factors(result: Calibration, margins: Sequence[Margin]) -> np.ndarray:
    return np.exp(design_matrix(margins, len(result.weights)) @ result.multipliers)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_base_weights_that_are_not_usable_are_counted(bad: float) -> None:
    sample = Sample()
    base = sample.base.copy()
    base[[2, 7]] = bad
    with pytest.raises(MethodError, match="2 of 240 base weights"):
        calibrate(base, sample.margins)
    with pytest.raises(MethodError, match="2 of 240 scales"):
        calibrate(sample.base, sample.margins, scale=np.where(base == sample.base, 1.0, bad))
