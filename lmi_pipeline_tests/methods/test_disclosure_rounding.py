"""Rounding after the rules, and what a reader of rounded tables can infer."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_attacker import attacker_intervals
from lmi_pipeline.methods.disclosure_lattice import Dimension, build_lattice
from lmi_pipeline.methods.disclosure_rounding import audit_rounded, round_to_base, rounded_system, show_rounded
from lmi_pipeline.methods.disclosure_rules import combine, reliability_ladder
from lmi_pipeline.methods.disclosure_system import DisclosureSystem


def line(values, hidden, protection):
    """Children and their total; the total is the last cell."""
    codes = [f"c{n}" for n in range(len(values))]
    dimension = Dimension.of("kind", [("all", codes)])
    cells = pd.DataFrame({"kind": [*codes, "all"]})
    lattice = build_lattice([dimension], cells, [*values, sum(values)])
    return DisclosureSystem.of_equations(
        lattice.matrix, lattice.value, hidden, protect_down=protection, protect_up=protection
    )


@pytest.mark.parametrize(
    ("value", "base", "rounded"),
    [
        (2.5, 5, 5),
        (-2.5, 5, -5),
        (2.499, 5, 0),
        (7.5, 5, 10),
        (0, 5, 0),
        (1234, 100, 1200),
        (0.49999999999999994, 1, 0),
    ],
)
def test_rounding_when_half_way_then_away_from_zero(value, base, rounded):
    assert round_to_base([value], base)[0] == rounded


def test_rounding_when_the_base_is_not_positive_then_refused():
    with pytest.raises(MethodError, match="above 0"):
        round_to_base([1.0], 0)


@given(st.floats(-1e9, 1e9), st.sampled_from([0.5, 1, 5, 10, 100, 1000]))
def test_rounding_when_any_value_then_a_multiple_no_more_than_half_a_base_away(value, base):
    rounded = float(round_to_base([value], base)[0])
    assert rounded % base == 0
    assert abs(rounded - value) <= base / 2 * (1 + 1e-9)


def test_rule_when_a_value_would_round_up_to_the_limit_then_withheld_and_never_shown_as_it():
    value = np.array([999.6, 1000.4])
    decision = combine(value, [reliability_ladder(value, withhold_below=1000, flag_below=10000)])
    shown = show_rounded(value, decision.withheld, 1000)
    assert list(decision.status) == ["withheld", "small_sample"]
    assert np.isnan(shown[0])
    assert shown[1] == 1000


def test_rounded_line_when_one_cell_is_hidden_then_its_interval_is_the_sum_of_the_bases():
    # total 100 +- 5 less 20 +- 5, 30 +- 5: between 35 and 65, whatever the hidden cell
    system = line([21.0, 33.0, 48.0], [False, False, True, False], [0, 0, 10, 0])
    known = rounded_system(system, show_rounded(system.value, system.hidden, 10), 10)
    low, high = attacker_intervals(known, np.array([2]))
    assert low[0] == pytest.approx(35)
    assert high[0] == pytest.approx(65)


@pytest.mark.parametrize(("protection", "passed"), [(12.9, True), (13.1, False)])
def test_rounded_audit_when_rounding_alone_protects_then_no_more_than_its_interval_passes(protection, passed):
    # as above: the hidden 48 can be down to 35 and up to 65
    system = line([21.0, 33.0, 48.0], [False, False, True, False], [0, 0, protection, 0])
    verdict = audit_rounded(system, show_rounded(system.value, system.hidden, 10), 10, rng=np.random.default_rng(1))
    assert verdict.passed == passed


def test_rounded_system_when_a_withheld_cell_is_shown_then_refused_with_a_count():
    system = line([21.0, 33.0, 48.0], [False, False, True, False], [0, 0, 10, 0])
    with pytest.raises(MethodError, match="1 of 4 cells"):
        rounded_system(system, round_to_base(system.value, 10), 10)


def test_rounded_system_when_a_value_is_not_its_rounded_value_then_refused():
    system = line([21.0, 33.0, 48.0], [False, False, True, False], [0, 0, 10, 0])
    shown = show_rounded(system.value, system.hidden, 10)
    shown[0] += 10
    with pytest.raises(MethodError, match="not shown as their value"):
        rounded_system(system, shown, 10)


@given(st.integers(0, 10_000), st.sampled_from([1.0, 5.0, 10.0]))
def test_rounded_intervals_when_compared_with_unrounded_ones_then_never_narrower(seed, base):
    rng = np.random.default_rng(seed)
    hidden = np.array([*(rng.random(4) < 0.5), bool(rng.random() < 0.3)])
    hidden[0] = True
    system = line(np.round(rng.uniform(0, 50, 4), 1), hidden, np.zeros(5))
    cells = np.flatnonzero(hidden)
    exact = attacker_intervals(system, cells)
    rounded = attacker_intervals(rounded_system(system, show_rounded(system.value, hidden, base), base), cells)
    assert (rounded[0] <= exact[0] + 1e-6).all()
    assert (rounded[1] >= exact[1] - 1e-6).all()
