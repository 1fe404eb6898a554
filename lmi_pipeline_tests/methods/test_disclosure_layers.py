"""Tables of several levels and margins: demand, moves from the inside, and the cheapest move of a cell."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.methods.disclosure_audit import AuditOptions, attacker_intervals, audit, verify_witnesses
from lmi_pipeline.methods.disclosure_demand import layered, meet_demand
from lmi_pipeline.methods.disclosure_interior import interior_moves
from lmi_pipeline.methods.disclosure_lattice import Dimension, build_lattice
from lmi_pipeline.methods.disclosure_moves import free_moves
from lmi_pipeline.methods.disclosure_opening import open_for
from lmi_pipeline.methods.disclosure_protect import protect, system_of
from lmi_pipeline.methods.disclosure_rules import combine, contributor_counts
from lmi_pipeline_tests.methods.disclosure_tables import full_table

JOBS = [
    ("all", ["1", "2", "3"]),
    *[(major, [f"{major}{minor}" for minor in (1, 2, 3)]) for major in ("1", "2", "3")],
    *[(f"{a}{b}", [f"{a}{b}{c}" for c in (1, 2, 3)]) for a in (1, 2, 3) for b in (1, 2, 3)],
]
TRADES = [("all", ["a", "b", "c"]), *[(top, [f"{top}{n}" for n in (1, 2, 3)]) for top in "abc"]]
PLACES = [("all", ["n", "s"]), ("n", ["n1", "n2"]), ("s", ["s1", "s2"])]
SEXES = [("all", ["f", "m"])]
NAMES = ("job", "trade", "place", "sex")


def members(sums):
    """Leaves below each node."""
    parts = dict(sums)
    nodes = dict.fromkeys([*parts, *(c for _, below in sums for c in below)])

    def leaves(node):
        return [leaf for child in parts[node] for leaf in leaves(child)] if node in parts else [node]

    return {node: leaves(node) for node in nodes}


def layered_table(seed):
    """Margins of people by job of four levels, trade and place of three, and sex; who is counted, and their number."""
    rng = np.random.default_rng(seed)
    trees = [members(sums) for sums in (JOBS, TRADES, PLACES, SEXES)]
    people = pd.DataFrame({
        name: rng.choice(tree["all"], 700, p=rng.dirichlet(np.full(len(tree["all"]), 0.9)))
        for name, tree in zip(NAMES, trees, strict=True)
    }).assign(weight=rng.integers(20, 90, 700).astype(float))  # fmt: skip
    for name, tree in zip(NAMES, trees, strict=True):
        above = {leaf: [node for node, below in tree.items() if leaf in below] for leaf in tree["all"]}
        people = people.assign(**{name: people[name].map(above)}).explode(name, ignore_index=True)
    full = people.groupby(list(NAMES), observed=True)["weight"].agg(["sum", "size"])
    every = pd.MultiIndex.from_product([list(tree) for tree in trees], names=NAMES)
    full = full.reindex(every, fill_value=0).reset_index()
    shown = (full[list(NAMES)] != "all").sum(axis=1) <= 2
    return full[shown].reset_index(drop=True)


def lattice_of(cells):
    dimensions = [Dimension.of(name, sums) for name, sums in zip(NAMES, (JOBS, TRADES, PLACES, SEXES), strict=True)]
    return build_lattice(dimensions, cells[list(NAMES)], cells["sum"])


def rules(cells):
    return combine(cells["sum"], [contributor_counts(cells["size"], minimum=6, zeros_are_disclosive=True)])


@pytest.mark.parametrize("seed", range(3))
def test_protect_when_levels_are_deep_and_zeros_disclosive_then_all_are_certified_and_no_attacker_is_closer(seed):
    cells = layered_table(seed)
    lattice, primary = lattice_of(cells), rules(cells)
    assert layered(lattice)
    assert (primary.withheld & (lattice.value == 0)).sum() > 100

    decision = protect(lattice, primary, rng=np.random.default_rng(1))

    assert decision.audit.passed
    assert decision.hidden[primary.withheld].all()
    down, up = verify_witnesses(decision.system, decision.audit.witnesses)
    assert (down >= decision.protect_down * (1 - 1e-6)).all()
    assert (up >= decision.protect_up * (1 - 1e-6)).all()
    sample = np.random.default_rng(2).choice(np.flatnonzero(primary.withheld), 40, replace=False)
    low, high = attacker_intervals(decision.system, sample)
    assert (low <= (lattice.value - decision.protect_down * (1 - 1e-6))[sample] + 1e-6).all()
    assert (high >= (lattice.value + decision.protect_up * (1 - 1e-6))[sample] - 1e-6).all()


def test_protect_when_one_person_is_a_cell_then_that_person_works_out_no_other():
    cells = layered_table(4)
    lattice, primary = lattice_of(cells), rules(cells)
    alone = (cells["size"] == 1).to_numpy()
    assert alone.sum() > 20
    decision = protect(lattice, primary, rng=np.random.default_rng(1), singleton=alone)
    assert decision.audit.passed


def test_interior_moves_when_zeros_are_withheld_then_every_move_is_possible_and_most_cells_are_reached():
    cells = layered_table(5)
    lattice, primary = lattice_of(cells), rules(cells)
    bare = system_of(lattice, primary, primary.withheld)
    price, fixed = np.ones(len(lattice.value)), np.zeros(len(lattice.value), dtype=bool)
    system = bare.with_hidden(meet_demand(bare, bare.hidden, price=price, fixed=fixed))
    space = free_moves(system, np.zeros(len(lattice.value), dtype=bool))
    down, up = system.protect_down[space.cells], system.protect_up[space.cells]

    moves = np.array(list(interior_moves(space, down, up, rng=np.random.default_rng(3), rounds=16)))

    assert np.abs(moves @ space.matrix.T).max() < 1e-6
    assert (moves >= space.lower - 1e-6).all()
    reached = (moves.max(axis=0) >= up * (1 - 1e-6)) & (-moves.min(axis=0) >= down * (1 - 1e-6))
    assert reached[(down > 0) | (up > 0)].mean() > 0.6


@pytest.mark.parametrize(("rows", "tried"), [(100_000, True), (10, False)])
def test_audit_when_there_are_too_many_rows_to_factorise_then_nothing_is_asked_from_inside(rows, tried):
    cells = layered_table(5)
    lattice, primary = lattice_of(cells), rules(cells)
    bare = system_of(lattice, primary, primary.withheld)
    fixed = np.zeros(len(lattice.value), dtype=bool)
    system = bare.with_hidden(meet_demand(bare, bare.hidden, price=np.ones(len(fixed)), fixed=fixed))
    limits = AuditOptions(interior_least=1, interior_rows=rows, projections=0, witness_rounds=0, attacker_limit=0)
    found = audit(system, rng=np.random.default_rng(3), options=limits)
    assert ("moves from the inside" in {step.name for step in found.steps}) == tried
    assert found.certified.any() == tried
    assert tried or not found.passed


def square(inner):
    inner = np.asarray(inner, float)
    full = np.block([[inner, inner.sum(1, keepdims=True)], [inner.sum(0, keepdims=True), inner.sum()]])
    codes = [[*(f"{side}{n}" for n in range(size)), "all"] for side, size in zip("rc", inner.shape, strict=True)]
    dimensions = [Dimension.of(n, [("all", c[:-1])]) for n, c in zip(("row", "column"), codes, strict=True)]
    return build_lattice(
        dimensions, pd.MultiIndex.from_product(codes, names=("row", "column")).to_frame(index=False), full.ravel()
    )


def protected_corner(lattice):
    found = combine(lattice.value, [contributor_counts(np.where(lattice.value == 5, 1, 99), minimum=10)])
    return system_of(lattice, found, found.withheld)


def test_layered_when_a_table_of_levels_crosses_everything_then_cubes_may_cover_it():
    assert not layered(full_table([[2, 3], [3], [4]], np.full((5, 3, 4), 9.0)))
    assert not layered(square([[5, 60], [80, 90]]))


@pytest.mark.parametrize("by", ["demand", "programme"])
def test_complement_when_one_cell_is_withheld_then_a_rectangle_of_four_is(by):
    lattice = square([[5, 60, 70], [80, 90, 50], [40, 30, 20]])
    system = protected_corner(lattice)
    price, nothing = np.ones(16), np.zeros(16, dtype=bool)
    if by == "demand":
        hidden = meet_demand(system, system.hidden, price=price, fixed=nothing)
    else:
        hidden = open_for(system, np.array([0]), price=price, fixed=nothing, still=nothing)[0]
    assert hidden.sum() == 4
    low, high = attacker_intervals(system.with_hidden(hidden), np.array([0]))
    assert low[0] <= 4
    assert high[0] >= 6


def test_open_for_when_a_rectangle_is_one_persons_then_another_is_opened():
    lattice = square([[5, 60, 70], [80, 90, 50], [40, 30, 20]])
    system = protected_corner(lattice)
    system = system.with_hidden(np.isin(np.arange(16), [0, 1, 4, 5]))
    alone = np.arange(16) == 1
    nothing = np.zeros(16, dtype=bool)
    hidden, moves = open_for(system, np.array([0]), price=np.ones(16), fixed=nothing, still=alone)
    assert hidden.sum() > 4
    assert not moves[:, [1]].nnz
    verify_witnesses(system.with_hidden(hidden), moves)


def test_open_for_when_nothing_may_be_opened_then_nothing_is():
    lattice = square([[5, 60], [80, 90]])
    system = protected_corner(lattice)
    hidden, moves = open_for(
        system, np.array([0]), price=np.ones(9), fixed=~system.hidden, still=np.zeros(9, dtype=bool)
    )
    assert (hidden == system.hidden).all()
    assert moves.shape == (0, 9)


def test_open_for_when_a_cell_makes_up_a_sum_alone_then_the_sum_moves_with_it():
    values = np.random.default_rng(3).integers(20, 90, (4, 3, 5)).astype(float)
    values[0, :, 0] = 0, 5, 0
    lattice = full_table([[4], [3], [5]], values)
    system = protected_corner(lattice)
    zeros = (lattice.value == 0) & ~system.hidden
    price, nobody = np.ones(len(zeros)), np.zeros(len(zeros), dtype=bool)
    cells = np.flatnonzero(system.hidden)
    assert len(cells) == 2
    hidden, moves = open_for(system, cells, price=price, fixed=zeros, still=nobody, sampled=True)
    assert hidden.sum() == 8
    assert not hidden[zeros].any()
    down, up = verify_witnesses(system.with_hidden(hidden), moves)
    assert (down >= system.protect_down * (1 - 1e-6))[cells].all()
    assert (up >= system.protect_up * (1 - 1e-6))[cells].all()
