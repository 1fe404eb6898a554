"""What reviewers run: witnesses are checked against the system alone."""

import numpy as np
import pytest
import scipy.sparse as sp

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_audit import audit, verify_witnesses
from lmi_pipeline.methods.disclosure_system import Link, join_systems
from lmi_pipeline_tests.methods.disclosure_problem import cells, flat, protected_system, table

SQUARE = ((0, 0), (0, 1), (1, 0), (1, 1))


@pytest.fixture
def system():
    matrix, value, shape = table([flat(3), flat(3)], [[10, 20, 30], [20, 10, 5], [7, 8, 9]])
    hidden = cells(shape, *SQUARE)
    return protected_system(matrix, value, hidden, hidden)


def _move(system, **moves):
    row = np.zeros(len(system.value))
    for place, move in moves.items():
        row[4 * int(place[1]) + int(place[2])] = move
    return sp.csr_matrix(row[None, :])


def _square(system, size):
    return _move(system, _00=size, _01=-size, _10=-size, _11=size)


def test_reach_when_a_square_moves_both_ways_then_it_is_the_size_of_the_move(system):
    down, up = verify_witnesses(system, sp.csr_matrix(sp.vstack([_square(system, 4.0), _square(system, -7.0)])))

    np.testing.assert_array_equal(down[system.hidden], [7, 4, 4, 7])
    np.testing.assert_array_equal(up[system.hidden], [4, 7, 7, 4])
    assert not down[~system.hidden].any()
    assert not up[~system.hidden].any()


@pytest.mark.parametrize(
    ("tampered", "what"),
    [
        ({"_00": 4.0, "_01": -4.0, "_10": -4.0, "_11": 3.9}, "0 move a published cell, 1 break"),
        ({"_00": 4.0, "_02": -4.0, "_10": -4.0, "_12": 4.0}, "1 move a published cell, 0 break"),
        ({"_00": -10.1, "_01": 10.1, "_10": 10.1, "_11": -10.1}, "0 move a published cell, 1 break"),
        ({"_00": np.nan, "_01": 1.0, "_10": 1.0, "_11": -1.0}, "no feasible tables"),
    ],
    ids=["broken equation", "published cell", "below the floor", "no number"],
)
def test_verification_when_a_witness_is_tampered_with_then_it_is_refused(system, tampered, what):
    witnesses = sp.csr_matrix(sp.vstack([_square(system, 4.0), _move(system, **tampered)]))

    with pytest.raises(MethodError, match=what):
        verify_witnesses(system, witnesses)
    with pytest.raises(MethodError, match="1 of 2"):
        audit(system, rng=np.random.default_rng(0), witnesses=witnesses)


def test_verification_when_a_move_is_small_beside_what_its_witness_violates_then_it_does_not_count(system):
    broken = _move(system, _00=5e-7)

    assert verify_witnesses(system, sp.csr_matrix(_square(system, 1e-5) + broken))[1].max() == 0
    assert verify_witnesses(system, sp.csr_matrix(_square(system, 1e-5)))[1].max() == 1e-5
    assert verify_witnesses(system, sp.csr_matrix(_square(system, 1e-3) + broken))[1].max() == pytest.approx(
        1e-3, rel=1e-3
    )


def test_verification_when_a_rounded_row_is_left_then_the_witness_is_refused(system):
    number = np.array([0, 3])
    rounded = join_systems([system], [Link(number, np.array([1.0, 0.0]), 8.0, 12.0)])

    verify_witnesses(rounded, _square(rounded, 2.0))
    with pytest.raises(MethodError, match="break a row"):
        verify_witnesses(rounded, _square(rounded, 2.1))


def test_verification_when_witnesses_are_of_another_system_then_it_says_so(system):
    with pytest.raises(MethodError, match="5 cells; the system has 16"):
        verify_witnesses(system, sp.csr_matrix((1, 5)))


def test_verification_when_there_are_many_witnesses_then_every_part_is_checked(system):
    many = sp.csr_matrix(
        sp.vstack([_square(system, 1.0)] * 1000 + [_move(system, _00=1.0)] + [_square(system, 2.0)] * 10)
    )

    with pytest.raises(MethodError, match=r"1 of 1011 .* first number 1000"):
        verify_witnesses(system, many)


def test_audit_when_stored_witnesses_prove_everything_then_no_programme_runs(system):
    down = audit(system, rng=np.random.default_rng(0)).witnesses

    again = audit(system, rng=np.random.default_rng(1), witnesses=down)

    assert again.passed
    assert {step.name: step.certified for step in again.steps}["stored witnesses"] == 4
    assert "witness programmes" not in {step.name for step in again.steps}
