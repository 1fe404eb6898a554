import heapq
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.coarsening import Alternatives, coarsen
from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice, build_lattice

ORDER = ("people", "area", "job")
AREA = Dimension.of("area", [("UK", ["N", "S", "SCO"]), ("ENG", ["N", "S"]), ("UK", ["ENG", "SCO"])])
PEOPLE = Dimension.of("people", [("all", ["female", "male"]), ("all", ["young", "old"])])
JOB = Dimension.of(
    "job", [("every", ["1", "2"]), ("1", ["11", "12"]), ("2", ["21"]), ("11", ["111", "112"]), ("12", ["121"])]
)
AREA_LEAVES = {"UK": ["N", "S", "SCO"], "ENG": ["N", "S"], "N": ["N"], "S": ["S"], "SCO": ["SCO"]}
PEOPLE_LEAVES = {
    "all": ["fy", "fo", "my", "mo"],
    "female": ["fy", "fo"],
    "male": ["my", "mo"],
    "young": ["fy", "my"],
    "old": ["fo", "mo"],
}
JOB_LEAVES = {
    "every": ["111", "112", "121", "21"],
    "1": ["111", "112", "121"],
    "2": ["21"],
    "11": ["111", "112"],
    "12": ["121"],
    "111": ["111"],
    "112": ["112"],
    "121": ["121"],
    "21": ["21"],
}


@pytest.fixture(scope="module")
def lattice() -> Lattice:
    rng = np.random.default_rng(3)
    value = {key: rng.integers(0, 40) for key in product(AREA_LEAVES["UK"], PEOPLE_LEAVES["all"], JOB_LEAVES["every"])}
    rows = [
        (a, p, j, sum(value[key] for key in product(inner, kind, work)))
        for (a, inner), (p, kind), (j, work) in product(AREA_LEAVES.items(), PEOPLE_LEAVES.items(), JOB_LEAVES.items())
    ]
    cells = pd.DataFrame(rows, columns=["area", "people", "job", "value"]).sample(frac=1, random_state=5)
    return build_lattice([AREA, PEOPLE, JOB], cells, cells["value"])


def place(lattice: Lattice, *codes: str) -> int:
    labels = lattice.labels(np.arange(len(lattice.value)))
    (found,) = np.flatnonzero((labels == list(codes)).all(axis=1))
    return int(found)


def shown(lattice: Lattice, *cells: tuple[str, ...]) -> np.ndarray:
    mask = np.zeros(len(lattice.value), dtype=bool)
    mask[[place(lattice, *each) for each in cells]] = True
    return mask


def offers(found: Alternatives, lattice: Lattice, *codes: str) -> list[tuple[str, ...]]:
    targets = found.target[found.cell == place(lattice, *codes)]
    return list(lattice.labels(targets).itertuples(index=False, name=None))


def edges(dimension: Dimension) -> dict[str, set[str]]:
    """Steps up that skip nothing: parents that do not contain another parent of the node."""
    parents: dict[str, set[str]] = {code: set() for code in dimension.codes}
    for parent, children in dimension.sums:
        for child in children.tolist():
            parents[dimension.codes[child]].add(dimension.codes[parent])

    def above(code: str) -> set[str]:
        return parents[code].union(*(above(each) for each in parents[code]))

    return {code: {up for up in ups if not any(up in above(other) for other in ups)} for code, ups in parents.items()}


def walk(lattice: Lattice, start: tuple[str, ...], weights: dict[str, float]) -> dict[tuple[str, ...], float]:
    """Distance of everything that one can climb to, by Dijkstra's algorithm."""
    names = [each.name for each in lattice.dimensions]
    steps = [edges(each) for each in lattice.dimensions]
    found: dict[tuple[str, ...], float] = {}
    queue = [(0.0, start)]
    while queue:
        distance, at = heapq.heappop(queue)
        if at in found:
            continue
        found[at] = distance
        for axis, name in enumerate(names):
            for up in steps[axis][at[axis]] if name in weights else ():
                heapq.heappush(queue, (distance + weights[name], (*at[:axis], up, *at[axis + 1 :])))
    del found[start]
    return found


