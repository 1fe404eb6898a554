"""Median hourly pay by region: the newest release of a year, and the publisher's markers as words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.sql import SqlTest, parse, run_model, run_test
from lmi_pipeline_tests.assets.pay_rows import frame, published

SQL = Path(__file__).parents[2] / "dbt_like_sql"
MART, CORE = "out_pay__yearly_region_median", "core_ashe__yearly_published"
LONDON = "E12000007"


def median(**columns: Any) -> dict[str, Any]:
    """One cell of Table 8.6: the median of all employees of London unless said otherwise."""
    return published(
        "8", "hourly_excl_overtime", **{"statistic": "median", "area_code": LONDON, "value": 15.13} | columns
    )


def mart(tmp_path: Path, *rows: dict[str, Any]) -> pd.DataFrame:
    """The mart made of these published cells alone."""
    model = parse(SQL / "models" / "out" / f"{MART}.sql")
    return run_model(model, Lake(tmp_path), replace={CORE: frame(rows)})


def failing(tmp_path: Path, rule: str, rows: pd.DataFrame) -> int:
    """Rows of the mart that a test of it selects."""
    test = SqlTest(MART, rule, parse(SQL / "tests" / f"{MART}__{rule}.sql"))
    return run_test(test, Lake(tmp_path), replace={MART: rows})


def everywhere(**columns: Any) -> list[dict[str, Any]]:
    """A median of every region by every sex and working pattern."""
    return [
        median(area_code=area, sex=sex, working_pattern=pattern, **columns)
        for area in catalog.codes("region")
        for sex in catalog.codes("sex")
        for pattern in catalog.codes("working_pattern")
    ]


@pytest.mark.parametrize(
    ("cell", "status", "value", "cv"),
    [
        ({"cv_percent": 0.7}, "ok", 15.13, 0.7),
        ({"cv_percent": 10.0}, "ok", 15.13, 10.0),
        ({"cv_percent": 10.1}, "small_sample", 15.13, 10.1),
        ({"cv_percent": 20.0}, "small_sample", 15.13, 20.0),
        ({"cv_percent": 20.1}, "withheld", None, None),
        ({"value": None, "cell_marker": "x", "cv_percent": 25.0}, "withheld", None, None),
        ({"value": None, "cell_marker": "..", "cv_percent": None}, "withheld", None, None),
        ({"value": None, "cell_marker": "-", "cv_percent": None}, "withheld", None, None),
        ({"value": 15.13, "cell_marker": "x", "cv_percent": 1.0}, "withheld", None, None),
        ({"value": None, "cell_marker": None, "cv_percent": None}, "withheld", None, None),
        ({"value": None, "cell_marker": ":", "cv_percent": None}, "not_applicable", None, None),
        ({"cv_percent": None, "quality_band": "cv_5_10"}, "ok", 15.13, None),
        ({"cv_percent": None, "quality_band": "cv_10_20"}, "small_sample", 15.13, None),
        ({"cv_percent": None, "quality_band": None}, "small_sample", 15.13, None),
    ],
    ids=str,
)
def test_status_when_marked_or_imprecise_then_as_the_limits_say(
    tmp_path: Path, cell: dict[str, Any], status: str, value: float | None, cv: float | None
) -> None:
    row = mart(tmp_path, median(**cell)).iloc[0]
    assert row["status"] == status
    for column, expected in (("median_hourly_gbp", value), ("cv_percent", cv)):
        assert pd.isna(row[column]) if expected is None else row[column] == expected


@pytest.mark.parametrize(
    ("releases", "newest"),
    [
        (("2020-provisional", "2020-revised"), "2020-revised"),
        (("2020-unstated", "2020-provisional+ffff"), "2020-unstated"),
        (("2020-revised+1a2b", "2020-revised", "2020-unstated"), "2020-revised+1a2b"),
    ],
    ids=str,
)
def test_release_when_several_of_a_year_then_the_newest_alone(
    tmp_path: Path, releases: tuple[str, ...], newest: str
) -> None:
    rows = [median(release=release, value=float(number)) for number, release in enumerate(releases)]
    found = mart(tmp_path, *rows, median(release="2019-provisional", value=9.0))
    assert found[["year", "release", "median_hourly_gbp"]].values.tolist() == [
        [2019, "2019-provisional", 9.0],
        [2020, newest, float(releases.index(newest))],
    ]


def test_newer_release_when_without_the_table_then_the_older_one_stays(tmp_path: Path) -> None:
    other = published("14", "hourly_excl_overtime", release="2020-revised", statistic="median")
    assert mart(tmp_path, median(release="2020-provisional"), other)["release"].tolist() == ["2020-provisional"]


def test_areas_when_others_stand_in_the_table_then_regions_nations_and_uk_only(tmp_path: Path) -> None:
    named = {"K02000001": "United Kingdom", "E92000001": "England", "W92000004": "Wales", LONDON: "London"}
    others = ["K03000001", "K04000001", "E06000001", "not_classified"]
    found = mart(tmp_path, *(median(area_code=code) for code in [*named, *others]))
    assert dict(zip(found["area_code"], found["area_name"], strict=True)) == named


@pytest.mark.parametrize(
    "other",
    [
        {"ashe_table": "8.5", "measure": "hourly_gross"},
        {"ashe_table": "8.1", "measure": "weekly_gross"},
        {"ashe_table": "14.6"},
        {"statistic": "mean"},
    ],
    ids=str,
)
def test_rows_when_of_another_table_or_statistic_then_left_out(tmp_path: Path, other: dict[str, Any]) -> None:
    assert mart(tmp_path, median() | other).empty


def test_columns_then_those_of_the_catalogue(tmp_path: Path) -> None:
    found = mart(tmp_path, median(synthetic="false"))
    assert list(found.columns) == list(catalog.table(MART).columns)
    assert found.loc[0, ["is_modelled", "synthetic"]].tolist() == [False, "false"]


def test_checks_when_the_mart_is_right_then_they_select_nothing(tmp_path: Path) -> None:
    rows = everywhere()
    rows[0] |= {"value": None, "cell_marker": ".."}
    found = mart(tmp_path, *rows)
    assert failing(tmp_path, "every_region_is_there", found) == 0
    assert failing(tmp_path, "withheld_median_has_no_number", found) == 0


def test_checks_when_a_row_is_missing_or_wrong_then_they_select_it(tmp_path: Path) -> None:
    found = mart(tmp_path, *everywhere(), *everywhere(release="2019-revised"))
    assert failing(tmp_path, "every_region_is_there", found.drop(index=[3, 7])) == 2
    found.loc[0, "status"] = "withheld"
    found.loc[1, "cv_percent"] = 20.5
    found.loc[2, "median_hourly_gbp"] = None
    assert failing(tmp_path, "withheld_median_has_no_number", found) == 3
