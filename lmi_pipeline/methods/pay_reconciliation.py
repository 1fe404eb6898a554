"""Predicted pay and hours brought to published means: proportional fitting on the bill (Deming and Stephan 1940).

The bill of a cell is its jobs times its predicted mean. A published mean times our own jobs is the target of a margin;
published job counts are not used. Margins stand in order of priority: the targets of each are first made consistent
with those above it, and how far that moved them is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_constraints import RakingMargin
from lmi_pipeline.methods.cell_grid import JobsCube, PredictedFactors
from lmi_pipeline.methods.cell_raking import rake
from lmi_pipeline.methods.cell_system import DIMENSIONS, CellSystem, used_axes
from lmi_pipeline.methods.pay_targets import LIMITS, MarginTargets, margin_targets
from lmi_pipeline.methods.tables import FloatArray, require_columns, require_unique


@dataclass(frozen=True, slots=True, eq=False)
class PublishedMargin:
    """Published means over some dimensions of the grid.

    Attributes
    ----------
    name : str
    dims : tuple of str
        Of ``pattern``, ``major``, ``sub_major``, ``minor``, ``occupation``, ``region``, ``sex``, ``qualification`` and
        ``industry``, at most one of an occupation; empty for the mean of everybody.
    frame : DataFrame
        A column of codes for each dimension, ``mean`` (missing where suppressed) and ``cv`` (per cent, missing where
        not known). A cell that is not there is not constrained either.

    Raises
    ------
    MethodError
        Dimensions that do not exist, columns missing, a cell twice, or means that are not positive.
    """

    name: str
    dims: tuple[str, ...]
    frame: pd.DataFrame

    def __post_init__(self) -> None:
        unknown = [dim for dim in self.dims if dim not in DIMENSIONS]
        if unknown or sum(dim in DIMENSIONS[1:5] for dim in self.dims) > 1:
            raise MethodError(
                f"margin {self.name}: dimensions {', '.join(self.dims)}; give some of {', '.join(DIMENSIONS)}, "
                "one level of occupation at most"
            )
        where = f"margin {self.name}"
        require_columns(self.frame, [*self.dims, "mean", "cv"], where)
        if self.dims:
            require_unique(self.frame, self.dims, where)
        mean, cv = (self.frame[column].to_numpy(dtype=float, na_value=np.nan) for column in ("mean", "cv"))
        bad, negative = int((~np.isnan(mean) & ~((mean > 0) & np.isfinite(mean))).sum()), int((cv < 0).sum())
        if bad or negative:
            raise MethodError(
                f"{where}: {bad} of {len(mean)} means are not positive and finite, {negative} CVs are negative; "
                "a suppressed figure is missing, not zero"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Reconciled:
    """Bills that agree with the published means.

    Attributes
    ----------
    bills : mapping of str to ndarray
        Working pattern -> bill of every cell, in the unit of the published means times jobs.
    report : DataFrame
        A row for each cell of each margin's table that has jobs: ``margin``, ``cell`` (codes, comma between them),
        ``kind`` (``hard``, ``soft`` or ``suppressed``), ``job_count``, ``published_mean``, ``cv`` (per cent),
        ``target_mean`` (after softening and consistency; missing if suppressed), ``initial_mean``, ``final_mean`` and
        ``factor`` (final over initial).
    summary : DataFrame
        A row for each margin: ``margin``, ``cells``, ``hard``, ``soft``, ``suppressed``, ``largest_change`` and
        ``mean_change`` of the factors from 1, ``outside`` (factors beyond the limits), ``largest_shift`` of the hard
        targets from what is published, ``largest_miss`` of the final means from their targets.
    passes : int
        Rounds of fitting.
    converged : bool
    """

    bills: Mapping[str, FloatArray]
    report: pd.DataFrame
    summary: pd.DataFrame
    passes: int
    converged: bool


def predict_bills(jobs: JobsCube, factors: Mapping[str, PredictedFactors]) -> dict[str, FloatArray]:
    """Jobs times predicted mean in every cell.

    Parameters
    ----------
    jobs : JobsCube
    factors : mapping of str to PredictedFactors
        For every working pattern of the jobs.

    Returns
    -------
    dict of str to ndarray
        Arrays of the grid's shape.

    Raises
    ------
    MethodError
        A pattern without factors, or factors that do not fit or are not positive.
    """
    _require_factors(jobs, factors)
    return {pattern: values * _spread(factors[pattern]) for pattern, values in jobs.jobs.items()}


def reconcile(
    jobs: JobsCube,
    factors: Mapping[str, PredictedFactors],
    margins: Sequence[PublishedMargin],
    *,
    hard_cv: float = 5.0,
    scale: float = 0.05,
    limits: tuple[float, float] = LIMITS,
    relaxation: float = 2.0,
    tolerance: float = 1e-9,
    max_passes: int = 2000,
) -> Reconciled:
    """Predict the bill of every cell and bring it to the published means.

    Parameters
    ----------
    jobs : JobsCube
    factors : mapping of str to PredictedFactors
        Prediction for every working pattern of the jobs.
    margins : sequence of PublishedMargin
        In order of priority. With ``pattern`` among its dimensions a margin holds within patterns, otherwise over all.
    hard_cv : float
        Coefficient of variation, per cent, up to which a mean is met exactly; so is one whose CV is not known. Above,
        the target is ``initial (published / initial)^(1 - CV^2 / (CV^2 + scale^2))``.
    scale : float
        CV, as a fraction, at which half of the (logarithmic) distance to the published mean is gone.
    limits : tuple of float
        Range that a factor should be in. What published cells leave for a cell without a published mean may be far
        from its prediction: such a factor is held at the limit, and margins of lower priority give way.
    relaxation : float
        Largest factor by which a target moves to agree with those above it.
    tolerance : float
        Largest relative distance of a margin from its targets.
    max_passes : int

    Returns
    -------
    Reconciled

    Raises
    ------
    MethodError
        Factors or codes that do not fit the grid, a published mean where there are no jobs, or targets that cannot be
        met, by margin, cell and size.

    Notes
    -----
    Fitting sees the cells collapsed to the dimensions of the margins, without structural zeros; within such a group
    cells keep their proportions.
    """
    _require_factors(jobs, factors)
    if not margins:
        raise MethodError("reconciliation: no published margin; give one, or take the prediction as it is")
    patterns = jobs.patterns
    kept = used_axes([margin.dims for margin in margins])
    bill = np.stack([_collapse(jobs.jobs[each], factors[each], kept[1:]) for each in patterns])
    held = np.stack([_collapse(jobs.jobs[each], None, kept[1:]) for each in patterns])
    system = CellSystem.of(bill, jobs.grid, patterns)
    initial, counts = bill[system.places], held[system.places]
    targets = [margin_targets(system, each, initial, counts, hard_cv=hard_cv, scale=scale) for each in margins]
    order = [RakingMargin(each.name, each.index, each.bill, each.labels) for each in targets]
    found = rake(initial, order, tolerance=tolerance, max_passes=max_passes, relaxation=relaxation, limits=limits)
    change = np.ones_like(bill)
    change[system.places] = found.values / initial
    bills = {each: jobs.jobs[each] * _spread(factors[each]) * change[at] for at, each in enumerate(patterns)}
    reached = zip(targets, found.targets, strict=True)
    report = pd.concat([_rows(each, met, initial, found.values) for each, met in reached], ignore_index=True)
    return Reconciled(bills, report, summarise(report, limits=limits), found.passes, converged=True)


def summarise(report: pd.DataFrame, *, limits: tuple[float, float] = LIMITS) -> pd.DataFrame:
    """One row for each margin of a report, as `Reconciled.summary` says."""
    change = (report["factor"] - 1).abs()
    shift = (report["target_mean"] / report["published_mean"] - 1).abs().where(report["kind"] == "hard")
    rows = report.assign(
        largest_change=change,
        mean_change=change,
        outside=~report["factor"].between(*limits),
        largest_shift=shift,
        largest_miss=(report["final_mean"] / report["target_mean"] - 1).abs(),
        **{kind: report["kind"] == kind for kind in ("hard", "soft", "suppressed")},
    )
    measures = {
        "hard": "sum",
        "soft": "sum",
        "suppressed": "sum",
        "largest_change": "max",
        "mean_change": "mean",
        "outside": "sum",
        "largest_shift": "max",
        "largest_miss": "max",
    }
    grouped = rows.groupby("margin", sort=False)
    summary = grouped.agg(measures)
    summary.insert(0, "cells", grouped.size())
    return summary.reset_index()


def _require_factors(jobs: JobsCube, factors: Mapping[str, PredictedFactors]) -> None:
    absent = [pattern for pattern in jobs.patterns if pattern not in factors]
    if absent:
        raise MethodError(f"prediction: jobs in {', '.join(absent)} and no factors for it; give them or leave it out")
    for pattern in jobs.patterns:
        factors[pattern].require_grid(jobs.grid, f"prediction, {pattern}")


def _spread(factors: PredictedFactors) -> FloatArray:
    """Predicted mean of every cell of one pattern."""
    outer = factors.occupation_sex[:, None, :] * factors.region[None, :, None]
    inner = factors.qualification[:, :, None] * factors.industry
    mean: FloatArray = outer[..., None, None] * inner[:, None, None]
    return mean


def _collapse(jobs: FloatArray, factors: PredictedFactors | None, kept: Sequence[bool]) -> FloatArray:
    """Bill (jobs without factors) of one pattern, summed over the axes that are not kept, which have length 1 then."""
    values = jobs if factors is None else jobs * _spread(factors)
    gone = tuple(axis for axis, keep in enumerate(kept) if not keep)
    summed: FloatArray = values.sum(axis=gone, keepdims=True)
    return summed


def _rows(margin: MarginTargets, met: FloatArray, initial: FloatArray, final: FloatArray) -> pd.DataFrame:
    cells = len(margin.labels)
    before, after = (np.bincount(margin.index, values, minlength=cells) for values in (initial, final))
    listed = np.flatnonzero(margin.listed & (margin.jobs > 0))
    frame = pd.DataFrame(
        {
            "margin": margin.name,
            "cell": np.array(margin.labels, dtype=object)[listed],
            "kind": np.select([margin.soft, np.isfinite(margin.bill)], ["soft", "hard"], "suppressed")[listed],
            "job_count": margin.jobs[listed],
            "published_mean": margin.published[listed],
            "cv": margin.cv[listed],
            "target_mean": np.where(np.isfinite(margin.bill), met, np.nan)[listed] / margin.jobs[listed],
            "initial_mean": before[listed] / margin.jobs[listed],
            "final_mean": after[listed] / margin.jobs[listed],
        }
    )
    return frame.assign(factor=frame["final_mean"] / frame["initial_mean"])