def test_levels_when_regions_are_parts_of_nation_and_country_then_country_is_further(lattice):
    every = np.ones(len(lattice.value), dtype=bool)
    every[place(lattice, "N", "all", "every")] = False
    found = coarsen(lattice, every, every, order=ORDER)
    assert offers(found, lattice, "N", "all", "every") == [("ENG", "all", "every")]
    assert found.frame().to_dict("records") == [
        {
            "cell": place(lattice, "N", "all", "every"),
            "rank": 1,
            "target": place(lattice, "ENG", "all", "every"),
            "distance": 2.0,
            "flagged": False,
            "up_area": 1,
            "up_people": 0,
            "up_job": 0,
        }
    ]


def test_offers_when_nearest_is_flagged_then_first_unflagged_follows(lattice):
    flagged, plain = ("N", "all", "111"), ("N", "all", "1")
    unflagged = shown(lattice, plain)
    found = coarsen(lattice, unflagged | shown(lattice, flagged), unflagged, order=ORDER)
    assert offers(found, lattice, "N", "young", "111") == [flagged, plain]
    assert found.flagged[found.cell == place(lattice, "N", "young", "111")].tolist() == [True, False]
    assert offers(found, lattice, *flagged) == [plain]
    assert offers(found, lattice, *plain) == []


def test_offers_when_two_flagged_are_near_then_only_the_nearest_is_offered(lattice):
    flagged = shown(lattice, ("N", "all", "111"), ("N", "young", "11"))
    unflagged = shown(lattice, ("UK", "all", "every"))
    found = coarsen(lattice, flagged | unflagged, unflagged, order=ORDER)
    assert offers(found, lattice, "N", "young", "111") == [("N", "all", "111"), ("UK", "all", "every")]


def test_offers_when_one_contains_another_then_only_the_inner_is_offered(lattice):
    unflagged = shown(lattice, ("N", "all", "111"), ("ENG", "all", "111"), ("N", "young", "11"), ("UK", "all", "11"))
    found = coarsen(lattice, unflagged, unflagged, order=ORDER)
    assert offers(found, lattice, "N", "young", "111") == [("N", "all", "111"), ("N", "young", "11")]


def test_offers_when_other_order_then_other_dimension_is_given_up(lattice):
    unflagged = shown(lattice, ("N", "all", "111"), ("N", "young", "11"))
    found = coarsen(lattice, unflagged, unflagged, order=("job", "area", "people"))
    assert offers(found, lattice, "N", "young", "111") == [("N", "young", "11"), ("N", "all", "111")]


def test_offers_when_dimension_is_not_in_order_then_it_stays(lattice):
    unflagged = shown(lattice, ("N", "all", "111"), ("UK", "young", "every"))
    found = coarsen(lattice, unflagged, unflagged, order=("area", "job"))
    assert offers(found, lattice, "N", "young", "111") == [("UK", "young", "every")]


def test_offers_when_many_dimensions_would_do_then_at_most_the_limit(lattice):
    cells = [("N", "all", "111"), ("ENG", "young", "111"), ("N", "young", "11")]
    unflagged = shown(lattice, *cells)
    assert offers(coarsen(lattice, unflagged, unflagged, order=ORDER), lattice, "N", "young", "111") == cells
    two = coarsen(lattice, unflagged, unflagged, order=ORDER, limit=2)
    assert offers(two, lattice, "N", "young", "111") == cells[:2]
    assert two.rank[two.cell == place(lattice, "N", "young", "111")].tolist() == [1, 2]


def test_offers_when_only_the_total_is_published_then_the_total(lattice):
    unflagged = shown(lattice, ("UK", "all", "every"))
    found = coarsen(lattice, unflagged, unflagged, order=ORDER)
    assert sorted(found.cell) == np.flatnonzero(~unflagged).tolist()
    assert set(found.target) == {place(lattice, "UK", "all", "every")}


