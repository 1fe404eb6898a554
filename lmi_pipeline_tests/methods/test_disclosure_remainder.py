"""What is left of a published sum has contributors enough, or the sum is withheld too."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline.methods.disclosure_lattice import Dimension, build_lattice
from lmi_pipeline.methods.disclosure_remainder import widen_remainders

SIDES = ("a", "b", "c", "d")


def table(counts) -> tuple:
    """Lattice of four by four cells with totals, and the contributors of each cell."""
    dimension = [Dimension.of(name, [("all", SIDES)]) for name in ("x", "y")]
    inner = pd.DataFrame(np.reshape(counts, (4, 4)), index=list(SIDES), columns=list(SIDES))
    inner.loc["all"] = inner.sum()
    inner["all"] = inner.sum(axis=1)
    rows = inner.stack().rename("n").rename_axis(["x", "y"]).reset_index()
    lattice = build_lattice(dimension, rows[["x", "y"]], rows["n"].to_numpy(float) * 100)
    return lattice, rows["n"].to_numpy(float), rows


def smallest_rest(rows, hidden) -> float:
    """Fewest contributors, above none, of what is left of a published sum: by hand, line by line."""
    frame, found = rows.assign(hidden=hidden), [np.inf]
    for line, side in itertools.product(("x", "y"), (*SIDES, "all")):
        other = "y" if line == "x" else "x"
        cells = frame[frame[line] == side]
        if cells.loc[cells[other] == "all", "hidden"].any():
            continue
        rest = cells.loc[(cells[other] != "all") & cells["hidden"], "n"].sum()
        found.append(rest if rest > 0 else np.inf)
    return min(found)


@given(st.lists(st.integers(0, 60), min_size=16, max_size=16))
def test_remainders_when_widened_then_none_is_small(counts):
    lattice, count, rows = table(counts)
    primary = (count > 0) & (count < 10)
    found = widen_remainders(lattice, primary, count, count, minimum=10, fixed=np.zeros(len(count), bool))
    assert smallest_rest(rows, found) >= 10
    assert (found >= primary).all()


def test_remainder_when_three_of_two_each_then_the_cheapest_further_part_is_withheld():
    lattice, count, rows = table([2, 2, 2, 30, *[40] * 12])
    found = widen_remainders(lattice, count == 2, count, count, minimum=10, fixed=np.zeros(len(count), bool))
    assert rows.loc[found & (count != 2), ["x", "y"]].to_numpy().tolist()[0] == ["a", "d"]


@pytest.mark.parametrize("thin", [0, 10])
def test_remainder_when_empty_or_large_enough_then_nothing_more(thin):
    lattice, count, _ = table([thin, *[40] * 15])
    hidden = count == thin
    found = widen_remainders(lattice, hidden, count, count, minimum=10, fixed=np.zeros(len(count), bool))
    assert (found == hidden).all()


def test_remainder_when_no_part_can_be_withheld_then_the_sum_is():
    lattice, count, rows = table([3, *[40] * 15])
    inner = ((rows["x"] != "all") & (rows["y"] != "all") & (count != 3)).to_numpy()
    found = widen_remainders(lattice, count == 3, count, count, minimum=10, fixed=inner)
    assert {("a", "all"), ("all", "a")} <= set(map(tuple, rows.loc[found, ["x", "y"]].to_numpy()))
