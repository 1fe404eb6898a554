import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_cubes import Suppression, add_cubes, hiding_cost, suppress
from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice, build_lattice
from lmi_pipeline_tests.methods.disclosure_tables import faults, full_table, interval, random_table, reach

SHAPES = [
    [[5], [4]],
    [[4], [3], [5]],
    [[2, 3], [4]],
    [[2, 2, 1], [3], [4]],
    [[3, 2], [2, 2], [3]],
]


def protect(lattice: Lattice, primary: np.ndarray, **options) -> tuple[Suppression, np.ndarray, np.ndarray]:
    up = np.maximum(1.0, 0.2 * lattice.value) * primary
    down = np.minimum(up, lattice.value)
    found = suppress(lattice, primary, protect_down=down, protect_up=up, rng=np.random.default_rng(1), **options)
    return found, down, up


def small(lattice: Lattice, below: float = 10) -> np.ndarray:
    return (lattice.value > 0) & (lattice.value < below)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.sampled_from(SHAPES), zeros=st.sampled_from([0.0, 0.15, 0.4]))
def test_suppress_when_table_is_random_then_witnesses_keep_equations_and_reach_the_protection(seed, shape, zeros):
    lattice = random_table(seed, shape, zeros=zeros)
    primary = small(lattice)
    found, down, up = protect(lattice, primary)
    assert faults(lattice, found) == []
    assert found.hidden[primary].all()
    low, high = reach(found)
    covered = primary & ~found.uncovered
    assert (low[covered] >= down[covered]).all()
    assert (high[covered] >= up[covered]).all()
    assert not found.hidden[lattice.value == 0].any()
    assert not found.uncovered[~primary].any()


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.sampled_from([SHAPES[0], SHAPES[2]]))
def test_suppress_when_attacked_by_linear_programme_then_no_covered_cell_is_narrower_than_its_protection(seed, shape):
    lattice = random_table(seed, shape)
    primary = small(lattice)
    found, down, up = protect(lattice, primary)
    for cell in np.flatnonzero(primary & ~found.uncovered):
        low, high = interval(lattice, found.hidden, cell)
        assert low <= lattice.value[cell] - down[cell] + 1e-6
        assert high >= lattice.value[cell] + up[cell] - 1e-6


def test_suppress_when_only_primaries_would_be_hidden_then_the_attacker_finds_them_and_the_suppressor_helps():
    lattice = full_table([[4], [4]], np.array([[3, 40, 50, 60], [70, 80, 90, 95], [55, 4, 65, 75], [85, 45, 35, 25]]))
    primary = small(lattice)
    assert primary.sum() == 2
    for cell in np.flatnonzero(primary):
        assert interval(lattice, primary, cell) == pytest.approx((lattice.value[cell],) * 2)
    found, _, _ = protect(lattice, primary)
    assert not found.uncovered.any()
    for cell in np.flatnonzero(primary):
        low, high = interval(lattice, found.hidden, cell)
        assert high - low >= 2


def test_suppress_when_table_is_published_with_roll_ups_then_no_covered_cell_is_exact_in_the_union():
    for seed in range(4):
        lattice = random_table(seed, [[3, 3], [2, 3]], mean=15)
        primary = small(lattice, 12)
        found, _, _ = protect(lattice, primary)
        covered = primary & ~found.uncovered
        assert covered.sum() > 0.5 * primary.sum()
        for cell in np.flatnonzero(covered):
            low, high = interval(lattice, found.hidden, cell)
            assert high - low >= 1


def test_suppress_when_a_cheap_square_exists_then_it_is_chosen_over_dear_ones():
    leaves = np.full((4, 4), 900.0)
    leaves[0, 0] = 5
    leaves[2, 3] = leaves[0, 3] = leaves[2, 0] = 20
    lattice = full_table([[4], [4]], leaves)
    found, _, _ = protect(lattice, small(lattice))
    assert sorted(lattice.value[found.hidden].tolist()) == [5, 20, 20, 20]
    assert not found.uncovered.any()


