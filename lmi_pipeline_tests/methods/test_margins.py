"""Margins: codes to cells, the sparse design, and the count that checks weights without the solver."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods import margins as m

CODES = pd.DataFrame({"region": ["A", "B", "A", "B", "B"], "sex": [1, 1, 2, 2, 2]})
TOTALS = pd.DataFrame(
    {"region": ["A", "A", "B", "B"], "sex": [1, 2, 1, 2], "persons": [10.0, 20.0, 30.0, 40.0], "year": 2020}
)
INCOME = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


@pytest.fixture
def by_region_sex() -> m.Margin:
    return m.margin_from_codes("region_sex", CODES, TOTALS, value="persons")


@pytest.fixture
def income() -> m.Margin:
    index = np.array([0, 1, 0, -1, 1])
    return m.Margin("income", ("A", "B"), np.array([4.0, 0.0]), index, INCOME)


def test_codes_find_their_cells_whatever_their_type(by_region_sex: m.Margin) -> None:
    assert by_region_sex.index.tolist() == [0, 2, 1, 3, 3]
    assert by_region_sex.labels == ("A, 1", "A, 2", "B, 1", "B, 2")
    as_text = m.margin_from_codes("region_sex", CODES.astype(str), TOTALS, value="persons")
    np.testing.assert_array_equal(as_text.index, by_region_sex.index)


def test_one_key_may_be_a_series() -> None:
    totals = pd.DataFrame({"region": ["B", "A"], "persons": [7.0, 3.0]})
    margin = m.margin_from_codes("region", CODES["region"], totals, value="persons")
    assert margin.index.tolist() == [1, 0, 1, 0, 0]


def test_codes_without_a_total_are_counted_and_the_codes_named() -> None:
    codes = CODES.assign(region=["A", "Z", None, "B", "Z"])
    with pytest.raises(MethodError, match="3 of 5 units are in none of its 4 cells") as error:
        m.margin_from_codes("region_sex", codes, TOTALS, value="persons")
    assert "1 have no code" in str(error.value)
    assert "region Z without a total" in str(error.value)


def test_where_allowed_units_outside_are_in_no_cell() -> None:
    codes = CODES.assign(region=["A", "Z", None, "B", "Z"])
    margin = m.margin_from_codes("region_sex", codes, TOTALS, value="persons", missing_allowed=True)
    assert margin.index.tolist() == [0, -1, -1, 3, -1]


def test_totals_given_twice_are_refused() -> None:
    with pytest.raises(MethodError, match="duplicate"):
        m.margin_from_codes("region_sex", CODES, pd.concat([TOTALS, TOTALS[:1]]), value="persons")


def test_design_has_a_column_for_each_cell_in_the_order_of_the_margins(
    by_region_sex: m.Margin, income: m.Margin
) -> None:
    expected = [[1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 2], [0, 1, 0, 0, 3, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 5]]
    both = [by_region_sex, income]
    np.testing.assert_array_equal(m.design_matrix(both, 5).toarray(), expected)
    assert m.control_totals(both).tolist() == [10, 20, 30, 40, 4, 0]
    assert m.control_labels(both)[3:5] == ["region_sex: B, 2", "income: A"]


def test_errors_are_relative_to_the_target_or_where_it_is_zero_to_the_mean_of_its_margin(
    by_region_sex: m.Margin, income: m.Margin
) -> None:
    weights = np.array([10.0, 30.0, 22.0, 20.0, 20.0])
    errors = m.margin_errors(weights, [by_region_sex, income])
    assert errors["reached"].tolist() == [10, 22, 30, 40, 76, 160]
    np.testing.assert_allclose(errors["relative_error"], [0, 0.1, 0, 0, 18, 80])
    np.testing.assert_array_equal(m.control_sizes([by_region_sex, income]), [10, 20, 30, 40, 4, 2])
    np.testing.assert_allclose(m.design_matrix([by_region_sex, income], 5).T @ weights, errors["reached"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"totals": np.array([1.0])}, "2 labels"),
        ({"totals": np.array([1.0, np.inf])}, "1 totals are not finite"),
        ({"index": np.array([0, 1, 0, 2, -2])}, "2 units are in a cell that does not exist"),
        ({"values": np.ones(4)}, "5 units and 4 values"),
        ({"values": np.array([1, 2, 3, np.nan, 5])}, "1 of 5 values"),
    ],
)
def test_a_margin_that_does_not_agree_with_itself_is_refused(
    income: m.Margin, change: dict[str, np.ndarray], told: str
) -> None:
    with pytest.raises(MethodError, match=told):
        replace(income, **change)


def test_margins_of_other_units_are_refused(income: m.Margin) -> None:
    with pytest.raises(MethodError, match="5 units, expected 4"):
        m.design_matrix([income], 4)
    with pytest.raises(MethodError, match="5 units, expected 4"):
        m.margin_errors(np.ones(4), [income])
    with pytest.raises(MethodError, match="at least one"):
        m.design_matrix([], 4)