def test_offers_when_nothing_is_published_then_none(lattice):
    nothing = np.zeros(len(lattice.value), dtype=bool)
    found = coarsen(lattice, nothing, nothing, order=ORDER)
    assert len(found.cell) == 0
    assert found.frame().empty


def test_offers_when_everything_is_published_plain_then_none(lattice):
    every = np.ones(len(lattice.value), dtype=bool)
    assert len(coarsen(lattice, every, every, order=ORDER).cell) == 0


def test_offers_when_only_some_cells_ask_then_no_others(lattice):
    unflagged = shown(lattice, ("UK", "all", "every"))
    asked = shown(lattice, ("N", "young", "111"), ("UK", "all", "every"))
    found = coarsen(lattice, unflagged, unflagged, order=ORDER, asked=asked)
    assert found.cell.tolist() == [place(lattice, "N", "young", "111")]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    published=st.floats(0, 1),
    plain=st.floats(0, 1),
    weights=st.permutations([1.0, 2.0, 3.5]),
    kept=st.sampled_from([None, "people", "area", "job"]),
)
def test_offers_when_compared_with_walks_then_nothing_nearer_was_published(
    lattice, seed, published, plain, weights, kept
):
    rng = np.random.default_rng(seed)
    cells = len(lattice.value)
    publishable = rng.random(cells) < published
    unflagged = publishable & (rng.random(cells) < plain)
    loss = {name: weight for name, weight in zip(ORDER, weights, strict=True) if name != kept}
    found = coarsen(lattice, publishable, unflagged, order=tuple(loss), weights=loss)
    codes = list(lattice.labels(np.arange(cells)).itertuples(index=False, name=None))
    number = {code: cell for cell, code in enumerate(codes)}
    for cell in rng.choice(cells, 25, replace=False):
        rows = np.flatnonzero(found.cell == cell)
        if unflagged[cell]:
            assert not len(rows)
            continue
        reach = {number[code]: distance for code, distance in walk(lattice, codes[cell], loss).items()}
        best = min((reach[each] for each in reach if publishable[each]), default=None)
        best_plain = min((reach[each] for each in reach if unflagged[each]), default=None)
        given_plain = found.distance[rows][~found.flagged[rows]]
        assert (len(rows) == 0) == ((best_plain if publishable[cell] else best) is None)
        assert all(reach[target] == found.distance[row] for row, target in zip(rows, found.target[rows], strict=True))
        assert found.rank[rows].tolist() == list(range(1, len(rows) + 1))
        assert (np.diff(found.distance[rows]) >= 0).all()
        assert publishable[found.target[rows]].all()
        if len(rows) and not publishable[cell]:
            assert found.distance[rows[0]] == best
        if best_plain is not None:
            assert given_plain.min() == best_plain
        assert found.flagged[rows].sum() <= (not publishable[cell])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"order": ("people", "size")}, "size is not among the dimensions area, people, job"),
        ({"order": ("people", "people")}, "a name given twice"),
        ({"order": ORDER, "weights": {"job": 0.0}}, "job"),
        ({"order": ("area",), "weights": {"job": 1.0}}, "job is not in the order"),
        ({"order": ORDER, "limit": 1}, "a limit of 1"),
    ],
)
def test_coarsen_when_order_does_not_fit_then_error_names_it(lattice, arguments, words):
    every = np.ones(len(lattice.value), dtype=bool)
    with pytest.raises(MethodError, match=words):
        coarsen(lattice, every, every, **arguments)


def test_coarsen_when_statuses_do_not_fit_then_error_counts_them(lattice):
    every = np.ones(len(lattice.value), dtype=bool)
    with pytest.raises(MethodError, match="225 of 225 cells are unflagged and yet not publishable"):
        coarsen(lattice, ~every, every, order=ORDER)
    with pytest.raises(MethodError, match="225 cells, but statuses of shape"):
        coarsen(lattice, every[1:], every[1:], order=ORDER)
