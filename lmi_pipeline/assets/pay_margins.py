"""Published means of pay and hours as margins to reconcile to, and published jobs, from the tables of one year."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.pay_inputs import MEASURES, SOC
from lmi_pipeline.methods.open_pay_variances import moderated_cvs, sample_sizes
from lmi_pipeline.methods.pay_reconciliation import PublishedMargin

OCCUPATION, REGION_OCCUPATION, INDUSTRY = "14.", "3.", "16."
_COVERAGE = 0.8
_TO_NAMES = {
    "occupation_code": "occupation",
    "area_code": "region",
    "working_pattern": "pattern",
    "value": "mean",
    "cv_percent": "cv",
}


def _rows(published: pd.DataFrame, table: str, basis: str, statistic: str) -> pd.DataFrame:
    chosen = (
        published["ashe_table"].str.startswith(table)
        & (published["measure"] == MEASURES[basis])
        & (published["statistic"] == statistic)
        & published["soc_edition"].isin([SOC, "none"])
    )
    return published[chosen].rename(columns=_TO_NAMES)


def _all(frame: pd.DataFrame, **fixed: str) -> pd.DataFrame:
    for column, value in fixed.items():
        frame = frame[frame[column] == value]
    return frame


def occupation_means(published: pd.DataFrame, basis: str, *, sex: str = "all", pattern: str = "all") -> pd.DataFrame:
    """Published means of unit groups: occupation, mean, cv; a suppressed mean is not a number."""
    frame = _all(_rows(published, OCCUPATION, basis, "mean"), sex=sex, pattern=pattern)
    return frame.loc[frame["occupation"].str.len() == 4, ["occupation", "mean", "cv"]].reset_index(drop=True)


def all_employee_mean(published: pd.DataFrame, basis: str, *, pattern: str = "all") -> float:
    """Published mean of all employees; not a number where there is no such table."""
    frame = _all(_rows(published, OCCUPATION, basis, "mean"), sex="all", pattern=pattern, occupation="all")
    return float(frame["mean"].iloc[0]) if len(frame) else float(np.nan)


def published_margins(published: pd.DataFrame, basis: str) -> list[PublishedMargin]:
    """Margins of a basis in order of priority, as far as their tables are there.

    Occupation; occupation by working pattern; region by sub-major group; industry; sex by working pattern.
    """
    occupation = _rows(published, OCCUPATION, basis, "mean")
    unit_groups = _moderated(
        *(
            rows[rows["occupation"].str.len() == 4]
            for rows in (occupation, _rows(published, OCCUPATION, basis, "job_count"))
        )
    )
    region = _rows(published, REGION_OCCUPATION, basis, "mean")
    region = region[(region["occupation"].str.len() == 2) & region["region"].isin(catalog.codes("region"))]
    whole = _all(occupation, occupation="all")
    margins = [
        _margin("occupation", ["occupation"], _all(unit_groups, sex="all", pattern="all")),
        _margin("occupation_pattern", ["occupation", "pattern"], _split(_all(unit_groups, sex="all"), "pattern")),
        _margin(
            "region_sub_major",
            ["region", "sub_major"],
            _all(region, sex="all", pattern="all").rename(columns={"occupation": "sub_major"}),
        ),
        _margin("industry", ["industry"], industry_means(published, basis)),
        _margin("sex_pattern", ["sex", "pattern"], _split(_split(whole, "sex"), "pattern")),
    ]
    return [margin for margin in margins if margin.frame["mean"].notna().any()]


def _moderated(means: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Means with coefficients of variation moderated by the number of jobs they rest on, sheet by sheet.

    A few jobs that happen to be alike make a mean look precise; it should not be met exactly for that.
    """
    keys = ["occupation", "sex", "pattern"]
    frame = means.merge(counts[[*keys, "cv"]].rename(columns={"cv": "size_cv"}), on=keys, how="left")
    for place in frame.groupby(["sex", "pattern"]).indices.values():
        rows = frame.index[place]
        sizes = sample_sizes(frame.loc[rows, "size_cv"].to_numpy(dtype=float))
        cv = frame.loc[rows, "cv"].to_numpy(dtype=float)
        frame.loc[rows, "cv"] = moderated_cvs(cv, np.where(np.isfinite(cv), sizes, np.nan), _COVERAGE)
    return frame.drop(columns="size_cv")


def _split(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame[frame[column] != "all"]


def _margin(name: str, dims: Sequence[str], frame: pd.DataFrame) -> PublishedMargin:
    return PublishedMargin(name, tuple(dims), frame[[*dims, "mean", "cv"]].reset_index(drop=True))


def industry_means(published: pd.DataFrame, basis: str) -> pd.DataFrame:
    """Means of the 75 industries from those of divisions, jobs-weighted.

    None where a division is suppressed; no coefficient of variation where that of a division is not known.
    """
    parts = [_divisions(published, basis, statistic) for statistic in ("mean", "job_count")]
    frame = parts[0].merge(parts[1][["division", "mean"]].rename(columns={"mean": "jobs"}), on="division", how="left")
    frame = frame.assign(
        bill=frame["mean"] * frame["jobs"], variance=(frame["cv"] * frame["mean"] * frame["jobs"]) ** 2
    )
    sums = frame.groupby("industry")[["bill", "jobs", "variance"]].sum(skipna=False)
    mean = sums["bill"] / sums["jobs"]
    return pd.DataFrame({"mean": mean, "cv": np.sqrt(sums["variance"]) / sums["bill"]}).reset_index()


def _divisions(published: pd.DataFrame, basis: str, statistic: str) -> pd.DataFrame:
    frame = _all(_rows(published, INDUSTRY, basis, statistic), sex="all", pattern="all")
    frame = frame[frame["industry_code"].str.fullmatch(r"\d\d")].rename(columns={"industry_code": "division"})
    return frame.assign(industry=frame["division"].map(catalog.mapping("industry75_division", "industry_75")))


def published_jobs(published: pd.DataFrame) -> pd.DataFrame:
    """Published jobs by occupation, sex and working pattern; not a number where suppressed."""
    frame = _rows(published, OCCUPATION, "weekly", "job_count").rename(columns={"mean": "jobs"})
    frame = frame[(frame["occupation"].str.len() == 4) & (frame["sex"] != "all") & (frame["pattern"] != "all")]
    return frame[["occupation", "sex", "pattern", "jobs"]].reset_index(drop=True)


def region_jobs(published: pd.DataFrame) -> pd.DataFrame | None:
    """Published jobs by region of the workplace; None without the table."""
    frame = _all(_rows(published, REGION_OCCUPATION, "weekly", "job_count"), sex="all", pattern="all", occupation="all")
    frame = frame[frame["region"].isin(catalog.codes("region"))].rename(columns={"mean": "jobs"})
    complete = frame["jobs"].notna().all() and len(frame) == len(catalog.codes("region"))
    return frame[["region", "jobs"]].reset_index(drop=True) if complete else None
