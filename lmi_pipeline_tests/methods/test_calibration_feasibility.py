"""Calibration succeeds exactly where controls can be met, by linear programming and by least squares."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration import calibrate
from lmi_pipeline.methods.distances import Distance, Linear, Logit, TruncatedLinear
from lmi_pipeline.methods.margins import Margin, control_totals, design_matrix, margin_errors

UNITS = 60
CLEAR = 1e-4


def problem(seed: int) -> tuple[np.ndarray, list[Margin]]:
    """Base weights, and crossed margins that some positive weights meet."""
    rng = np.random.default_rng(seed)
    base = 0.1 + rng.gamma(1, 10, UNITS)
    truth = base * np.exp(rng.normal(0, rng.uniform(0.1, 1.0), UNITS))
    cells = [np.unique(rng.integers(0, rng.integers(2, 6), UNITS), return_inverse=True)[1] for _ in range(3)]
    margins = [
        Margin(f"m{j}", tuple(map(str, range(cell.max() + 1))), np.bincount(cell, truth), cell.astype(np.int64))
        for j, cell in enumerate(cells)
    ]
    return base, margins


def room(base: np.ndarray, margins: list[Margin], lower: float, upper: float) -> float:
    """How far inside the bounds the factors that meet the controls can be; negative if they must be outside."""
    x, identity, ones = design_matrix(margins, UNITS).toarray(), np.eye(UNITS), np.ones((UNITS, 1))
    answer = linprog(
        np.append(np.zeros(UNITS), -1.0),
        A_ub=np.block([[identity, ones], [-identity, ones]]),
        b_ub=np.repeat([upper, -lower], UNITS),
        A_eq=np.column_stack([x.T * base, np.zeros(x.shape[1])]),
        b_eq=control_totals(margins),
        bounds=(None, None),
    )
    assert answer.status == 0
    return float(-answer.fun)


@pytest.mark.parametrize("law", [Logit, TruncatedLinear])
@pytest.mark.parametrize("seed", range(12))
def test_bounded_factors_are_found_where_there_are_any_and_nowhere_else(
    law: type[Logit] | type[TruncatedLinear], seed: int
) -> None:
    base, margins = problem(seed)
    rng = np.random.default_rng(seed)
    lower, upper = rng.uniform(0, 0.9), 1 + rng.uniform(0.1, 1.5)
    inside = room(base, margins, lower, upper)
    assert abs(inside) > CLEAR
    if inside > 0:
        result = calibrate(base, margins, distance=law(lower, upper))
        assert margin_errors(result.weights, margins)["relative_error"].max() < 1e-9
        assert lower <= result.g_weights.min() <= result.g_weights.max() <= upper
    else:
        with pytest.raises(MethodError, match="widen the bounds"):
            calibrate(base, margins, distance=law(lower, upper))


def test_the_seeds_hold_problems_of_both_kinds() -> None:
    signs = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        lower, upper = rng.uniform(0, 0.9), 1 + rng.uniform(0.1, 1.5)
        signs.add(room(*problem(seed), lower, upper) > 0)
    assert signs == {True, False}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("together", [False, True], ids=["person", "household"])
def test_controls_conflict_where_least_squares_says_so(seed: int, together: bool) -> None:
    rng = np.random.default_rng(seed)
    base, _ = problem(seed)
    home = np.arange(UNITS) // 3 if together else np.arange(UNITS)
    truth = rng.gamma(4, 3, UNITS)[home]
    a, b, c = (rng.integers(0, size, UNITS) for size in (4, 3, 2))
    margins = [
        Margin(name, tuple(map(str, range(size))), np.bincount(cell, truth, minlength=size), cell)
        for name, cell, size in (("ab", a * 3 + b, 12), ("a", a, 4), ("bc", b * 2 + c, 6), ("ac", a * 2 + c, 8))
    ]
    law: Distance = Linear()
    assert calibrate(base, margins, distance=law, household=home).converged
    cell = int(rng.integers(0, 4))
    wrong = replace(margins[1], totals=np.where(np.arange(4) == cell, 1.05, 1.0) * margins[1].totals)
    margins[1] = wrong
    x, totals = design_matrix(margins, UNITS).toarray(), control_totals(margins)
    assert np.abs(x.T @ np.linalg.lstsq(x.T, totals)[0] - totals).max() > 1e-3
    with pytest.raises(MethodError, match=f"a: {cell} .*all are with a: correct its totals"):
        calibrate(base, margins, distance=law, household=home)
