"""Primary rules, on both sides of each of their limits."""

import numpy as np
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_rules import (
    combine,
    contributor_counts,
    disclosive_zeros,
    dominance_rule,
    p_percent_rule,
    precision_bands,
    publisher_markers,
    quantile_rule,
    quantile_sides,
    reliability_ladder,
)

NAN = float("nan")


def ladder(values, **options):
    finding = reliability_ladder(values, withhold_below=1000, flag_below=10000, **options)
    return list(combine(values, [finding], floor=-np.inf).status)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (0, "ok"),
        (0.4, "withheld"),
        (999.5, "withheld"),
        (999.6, "withheld"),
        (999.999, "withheld"),
        (1000, "small_sample"),
        (9999.99, "small_sample"),
        (10000, "ok"),
        (NAN, "not_applicable"),
    ],
)
def test_ladder_when_a_value_is_at_a_limit_then_the_unrounded_value_decides(value, status):
    assert ladder([value]) == [status]


@pytest.mark.parametrize(
    ("flow", "base", "status"),
    [
        (-500, 20000, "ok"),
        (-500, 9999.99, "small_sample"),
        (-5000, 999.999, "withheld"),
        (20000, 0, "withheld"),
        (0, 999.5, "withheld"),
        (0, 0, "ok"),
        (30, NAN, "withheld"),
    ],
)
def test_ladder_when_the_published_thing_is_a_flow_then_its_stock_decides(flow, base, status):
    assert ladder([flow], base=[base]) == [status]


def test_ladder_when_zeros_are_disclosive_then_zero_is_withheld():
    assert ladder([0.0], zeros_are_disclosive=True) == ["withheld"]


def test_ladder_when_limits_fall_then_refused():
    with pytest.raises(MethodError, match="must rise"):
        reliability_ladder([1.0], withhold_below=10, flag_below=5)


@pytest.mark.parametrize(("n", "zeros", "withheld"), [
    (9, False, True), (10, False, False), (0, False, False), (0, True, True), (1, True, True), (NAN, False, True),
])  # fmt: skip
def test_contributors_when_at_the_limit_then_ten_are_enough(n, zeros, withheld):
    decision = combine([500.0], [contributor_counts([n], minimum=10, zeros_are_disclosive=zeros)])
    assert decision.withheld[0] == withheld
    assert decision.disclosure[0] == ("contributors" if withheld else "")


def test_zeros_when_disclosive_then_withheld_and_wanting_room_above():
    decision = combine([0.0, 3.0], [disclosive_zeros([0.0, 3.0])], rounding_base=5)
    assert list(decision.status) == ["withheld", "ok"]
    assert (decision.protect_down[0], decision.protect_up[0]) == (0, 5)


def test_p_percent_when_the_rest_is_exactly_p_per_cent_then_safe():
    # X - x1 - x2 = 10 = 10 % of 100: the inequality is strict
    assert not combine([160.0], [p_percent_rule([160.0], [[100, 50]], p=10)]).withheld[0]
    assert combine([159.9], [p_percent_rule([159.9], [[100, 50]], p=10)]).withheld[0]


def test_p_percent_when_unsafe_then_protection_is_that_of_the_handbook():
    # Handbook, ch. 4.2: upper protection level p/100 x1 - (X - x1 - x2) = 10 - 5
    finding = p_percent_rule([155.0], [[100, 50]], p=10)
    assert finding.protection[0] == pytest.approx(5)
    decision = combine([155.0], [finding], share=0.0)
    assert decision.protect_up[0] == pytest.approx(5)
    assert combine([155.0], [finding], share=0.2).protect_up[0] == pytest.approx(31)


def test_p_percent_when_there_is_one_contributor_then_unsafe():
    assert p_percent_rule([80.0], [[80, NAN]], p=10).severity[0] == 3


@pytest.mark.parametrize(("largest", "withheld"), [([60, 30], False), ([60.01, 30], True)])
def test_dominance_when_two_make_up_exactly_ninety_per_cent_then_safe(largest, withheld):
    decision = combine([100.0], [dominance_rule([100.0], [largest], n=2, k=90)])
    assert decision.withheld[0] == withheld


