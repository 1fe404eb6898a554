"""Publications that give cells away, each with the repair that makes it safe, and what one changed cell does."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_audit import AuditOptions, attacker_intervals, audit
from lmi_pipeline.methods.disclosure_lattice import Dimension, build_lattice
from lmi_pipeline.methods.disclosure_system import DisclosureSystem, Link, join_systems
from lmi_pipeline_tests.methods.disclosure_problem import cells, flat, protected_system, table

FOUR = [[20, 50, 10, 40], [30, 60, 20, 50], [25, 35, 45, 55], [15, 45, 65, 75]]
ELIMINATION = ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (2, 3), (3, 2), (3, 3))


def _verdict(system, **options):
    return audit(system, rng=np.random.default_rng(5), options=AuditOptions(**options))


def _exposed(system):
    result = _verdict(system)
    assert not result.undecided.any()
    assert result.passed == (not (result.exposed & system.protected).any())
    return result, np.flatnonzero(result.exposed & system.protected).tolist()


def _four_by_four(*hidden, primary=None, values=FOUR):
    matrix, value, shape = table([flat(4), flat(4)], values)
    withheld = cells(shape, *hidden)
    return protected_system(matrix, value, withheld, withheld if primary is None else cells(shape, *primary))


def _line_counts(system):
    counts = system.matrix.astype(bool).astype(int) @ system.hidden.astype(int)
    return counts[counts > 0]


def _equal(first, second, offset):
    return Link(np.array([first, offset + second]), np.array([1.0, -1.0]), 0.0, 0.0)


def test_audit_when_a_cell_is_alone_on_a_line_then_it_is_named_with_its_value():
    result, named = _exposed(_four_by_four((1, 2)))

    assert named == [7]
    assert (result.low[7], result.high[7]) == (20, 20)
    assert not result.passed


def test_audit_when_the_cells_of_a_square_are_withheld_then_they_pass():
    result, named = _exposed(_four_by_four((1, 2), (1, 3), (2, 2), (2, 3), primary=[(1, 2)]))

    assert named == []
    assert result.passed
    assert np.flatnonzero(result.certified).tolist() == [7]


def test_audit_when_every_line_has_two_withheld_cells_and_elimination_finds_one_then_it_is_named():
    system = _four_by_four(*ELIMINATION)
    assert _line_counts(system).min() == 2

    result, named = _exposed(system)

    assert named == [5 * 1 + 2]
    assert (result.low[7], result.high[7]) == (20, 20)
    assert {step.name: step.exposed for step in result.steps}["peel"] == 0
    assert {step.name: step.exposed for step in result.steps}["null space"] == 1


def test_audit_when_the_derivable_cell_gets_a_square_of_its_own_then_it_passes():
    result, named = _exposed(_four_by_four(*ELIMINATION, (0, 2)))

    assert named == []
    assert result.passed


def test_audit_when_four_withheld_cells_are_held_by_their_zeros_then_all_are_named():
    values = np.array(FOUR)
    values[0, 0] = values[0, 1] = 0
    system = _four_by_four((0, 0), (0, 1), (2, 0), (2, 1), values=values)
    assert _line_counts(system).min() == 2

    result, named = _exposed(system)

    assert named == [0, 1, 10, 11]
    np.testing.assert_allclose(result.low[[0, 1]], 0)
    np.testing.assert_allclose(result.high[[0, 1]], 0, atol=1e-6)
    repaired = _four_by_four((0, 0), (0, 1), (0, 3), (2, 0), (2, 1), (2, 3), (1, 3), (1, 0), values=values)
    assert _exposed(repaired)[1] != named


def _two_geographies(*hidden_second):
    """Four areas, and two overlapping groups of them over the same areas in another table."""
    first, value, shape = table([flat(4)], [30, 40, 50, 60])
    second, other, other_shape = table([(4, [(4, [0, 2]), (5, [1, 3]), (6, [4, 5])])], [30, 40, 50, 60])
    areas = cells(shape, (0,), (1,))
    groups = cells(other_shape, *hidden_second)
    return protected_system(first, value, areas, areas), protected_system(second, other, groups, groups)


def test_audit_when_two_linked_tables_are_each_safe_alone_then_their_union_is_not():
    areas, groups = _two_geographies((0,), (2,))
    assert _verdict(areas).passed
    assert _verdict(groups).passed

    result, named = _exposed(join_systems([areas, groups], [_equal(area, area, 5) for area in range(4)]))

    assert named == [0, 1, 5, 7]
    assert result.low[0] == result.high[0] == 30


def test_audit_when_a_further_area_is_withheld_then_the_linked_tables_pass():
    matrix, value, shape = table([flat(4)], [30, 40, 50, 60])
    second, other, other_shape = table([(4, [(4, [0, 2]), (5, [1, 3]), (6, [4, 5])])], [30, 40, 50, 60])
    areas = protected_system(matrix, value, cells(shape, (0,), (1,), (2,), (3,)), cells(shape, (0,), (1,)))
    withheld = cells(other_shape, (0,), (1,), (2,), (3,))
    groups = protected_system(second, other, withheld, cells(other_shape, (0,)))

    result, named = _exposed(join_systems([areas, groups], [_equal(area, area, 5) for area in range(4)]))

    assert named == []
    assert result.passed


@pytest.fixture
def occupations():
    """Occupations in two groups by two regions, as one lattice: the fine table and its roll-up."""
    sums = [("A", ["A1", "A2"]), ("B", ["B1", "B2"]), ("all", ["A", "B"])]
    dimensions = [Dimension.of("occupation", sums), Dimension.of("region", [("UK", ["North", "South"])])]
    leaves = pd.DataFrame({"A1": [12, 90], "A2": [70, 80], "B1": [33, 60], "B2": [75, 85]}, index=["North", "South"])
    leaves["A"], leaves["B"] = leaves["A1"] + leaves["A2"], leaves["B1"] + leaves["B2"]
    leaves["all"] = leaves["A"] + leaves["B"]
    leaves.loc["UK"] = leaves.loc["North"] + leaves.loc["South"]
    long = leaves.rename_axis("region").reset_index().melt("region", var_name="occupation")
    return build_lattice(dimensions, long[["occupation", "region"]], long["value"].to_numpy())


def _withheld(lattice, *names):
    labels = lattice.labels(np.arange(len(lattice.value)))
    return pd.MultiIndex.from_frame(labels[["occupation", "region"]]).isin(list(names))


SQUARE_ACROSS = [("A1", "North"), ("B1", "North"), ("A1", "South"), ("B1", "South")]
SQUARE_OF_SIBLINGS = [("A1", "North"), ("A2", "North"), ("A1", "South"), ("A2", "South")]


def test_audit_when_a_table_is_published_fine_and_rolled_up_then_the_join_names_the_cell(occupations):
    hidden, primary = _withheld(occupations, *SQUARE_ACROSS), _withheld(occupations, ("A1", "North"))
    alone, value, shape = table([flat(4), flat(2)], [[12, 90], [70, 80], [33, 60], [75, 85]])
    square = cells(shape, (0, 0), (2, 0), (0, 1), (2, 1))
    assert _verdict(protected_system(alone, value, square, cells(shape, (0, 0)))).passed

    result, named = _exposed(protected_system(occupations.matrix, occupations.value, hidden, primary))

    assert occupations.labels(named)[["occupation", "region"]].to_numpy().tolist() == [["A1", "North"]]
    assert result.exposed.sum() == 4


def test_audit_when_siblings_are_withheld_then_the_roll_up_passes(occupations):
    hidden, primary = _withheld(occupations, *SQUARE_OF_SIBLINGS), _withheld(occupations, ("A1", "North"))

    assert _exposed(protected_system(occupations.matrix, occupations.value, hidden, primary))[1] == []


def _two_vintages(*, second_total_hidden):
    """Strata of two weight vintages: the second multiplies one stratum by a factor that everybody knows."""
    old, value, shape = table([flat(2)], [300, 40])
    new, revised, _ = table([flat(2)], [300, 40 * 1.18])
    strata = cells(shape, (0,), (1,))
    hidden = cells(shape, (0,), (1,), (2,)) if second_total_hidden else strata
    first = protected_system(old, value, strata, strata, share=0.05)
    second = protected_system(new, revised, hidden, strata, share=0.05)
    factor = Link(np.array([1, 4]), np.array([1.18, -1.0]), 0.0, 0.0)
    return first, second, [_equal(0, 0, 3), factor]


def test_audit_when_two_weight_vintages_differ_by_a_public_factor_then_the_strata_are_named():
    first, second, links = _two_vintages(second_total_hidden=False)
    assert _verdict(first).passed
    assert _verdict(second).passed

    result, named = _exposed(join_systems([first, second], links))

    assert named == [0, 1, 3, 4]
    np.testing.assert_allclose(result.low[named], [300, 40, 300, 47.2])


def test_audit_when_the_total_of_the_second_vintage_is_withheld_then_it_passes():
    first, second, links = _two_vintages(second_total_hidden=True)

    assert _exposed(join_systems([first, second], links))[1] == []


def _rate_times_base(decimals_half):
    """A withheld count of 537 whose share of a published base of 12,300 is published as a rate (4.4 %)."""
    matrix, value, shape = table([flat(3)], [537, 4000, 7763])
    hidden = cells(shape, (0,), (1,))
    system = protected_system(matrix, value, hidden, cells(shape, (0,)))
    low, high = (0.044 - decimals_half) * 12300, (0.044 + decimals_half) * 12300
    return join_systems([system], [Link(np.array([0]), np.array([1.0]), low, high)])


def test_audit_when_a_rate_and_its_base_are_published_then_the_count_is_named_with_its_interval():
    result, named = _exposed(_rate_times_base(0.0005))

    assert named == [0]
    assert (result.low[0], result.high[0]) == pytest.approx((0.0435 * 12300, 0.0445 * 12300))


def test_audit_when_the_rate_is_coarser_then_the_count_passes():
    assert _exposed(_rate_times_base(0.02))[1] == []


def test_audit_when_only_primary_cells_are_withheld_then_those_derivable_are_named():
    values = np.random.default_rng(3).integers(30, 90, (6, 5))
    small = [(0, 1), (0, 3), (2, 3), (4, 0)]
    for number, place in enumerate(small):
        values[place] = 2 + number
    matrix, value, shape = table([flat(6), flat(5)], values)
    primary = cells(shape, *small)

    assert _exposed(protected_system(matrix, value, primary, primary))[1] == np.flatnonzero(primary).tolist()
    blocked = primary | cells(shape, *((row, column) for row in (0, 1, 2, 4, 5) for column in (0, 1, 2, 3)))
    assert _exposed(protected_system(matrix, value, blocked, primary))[1] == []


def test_audit_when_a_protected_cell_is_published_then_it_is_named():
    result, named = _exposed(_four_by_four((1, 2), (1, 3), (2, 2), (2, 3), primary=[(0, 0)]))

    assert named == [0]
    assert not result.passed


@pytest.mark.parametrize("shown", [(1, 3), (2, 2), (2, 3)])
def test_verdict_when_one_withheld_cell_is_shown_then_the_others_are_exposed(shown):
    square = [(1, 2), (1, 3), (2, 2), (2, 3)]

    _, named = _exposed(_four_by_four(*(place for place in square if place != shown), primary=[(1, 2)]))

    assert named == [7]


@pytest.mark.parametrize("further", [(0, 2), (0, 3), (2, 0), (3, 1)])
def test_verdict_when_one_published_cell_is_withheld_then_the_derivable_one_is_safe(further):
    before, after = _four_by_four(*ELIMINATION), _four_by_four(*ELIMINATION, further)

    assert _exposed(before)[1] == [7]
    assert 7 not in _exposed(after)[1]


def test_intervals_when_one_more_cell_is_withheld_then_they_only_widen():
    narrow, wide = _four_by_four(*ELIMINATION), _four_by_four(*ELIMINATION, (4, 4), (0, 4), (4, 0), (1, 4), (4, 1))
    numbers = np.flatnonzero(narrow.hidden)

    (low, high), (lower, higher) = attacker_intervals(narrow, numbers), attacker_intervals(wide, numbers)

    assert (lower <= low + 1e-9).all()
    assert (higher >= high - 1e-9).all()
    assert (higher - lower > high - low + 1).any()


def test_audit_when_every_limit_is_zero_then_nothing_passes_and_nothing_is_called_exposed():
    system = _four_by_four((1, 2), (1, 3), (2, 2), (2, 3))

    result = _verdict(system, witness_rounds=0, attacker_limit=0)

    assert not result.passed
    assert np.array_equal(result.undecided, system.hidden)
    assert not result.exposed.any()


def test_audit_when_the_solver_has_no_time_then_nothing_passes():
    matrix, value, _ = table([flat(8), flat(8)], np.random.default_rng(0).integers(1, 99, (8, 8)))
    hidden = value < 100
    system = protected_system(matrix, value, hidden, hidden)

    result = _verdict(system, solver_seconds=0.0)

    assert not result.passed
    assert not result.certified.any()
    with pytest.raises(MethodError, match="did not finish for 64 of 64 cells"):
        attacker_intervals(system, np.flatnonzero(hidden), seconds=0.0)


def test_audit_when_a_component_is_too_large_for_programmes_then_projected_moves_certify_and_the_rest_is_undecided():
    matrix, value, _ = table([flat(8), flat(8), flat(4)], np.random.default_rng(0).integers(20, 99, (8, 8, 4)))
    hidden = value < 100
    system = protected_system(matrix, value, hidden, hidden)

    result = _verdict(system, whole_component=10, witness_rounds=0, attacker_limit=0, projections=2)

    assert 0 < result.certified.sum() < hidden.sum()
    assert np.array_equal(result.undecided, hidden & ~result.certified)
    low, high = attacker_intervals(system, np.flatnonzero(result.certified))
    assert (low <= (value - system.protect_down)[result.certified] + 1e-6).all()
    assert (high >= (value + system.protect_up)[result.certified] - 1e-6).all()


def test_audit_when_nothing_is_withheld_then_it_passes():
    assert _verdict(_four_by_four()).passed


def test_audit_when_cells_without_protection_are_derivable_then_they_are_reported_and_it_passes():
    result = _verdict(_four_by_four((1, 2), primary=[]))

    assert np.flatnonzero(result.exposed).tolist() == [7]
    assert result.passed


def test_audit_when_integers_leave_less_than_the_programme_then_it_still_passes():
    """Safe for an attacker with real numbers is not safe in integers: 1 + 1 = 2 with halves of a unit asked."""
    matrix, value, shape = table([flat(2)], [1, 0])
    hidden = cells(shape, (0,), (1,))
    system = DisclosureSystem.of_equations(matrix, value, hidden, protect_down=0.5, protect_up=0.0)
    shown = DisclosureSystem.of_equations(matrix, value, hidden, protect_down=np.where(hidden, 0.5, 0.0))

    assert not _verdict(system).passed
    result = _verdict(shown)
    assert result.passed
    low, high = attacker_intervals(shown, np.array([0]))
    assert (low[0], high[0]) == (0, 1)


def test_systems_when_true_values_break_a_row_or_a_bound_then_they_are_refused():
    matrix, value, shape = table([flat(2)], [1, 2])
    hidden = cells(shape, (0,), (1,))

    with pytest.raises(MethodError, match="1 of 1 rows do not hold"):
        protected_system(matrix, value + np.array([0, 0, 1]), hidden, hidden)
    with pytest.raises(MethodError, match="1 of 3 cells lie outside their bounds"):
        protected_system(matrix, value, hidden, hidden, ceiling=np.array([np.inf, 1.0, np.inf]))
    with pytest.raises(MethodError, match="value has shape"):
        protected_system(matrix, value[:2], hidden[:2], hidden[:2])
    system = protected_system(matrix, value, hidden, hidden)
    with pytest.raises(MethodError, match="not among the 3"):
        join_systems([system], [Link(np.array([0, 3]), np.array([1.0, -1.0]), 0.0, 0.0)])
    with pytest.raises(MethodError, match="1 of 2 rows do not hold"):
        join_systems([system], [Link(np.array([0, 1]), np.array([1.0, -1.0]), 0.0, 0.0)])
    with pytest.raises(MethodError, match="not one coefficient"):
        join_systems([system], [Link(np.array([0, 1]), np.array([1.0]), 0.0, 0.0)])
    with pytest.raises(MethodError, match="none given"):
        join_systems([])
