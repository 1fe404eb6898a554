from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_lattice import Dimension, build_lattice

AREA = Dimension.of(
    "area",
    [("UK", ["ENG", "SCO"]), ("ENG", ["N", "S"]), ("UK", ["N", "S", "SCO"])],
)
PEOPLE = Dimension.of("people", [("all", ["female", "male"]), ("all", ["young", "old"])])
AREA_LEAVES = {"UK": ["N", "S", "SCO"], "ENG": ["N", "S"], "N": ["N"], "S": ["S"], "SCO": ["SCO"]}
PEOPLE_LEAVES = {
    "all": ["fy", "fo", "my", "mo"],
    "female": ["fy", "fo"],
    "male": ["my", "mo"],
    "young": ["fy", "my"],
    "old": ["fo", "mo"],
}


def table(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    persons = pd.DataFrame(
        list(product(["N", "S", "SCO"], ["fy", "fo", "my", "mo"])), columns=["area", "people"]
    ).assign(value=rng.integers(0, 50, 12))
    rows = [
        (a, p, persons[persons["area"].isin(inner) & persons["people"].isin(kind)]["value"].sum())
        for (a, inner), (p, kind) in product(AREA_LEAVES.items(), PEOPLE_LEAVES.items())
    ]
    return pd.DataFrame(rows, columns=["area", "people", "value"]).sample(frac=1, random_state=seed)


def brute_force(cells: pd.DataFrame) -> set[tuple[str, tuple[str, str], frozenset[tuple[str, str]]]]:
    """(dimension, parent cell, child cells) of every sum that holds, by plain look-up."""
    present = set(zip(cells["area"], cells["people"], strict=True))
    found = set()
    for axis, dimension in enumerate((AREA, PEOPLE)):
        other = (PEOPLE, AREA)[axis].codes
        for (parent, children), fixed in product(dimension.sums, other):
            place = (
                (lambda code, fixed=fixed: (code, fixed)) if axis == 0 else (lambda code, fixed=fixed: (fixed, code))
            )
            family = {place(dimension.codes[child]) for child in children} & present
            if place(dimension.codes[parent]) in present and family:
                found.add((dimension.name, place(dimension.codes[parent]), frozenset(family)))
    return found


def equations(lattice) -> set[tuple[str, tuple[str, str], frozenset[tuple[str, str]]]]:
    texts = list(lattice.labels(np.arange(len(lattice.value))).itertuples(index=False, name=None))
    found = set()
    for row in range(lattice.matrix.shape[0]):
        part = lattice.matrix[row]
        (parent,) = part.indices[part.data < 0]
        children = frozenset(texts[cell] for cell in part.indices[part.data > 0])
        found.add((lattice.dimensions[lattice.line_dimension[row]].name, texts[parent], children))
    return found


def test_equations_when_sums_overlap_then_every_sum_of_both_breakdowns_stands():
    cells = table()
    lattice = build_lattice([AREA, PEOPLE], cells, cells["value"])
    assert equations(lattice) == brute_force(cells)
    assert lattice.matrix.shape == (3 * 5 + 2 * 5, 25)
    assert np.abs(lattice.matrix @ lattice.value).max() == 0


def test_equations_when_compared_with_group_sums_then_each_parent_is_the_sum_of_its_children():
    leaves = pd.DataFrame(list(product("abc", "xyz", "pq")), columns=["one", "two", "three"])
    leaves["value"] = np.random.default_rng(3).lognormal(3, 2, len(leaves))
    frames = []
    for keep in product([True, False], repeat=3):
        names = [name for name, kept in zip(["one", "two", "three"], keep, strict=True) if kept]
        grouped = leaves.groupby(names)["value"].sum().reset_index() if names else leaves[["value"]].sum().to_frame().T
        frames.append(grouped.assign(**{name: "all" for name in ["one", "two", "three"] if name not in names}))
    cells = pd.concat(frames)
    dims = [Dimension.of(n, [("all", list(c))]) for n, c in [("one", "abc"), ("two", "xyz"), ("three", "pq")]]
    lattice = build_lattice(dims, cells, cells["value"])
    assert len(lattice.value) == 4 * 4 * 3
    assert np.bincount(lattice.line_dimension).tolist() == [12, 12, 16]
    np.testing.assert_allclose(lattice.matrix @ lattice.value, 0, atol=1e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), kept=st.lists(st.booleans(), min_size=25, max_size=25))
def test_equations_when_cells_are_missing_then_only_sums_with_parent_and_child_stand(seed, kept):
    cells = table(seed)
    cells.loc[~np.array(kept), "value"] = 0
    cells = cells[np.array(kept)]
    if cells.empty:
        return
    cells = cells.assign(value=0)
    assert equations(build_lattice([AREA, PEOPLE], cells, cells["value"])) == brute_force(cells)


