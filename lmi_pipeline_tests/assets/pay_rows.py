"""Rows of the tables that pay is made from, every column filled, for tests that need a few of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from lmi_pipeline import catalog

TABLE_OF = {"weekly_gross": "1", "hourly_excl_overtime": "6", "annual_gross": "7", "hours_total": "9"}


def published(table: str = "14", measure: str = "weekly_gross", **columns: Any) -> dict[str, Any]:
    """One cell of a published table: the mean of all employees of unit group 1115 unless said otherwise."""
    release = columns.get("release", "2020-revised")
    return {
        "release": release,
        "year": int(release[:4]),
        "ashe_table": f"{table}.{TABLE_OF[measure]}",
        "measure": measure,
        "sex": "all",
        "working_pattern": "all",
        "soc_edition": "none" if table in ("8", "16") else "2010",
        "occupation_code": "all" if table in ("8", "16") else "1115",
        "industry_code": "all",
        "area_code": catalog.UNITED_KINGDOM,
        "statistic": "mean",
        "value": 500.0,
        "cv_percent": 2.0,
        "quality_band": None,
        "cell_marker": None,
        "sha256": "0" * 64,
        "synthetic": "true",
    } | columns


def job(**columns: Any) -> dict[str, Any]:
    """One job record with usual pay."""
    return {
        "year": 2020,
        "job_id": "1",
        "person_id": "person",
        "enterprise_id": "enterprise",
        "age_years": 40,
        "sex": "female",
        "work_region_gss": "E12000001",
        "soc2010_code": "1115",
        "soc2020_code": None,
        "sic2007_division": "01",
        "industry_75": "1",
        "working_pattern": "full_time",
        "weekly_pay_gbp": 600.0,
        "hourly_pay_gbp": 16.0,
        "paid_hours_per_week": 37.5,
        "annual_pay_gbp": None,
        "is_usual_pay": True,
        "calibration_weight": 100.0,
        "synthetic": "true",
    } | columns


def person(**columns: Any) -> dict[str, Any]:
    """One employee of the survey with pay."""
    return {
        "quarter": "2020-01",
        "person_id": "1",
        "household_id": "1",
        "wave": 1,
        "age_years": 40,
        "sex": "female",
        "region_gss": "E12000001",
        "local_authority_code": None,
        "birth_group": "uk",
        "nationality_group": "uk",
        "tenure": None,
        "economic_activity": "employed",
        "employment_status": "employee",
        "working_pattern": "full_time",
        "soc2010_code": "1115",
        "soc2020_code": None,
        "sic2007_section": "A",
        "sic2007_division": "01",
        "last_soc2010_code": None,
        "last_sic2007_division": None,
        "qualification_6": "degree",
        "hourly_pay_gbp": 16.0,
        "weekly_pay_gbp": 600.0,
        "usual_hours_per_week": 37.5,
        "response_outcome": None,
        "reference_week": None,
        "synthetic": "true",
    } | columns


def weight(**columns: Any) -> dict[str, Any]:
    """Weights of a person in one edition of a quarter."""
    return {
        "quarter": "2020-01",
        "person_id": "1",
        "edition": "lfsp_jm20_eul_pwt18",
        "analysis_weight": 800.0,
        "analysis_weight_year": 18,
        "earnings_weight": 3000.0,
        "earnings_weight_year": 18,
        "sha256": "0" * 64,
        "synthetic": "true",
    } | columns


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table, numbers of published cells as numbers though none is known."""
    found = pd.DataFrame(list(rows))
    return found.astype({name: "float64" for name in ("value", "cv_percent") if name in found})
