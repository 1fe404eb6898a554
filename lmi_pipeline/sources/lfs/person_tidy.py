"""LFS persons in our codes, through the code lists of the catalogue."""

from __future__ import annotations

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError

WILDCARD = "*"
NOT_STATED = "not_stated"
TOP_CODED_HOURS = 97

_NOT_IN_WORK = ("unemployed", "inactive")
_KEY = ["quarter", "edition", "person_key"]
_WEIGHTS = ["analysis_weight", "analysis_weight_year", "earnings_weight", "earnings_weight_year"]


def newest_edition(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of one edition of each quarter: the highest weight suffix, then the last by name."""
    editions = raw[["quarter", "edition", "analysis_weight_year"]].drop_duplicates()
    newest = editions.sort_values(["analysis_weight_year", "edition"]).groupby("quarter")["edition"].last()
    return raw[raw["edition"] == raw["quarter"].map(newest)]


def recode(values: pd.Series, variable: str) -> pd.Series:
    """Target codes of a variable's published codes; null where it has none.

    A wildcard of the code list stands for every positive code not named.
    """
    listed = catalog.codelist("lfs_code")
    listed = listed[listed["variable"] == variable]
    if listed.empty:
        raise SourceError(f"code list lfs_code has no codes of variable {variable}; add them")
    named = listed[listed["value"] != WILDCARD]
    published = values.astype("float64")
    targets = dict(zip(named["value"].astype("float64"), named["target"], strict=True))
    coded = published.map(targets).astype("str")
    wild = listed.loc[listed["value"] == WILDCARD, "target"]
    if len(wild):
        coded = coded.where(coded.notna() | ~(published > 0), wild.iloc[0])
    return coded.where(coded != "").astype("str")


def _birth_group(raw: pd.DataFrame) -> pd.Series:
    """Country-of-birth group; CRY12 says 'UK' where neither the group nor the country is stated."""
    stated = _group(raw, "cryox7")
    return stated.where(stated != NOT_STATED, recode(raw["cry12"], "CRY12").fillna(NOT_STATED)).astype("str")


def _group(raw: pd.DataFrame, prefix: str) -> pd.Series:
    """Group of the sub-group of countries (from July 2017), else of the country."""
    grouped = recode(raw[f"{prefix}_eul_sub"], f"{prefix.upper()}_EUL_Sub")
    country = recode(raw[prefix], prefix.upper())
    return grouped.where(grouped.notna(), country).fillna(NOT_STATED).astype("str")


def _status(raw: pd.DataFrame) -> pd.Series:
    """Status in the main job: STATR (or STAT), else what INECAC05 says of those in work."""
    status = recode(raw["stat"], "STATR")
    return status.where(status.notna(), recode(raw["inecac05"], "INECAC05")).astype("str")


def _digits(values: pd.Series, width: int) -> pd.Series:
    """Codes issued as bare integers, with their leading zeros: 1110 is class 01110."""
    whole = values.astype("float64").astype("Int64")
    return whole.astype("str").str.zfill(width).where(whole.notna()).astype("str")


def _last_job(raw: pd.DataFrame) -> dict[str, pd.Series]:
    """Unit group and division of the last job; null for those in work, whatever the file says of them."""
    out_of_work = recode(raw["ilodefr"], "ILODEFR").isin(_NOT_IN_WORK)
    codes = {
        "last_soc2010_code": _digits(raw["soc10l"], 4),
        "last_sic2007_division": _digits(raw["indc07l"], 5).str[:2],
    }
    return {name: values.where(out_of_work).astype("str") for name, values in codes.items()}


def reference_day(raw: pd.DataFrame) -> pd.Series:
    """Day on which each person's reference week ends; null where a part of it is null or there is no such day."""
    parts = raw[["refwky", "refwkm", "refwkd"]].astype("float64")
    dates = parts.set_axis(["year", "month", "day"], axis=1)
    return pd.to_datetime(dates, errors="coerce")


def _refuse_repeated(raw: pd.DataFrame) -> None:
    repeated = int(raw.duplicated(_KEY).sum())
    if repeated:
        editions = ", ".join(sorted(raw.loc[raw.duplicated(_KEY), "edition"].unique()))
        raise SourceError(
            f"{repeated} persons stand twice in edition {editions}; was it delivered in two containers?"
            " Keep one of them."
        )


def tidy_person(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_person, from the newest edition of each quarter."""
    _refuse_repeated(raw)
    newest = newest_edition(raw).reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "quarter": newest["quarter"],
            "person_id": newest["person_key"],
            "household_id": newest["household_key"],
            "wave": newest["thiswv"].astype("int64"),
            "age_years": newest["age"].astype("int64"),
            "sex": recode(newest["sex_code"], "SEX"),
            "region_gss": recode(newest["govtof2"], "GOVTOF2"),
            "local_authority_code": newest["laua"].astype("str"),
            "birth_group": _birth_group(newest),
            "nationality_group": _group(newest, "natox7"),
            "tenure": recode(newest["ten1"], "TEN1"),
            "economic_activity": recode(newest["ilodefr"], "ILODEFR"),
            "employment_status": _status(newest),
            "working_pattern": recode(newest["ftptwk"], "FTPTWK"),
            "soc2010_code": _digits(newest["soc10m"], 4),
            "soc2020_code": _digits(newest["soc20m"], 4),
            "sic2007_section": recode(newest["inds07m"], "INDS07M"),
            "sic2007_division": _digits(newest["indc07m"], 5).str[:2].astype("str"),
            **_last_job(newest),
            "qualification_6": recode(newest["hiqul"], "HIQUL15D"),
            "hourly_pay_gbp": newest["hourpay"].astype("float64"),
            "weekly_pay_gbp": newest["grsswk"].astype("float64"),
            "usual_hours_per_week": newest["ttushr"].astype("float64").clip(upper=TOP_CODED_HOURS),
            "response_outcome": recode(newest["ioutcome"], "IOUTCOME"),
            "reference_week": reference_day(newest).dt.strftime("%Y-%m-%d").astype("str"),
            "synthetic": newest["synthetic"],
        }
    )
    return frame.sort_values(["quarter", "person_id"], ignore_index=True)


def tidy_weight(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_published_weight: every edition, side by side."""
    _refuse_repeated(raw)
    columns = ["quarter", "edition", *_WEIGHTS, "sha256", "synthetic"]
    frame = raw[columns].assign(person_id=raw["person_key"])
    return frame.sort_values(["quarter", "person_id", "edition"], ignore_index=True)
