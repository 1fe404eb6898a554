"""Mean pay of every unit group from the published tables alone, with intervals.

A published mean is shrunk by its coefficient of variation to a regression on the occupation's relatives (area model of
Fay & Herriot 1979); a mean that is not published is predicted, and its interval calibrated on published means that
were held out (conformal prediction by size band).

Other statistics of the same sample and occupation (its median, its hourly pay beside weekly pay) carry the same
sampling error as the mean: an area model would take their agreement for precision (Ybarra & Lohr 2008). They serve
only where the mean is not published: they tell what it would have been, and that is weighed like a published mean, by
its sampling error, against what the relatives tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.conformal import IntArray, coverage_report
from lmi_pipeline.methods.open_pay_models import PayCells, PayModels
from lmi_pipeline.methods.tables import FloatArray, require_columns

SIZE_EDGES = (20_000.0, 60_000.0)

_FAR = 2.0
_HIDDEN_WITH_THE_MEAN = frozenset({"mean", "cv_percent", "quality_band"})


@dataclass(frozen=True, slots=True, eq=False)
class OpenPay:
    """Estimates of mean pay from published tables.

    Attributes
    ----------
    frame : DataFrame
        One row for each cell, in the order given: ``occupation, estimate, lower, upper`` (unit of the mean; the
        interval is that of the occupation's mean pay), ``shrinkage_weight`` (of the published mean, or of what the same
        sample tells of it; 0 where there is neither), ``is_published, published_mean, cv_percent, cv_source``
        (``published``, ``band`` or ``imputed``), ``size_band`` (0 the smallest), ``evidence`` (covariates used beside
        the relatives, joined by ``+``; empty for none).
    models : DataFrame
        ``evidence, cell_count`` fitted to, ``model_variance`` (of logs).
    bands : DataFrame
        Calibration of the predictions: ``evidence, size_band, held_out_count, score_quantile, log_half_width`` (median
        over the held-out means).
    coverage : float
        Share of true means that the intervals are to hold.
    """

    frame: pd.DataFrame
    models: pd.DataFrame
    bands: pd.DataFrame
    coverage: float


def estimate_open_pay(
    cells: pd.DataFrame,
    *,
    covariates: Sequence[str] = (),
    same_sample: Sequence[str] = (),
    coverage: float = 0.8,
    size_edges: Sequence[float] = SIZE_EDGES,
    seed: int = 0,
) -> OpenPay:
    """Estimate the mean of every cell and its interval.

    Parameters
    ----------
    cells : DataFrame
        One row for each unit group of one SOC edition: ``occupation`` (four digits), ``mean`` (above 0; nan where
        suppressed), ``job_count`` (jobs; nan where suppressed), and where there ``cv_percent``, ``quality_band``,
        ``job_count_cv_percent`` and the columns named below. Of one table, year, sex and working pattern. The
        coefficient of variation of the number of jobs tells how many are in the sample: those of pay are moderated by
        it (`open_pay_variances`), and taken as they are without it.
    covariates : sequence of str
        Positive columns that predict the mean and whose sampling error has little to do with that of the mean (mean
        paid hours beside weekly pay of full-time jobs; not where part-timers are among them, whose pay varies with
        their hours). A cell uses those it has.
    same_sample : sequence of str
        Positive columns from the same jobs (median, percentiles, hourly pay beside weekly pay, the same occupation's
        full-time mean). Only cells without a published mean use them. Their coefficients of variation are taken from
        columns ``<name>_cv_percent``, where there; else that of the mean is taken, and 20 per cent at most.
    coverage : float
        Share of true means the intervals are to hold.
    size_edges : sequence of float
        Jobs at which a size band begins.
    seed : int
        Of the folds that calibrate the intervals.

    Returns
    -------
    OpenPay
        Estimates are medians: exponentials of the predicted logs. Intervals of predictions are calibrated on published
        means, sampling error and all, so they hold the true mean a little more often than `coverage`.

    Raises
    ------
    MethodError
        Absent columns, codes that are not four digits or repeated, numbers that are not above 0, no coefficient of
        variation at all, or fewer than 40 published means.
    """
    data = PayCells.of(cells, [*covariates, *same_sample], size_edges, coverage)
    models = PayModels(data, coverage, seed)
    frame = _empty(data, cells)
    published = np.isfinite(data.y)
    for names, rows in data.by_evidence(covariates, published):
        _record(frame, rows, "+".join(names), *_shrunk(models, names, rows))
    for names, rows in data.by_evidence([*covariates, *same_sample], ~published):
        apart = data.fitting(tuple(name for name in names if name not in same_sample))
        shared = tuple(name for name in names if name in same_sample)
        found = _combined(models, apart, names, shared, rows) if shared else _predicted(models, apart, rows)
        _record(frame, rows, "+".join(names), *found)
    return OpenPay(frame, _model_table(models), _band_table(models), coverage)


def leave_out_coverage(
    cells: pd.DataFrame,
    *,
    share: float = 0.2,
    seeds: Iterable[int] = range(10),
    covariates: Sequence[str] = (),
    same_sample: Sequence[str] = (),
    coverage: float = 0.8,
    size_edges: Sequence[float] = SIZE_EDGES,
) -> pd.DataFrame:
    """Hide a share of the published means at random, estimate them and count how many lie in their intervals.

    With a mean goes all that is from the same jobs, as if the whole row had been suppressed: its coefficient of
    variation and the `same_sample` columns.

    Parameters
    ----------
    cells, covariates, coverage, size_edges
        As in `estimate_open_pay`.
    same_sample : sequence of str
        Taken so that the options of `estimate_open_pay` serve here too; hidden with the mean, they predict nothing.
    share : float
        Share of the published means to hide.
    seeds : iterable of int
        One repetition each.

    Returns
    -------
    DataFrame
        ``seed`` and the columns of `coverage_report`: for each repetition a row for each size band and one, ``band``
        -1, for all.

    Raises
    ------
    MethodError
        A share outside (0, 1), or what `estimate_open_pay` refuses.
    """
    if not 0 < share < 1:
        raise MethodError(f"open pay: cannot leave out a share of {share}; give one between 0 and 1")
    require_columns(cells, ["mean", *same_sample], "open pay")
    published = np.flatnonzero(cells["mean"].notna())
    reports = []
    for seed in seeds:
        drawn = np.random.default_rng(seed).permutation(published)[: round(share * len(published))]
        hidden = cells.copy()
        for name in _HIDDEN_WITH_THE_MEAN & set(cells.columns):
            hidden[name] = hidden[name].mask(np.isin(np.arange(len(cells)), drawn))
        found = estimate_open_pay(
            hidden, covariates=covariates, coverage=coverage, size_edges=size_edges, seed=seed
        ).frame.iloc[drawn]
        truth = cells["mean"].to_numpy(dtype=float)[drawn]
        report = coverage_report(
            truth, found["lower"], found["upper"], found["size_band"], band_count=len(size_edges) + 1
        )
        reports.append(report.assign(seed=seed))
    return pd.concat(reports, ignore_index=True)


def _shrunk(models: PayModels, names: tuple[str, ...], rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Published cells: log estimate, half-width of the normal interval, weight of the published mean."""
    model = models.model(names)
    place = np.cumsum(model.used)[rows] - 1
    half = _normal(models.coverage) * np.sqrt(model.fit.mse[place])
    return model.fit.estimates[place], half, model.fit.gamma[place]