def test_dominance_when_unsafe_then_protection_reaches_the_total_at_which_it_were_safe():
    finding = dominance_rule([100.0], [[96.0, 3.0]], n=1, k=50)
    assert finding.protection[0] == pytest.approx(92)  # 96 is half of 192


@pytest.mark.parametrize("largest", [[[5, 6]], [[-1, -2]], [[90, 20]], [[NAN, NAN]]])
def test_concentration_when_contributions_do_not_fit_then_refused_with_a_count(largest):
    with pytest.raises(MethodError, match="1 cells"):
        p_percent_rule([100.0], largest, p=10)


def test_concentration_when_too_few_contributors_are_given_then_refused():
    with pytest.raises(MethodError, match="needs the 2 largest"):
        p_percent_rule([100.0], [[5]], p=10)


@pytest.mark.parametrize(
    ("cv", "status"),
    [(10, "ok"), (10.01, "small_sample"), (20, "small_sample"), (20.01, "withheld"), (NAN, "small_sample")],
)
def test_precision_when_at_the_limit_then_not_yet_passed(cv, status):
    assert combine([1.0], [precision_bands([cv], withhold_above=20, flag_above=10)]).status[0] == status


def test_markers_when_the_publisher_set_them_then_kept_even_without_a_value():
    meaning = {"x": "withheld", ":": "not_applicable", "~": "small_sample"}
    findings = publisher_markers(["x", ":", "~", None, "", " x "], meaning)
    decision = combine([NAN, NAN, 400.0, 5.0, NAN, 7.0], findings)
    assert list(decision.status) == ["withheld", "not_applicable", "small_sample", "ok", "not_applicable", "withheld"]
    assert decision.protect_up[0] == 0


def test_markers_when_unknown_then_refused_by_name():
    with pytest.raises(MethodError, match=r"\['\?'\]"):
        publisher_markers(["?"], {"x": "withheld"})
    with pytest.raises(MethodError, match="secret"):
        publisher_markers(["x"], {"x": "secret"})


@pytest.mark.parametrize(("n", "probability", "withheld"), [
    (19, 0.5, True), (20, 0.5, False), (99, 0.1, True), (100, 0.1, False), (100, 0.9, False), (99, 0.9, True),
    (10_000, 0.0, True), (10_000, 1.0, True),
])  # fmt: skip
def test_quantile_when_either_side_is_thin_then_withheld(n, probability, withheld):
    below, above = quantile_sides([n], probability)
    assert combine([9.5], [quantile_rule(below, above, minimum=10)]).withheld[0] == withheld


def test_combination_when_two_kinds_speak_then_the_worst_wins_and_reasons_stay_apart():
    value = [5000.0, 500.0, 50.0]
    findings = [
        reliability_ladder(value, withhold_below=1000, flag_below=10000),
        contributor_counts([3, 30, 3], minimum=10),
    ]
    decision = combine(value, findings)
    assert list(decision.status) == ["withheld"] * 3
    assert list(decision.disclosure) == ["contributors", "", "contributors"]
    assert list(decision.reliability) == ["reliability"] * 3


def test_protection_when_reliability_alone_then_one_unit_cut_to_the_value():
    value = [500.0, 0.25]
    decision = combine(value, [reliability_ladder(value, withhold_below=1000, flag_below=10000)], rounding_base=100)
    assert list(decision.protect_down) == [1, 0.25]
    assert list(decision.protect_up) == [1, 1]


@pytest.mark.parametrize(("base", "wanted"), [(5, 20), (50, 50)])
def test_protection_when_disclosive_then_the_widest_of_share_and_base(base, wanted):
    decision = combine([100.0], [contributor_counts([3], minimum=10)], rounding_base=base)
    assert (decision.protect_down[0], decision.protect_up[0]) == (wanted, wanted)


def test_protection_when_nothing_is_known_of_the_floor_then_not_cut():
    decision = combine([-4.0], [contributor_counts([3], minimum=10)], floor=-np.inf)
    assert (decision.protect_down[0], decision.protect_up[0]) == (1, 1)


def test_protection_when_shown_then_none():
    assert combine([100.0], [contributor_counts([30], minimum=10)]).protect_up[0] == 0
