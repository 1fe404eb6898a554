"""Calibration of survey weights to known totals (Deville and Särndal 1992).

Weights w_k = d_k F(q_k x_k'lambda) that meet every control, sum_k w_k x_k = T, and stay as near to the base weights d
as the distance behind F says. Units collapse to cells, cells fall into blocks, and each block is solved by Newton's
method; which of these happen is found out from the controls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration_cells import Cells, collapse
from lmi_pipeline.methods.calibration_checks import ControlExamination, examine_cells, require_reachable
from lmi_pipeline.methods.calibration_solver import Problem, Solution, rounding_error, solve
from lmi_pipeline.methods.distances import Distance, Raking
from lmi_pipeline.methods.margins import IntArray, Margin, control_labels, control_sizes, control_totals
from lmi_pipeline.methods.tables import FloatArray, floats
from lmi_pipeline.methods.weight_report import kish

_AT_BOUND = 1e-6
_CLOSE = 1e-7
_WORST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Calibrated weights and how they were reached.

    Attributes
    ----------
    weights, g_weights, base_weights : ndarray
        (n,). The g-weight is the factor on the base weight; the base weight is averaged over the household where
        all its members have one weight.
    multipliers : ndarray
        (p,) one for each control; zero for controls that were left out.
    labels : tuple of str
        (p,) names of the controls.
    iterations : int
        Newton steps of the block that took most.
    converged : bool
    max_relative_error : float
        Over all controls.
    residuals : ndarray
        (p,) what the weights give less the control.
    share_at_bounds : float
        Share of units whose factor is at a bound; 0 without bounds.
    design_effect : float
        Kish: 1 + squared coefficient of variation of the weights; not a number where they sum to zero.
    effective_size : float
        n over the design effect.
    structure : str
        How it was solved, e.g. ``3600 cells, 12 blocks``.
    redundant : tuple of str
        Controls that follow from others.
    """

    weights: FloatArray
    g_weights: FloatArray
    base_weights: FloatArray
    multipliers: FloatArray
    labels: tuple[str, ...]
    iterations: int
    converged: bool
    max_relative_error: float
    residuals: FloatArray
    share_at_bounds: float
    design_effect: float
    effective_size: float
    structure: str
    redundant: tuple[str, ...]


def calibrate(
    base_weights: FloatArray,
    margins: Sequence[Margin],
    *,
    distance: Distance | None = None,
    scale: FloatArray | None = None,
    household: NDArray[Any] | None = None,
    start: FloatArray | None = None,
    tolerance: float = 1e-10,
    consistency: float = 1e-8,
    max_iterations: int = 50,
    best_effort: bool = False,
) -> Calibration:
    """Calibrate weights to margins.

    Parameters
    ----------
    base_weights : ndarray
        (n,) finite, not negative. Of any scale, which is never changed: linear and raking weights do not depend on it
        where some margin covers everybody and `scale` is 1, other weights do.
    margins : sequence of Margin
        Controls, of categories or continuous auxiliaries. They may be redundant; they may not disagree.
    distance : Distance, optional
        Raking if absent.
    scale : ndarray, optional
        (n,) q, positive; 1 if absent.
    household : ndarray, optional
        (n,) household of each unit, for one weight for all its members: auxiliaries and base weights are averaged
        over the household (Lemaître and Dufour 1987).
    start : ndarray, optional
        (p,) multipliers of an earlier solution to begin with.
    tolerance : float
        Largest error of a control relative to its total, for the solver to stop at; more than 1e-7 counts as 1e-7.
    consistency : float
        Relative difference up to which two sums of controls are the same.
    max_iterations : int
    best_effort : bool
        Return the best weights found with their residuals where the controls cannot all be met.

    Returns
    -------
    Calibration

    Raises
    ------
    MethodError
        Before solving: controls without a unit, that disagree, or that no factors within the bounds of the distance
        can meet, by name and size. After: controls not met within the iterations or bounds, the worst by name.

    Notes
    -----
    A control of zero with units in it: under raking its units have weight zero and are left out before solving
    (where no auxiliary is negative); under the linear distance it is met like any other, so that its weights cancel;
    under the truncated linear distance likewise if the lower bound is zero; and with a lower bound above zero it
    cannot be met, which is an error before solving.
    """
    law = Raking() if distance is None else distance
    cells = collapse(base_weights, margins, scale=scale, household=household)
    totals = control_totals(margins)
    live = _live_cells(cells, totals, law)
    examined = examine_cells(_restrict(cells, live), margins, tolerance=consistency)
    if not best_effort:
        examined.raise_if_inconsistent()
    kept = examined.kept
    auxiliaries, weights = cells.auxiliaries[live], cells.weights[live]
    if not best_effort:
        require_reachable(auxiliaries, weights, totals, control_labels(margins), law)
    sizes = control_sizes(margins)[kept]
    problem = Problem(auxiliaries[:, kept], weights, cells.scale[live], totals[kept], sizes)
    begin = np.zeros(len(kept)) if start is None else _started(start, len(totals))[kept]
    solution = solve(problem, law, begin, tolerance=min(tolerance, _CLOSE), max_iterations=max_iterations)
    return _result(cells, live, examined, solution, margins, law, best_effort=best_effort)


