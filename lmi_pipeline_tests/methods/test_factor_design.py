"""Normal equations on factors against the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_design import Design, Factor, NormalEquations, make_design
from lmi_pipeline_tests.methods.factor_problem import NAMES, jobs, reordered


def _greedy(design: Design) -> np.ndarray:
    """Columns that raise the rank, factor by factor from the last level, continuous ones at the end (NumPy's rank)."""
    matrix = design.matrix().toarray()
    matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1)
    spans = [design.columns(name) for name in design.names]
    order = [column for span in spans for column in range(span.stop - 1, span.start - 1, -1)]
    order += range(design.continuous.shape[1])
    kept, basis = np.zeros(design.size, dtype=bool), np.empty((design.row_count, 0))
    for column in order:
        rest = matrix[:, column]
        for _ in range(2):
            rest = rest - basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > 1e-6:
            kept[column] = True
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return kept


def _solved_as_by_least_squares(design: Design, y: np.ndarray, weights: np.ndarray) -> None:
    equations = NormalEquations.prepare(design)
    matrix = design.matrix().toarray()
    np.testing.assert_array_equal(equations.empty, ~matrix.any(axis=0))
    np.testing.assert_array_equal(~(equations.aliased | equations.empty), _greedy(design))
    found = equations.factorise(weights).solve(design.transposed(weights * y))
    root = np.sqrt(weights)
    expected = np.linalg.lstsq(matrix * root[:, None], root * y, rcond=1e-13)[0]
    np.testing.assert_allclose(design.product(found), matrix @ expected, rtol=0, atol=1e-9)
    assert not found[equations.aliased | equations.empty].any()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    rows=st.integers(40, 500),
    occupations=st.integers(3, 30),
    years=st.integers(1, 4),
    industries=st.integers(1, 6),
    order=st.permutations(range(len(NAMES))),
    count=st.integers(1, len(NAMES)),
    seed=st.integers(0, 10_000),
)
def test_any_order_of_factors(rows, occupations, years, industries, order, count, seed) -> None:
    design, y, weights, _ = jobs(rows, occupations, years, industries, seed=seed)
    _solved_as_by_least_squares(reordered(design, order[:count]), y, weights)


def test_the_pay_equation_is_eliminated_in_blocks() -> None:
    design, y, weights, _ = jobs(3_000, 40, 4, 20)
    layout = NormalEquations.prepare(design).assembler.layout
    assert layout.eliminated == ("occupation.time", "occupation.sex")
    assert len(layout.groups) == 4
    assert len(layout.retained) == 2 + 12 + 9 + 80
    _solved_as_by_least_squares(design, y, weights)


def test_lowest_level_of_the_later_factor_is_aliased() -> None:
    design = jobs(4_000, 40, 4, 5, seed=2)[0]
    equations = NormalEquations.prepare(design)
    found = {name: np.flatnonzero(equations.aliased[design.columns(name)]).tolist() for name in NAMES}
    years = equations.empty[design.columns("occupation.time")].reshape(40, 4)
    assert found["occupation.sex"] == []
    assert found["occupation.time"] == [4 * at + int(np.argmin(years[at])) for at in range(40)]
    assert found["sex"] == [0, 1]
    assert found["region"] == [0]
    assert found["qualification"] == [0]
    assert found["industry.time"] == [0, 1, 2, 3]


def test_right_hand_sides_may_be_many() -> None:
    design, y, weights, _ = jobs(2_000)
    factorisation = NormalEquations.prepare(design).factorise(weights)
    right = np.column_stack([design.transposed(weights * y), design.transposed(weights * y**2)])
    together = factorisation.solve(right)
    for at in range(2):
        np.testing.assert_allclose(together[:, at], factorisation.solve(right[:, at]), rtol=0, atol=1e-10)


def test_products_with_the_design_are_those_of_the_matrix() -> None:
    design, y, _, _ = jobs(500)
    matrix = design.matrix().toarray()
    coefficients = np.random.default_rng(1).normal(size=design.size)
    np.testing.assert_allclose(design.product(coefficients), matrix @ coefficients, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(design.transposed(y), matrix.T @ y, rtol=1e-12, atol=1e-9)


def test_rows_without_weight_do_not_count() -> None:
    codes = np.array([0, 0, 1, 1, 2, 2])
    design = make_design([Factor("a", codes, 4)])
    equations = NormalEquations.prepare(design, np.array([1.0, 1, 1, 0, 0, 0]))
    np.testing.assert_array_equal(equations.empty, [False, False, True, True])


def test_two_factors_in_pieces_lose_a_level_for_each_piece() -> None:
    first, second = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 1, 0, 1, 2, 3, 2, 3])
    equations = NormalEquations.prepare(make_design([Factor("a", first, 4), Factor("b", second, 4)]))
    np.testing.assert_array_equal(equations.aliased, [False] * 4 + [True, False, True, False])


@pytest.mark.parametrize(
    ("factors", "continuous", "names", "message"),
    [
        ([Factor("a", np.array([0, 3, -1]), 3)], None, (), "2 rows have a code of factor a outside 0 to 2"),
        ([Factor("a", np.array([0.0, 1.0]), 2)], None, (), "factor a has codes of shape .* type float64"),
        ([Factor("a", np.array([0, 1]), 2)], np.ones((3, 1)), ("x",), "factor a has codes of shape"),
        ([Factor("a", np.array([0, 1]), 2)], np.array([[1.0], [np.nan]]), ("x",), "1 rows of x are missing"),
        ([Factor("a", np.array([0, 1]), 2)], np.ones((2, 1)), ("a",), "a name of its own"),
        ([Factor("a", np.array([0, 1]), 2)], np.ones((2, 2)), ("x",), "give every column a name"),
        ([Factor("a", np.array([], dtype=int), 2)], None, (), "no rows"),
        ([], None, (), "give at least one"),
    ],
)
def test_impossible_designs_are_named(factors, continuous, names, message) -> None:
    with pytest.raises(MethodError, match=message):
        make_design(factors, continuous, names)


def test_an_unknown_regressor_is_named() -> None:
    with pytest.raises(MethodError, match="no regressor b; there are a"):
        make_design([Factor("a", np.array([0, 1]), 2)]).columns("b")


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.zeros(3), "none of 3 rows has a weight above 0"), (np.array([1.0, -1, 1]), "none negative")],
)
def test_impossible_weights_are_named(weights, message) -> None:
    with pytest.raises(MethodError, match=message):
        NormalEquations.prepare(make_design([Factor("a", np.array([0, 1, 1]), 2)]), weights)