def test_suppress_when_a_cost_is_given_then_it_decides():
    leaves = np.full((3, 3), 50.0)
    leaves[1, 1] = 4
    lattice = full_table([[3], [3]], leaves)
    cost = np.full(len(lattice.value), 9.0)
    wanted = lattice.labels(np.arange(len(cost)))
    cheap = (wanted["a"].isin(["a1", "a2"]) & wanted["b"].isin(["b0", "b1"])).to_numpy()
    cost[cheap] = 1
    found, _, _ = protect(lattice, small(lattice), cost=cost)
    assert (found.hidden == cheap).all()


def test_suppress_when_cells_may_not_be_hidden_then_they_are_not():
    lattice = random_table(3, [[4], [4]], mean=20, zeros=0)
    primary = small(lattice)
    free, _, _ = protect(lattice, primary)
    fixed = free.hidden & ~primary
    assert fixed.any()
    found, _, _ = protect(lattice, primary, fixed=fixed)
    assert not found.hidden[fixed].any()
    assert faults(lattice, found) == []


def test_suppress_when_nothing_can_be_done_then_cells_are_uncovered_and_no_witness_is_invented():
    leaves = np.array([[5.0, 0.0, 0.0], [0.0, 60.0, 70.0], [0.0, 80.0, 90.0]])
    lattice = full_table([[3], [3]], leaves)
    primary = lattice.value == 5
    found, _, _ = protect(lattice, primary)
    assert (found.uncovered == primary).all()
    assert found.witnesses.shape == (0, len(lattice.value))
    assert (found.hidden == primary).all()


def test_suppress_when_zeros_are_primary_then_they_may_move_up():
    leaves = np.array([[0.0, 30.0, 40.0], [20.0, 60.0, 70.0], [50.0, 80.0, 90.0]])
    lattice = full_table([[3], [3]], leaves)
    primary = lattice.value == 0
    found, down, _ = protect(lattice, primary)
    assert down.sum() == 0
    assert not found.uncovered.any()
    assert reach(found)[1][primary] >= 1
    assert faults(lattice, found) == []


def test_suppress_when_cells_are_flows_then_they_may_fall_without_limit():
    leaves = np.array([[2.0, -300.0, 40.0], [-20.0, 60.0, 7.0], [50.0, -80.0, 90.0]])
    lattice = full_table([[3], [3]], leaves)
    primary = lattice.value == 2
    found = suppress(
        lattice,
        primary,
        protect_down=500 * primary,
        protect_up=500 * primary,
        floor=-np.inf,
        rng=np.random.default_rng(0),
    )
    low, high = reach(found)
    assert low[primary] >= 500
    assert high[primary] >= 500
    assert faults(lattice, found, floor=-np.inf) == []


def test_suppress_when_cells_have_one_contributor_then_none_of_them_undoes_the_protection_of_another():
    checked = 0
    for seed in range(6):
        lattice = random_table(seed, [[4], [5]], mean=6, zeros=0.05)
        leaf = (lattice.labels(np.arange(len(lattice.value))) != "all").all(axis=1).to_numpy()
        primary = small(lattice, 5)
        single = primary & leaf & (lattice.value <= 2)
        found, down, up = protect(lattice, primary, singleton=single)
        assert faults(lattice, found) == []
        for insider in np.flatnonzero(single):
            for cell in np.flatnonzero(primary & ~found.uncovered & (np.arange(len(leaf)) != insider)):
                low, high = interval(lattice, found.hidden, cell, known=(insider,))
                assert low <= lattice.value[cell] - down[cell] + 1e-6
                assert high >= lattice.value[cell] + up[cell] - 1e-6
                checked += 1
    assert checked > 30


