"""The audit against attackers that use nothing of it: scipy's HiGHS on the plain programme, and GLPK."""

import numpy as np
import pytest

from lmi_pipeline.methods.disclosure_audit import AuditOptions, attacker_intervals, audit, verify_witnesses
from lmi_pipeline_tests.methods.disclosure_problem import (
    flat,
    intervals_by_glpk,
    intervals_by_highs,
    protected_system,
    random_system,
    table,
)

TABLES = 500
BATCH = 50


def _assert_close(found, expected, what):
    unlimited = np.isinf(expected)
    np.testing.assert_array_equal(np.isinf(found), unlimited, err_msg=what)
    np.testing.assert_allclose(found[~unlimited], expected[~unlimited], rtol=1e-6, atol=1e-6, err_msg=what)


@pytest.mark.parametrize("start", range(0, TABLES, BATCH))
def test_intervals_when_two_other_solvers_attack_then_all_three_agree_and_so_does_the_verdict(start):
    for seed in range(start, start + BATCH):
        system = random_system(seed)
        hidden = np.flatnonzero(system.hidden)
        if not len(hidden):
            continue
        low, high = attacker_intervals(system, hidden)
        for name, solver in (("HiGHS", intervals_by_highs), ("GLPK", intervals_by_glpk)):
            other_low, other_high = solver(system)
            _assert_close(low, other_low, f"table {seed}, lower ends by {name}")
            _assert_close(high, other_high, f"table {seed}, upper ends by {name}")
        _assert_verdict(system, hidden, low, high, seed)


def _assert_verdict(system, hidden, low, high, seed):
    result = audit(system, rng=np.random.default_rng(seed))
    value, protected = system.value[hidden], system.protected[hidden]
    room = 2e-6 * np.maximum(1.0, np.abs(value))
    wide = (low <= value - system.protect_down[hidden] + room) & (high >= value + system.protect_up[hidden] - room)
    np.testing.assert_array_equal(result.certified[hidden], wide & protected, err_msg=f"table {seed}")
    np.testing.assert_array_equal(result.exposed[hidden] & protected, ~wide & protected, err_msg=f"table {seed}")
    assert not result.undecided.any()
    assert result.passed == bool(wide[protected].all())
    decided = ~np.isnan(result.low[hidden])
    _assert_close(result.low[hidden][decided], low[decided], f"table {seed}, audited lower ends")
    _assert_close(result.high[hidden][decided], high[decided], f"table {seed}, audited upper ends")
    down, up = verify_witnesses(system, result.witnesses)
    certified = result.certified
    assert (down[certified] >= system.protect_down[certified] * (1 - 1e-5)).all()
    assert (up[certified] >= system.protect_up[certified] * (1 - 1e-5)).all()


def test_exact_cells_when_found_then_low_and_high_are_the_value():
    exact = 0
    for seed in range(40):
        system = random_system(seed)
        result = audit(system, rng=np.random.default_rng(seed))
        known = result.exposed & (result.low == result.high)
        np.testing.assert_allclose(result.low[known], system.value[known], rtol=1e-6, atol=1e-6)
        exact += int(known.sum())
    assert exact > 20


@pytest.mark.parametrize("seed", range(4))
def test_certified_cells_when_components_are_taken_in_neighbourhoods_then_no_programme_finds_less(seed):
    rng = np.random.default_rng(seed)
    leaves = np.floor(rng.gamma(0.6, 30.0, (9, 7, 6)))
    matrix, value, _ = table([flat(9), flat(7), flat(6)], leaves)
    hidden = (value > 0) & (value < 25)
    system = protected_system(matrix, value, hidden, hidden)
    options = AuditOptions(whole_component=0, attacker_limit=0, witness_batch=10)

    result = audit(system, rng=rng, options=options)

    low, high = attacker_intervals(system, np.flatnonzero(hidden))
    wide = (low <= value[hidden] - system.protect_down[hidden] + 1e-6) & (
        high >= value[hidden] + system.protect_up[hidden] - 1e-6
    )
    assert wide[result.certified[hidden]].all()
    assert not wide[result.exposed[hidden]].any()
    assert result.certified.sum() > 0.9 * wide.sum()
