"""ASHE jobs in our codes, from the newest edition of each year."""

from __future__ import annotations

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.ashe.job_file import NAME, is_usable

_KEY = ["year", "edition", "record_number"]
_SEXES = {1: "male", 2: "female"}
_PATTERNS = {1: "full_time", 2: "part_time"}
_SAME_JOB = 1


def tidy_job(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_ashe__yearly_job from rows of raw_ashe__yearly_job.

    Raises
    ------
    SourceError
        If a record stands twice in an edition.
    """
    repeated = raw.duplicated(_KEY)
    if repeated.any():
        editions = ", ".join(sorted(raw.loc[repeated, "edition"].unique()))
        raise SourceError(
            f"{int(repeated.sum())} records stand twice in edition {editions}; was it delivered in two containers?"
            " Keep one of them."
        )
    newest = _newest(raw).sort_values(_KEY, ignore_index=True)
    division = newest["sic07"].str.zfill(5).str[:2].astype("str")
    codes = {name: catalog.mapping(name, target) for name, target in _TARGETS.items()}
    frame = pd.DataFrame(
        {
            "year": newest["year"].astype("int64"),
            "job_id": _job_id(newest),
            "person_id": newest["piden"].astype("str"),
            "enterprise_id": newest["entref"].astype("str"),
            "age_years": newest["age"].astype("Int64"),
            "sex": newest["sex_code"].astype("int64").map(_SEXES).astype("str"),
            "work_region_gss": newest["wgor"]
            .astype("Int64")
            .astype("str")
            .map(codes["ashe_work_region"])
            .astype("str"),
            "soc2010_code": newest["occ10"].astype("str"),
            "soc2020_code": newest["occ20"].astype("str"),
            "sic2007_division": division,
            "industry_75": division.map(codes["industry75_division"]).astype("str"),
            "working_pattern": newest["ft"].astype("int64").map(_PATTERNS).astype("str"),
            "weekly_pay_gbp": newest["gpay"].astype("float64"),
            "hourly_pay_gbp": newest["hexo"].astype("float64"),
            "paid_hours_per_week": newest["thrs"].astype("float64"),
            "annual_pay_gbp": _annual_pay(newest),
            "is_usual_pay": is_usable(newest).astype("bool"),
            "calibration_weight": newest["calwght"].astype("float64"),
            "synthetic": newest["synthetic"],
        }
    )
    return frame.sort_values(["year", "job_id"], ignore_index=True)


_TARGETS = {"ashe_work_region": "region", "industry75_division": "industry_75"}


def _newest(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of one edition of each year: the one that ends last, then the highest version."""
    editions = raw[["year", "edition"]].drop_duplicates()
    order = editions["edition"].map({edition: _age(edition) for edition in editions["edition"].unique()})
    newest = editions.assign(order=order).sort_values("order").groupby("year")["edition"].last()
    return raw[raw["edition"] == raw["year"].map(newest)]


def _age(edition: str) -> tuple[int, int, str, str]:
    """Order of editions; other bytes under a name that was held already (``name+hash``) come after it."""
    name, _, reissue = edition.partition("+")
    match = NAME.fullmatch(name)
    if match is None:
        raise SourceError(f"edition {edition!r} is not named like ashe_2019_2020_gb_v18")
    version = match["version"]
    return int(match["last"]), int(version) if version.isdigit() else 0, version, reissue


def _job_id(jobs: pd.DataFrame) -> pd.Series:
    """Person and number of the job among those of the person in the year; the record's number without a person."""
    number = jobs.groupby(["year", "piden"], dropna=False).cumcount() + 1
    of_person = jobs["piden"].astype("str") + "-" + number.astype("str")
    return of_person.where(jobs["piden"].notna(), "record-" + jobs["record_number"].astype("str")).astype("str")


def _annual_pay(jobs: pd.DataFrame) -> pd.Series:
    """Pay of the tax year of those a year in the job; weekly pay is never multiplied."""
    pay = jobs["agp"].astype("float64")
    return pay.where(jobs["sjd"].eq(_SAME_JOB).fillna(False).astype("bool") & (pay > 0))