def test_labels_when_cells_are_named_by_mask_or_position_then_their_codes_come_back():
    cells = table()
    lattice = build_lattice([AREA, PEOPLE], cells, cells["value"])
    pd.testing.assert_frame_equal(lattice.labels(np.arange(25)), cells[["area", "people"]].reset_index(drop=True))
    mask = np.arange(25) == 7
    assert lattice.labels(mask).to_numpy().tolist() == [cells[["area", "people"]].iloc[7].tolist()]


def test_dimension_when_codes_are_given_then_they_come_first_and_sums_add_theirs():
    dimension = Dimension.of("sex", [("all", ["f", "m"])], ["m", "unknown"])
    assert dimension.codes == ("m", "unknown", "all", "f")
    parent, children = dimension.sums[0]
    assert (parent, children.tolist()) == (2, [3, 0])


@pytest.mark.parametrize(
    ("sums", "codes", "message"),
    [
        ([], [], "no codes"),
        ([], ["a", "a"], "1 codes are repeated"),
        ([("a", [])], [], "children of a"),
        ([("a", ["b", "b"])], [], "children of a"),
        ([("a", ["b"]), ("b", ["c"]), ("c", ["a"])], [], "leads back to itself"),
        ([("a", ["a"])], [], "leads back to itself"),
    ],
)
def test_dimension_when_sums_are_impossible_then_it_is_refused(sums, codes, message):
    with pytest.raises(MethodError, match=message):
        Dimension.of("area", sums, codes)


def test_build_when_a_code_is_unknown_then_dimension_and_count_are_named():
    cells = table()
    cells.loc[cells["area"] == "N", "area"] = "NORTH"
    with pytest.raises(MethodError, match=r"dimension area: 5 of 25 cells .* NORTH"):
        build_lattice([AREA, PEOPLE], cells, cells["value"])


def test_build_when_a_code_is_null_then_it_is_refused():
    cells = table().reset_index(drop=True)
    cells.loc[3, "people"] = None
    with pytest.raises(MethodError, match="dimension people: 1 of 25"):
        build_lattice([AREA, PEOPLE], cells, cells["value"])


def test_build_when_cells_are_repeated_then_their_count_is_named():
    cells = pd.concat([table(), table().iloc[:2]])
    with pytest.raises(MethodError, match="area, people: 2 of 27 cells are duplicates"):
        build_lattice([AREA, PEOPLE], cells, cells["value"])


def test_build_when_sums_are_off_then_the_worst_is_named_by_codes_and_not_by_value():
    cells = table().reset_index(drop=True)
    wrong = cells.index[(cells["area"] == "SCO") & (cells["people"] == "old")]
    cells.loc[wrong, "value"] += 7919
    with pytest.raises(MethodError, match=r"3 of 25 sums .* sum over people at area SCO, people all") as raised:
        build_lattice([AREA, PEOPLE], cells, cells["value"])
    assert "79" not in str(raised.value)


def test_build_when_a_sum_is_off_by_less_than_the_tolerance_then_it_stands():
    dims = [Dimension.of("a", [("t", ["x", "y"])])]
    cells = pd.DataFrame({"a": ["x", "y", "t"]})
    assert build_lattice(dims, cells, [1e6, 1e6, 2e6 + 1], tolerance=1e-6).matrix.shape == (1, 3)
    with pytest.raises(MethodError, match="do not add up"):
        build_lattice(dims, cells, [1e6, 1e6, 2e6 + 3], tolerance=1e-6)
    with pytest.raises(MethodError, match="do not add up"):
        build_lattice(dims, cells, [0, 0, 1e-3], tolerance=1e-4)


def test_build_when_values_are_not_finite_or_absent_then_it_is_refused():
    dims = [Dimension.of("a", [("t", ["x"])])]
    cells = pd.DataFrame({"a": ["x", "t"]})
    with pytest.raises(MethodError, match="1 of 2 values are not finite"):
        build_lattice(dims, cells, [1, np.nan])
    with pytest.raises(MethodError, match="0 cells"):
        build_lattice(dims, cells.iloc[:0], [])
    with pytest.raises(MethodError, match="no column a"):
        build_lattice(dims, cells.rename(columns={"a": "b"}), [1, 1])


def test_build_when_combinations_overflow_then_it_is_refused():
    dims = [Dimension.of(f"d{i}", [("t", [str(k) for k in range(1500)])]) for i in range(6)]
    cells = pd.DataFrame({dimension.name: ["t"] for dimension in dims})
    with pytest.raises(MethodError, match="too many combinations"):
        build_lattice(dims, cells, [1])


def test_build_when_no_sum_holds_then_there_are_no_equations():
    lattice = build_lattice([Dimension.of("a", [("t", ["x", "y"])])], pd.DataFrame({"a": ["x", "y"]}), [1, 2])
    assert lattice.matrix.shape == (0, 2)
    assert lattice.line_dimension.shape == (0,)