def _live_cells(cells: Cells, totals: FloatArray, law: Distance) -> IntArray:
    """Cells to solve for: with a weight, and under raking in no control of zero."""
    live = cells.weights > 0
    if law.lower == 0.0 and not np.isfinite(law.upper):
        zero = (totals == 0).astype(float)
        if zero.any() and (cells.auxiliaries.data >= 0).all():
            live &= (cells.auxiliaries @ zero) == 0
    return np.flatnonzero(live)


def _restrict(cells: Cells, live: IntArray) -> Cells:
    if len(live) == len(cells.weights):
        return cells
    inside = np.isin(cells.cell[cells.examples], live)
    weights = np.zeros_like(cells.weights)
    weights[live] = cells.weights[live]
    return Cells(cells.auxiliaries, weights, cells.scale, cells.cell, cells.base_weights, cells.examples[inside])


def _started(start: FloatArray, controls: int) -> FloatArray:
    found = floats(start)
    if found.shape != (controls,) or not np.isfinite(found).all():
        raise MethodError(f"calibration: a start of {found.size} multipliers for {controls} controls, or not finite")
    return found


def _result(
    cells: Cells,
    live: IntArray,
    examined: ControlExamination,
    solution: Solution,
    margins: Sequence[Margin],
    law: Distance,
    *,
    best_effort: bool,
) -> Calibration:
    totals, labels = control_totals(margins), control_labels(margins)
    multipliers = np.zeros(len(totals))
    multipliers[examined.kept] = solution.multipliers
    factor = np.zeros(len(cells.weights))
    factor[live] = law.ratio(cells.scale[live] * (cells.auxiliaries[live] @ multipliers))
    residuals = cells.auxiliaries.T @ (cells.weights * factor) - totals
    size = control_sizes(margins)
    allowed = _CLOSE + rounding_error(cells.auxiliaries, cells.weights, factor) / size
    errors = np.abs(residuals) / size
    met = solution.converged and bool((errors <= allowed).all())
    if not met and not best_effort:
        raise MethodError(_not_met(labels, errors, solution, law))
    g_weights = factor[cells.cell]
    weights = cells.base_weights * g_weights
    effect = kish(weights)
    return Calibration(
        weights=weights,
        g_weights=g_weights,
        base_weights=cells.base_weights,
        multipliers=multipliers,
        labels=tuple(labels),
        iterations=solution.iterations,
        converged=met,
        max_relative_error=float(errors.max()),
        residuals=residuals,
        share_at_bounds=_share_at_bounds(g_weights, law),
        design_effect=effect,
        effective_size=len(weights) / effect,
        structure=f"{len(live)} cells, {solution.blocks} block{'s' if solution.blocks != 1 else ''}",
        redundant=examined.redundant,
    )


def _share_at_bounds(g_weights: FloatArray, law: Distance) -> float:
    if not np.isfinite(law.upper):
        return 0.0
    width = _AT_BOUND * (law.upper - law.lower)
    return float(((g_weights <= law.lower + width) | (g_weights >= law.upper - width)).mean())


def _not_met(labels: list[str], errors: FloatArray, solution: Solution, law: Distance) -> str:
    worst = np.argsort(-errors, kind="stable")[:_WORST]
    shown = "; ".join(f"{labels[at]} off by {100 * errors[at]:.3g} %" for at in worst if errors[at] > 0)
    bounded = np.isfinite(law.upper)
    advice = "widen the bounds, or merge cells" if bounded else "merge cells with few respondents, or check the totals"
    return (
        f"calibration ({law.name}) does not meet its controls after {solution.iterations} iterations: {shown}; {advice}"
    )
