"""Attacks on tables with known truth: each breaks what a careless publisher shows, and fails on what the gate shows.

Line subtraction, hidden elimination, the join of a table with its roll-up, overlapping geographies, two filters, zeros,
insiders, and the same cell by many routes.
"""

import numpy as np
import pytest

from lmi_pipeline.methods.disclosure_audit import audit
from lmi_pipeline.methods.disclosure_protect import ProtectOptions, system_of
from lmi_pipeline.methods.disclosure_rules import combine, contributor_counts, disclosive_zeros
from lmi_pipeline_tests.privacy import attacker, toys

AREAS = [f"a{n}" for n in range(6)]
JOBS = [f"j{n}" for n in range(8)]
FLAT = {"area": [("UK", AREAS)], "job": [("all", JOBS)]}
GROUPS = [("all", ["J1", "J2", "J3"]), ("J1", JOBS[:3]), ("J2", JOBS[3:6]), ("J3", JOBS[6:])]
DEEP = {"area": [("UK", AREAS)], "job": GROUPS}
WEST, SOUTH = [("UK", ["west", "east"]), ("west", AREAS[:3]), ("east", AREAS[3:])], [
    ("UK", ["north", "middle", "south"]), ("north", AREAS[::3]), ("middle", AREAS[1::3]), ("south", AREAS[2::3]),
]  # fmt: skip
BOTH_WAYS = {"area": [*WEST, *SOUTH], "job": [("all", JOBS[:4])]}
SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_line_subtraction_when_only_small_cells_are_withheld_then_it_tells_them_and_fails_on_protected(seed):
    lattice = toys.table(toys.skewed(seed, (6, 8), mean=60), FLAT)
    careless = toys.see(toys.rows(lattice, toys.naive(lattice)), sums=FLAT)
    assert attacker.subtract(careless).any()
    guarded = toys.see(toys.rows(lattice, toys.protected(lattice).hidden), sums=FLAT)
    assert not attacker.subtract(guarded).any()


def test_hidden_elimination_when_every_line_has_two_blanks_then_one_of_them_is_told():
    four = {"row": [("all", ["r0", "r1", "r2", "r3"])], "column": [("all", ["c0", "c1", "c2", "c3"])]}
    lattice = toys.table(np.arange(1.0, 17.0).reshape(4, 4), four)
    cells = toys.rows(lattice, np.zeros(len(lattice.value), bool))
    block = {("r0", "c0"), ("r0", "c1"), ("r1", "c0"), ("r1", "c1"), ("r1", "c2")}
    block |= {(row, column) for row in ("r2", "r3") for column in ("c2", "c3")}
    blank = np.array([pair in block for pair in zip(cells["row"], cells["column"], strict=True)])
    known = toys.see(toys.rows(lattice, blank), sums=four)
    assert not attacker.subtract(known).any()
    told = known.codes[attacker.eliminate(known, toys.rng())]
    assert told.to_numpy().tolist() == [["r1", "c2"]]
    primary = combine(lattice.value, [contributor_counts(np.where(blank, 3, 50), minimum=10)])
    verdict = audit(system_of(lattice, primary, blank), rng=toys.rng())
    assert not verdict.passed
    exposed = lattice.labels(verdict.exposed)
    assert ["r1", "c2"] in exposed.to_numpy().tolist()
    guarded = toys.see(toys.rows(lattice, toys.protected(lattice, primary).hidden), sums=four)
    assert not attacker.eliminate(guarded, toys.rng()).any()


def roll_up(seed):
    """A table by job, the same by group of jobs, and the two as one lattice."""
    leaves = toys.skewed(seed, (6, 8))
    groups = np.add.reduceat(leaves, [0, 3, 6], axis=1)
    coarse = {"area": FLAT["area"], "job": GROUPS[:1]}
    return DEEP, toys.table(leaves, DEEP), [(toys.table(leaves, FLAT), FLAT), (toys.table(groups, coarse), coarse)]


def geographies(seed):
    """A table by area and west or east, one by north, middle and south of the same areas, and the two as one."""
    leaves = toys.skewed(seed, (6, 4))
    west, south = ({"area": one, "job": BOTH_WAYS["job"]} for one in (WEST, SOUTH[:1]))
    bands = leaves[:3] + leaves[3:]
    return (
        BOTH_WAYS,
        toys.table(leaves, BOTH_WAYS),
        [(toys.table(leaves, west), west), (toys.table(bands, south), south)],
    )


