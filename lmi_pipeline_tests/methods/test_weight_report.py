"""The quality report on weights, against figures worked out by hand."""

import numpy as np
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.weight_report import kish, largest_weights, weight_report

BASE = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 0.0])
WEIGHTS = np.array([0.4, 1.0, 1.0, 1.0, 5.0, 4.0, -1.0, 0.0])
AREAS = np.array(["A", "A", "A", "A", "A", "B", "B", "B"])


def test_figures_by_area() -> None:
    report = weight_report(WEIGHTS, AREAS, base_weights=BASE).set_index("area_code")
    assert list(report.index) == ["K02000001", "A", "B"]
    a = report.loc["A"]
    assert (a["respondent_count"], a["weighted_count"]) == (5, pytest.approx(8.4))
    assert (a["g_minimum"], a["g_mean"], a["g_maximum"]) == pytest.approx((0.4, 1.68, 5.0))
    assert (a["share_g_below_half"], a["share_g_above_two"], a["share_extreme_weight"]) == pytest.approx((0.2,) * 3)
    assert a["design_effect"] == pytest.approx(5 * 28.16 / 8.4**2)
    assert a["design_effect_before"] == 1
    assert a["effective_size"] == pytest.approx(8.4**2 / 28.16)


def test_weights_not_positive_are_counted_and_base_weights_of_zero_have_no_factor() -> None:
    report = weight_report(WEIGHTS, AREAS, base_weights=BASE).set_index("area_code")
    assert report["weights_not_positive"].tolist() == [2, 0, 2]
    assert (report.loc["B", "g_minimum"], report.loc["B", "g_maximum"]) == (-0.5, 2.0)


def test_an_area_of_zero_weights_is_reported_without_design_effect() -> None:
    zeros = np.where(AREAS == "B", 0.0, WEIGHTS)
    b = weight_report(zeros, AREAS, base_weights=np.where(AREAS == "B", 0.0, BASE)).set_index("area_code").loc["B"]
    assert b["weighted_count"] == 0
    assert b[["design_effect", "effective_size", "g_mean"]].isna().all()


def test_without_base_weights_the_factors_are_empty() -> None:
    report = weight_report(WEIGHTS, AREAS)
    assert report[["g_minimum", "g_maximum", "design_effect_before"]].isna().all(axis=None)
    assert report["design_effect"].notna().all()


def test_kish_is_one_plus_the_squared_coefficient_of_variation() -> None:
    weights = np.random.default_rng(1).gamma(2, 100, 500)
    assert kish(weights) == pytest.approx(1 + (weights.std() / weights.mean()) ** 2)
    assert kish(7 * weights) == pytest.approx(kish(weights))


def test_largest_weights_are_values_only_and_descend() -> None:
    assert largest_weights(WEIGHTS, 3) == (5.0, 4.0, 1.0)
    assert len(largest_weights(WEIGHTS)) == len(WEIGHTS)


def test_lengths_that_do_not_agree_are_refused() -> None:
    with pytest.raises(MethodError, match="8 weights and 7 areas"):
        weight_report(WEIGHTS, AREAS[1:])
