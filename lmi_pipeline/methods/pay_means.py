"""Weighted means of pay in two years from job records, with the sampling error they share.

The coefficient of variation of a weighted mean is that of its linearisation, the job as the unit; persons that are in
both samples make the errors of the two means go together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import require_columns, require_finite

_KEYS = ["occupation", "area"]
_FEWEST_PAIRS = 30


@dataclass(frozen=True, slots=True, eq=False)
class PairedMeans:
    """Means of two years.

    Attributes
    ----------
    frame : DataFrame
        ``occupation, area, mean_before, cv_before, mean_after, cv_after`` (per cent); means of cells without a record
        in one of the years are missing, and so are coefficients of cells with one.
    correlation : float
        Of the sampling errors of a cell's two means: the share of records with one in the other year times the
        correlation of their logs about the cell, at least 0; 0 without enough pairs.
    pair_count : int
        Persons with a record of the same cell in both years.
    """

    frame: pd.DataFrame
    correlation: float
    pair_count: int


def paired_means(jobs: pd.DataFrame, *, before: int, after: int) -> PairedMeans:
    """Means by occupation and area in two years.

    Parameters
    ----------
    jobs : DataFrame
        One row a job: ``year, occupation, area, y`` (above 0), ``weight`` and, where known, ``person_id``.
    before, after : int
        The two years.

    Returns
    -------
    PairedMeans

    Raises
    ------
    MethodError
        A column is missing, a number is not positive, or one of the years has no record.
    """
    require_columns(jobs, ["year", *_KEYS, "y", "weight"], "means of pay")
    require_finite(jobs, ["y", "weight"], "means of pay")
    bad = int(((jobs["y"] <= 0) | (jobs["weight"] <= 0)).sum())
    if bad:
        raise MethodError(
            f"means of pay: {bad} of {len(jobs)} records have pay or weight of 0 or below; leave them out"
        )
    parts = {name: jobs[jobs["year"] == year] for name, year in (("before", before), ("after", after))}
    absent = [str(year) for year, part in zip((before, after), parts.values(), strict=True) if part.empty]
    if absent:
        raise MethodError(f"means of pay: no record of {' and '.join(absent)} among {len(jobs)}")
    means = {name: _means(part) for name, part in parts.items()}
    frame = pd.concat([found.add_suffix(f"_{name}") for name, found in means.items()], axis=1).reset_index()
    correlation, pairs = _shared(parts["before"], parts["after"])
    return PairedMeans(frame, correlation, pairs)


def _means(jobs: pd.DataFrame) -> pd.DataFrame:
    keys = [jobs[key] for key in _KEYS]
    weight = jobs["weight"].groupby(keys).sum()
    mean = (jobs["y"] * jobs["weight"]).groupby(keys).sum() / weight
    residual = jobs["weight"] * (jobs["y"] - mean.reindex(pd.MultiIndex.from_frame(jobs[_KEYS])).to_numpy())
    count = jobs["weight"].groupby(keys).size()
    variance = (residual**2).groupby(keys).sum() * count / (count - 1).where(count > 1)
    cv = 100 * np.sqrt(variance) / weight / mean
    return pd.DataFrame({"mean": mean, "cv": cv.where(cv > 0)})


def _shared(before: pd.DataFrame, after: pd.DataFrame) -> tuple[float, int]:
    if "person_id" not in before.columns:
        return 0.0, 0
    columns = ["person_id", *_KEYS]
    parts = [
        part.dropna(subset=["person_id"]).drop_duplicates(columns).set_index(columns)["y"] for part in (before, after)
    ]
    pairs = pd.concat(parts, axis=1, join="inner", keys=["before", "after"]).map(np.log)
    if len(pairs) < _FEWEST_PAIRS:
        return 0.0, len(pairs)
    centred = pairs - pairs.groupby(level=_KEYS).transform("mean")
    correlation = float(np.corrcoef(centred["before"], centred["after"])[0, 1])
    share = 2 * len(pairs) / (len(before) + len(after))
    return max(correlation * share, 0.0), len(pairs)
