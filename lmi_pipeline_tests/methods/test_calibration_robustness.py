"""Adversarial controls: the answer meets them or an error says what is wrong; never a warning, never scipy's error."""

from collections.abc import Sequence

import numpy as np
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration import calibrate
from lmi_pipeline.methods.distances import Distance, Linear, Logit, Raking, TruncatedLinear
from lmi_pipeline.methods.margins import IntArray, Margin, margin_errors
from lmi_pipeline.methods.tables import FloatArray

N = 500
RNG = np.random.default_rng(0)
AREA, SEX = RNG.integers(0, 4, N), RNG.integers(0, 2, N)
PAY = RNG.normal(5, 1, N)
BASE = np.full(N, 10.0)
TRUE = BASE * np.exp(RNG.normal(0, 0.2, N))
ALL = np.zeros(N, dtype=np.int64)
CLOSE = 1e-7

every = pytest.mark.parametrize(
    "law", [Raking(), Linear(), Logit(0.01, 100), TruncatedLinear(0, 100)], ids=lambda law: law.name
)


def margin(
    name: str, index: IntArray, totals: Sequence[float] | FloatArray, values: FloatArray | None = None
) -> Margin:
    labels = tuple(f"c{at}" for at in range(len(totals)))
    return Margin(name, labels, np.asarray(totals, dtype=float), np.asarray(index, dtype=np.int64), values)


def sums(index: IntArray, weights: FloatArray) -> FloatArray:
    return np.bincount(index, weights)


def worst(weights: FloatArray, margins: Sequence[Margin]) -> float:
    return float(margin_errors(weights, margins)["relative_error"].max())


AREAS, SEXES = margin("area", AREA, sums(AREA, TRUE)), margin("sex", SEX, sums(SEX, TRUE))


@every
@pytest.mark.parametrize("apart", [1e-2, 1e-4, 1e-6, 1e-9, 1e-12])
def test_auxiliaries_that_are_nearly_the_same_are_met_both(law: Distance, apart: float) -> None:
    other = PAY + apart * np.random.default_rng(2).normal(size=N)
    margins = [AREAS, margin("pay", ALL, [TRUE @ PAY], PAY), margin("other", ALL, [TRUE @ other], other)]
    assert worst(calibrate(BASE, margins, distance=law).weights, margins) <= CLOSE


@every
def test_when_auxiliaries_that_are_nearly_the_same_have_unlike_totals_then_they_are_named(law: Distance) -> None:
    other = PAY + 1e-6 * np.random.default_rng(2).normal(size=N)
    margins = [margin("pay", ALL, [BASE @ PAY], PAY), margin("other", ALL, [BASE @ other * 1.001], other)]
    with pytest.raises(MethodError, match=r"(pay|other): c0 is 0\.\d+ %"):
        calibrate(BASE, margins, distance=law)


@every
@pytest.mark.parametrize("unit", [1e-60, 1e-15, 1e9, 1e60])
def test_the_unit_of_weights_does_not_matter(law: Distance, unit: float) -> None:
    margins = [margin(m.name, m.index, m.totals * unit) for m in (AREAS, SEXES)]
    plain = calibrate(BASE, [AREAS, SEXES], distance=law).weights
    np.testing.assert_allclose(calibrate(BASE * unit, margins, distance=law).weights, plain * unit, rtol=1e-9)


@every
def test_totals_of_billions_stand_beside_thousandths(law: Distance) -> None:
    size = np.array([1e8, 1e-5, 10.0, 1.0])[AREA]
    margins = [margin("area", AREA, sums(AREA, TRUE * size)), margin("sex", SEX, sums(SEX, TRUE * size))]
    assert worst(calibrate(BASE * size, margins, distance=law).weights, margins) <= CLOSE


@every
def test_thousands_of_cells_without_unit_and_control_change_nothing(law: Distance) -> None:
    wide = margin("area", AREA, np.concatenate([AREAS.totals, np.zeros(5000)]))
    nobody = margin("nobody", np.full(N, -1), np.zeros(3))
    plain = calibrate(BASE, [AREAS, SEXES], distance=law)
    found = calibrate(BASE, [wide, SEXES, nobody], distance=law)
    np.testing.assert_allclose(found.weights, plain.weights, rtol=1e-9)


@every
def test_margins_said_three_times_change_nothing(law: Distance) -> None:
    plain = calibrate(BASE, [AREAS], distance=law)
    again = calibrate(BASE, [margin(name, AREA, AREAS.totals) for name in "abc"], distance=law)
    np.testing.assert_allclose(again.weights, plain.weights, rtol=1e-12)
    assert len(again.redundant) == 8


