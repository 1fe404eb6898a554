"""Proportional fitting of cells to margins in order of priority (RAS; Deming and Stephan 1940).

The cells found are those that scaling to the margins by turns converges to. Turns are slow where a small free cell
has to take up what the fixed cells around it leave, so the last digits are Newton steps to the same solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_constraints import Constraints, RakingMargin
from lmi_pipeline.methods.tables import FloatArray

_STEPS, _TURNS, _LAST_TURNS = 50, 20, 5
# In a contradiction: turns before it is looked at, rounds of resolving it, and the part of the worst miss from which
# on a target counts as one of those in contradiction.
_CYCLES, _ROUNDS, _PART = 200, 20, 0.01
_SLACK = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Raked:
    """Cells that meet their margins.

    Attributes
    ----------
    values : ndarray
        (n,)
    targets : tuple of ndarray
        (m,) of every margin, in the order given: as asked, but for those that the margins above make impossible.
    passes : int
        Scalings to all margins by turns.
    """

    values: FloatArray
    targets: tuple[FloatArray, ...]
    passes: int


def rake(
    values: FloatArray,
    margins: Sequence[RakingMargin],
    *,
    tolerance: float,
    max_passes: int,
    relaxation: float = 1.0,
    limits: tuple[float, float] | None = None,
) -> Raked:
    """Scale cells to their margins until all are met.

    Parameters
    ----------
    values : ndarray
        (n,) positive.
    margins : sequence of RakingMargin
        In order of priority. Where a margin cannot be met together with those above it, its targets in question
        become what those allow: scaled alike in each group that they must add up to.
    tolerance : float
        Largest relative distance of a sum from its target at which to stop.
    max_passes : int
        Most turns in all.
    relaxation : float
        Largest factor by which a target may move so; 1 for none.
    limits : tuple of float, optional
        Range of sum over initial sum in which to hold cells of a margin without a target.

    Returns
    -------
    Raked
        The first margin is met exactly, the others within the tolerance.

    Raises
    ------
    MethodError
        A target without a cell, one that would have to move farther, or targets not met within the passes: by margin,
        cell and size.
    """
    for margin in margins:
        _require_cells(margin)
    bounds, held, passes = _Limits(tolerance, max_passes, relaxation), list(margins), 0
    for _ in range(_ROUNDS):
        system = Constraints()
        for margin, asked in zip(held, margins, strict=True):
            system = _with(system, margin, asked, values, bounds)
        fit = _solved(system, values, bounds, passes)
        passes = fit.passes
        more = None if limits is None else _holding(fit.values, values, held, limits)
        if more is None:
            break
        held = more
    if not fit.met:
        system, fit = _resolved(held, margins, replace(fit, values=values), bounds)
    return Raked(fit.values, tuple(margin.targets for margin in system.margins), fit.passes)


@dataclass(frozen=True, slots=True)
class _Limits:
    tolerance: float
    max_passes: int
    relaxation: float


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    values: FloatArray
    passes: int
    met: bool


def _solved(system: Constraints, values: FloatArray, limits: _Limits, passes: int = 0) -> _Fit:
    """Turns, Newton steps, and turns again: to settle what they leave and meet the first margin exactly."""
    fit = _turns(system, _Fit(values, passes, met=False), limits, _TURNS)
    if fit.met:
        return fit
    near = system.newton(fit.values, tolerance=limits.tolerance / 10, steps=_STEPS)
    return _turns(system, replace(fit, values=near), limits, _LAST_TURNS)


def _turns(system: Constraints, fit: _Fit, limits: _Limits, most: int) -> _Fit:
    """Scale to the margins by turns, the first one last, until met or out of turns."""
    values, passes = fit.values.copy(), fit.passes
    for _ in range(min(most, limits.max_passes - passes)):
        passes, worst = passes + 1, 0.0
        for margin in reversed(system.margins):
            factor = margin.factors(values)
            worst = max(worst, float(np.abs(factor - 1.0).max(initial=0.0)))
            values *= factor[margin.index]
        if worst <= limits.tolerance:
            return _Fit(values, passes, met=True)
    return _Fit(values, passes, met=False)


def _resolved(
    held: Sequence[RakingMargin], margins: Sequence[RakingMargin], start: _Fit, limits: _Limits
) -> tuple[Constraints, _Fit]:
    """Add margins one at a time; relax each where those above it leave no other way."""
    system, fit = Constraints(), start
    for first, asked in zip(held, margins, strict=True):
        margin = first
        for _ in range(_ROUNDS):
            tried = _with(system, margin, asked, fit.values, limits)
            found = _solved(tried, fit.values, limits, fit.passes)
            if found.met:
                break
            if found.passes >= limits.max_passes:
                raise MethodError(_not_met(found.values, tried.margins, found.passes))
            cycle = _turns(tried, replace(fit, passes=found.passes), limits, _CYCLES)
            fit = _solved(system, cycle.values, limits, cycle.passes)
            margin = _relaxed(tried.margins[-1], fit.values, limits.tolerance)
        else:
            raise MethodError(_not_met(found.values, tried.margins, found.passes))
        system, fit = tried, found
    return system, fit


def _with(
    system: Constraints, margin: RakingMargin, asked: RakingMargin, values: FloatArray, limits: _Limits
) -> Constraints:
    """The constraints with another margin; MethodError if a target is not near enough to what was asked."""
    found = system.adding(margin, values)
    ratio = found.margins[-1].targets / asked.targets
    far = ~((ratio >= 1 / limits.relaxation) & (ratio <= limits.relaxation)) & np.isfinite(ratio)
    if far.any():
        distance = np.where(far, np.abs(ratio - 1), 0.0)
        cell = int(distance.argmax())
        raise MethodError(
            f"margin {margin.name}: {int(far.sum())} targets cannot be met together with the margins above, first "
            f"{margin.labels[cell]}, for which these leave {ratio[cell]:.4g} of its target where there are jobs; "
            "make the margin soft, leave it out, or allow more relaxation"
        )
    return found


def _holding(
    fitted: FloatArray, values: FloatArray, margins: Sequence[RakingMargin], limits: tuple[float, float]
) -> list[RakingMargin] | None:
    """The margins, the first one in which cells without a target left the limits holding them there; or nothing."""
    for at, margin in enumerate(margins):
        before = margin.sums(values)
        free = ~np.isfinite(margin.targets) & (before > 0)
        factor = np.divide(margin.sums(fitted), before, out=np.ones_like(before), where=free)
        nearest = np.clip(factor, *limits)
        beyond = free & (np.abs(factor - nearest) > _SLACK)
        if beyond.any():
            held = replace(margin, targets=np.where(beyond, nearest * before, margin.targets))
            return [*margins[:at], held, *margins[at + 1 :]]
    return None


def _relaxed(margin: RakingMargin, values: FloatArray, tolerance: float) -> RakingMargin:
    """The margin with the targets that are missed replaced by what the cells sum to."""
    factor = margin.factors(values)
    miss = np.abs(np.log(factor))
    moved = miss > max(tolerance, _PART * float(miss.max()))
    return replace(margin, targets=np.where(moved, margin.targets / factor, margin.targets))


def _require_cells(margin: RakingMargin) -> None:
    counts = np.bincount(margin.index, minlength=len(margin.targets))
    asked = np.isfinite(margin.targets)
    empty = np.flatnonzero(asked & (counts == 0))
    if len(empty):
        raise MethodError(
            f"margin {margin.name}: {len(empty)} of {int(asked.sum())} targets have no jobs in any cell, first "
            f"{margin.labels[empty[0]]}; leave them out, or give these cells jobs"
        )


def _not_met(values: FloatArray, margins: Sequence[RakingMargin], passes: int) -> str:
    misses = [np.abs(1.0 / margin.factors(values) - 1.0) for margin in margins]
    worst = max(range(len(margins)), key=lambda at: float(misses[at].max()))
    cell = int(misses[worst].argmax())
    return (
        f"margins not met in {passes} passes: margin {margins[worst].name}, cell {margins[worst].labels[cell]} is off "
        f"by {misses[worst][cell]:.2g} of its target; allow more passes, or leave this margin out"
    )