@pytest.mark.parametrize("made_by", [roll_up, geographies])
def test_linked_tables_when_each_is_safe_alone_then_together_they_tell_and_one_lattice_does_not(made_by):
    broken = 0
    for seed in range(6):
        whole, lattice, parts = made_by(seed)
        shown = [toys.rows(part, toys.protected(part).hidden) for part, _ in parts]
        for one, (part, sums) in zip(shown, parts, strict=True):
            assert not toys.gives_away(part, toys.see(one, sums=sums), toys.by_count(part)).any()
        told = toys.gives_away(lattice, toys.see(*shown, sums=whole), toys.by_count(lattice))
        broken += told.any()
        guarded = toys.see(toys.rows(lattice, toys.protected(lattice).hidden), sums=whole)
        assert not attacker.eliminate(guarded, toys.rng()).any()
        assert not toys.gives_away(lattice, guarded, toys.by_count(lattice)).any()
    assert broken >= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_two_filters_when_they_differ_by_a_few_persons_then_their_difference_is_told_only_if_nothing_is_protected(seed):
    """Every pair of published cells, one within the other; what lies between is a cell."""
    sums = {"area": [("UK", AREAS)], "job": [("all", ["manual", "other"])]}
    leaves = toys.skewed(seed, (6, 2), mean=60)
    leaves[seed, 1] = 4.0
    lattice = toys.table(leaves, sums)
    assert filters_apart(toys.rows(lattice, toys.naive(lattice)))
    assert not filters_apart(toys.rows(lattice, toys.protected(lattice).hidden))


def filters_apart(published):
    wide = published.pivot(index="area", columns="job", values="number")
    apart = np.concatenate([(wide["all"] - wide[job]).to_numpy() for job in ("manual", "other")])
    return [number for number in apart if number < toys.LEAST]


@pytest.mark.parametrize(("disclosive", "told"), [(False, True), (True, False)])
def test_zeros_when_one_category_holds_everybody_then_its_members_are_told_unless_zeros_are_withheld(disclosive, told):
    sums = {"place": [("all", ["p0", "p1", "p2", "p3"])], "status": [("all", ["sick", "well", "away"])]}
    leaves = np.array([[40.0, 0.0, 0.0], [30.0, 25.0, 40.0], [22.0, 60.0, 33.0], [45.0, 31.0, 28.0]])
    lattice = toys.table(leaves, sums)
    counts = contributor_counts(lattice.value, minimum=10, zeros_are_disclosive=disclosive)
    primary = combine(lattice.value, [counts, *([disclosive_zeros(lattice.value)] if disclosive else [])])
    known = toys.see(toys.rows(lattice, toys.protected(lattice, primary).hidden), sums=sums)
    low, high = toys.intervals(known, np.flatnonzero(~known.shown))
    where = known.codes.set_index(["place", "status"]).index
    sick, everybody = (where.get_loc(("p0", status)) for status in ("sick", "all"))
    assert (low[sick] >= high[everybody]) == told


def test_insider_when_alone_in_a_withheld_cell_then_own_value_tells_another_unless_guarded():
    """A single person subtracts the value they know; every other protected cell must stay open."""
    broken = 0
    for seed in range(12):
        leaves = toys.skewed(seed, (6, 8), mean=40)
        leaves[seed % 6, 2] = 1.0
        lattice = toys.table(leaves, FLAT)
        primary, alone = toys.by_count(lattice), lattice.value == 1
        careless = toys.protected(lattice, primary, options=ProtectOptions(insiders=False))
        guarded = toys.protected(lattice, primary, singleton=alone)
        broken += told_to_insiders(lattice, primary, careless.hidden, alone)
        assert not told_to_insiders(lattice, primary, guarded.hidden, alone)
    assert broken >= 2


def told_to_insiders(lattice, primary, hidden, alone):
    """Whether somebody who is alone in a cell learns another that the rule names."""
    cells = toys.rows(lattice, hidden)
    for own in np.flatnonzero(alone & hidden):
        knows = cells.assign(number=cells["number"].where(cells.index != own, lattice.value[own]))
        known = toys.see(knows, sums=FLAT)
        told = known.codes[attacker.eliminate(known, toys.rng())].merge(cells[primary.withheld], on=["area", "job"])
        if len(told):
            return True
    return False


def test_the_same_cell_when_protected_again_then_the_answer_is_the_same_to_the_bit():
    """No noise is added, so nothing is gained by asking a hundred times."""
    lattice = toys.table(toys.skewed(1, (6, 8)), DEEP)
    asked = {toys.rows(lattice, toys.protected(lattice).hidden).to_csv() for _ in range(3)}
    assert len(asked) == 1