def test_suppress_when_a_sum_is_primary_then_a_chain_below_it_moves_too():
    leaves = np.array([[1.0, 2, 1], [1, 1, 2], [40, 50, 60], [45, 55, 65]])
    lattice = full_table([[2, 2], [3]], leaves)
    primary = small(lattice, 6)
    codes = lattice.labels(np.flatnonzero(primary))
    assert (codes["a"] == "a-group0").any()
    found, down, up = protect(lattice, primary)
    assert faults(lattice, found) == []
    low, high = reach(found)
    group = primary & (lattice.labels(np.arange(len(primary)))["a"] == "a-group0").to_numpy() & ~found.uncovered
    assert group.any()
    assert (low[group] >= down[group]).all()
    assert (high[group] >= up[group]).all()


def test_suppress_when_two_breakdowns_share_a_total_then_both_still_add_up():
    area = Dimension.of("area", [("UK", ["ENG", "SCO", "WAL"]), ("ENG", ["N", "S"]), ("UK", ["N", "S", "SCO", "WAL"])])
    kind = Dimension.of("kind", [("all", ["f", "m"]), ("all", ["x", "y", "z"])])
    leaf = {"N": 4.0, "S": 60.0, "SCO": 70.0, "WAL": 80.0}
    leaf |= {"ENG": leaf["N"] + leaf["S"]}
    leaf |= {"UK": leaf["ENG"] + leaf["SCO"] + leaf["WAL"]}
    part = {"f": 0.5, "m": 0.5, "x": 0.25, "y": 0.25, "z": 0.5, "all": 1.0}
    cells = pd.DataFrame(
        [(a, k, v * p) for a, v in leaf.items() for k, p in part.items()], columns=["area", "kind", "v"]
    )
    lattice = build_lattice([area, kind], cells, cells["v"])
    primary = lattice.value < 5
    found, down, up = protect(lattice, primary)
    assert faults(lattice, found) == []
    assert not found.uncovered.any()
    for cell in np.flatnonzero(primary):
        low, high = interval(lattice, found.hidden, cell)
        assert low <= lattice.value[cell] - down[cell] + 1e-6
        assert high >= lattice.value[cell] + up[cell] - 1e-6


def test_suppress_when_the_table_has_gaps_then_absent_children_do_not_move():
    for seed in range(3):
        lattice = random_table(seed, [[4], [3], [4]], zeros=0.35)
        kept = lattice.value > 0
        codes = lattice.labels(np.arange(len(kept)))[kept]
        gaps = build_lattice(lattice.dimensions, codes, lattice.value[kept])
        found, down, _ = protect(gaps, small(gaps))
        assert faults(gaps, found) == []
        covered = small(gaps) & ~found.uncovered
        assert covered.any()
        assert (reach(found)[0][covered] >= down[covered]).all()


def test_suppress_when_only_margins_are_published_then_cubes_of_margins_are_found():
    lattice = random_table(5, [[4], [4], [4]], mean=3, zeros=0)
    codes = lattice.labels(np.arange(len(lattice.value)))
    margins = (codes == "all").sum(axis=1).to_numpy() >= 1
    flat = build_lattice(lattice.dimensions, codes[margins], lattice.value[margins])
    primary = small(flat, 14)
    found, _, _ = protect(flat, primary)
    assert faults(flat, found) == []
    assert (primary & ~found.uncovered).sum() > 0.5 * primary.sum()


def test_suppress_when_repeated_with_the_same_seed_then_the_outcome_is_the_same():
    lattice = random_table(11, [[3, 3], [4], [5]])
    first, _, _ = protect(lattice, small(lattice))
    second, _, _ = protect(lattice, small(lattice))
    assert (first.hidden == second.hidden).all()
    assert (first.uncovered == second.uncovered).all()
    assert abs(first.witnesses - second.witnesses).max() == 0


def test_suppress_when_nothing_is_primary_then_nothing_is_hidden():
    lattice = random_table(0, [[3], [3]])
    found, _, _ = protect(lattice, np.zeros(len(lattice.value), dtype=bool))
    assert not found.hidden.any()
    assert found.witnesses.nnz == 0