@every
def test_one_unit_and_more_controls_than_units(law: Distance) -> None:
    two = [margin("a", np.array([0]), [70.0]), margin("b", np.array([0]), [70.0])]
    np.testing.assert_allclose(calibrate(np.array([10.0]), two, distance=law).weights, [70], rtol=1e-9)
    five = [
        margin("a", np.array([0, 0, 1, 1, 1]), [22, 33]),
        margin("b", np.array([0, 1, 0, 1, 1]), [22, 33]),
        margin("d", np.arange(5), [11.0] * 5),
    ]
    np.testing.assert_allclose(calibrate(np.full(5, 10.0), five, distance=law).weights, 11, rtol=1e-9)


@every
@pytest.mark.parametrize("largest", [30, N])
def test_a_household_of_many_has_one_weight(law: Distance, largest: int) -> None:
    home = np.concatenate([np.zeros(largest, dtype=np.int64), np.arange(1, N - largest + 1)])
    margins = [AREAS, SEXES] if largest < N else [margin("area", AREA, sums(AREA, BASE) * 1.3)]
    found = calibrate(BASE, margins, distance=law, household=home)
    assert np.ptp(found.weights[:largest]) == 0
    assert worst(found.weights, margins) <= CLOSE


@every
@pytest.mark.parametrize("scale", [np.full(N, 1e-12), np.full(N, 1e12), 10.0 ** RNG.uniform(-9, 9, N)], ids=str)
def test_scales_may_be_extreme(law: Distance, scale: FloatArray) -> None:
    assert worst(calibrate(BASE, [AREAS, SEXES], distance=law, scale=scale).weights, [AREAS, SEXES]) <= CLOSE


@every
@pytest.mark.parametrize("start", [np.full(6, 1e308), np.full(6, -1e308), RNG.normal(0, 200, 6)], ids=["+", "-", "far"])
def test_a_start_that_overflows_is_left_for_a_better_one(law: Distance, start: FloatArray) -> None:
    plain = calibrate(BASE, [AREAS, SEXES], distance=law).weights
    np.testing.assert_allclose(calibrate(BASE, [AREAS, SEXES], distance=law, start=start).weights, plain, rtol=1e-8)


@every
def test_many_unlike_blocks_are_met(law: Distance) -> None:
    block = np.random.default_rng(5).integers(0, 400, N)
    margins = [margin("block", block, sums(block, TRUE)), AREAS, SEXES]
    found = calibrate(BASE, margins, distance=law)
    assert "blocks" in found.structure
    assert worst(found.weights, margins) <= CLOSE


@every
@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_when_numbers_are_out_of_range_then_it_is_said_which_and_how_many(law: Distance, unit: float) -> None:
    with pytest.raises(MethodError, match="500 of 500 base weights are larger"):
        calibrate(BASE * unit, [AREAS], distance=law)
    with pytest.raises(MethodError, match="500 of 500 scales are larger"):
        calibrate(BASE, [AREAS], distance=law, scale=BASE * unit)
    with pytest.raises(MethodError, match="4 of 4 totals of area are larger"):
        calibrate(BASE, [margin("area", AREA, AREAS.totals * unit)], distance=law)
    with pytest.raises(MethodError, match="500 of 500 values of pay are larger"):
        calibrate(BASE, [margin("pay", ALL, [1.0], PAY * unit)], distance=law)


@every
def test_when_no_unit_has_weight_then_that_is_said(law: Distance) -> None:
    with pytest.raises(MethodError, match="none of 500 base weights is positive"):
        calibrate(np.zeros(N), [AREAS], distance=law)
    with pytest.raises(MethodError, match="none of 0 base weights is positive"):
        calibrate(np.zeros(0), [AREAS], distance=law)


@every
def test_when_a_mean_is_out_of_range_then_raking_and_bounds_fail_and_name_it(law: Distance) -> None:
    margins = [margin("area", AREA, sums(AREA, BASE)), margin("pay", ALL, [BASE.sum() * 20], PAY)]
    if law.name == "linear":
        assert worst(calibrate(BASE, margins, distance=law).weights, margins) <= CLOSE
        return
    with pytest.raises(MethodError, match="pay: c0 off by"):
        calibrate(BASE, margins, distance=law)


@every
def test_a_careless_tolerance_does_not_accept_weights_that_miss_their_controls(law: Distance) -> None:
    found = calibrate(BASE, [AREAS, SEXES], distance=law, tolerance=1.0)
    assert worst(found.weights, [AREAS, SEXES]) <= CLOSE


@pytest.mark.parametrize("law", [Raking(), Linear(), TruncatedLinear(0, 100)], ids=lambda law: law.name)
@pytest.mark.parametrize("best_effort", [False, True])
def test_controls_that_are_all_zero_leave_no_weight_and_no_design_effect(law: Distance, best_effort: bool) -> None:
    found = calibrate(BASE, [margin("area", AREA, np.zeros(4))], distance=law, best_effort=best_effort)
    np.testing.assert_allclose(found.weights, 0, atol=1e-9)
    assert np.isnan(found.design_effect)
    assert np.isnan(found.effective_size)
