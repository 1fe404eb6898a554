from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice, build_lattice
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline.methods.disclosure_thinning import thin

ROWS = Dimension.of("row", [("all", ["N", "rest"]), ("rest", ["S", "W", "E"])])
COLUMNS = Dimension.of("column", [("all", ["a", "b", "c", "d"]), ("all", ["ab", "cd"]), ("ab", ["a", "b"])])


def table(seed: int) -> Lattice:
    rng = np.random.default_rng(seed)
    inner = {key: int(rng.integers(1, 30)) for key in product("NSWE", "abcd")}
    rows = {"all": "NSWE", "rest": "SWE", **{each: each for each in "NSWE"}}
    columns = {"all": "abcd", "ab": "ab", "cd": "cd", **{each: each for each in "abcd"}}
    cells = [
        (r, c, sum(inner[key] for key in product(inside, over)))
        for (r, inside), (c, over) in product(rows.items(), columns.items())
    ]
    frame = pd.DataFrame(cells, columns=["row", "column", "value"])
    return build_lattice([ROWS, COLUMNS], frame, frame["value"])


def derivable(matrix: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hidden cells whose column is needed for the rank: every null vector is zero there."""
    cells = np.flatnonzero(hidden)
    part = matrix[:, cells]
    whole = np.linalg.matrix_rank(part)
    found = np.zeros(len(hidden), dtype=bool)
    for place, cell in enumerate(cells):
        found[cell] = np.linalg.matrix_rank(np.delete(part, place, axis=1)) < whole
    return found


def system(lattice: Lattice, primary: np.ndarray, hidden: np.ndarray) -> DisclosureSystem:
    room = np.where(primary, 1.0, 0.0)
    return DisclosureSystem.of_equations(lattice.matrix, lattice.value, hidden, protect_down=room, protect_up=room)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.4), more=st.floats(0, 0.8))
def test_thinning_when_checked_by_ranks_then_nothing_is_given_away_and_nothing_needless_stays(seed, share, more):
    rng = np.random.default_rng(seed)
    lattice = table(seed)
    primary = rng.random(len(lattice.value)) < share
    hidden = primary | (rng.random(len(lattice.value)) < more)
    extra = hidden & ~primary
    after = thin(system(lattice, primary, hidden), extra, lattice.value, rng=rng)
    matrix = lattice.matrix.toarray()
    before = derivable(matrix, hidden) & primary
    assert not (after & ~hidden).any()
    assert (after[primary]).all()
    assert ((derivable(matrix, after) & primary) == before).all()
    for cell in np.flatnonzero(after & extra):
        fewer = after.copy()
        fewer[cell] = False
        assert (derivable(matrix, fewer) & primary & ~before).any()


@pytest.fixture
def square() -> tuple[Lattice, np.ndarray, np.ndarray]:
    lattice = table(1)
    labels = lattice.labels(np.arange(len(lattice.value)))
    hidden = (labels["row"].isin(["S", "W", "E"]) & labels["column"].isin(["a", "b"])).to_numpy()
    primary = ((labels["row"] == "S") & (labels["column"] == "a")).to_numpy()
    return lattice, hidden, primary


def test_thinning_when_one_cube_is_enough_then_the_other_pair_of_least_worth_stays(square):
    lattice, hidden, primary = square
    labels = lattice.labels(np.arange(len(lattice.value)))
    worth = np.where(labels["row"] == "W", 2.0, 1.0)
    after = thin(system(lattice, primary, hidden), hidden & ~primary, worth, rng=np.random.default_rng(1))
    assert sorted(labels[after].agg("".join, axis=1)) == ["Ea", "Eb", "Sa", "Sb"]


def test_thinning_when_cells_may_not_be_shown_then_they_stay(square):
    lattice, hidden, primary = square
    labels = lattice.labels(np.arange(len(lattice.value)))
    extra = hidden & ~primary & (labels["row"] == "E").to_numpy()
    after = thin(system(lattice, primary, hidden), extra, lattice.value, rng=np.random.default_rng(1))
    assert sorted(labels[after].agg("".join, axis=1)) == ["Sa", "Sb", "Wa", "Wb"]


def test_thinning_when_nothing_is_protected_then_everything_is_shown(square):
    lattice, hidden, primary = square
    after = thin(system(lattice, primary & False, hidden), hidden, lattice.value, rng=np.random.default_rng(1))
    assert not after.any()


def test_thinning_when_no_round_is_allowed_then_everything_stays(square):
    lattice, hidden, primary = square
    extra = hidden & ~primary
    after = thin(system(lattice, primary, hidden), extra, lattice.value, rng=np.random.default_rng(1), rounds=0)
    assert (after == hidden).all()
