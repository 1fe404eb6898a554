"""Residuals of a pay equation without any record: quantiles of at least ten rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lmi_pipeline.methods.tables import FloatArray

FEWEST = 10
_BINS = 20
_BAND = (10, 25, 50, 75, 90)
_PERCENT = (0.1, 0.5, 1, 2, 5, *range(10, 100, 10), 95, 98, 99, 99.5, 99.9)


def residual_bins(fitted: FloatArray, residuals: FloatArray) -> pd.DataFrame:
    """Quantiles of log residuals in bins of the fitted value.

    Parameters
    ----------
    fitted, residuals : ndarray
        (n,) in logs.

    Returns
    -------
    DataFrame
        `fitted` (geometric mean of the bin, pounds or hours), `p10`, `p25`, `p50`, `p75`, `p90` of the residuals and
        `job_sample_count`; at most twenty bins of equal size, each of ten rows or more. Without ten rows none.
    """
    bins = min(_BINS, len(fitted) // FEWEST)
    parts = np.array_split(np.argsort(fitted, kind="stable"), bins) if bins else []
    rows = [[np.exp(fitted[part].mean()), *np.percentile(residuals[part], _BAND), len(part)] for part in parts]
    found = pd.DataFrame(rows, columns=["fitted", *(f"p{percent}" for percent in _BAND), "job_sample_count"])
    return found.astype({"job_sample_count": "int64"})


def residual_quantiles(residuals: FloatArray) -> pd.DataFrame:
    """Quantiles of the log residuals that at least ten rows lie beyond.

    Returns
    -------
    DataFrame
        `quantile_percent`, `log_residual`, `sigma` (standard deviation of all) and `job_sample_count` (of all).
    """
    n = len(residuals)
    told = [percent for percent in _PERCENT if round(min(percent, 100 - percent) / 100 * n, 6) >= FEWEST]
    return pd.DataFrame(
        {
            "quantile_percent": np.array(told, dtype=float),
            "log_residual": np.percentile(residuals, told) if told else np.empty(0),
            "sigma": float(residuals.std()) if n else np.nan,
            "job_sample_count": n,
        }
    )