def test_suppress_when_no_protection_is_asked_then_primaries_are_hidden_without_certificate():
    lattice = random_table(0, [[3], [3]])
    primary = small(lattice)
    found = suppress(lattice, primary, protect_down=0, protect_up=0, rng=np.random.default_rng(0))
    assert (found.hidden == primary).all()
    assert not found.uncovered.any()


def test_suppress_when_the_table_has_no_sums_then_a_primary_moves_alone():
    lattice = build_lattice([Dimension.of("a", [], ["x", "y"])], pd.DataFrame({"a": ["x", "y"]}), [5, 60])
    found, _, _ = protect(lattice, np.array([True, False]))
    assert found.hidden.tolist() == [True, False]
    assert not found.uncovered.any()


def test_suppress_when_complementary_cells_are_counted_then_none_can_be_shown_again_for_free():
    """Each complementary cell is moved by a witness, or it would not have been needed."""
    for seed in range(5):
        lattice = random_table(seed, [[6], [6]], mean=30)
        primary = small(lattice)
        found, _, _ = protect(lattice, primary)
        extra = found.hidden & ~primary
        assert (np.abs(found.witnesses.toarray()).sum(axis=0)[extra] > 0).all()


def test_add_cubes_when_a_cell_needs_another_then_one_without_the_earlier_corners_is_hidden():
    leaves = np.full((4, 4), 50.0)
    leaves[0, 0] = 5
    lattice = full_table([[4], [4]], leaves)
    primary = small(lattice)
    first, down, up = protect(lattice, primary)
    more = add_cubes(
        lattice,
        first.hidden,
        np.flatnonzero(primary),
        protect_down=down,
        protect_up=up,
        exclude=first.witnesses,
        rng=np.random.default_rng(0),
    )
    assert first.hidden.sum() == 4
    assert more.hidden.sum() == 7
    assert faults(lattice, more) == []
    assert not more.uncovered.any()


def test_add_cubes_when_there_is_no_other_cube_then_the_cell_is_uncovered():
    leaves = np.array([[5.0, 0.0, 0.0], [0.0, 60.0, 70.0], [0.0, 80.0, 90.0]])
    lattice = full_table([[3], [3]], leaves)
    primary = lattice.value == 5
    more = add_cubes(lattice, primary, primary, protect_down=1.0, protect_up=1.0, rng=np.random.default_rng(0))
    assert (more.uncovered == primary).all()
    assert (more.hidden == primary).all()


def test_cost_when_cells_are_totals_then_each_total_adds_four():
    lattice = full_table([[2], [2]], np.full((2, 2), np.e - 1))
    codes = lattice.labels(np.arange(9))
    totals = (codes == "all").sum(axis=1).to_numpy()
    np.testing.assert_allclose(hiding_cost(lattice), np.log1p(lattice.value) * (1 + 4 * totals))
    assert hiding_cost(lattice)[totals == 0] == pytest.approx([1] * 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"primary": [True]}, "primary has shape"),
        ({"fixed": np.ones(16, dtype=bool)}, "primary cells are fixed"),
        ({"singleton": [True]}, "singleton has shape"),
        ({"protect_up": -1.0}, "16 of 16 protections or costs are negative"),
        ({"cost": np.full(16, np.nan)}, "16 of 16 protections or costs are negative"),
        ({"floor": 1e9}, "16 of 16 cells are below their floor"),
    ],
)
def test_suppress_when_arguments_are_impossible_then_it_says_which(options, message):
    lattice = random_table(0, [[3], [3]], zeros=0)
    given_options = {"primary": small(lattice, 20), "protect_down": 1.0, "protect_up": 1.0} | options
    with pytest.raises(MethodError, match=message):
        suppress(lattice, given_options.pop("primary"), rng=np.random.default_rng(0), **given_options)
