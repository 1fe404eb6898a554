"""Adding areas up and sharing out, and persons whose country of birth is not stated."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.areas import add_national, allocate_to_areas, combine_areas
from lmi_pipeline.methods.birth_groups import distribute_not_stated
from lmi_pipeline.methods.tables import to_array, to_long

AREAS = ["E12000001", "E12000002", "W92000004"]
MONTHS = ["2019-10", "2019-11"]


def employees() -> pd.DataFrame:
    return to_long({"n": np.arange(6.0).reshape(2, 3)}, {"month": MONTHS, "area_code": AREAS})


def stocks(persons: list[list[float]]) -> pd.DataFrame:
    groups = ["uk", "eu", "non_eu", "not_stated"]
    axes = {"quarter": ["2019-10"], "area_code": AREAS[: len(persons)], "birth_group": groups}
    return to_long({"population_count": np.array([persons])}, axes)


def test_combine_areas_when_two_share_a_group_then_they_are_added() -> None:
    combined = combine_areas(employees(), {**dict.fromkeys(AREAS[:2], "north"), "W92000004": "W92000004"}, "n")
    expected = {"month": MONTHS, "area_code": ["north", "W92000004"]}
    np.testing.assert_array_equal(to_array(combined, "n", expected, "sum"), [[1, 2], [7, 5]])
    assert combined.columns.tolist() == ["month", "area_code", "n"]


def test_combine_areas_when_area_has_no_group_then_refused_by_name() -> None:
    with pytest.raises(MethodError, match="no group for area W92000004"):
        combine_areas(employees(), dict.fromkeys(AREAS[:2], "north"), "n")


def test_combine_areas_when_member_is_missing_in_one_month_then_refused() -> None:
    with pytest.raises(MethodError, match="1 sums lack an area of their group; groups: uk"):
        combine_areas(employees().drop(index=4), dict.fromkeys(AREAS, "uk"), "n")


def test_add_national_then_is_the_sum_of_areas_and_is_not_added_twice() -> None:
    with_uk = add_national(employees(), "n")
    assert with_uk.loc[with_uk["area_code"] == "K02000001", "n"].tolist() == [3.0, 12.0]
    assert len(with_uk) == 8
    with pytest.raises(MethodError, match="K02000001 is there already"):
        add_national(with_uk, "n")


@given(st.lists(st.floats(1, 1e7), min_size=3, max_size=3), st.floats(-1e5, 1e5))
def test_allocate_to_areas_then_adds_up_in_proportion_to_the_uk_born(uk_born: list[float], change: float) -> None:
    national = pd.DataFrame({"quarter": ["2020-01", "2020-04"], "natural_change_count": [change, 2 * change]})
    table = stocks([[persons, 1, 1, 0] for persons in uk_born])
    shared = allocate_to_areas(national, table, "natural_change_count", share_quarter="2019-10")
    array = to_array(shared, "natural_change_count", {"quarter": ["2020-01", "2020-04"], "area_code": AREAS}, "x")
    np.testing.assert_allclose(array.sum(axis=1), [change, 2 * change], rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(array[0] * sum(uk_born), change * np.array(uk_born), rtol=1e-9, atol=1e-9)


def test_allocate_to_areas_when_no_stocks_in_the_quarter_then_refused() -> None:
    national = pd.DataFrame({"quarter": ["2020-01"], "n": [1.0]})
    with pytest.raises(MethodError, match="no positive population of group uk in quarter 2018-10"):
        allocate_to_areas(national, stocks([[1, 1, 1, 1]]), "n", share_quarter="2018-10")


@given(st.lists(st.lists(st.floats(1, 1e7), min_size=4, max_size=4), min_size=1, max_size=3))
def test_distribute_not_stated_then_keeps_the_total_and_the_proportions(persons: list[list[float]]) -> None:
    result = distribute_not_stated(stocks(persons))
    axes = {"area_code": AREAS[: len(persons)], "birth_group": ["uk", "eu", "non_eu"]}
    scaled, before = to_array(result.frame, "population_count", axes, "x"), np.array(persons)
    np.testing.assert_allclose(scaled.sum(axis=1), before.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(scaled[:, 1] * before[:, 0], before[:, 1] * scaled[:, 0], rtol=1e-12)
    np.testing.assert_allclose(result.not_stated["not_stated_share"], before[:, 3] / before.sum(axis=1), rtol=1e-12)


def test_distribute_not_stated_when_total_is_given_then_it_must_be_the_sum() -> None:
    table = stocks([[80, 10, 8, 2]])
    total = table.iloc[:1].assign(birth_group="total", population_count=100.0)
    assert distribute_not_stated(pd.concat([table, total])).not_stated["not_stated_share"].tolist() == [0.02]
    with pytest.raises(MethodError, match="1 of 1 totals are not the sum"):
        distribute_not_stated(pd.concat([table, total.assign(population_count=98.0)]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (stocks([[0, 0, 0, 5]]), "nobody stated a country of birth in 1 of 1"),
        (stocks([[5, -1, 1, 1]]), "1 negative populations"),
        (
            stocks([[5, 1, 1, 1]]).drop(index=1),
            "1 of 4 .* first quarter 2019-10, area_code E12000001, birth_group eu",
        ),
        (stocks([[5, 1, 1, 1]]).replace("eu", "eu14"), "birth_group eu14 not expected"),
    ],
)
def test_distribute_not_stated_when_stocks_are_impossible_then_refused(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        distribute_not_stated(table)