def _predicted(models: PayModels, names: tuple[str, ...], rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cells known from their relatives and covariates alone: the published mean has no weight."""
    return *models.predict(names, rows), np.zeros(len(rows))


def _combined(
    models: PayModels, apart: tuple[str, ...], names: tuple[str, ...], shared: tuple[str, ...], rows: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weigh what the same sample tells of a mean, with its sampling error, against what the rest tells.

    Where the two are more than twice as far apart as their intervals allow (1 in 100 if errors were normal), the
    occupation is not like its relatives, and what they tell counts for less: its half-width grows with the distance,
    in the spirit of the limited translation of Efron & Morris (1972).
    """
    from_others, other_half = models.predict(apart, rows)
    from_sample, sample_half = models.predict(names, rows)
    sampling_error = _normal(models.coverage) ** 2 * models.shared_error(names, shared, rows)
    sample_square = sample_half**2 + sampling_error
    apart_square = np.maximum(other_half**2, (from_sample - from_others) ** 2 / _FAR**2 - sample_square)
    precision, other_precision = 1 / sample_square, 1 / apart_square
    weight = precision / (precision + other_precision)
    estimate = weight * from_sample + (1 - weight) * from_others
    return estimate, 1 / np.sqrt(precision + other_precision), weight


def _normal(coverage: float) -> float:
    return NormalDist().inv_cdf(0.5 + coverage / 2)


def _empty(data: PayCells, cells: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "occupation": pd.Series(data.occupations, dtype="str"),
            "estimate": np.nan,
            "lower": np.nan,
            "upper": np.nan,
            "shrinkage_weight": np.nan,
            "is_published": np.isfinite(data.y),
            "published_mean": cells["mean"].to_numpy(dtype=float, na_value=np.nan),
            "cv_percent": data.cv_percent,
            "cv_source": pd.Series(data.cv_source, dtype="str"),
            "size_band": data.bands,
            "evidence": pd.Series([""] * len(data.y), dtype="str"),
        }
    )


def _record(
    frame: pd.DataFrame, rows: IntArray, evidence: str, logs: FloatArray, half: FloatArray, weight: FloatArray
) -> None:
    values = {"estimate": np.exp(logs), "lower": np.exp(logs - half), "upper": np.exp(logs + half)}
    for name, column in (values | {"shrinkage_weight": weight}).items():
        frame.loc[rows, name] = column
    frame.loc[rows, "evidence"] = evidence


def _model_table(models: PayModels) -> pd.DataFrame:
    rows = [("+".join(names), len(m.fit.estimates), m.fit.model_variance) for names, m in models.fitted.items()]
    return pd.DataFrame(rows, columns=["evidence", "cell_count", "model_variance"])


def _band_table(models: PayModels) -> pd.DataFrame:
    columns = ["evidence", "size_band", "held_out_count", "score_quantile", "log_half_width"]
    rows = [
        ("+".join(names), band, found.counts[band], found.quantiles[band], models.half_widths[names][band])
        for names, found in models.calibrated.items()
        for band in range(models.cells.band_count)
    ]
    return pd.DataFrame(rows, columns=columns)
