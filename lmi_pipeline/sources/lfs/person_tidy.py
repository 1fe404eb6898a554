"""LFS persons in our codes, through the code lists of the catalogue."""

from __future__ import annotations

import pandas as pd

from lmi_pipeline import catalog

WILDCARD = "*"


def newest_edition(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of the edition with the highest weight suffix in each quarter."""
    editions = raw[["quarter", "edition", "analysis_weight_year"]].drop_duplicates()
    newest = editions.sort_values(["analysis_weight_year", "edition"]).groupby("quarter")["edition"].last()
    return raw[raw["edition"] == raw["quarter"].map(newest)]


def recode(values: pd.Series, variable: str) -> pd.Series:
    """Target codes of a variable's published codes; null where it has none.

    A wildcard of the code list stands for every positive code not named.
    """
    listed = catalog.codelist("lfs_code")
    listed = listed[(listed["variable"] == variable) & (listed["target"] != "")]
    named = listed[listed["value"] != WILDCARD]
    coded = values.map(dict(zip(named["value"].astype(float), named["target"], strict=True)))
    wild = listed.loc[listed["value"] == WILDCARD, "target"]
    if len(wild):
        coded = coded.where(coded.notna() | ~(values > 0), wild.iloc[0])
    return coded.astype("str")


def _group(raw: pd.DataFrame, prefix: str) -> pd.Series:
    """Country-of-birth or nationality group: the grouped variable where there is one, else the country."""
    grouped = recode(raw[f"{prefix}_eul_sub"], f"{prefix.upper()}_EUL_Sub")
    country = recode(raw[prefix], prefix.upper())
    found = grouped.where(raw[f"{prefix}_eul_sub"].notna(), country)
    if prefix == "cryox7":
        found = found.where(found.notna(), recode(raw["cry12"], "CRY12"))
    return found.fillna("not_stated").astype("str")


def _positive(values: pd.Series) -> pd.Series:
    return values.where(values >= 0)


def _digits(values: pd.Series, width: int) -> pd.Series:
    text = values.where(values > 0).astype("Int64").astype("str").str.zfill(width)
    return text.where(values > 0).astype("str")


def tidy_person(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_person, from the newest edition of each quarter."""
    newest = newest_edition(raw).reset_index(drop=True)
    statuses = recode(newest["stat"], "STATR")
    frame = pd.DataFrame(
        {
            "quarter": newest["quarter"],
            "person_id": newest["person_key"],
            "household_id": newest["household_key"],
            "wave": newest["thiswv"].astype("int64"),
            "age_years": newest["age"].astype("int64"),
            "sex": recode(newest["sex_code"], "SEX"),
            "region_gss": recode(newest["govtof2"], "GOVTOF2"),
            "local_authority_code": newest["laua"],
            "birth_group": _group(newest, "cryox7"),
            "nationality_group": _group(newest, "natox7"),
            "tenure": recode(newest["ten1"], "TEN1"),
            "economic_activity": recode(newest["ilodefr"], "ILODEFR"),
            "employment_status": statuses.where(statuses.notna(), recode(newest["inecac05"], "INECAC05")),
            "working_pattern": recode(newest["ftptwk"], "FTPTWK"),
            "soc2010_code": _digits(newest["soc10m"], 4),
            "soc2020_code": _digits(newest["soc20m"], 4),
            "sic2007_section": recode(newest["inds07m"], "INDS07M"),
            "sic2007_division": _digits(newest["indc07m"], 5).str[:2],
            "qualification_6": recode(newest["hiqul"], "HIQUL15D"),
            "hourly_pay_gbp": _positive(newest["hourpay"]),
            "weekly_pay_gbp": _positive(newest["grsswk"]),
            "usual_hours_per_week": _positive(newest["ttushr"]).clip(upper=97),
            "response_outcome": recode(newest["ioutcome"], "IOUTCOME"),
            "synthetic": newest["synthetic"],
        }
    )
    return frame.sort_values(["quarter", "person_id"], ignore_index=True)


def tidy_weight(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_published_weight: every edition, side by side."""
    columns = ["quarter", "edition", "analysis_weight", "analysis_weight_year", "earnings_weight",
               "earnings_weight_year", "sha256", "synthetic"]  # fmt: skip
    frame = raw[columns].assign(person_id=raw["person_key"])
    return frame.sort_values(["quarter", "person_id", "edition"], ignore_index=True)
