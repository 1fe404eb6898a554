"""EMP06, INAC01, A01 and A05: real editions, published figures, and files that are not what they should be."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from lmi_pipeline import catalog
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs.aggregates import (
    LAYOUTS,
    identify_aggregate,
    read_aggregate,
    tidy_published_series,
)
from lmi_pipeline.sources.lfs.published_table import Period, parse_period

EDITIONS = {
    "emp06may2017.xls": ("emp06", "2017-05-17"),
    "emp06nsamay2020.xls": ("emp06", "2020-05-19"),
    "emp06nsanov2020.xls": ("emp06", "2020-11-10"),
    "emp06may2021.xls": ("emp06", "2021-05-18"),
    "emp06nsajul2021.xls": ("emp06", "2021-07-15"),
    "emp06nsaaug2021.xls": ("emp06", "2021-08-17"),
    "emp06nsaaug2021.2.xls": ("emp06", "2021-08-17.2"),
    "inac01sajun2021.xls": ("inac01", "2021-06-15"),
    "inac01sajul2021.xls": ("inac01", "2021-07-15"),
    "a01feb2026.xls": ("a01", "2026-02-17"),
    "a05nsajan2019.xls": ("a05", "2019-01-22"),
}


@cache
def series_of(path: Path) -> pd.DataFrame:
    identity = identify_aggregate(path)
    assert identity is not None
    file = VaultFile(path, identity, path.name, f"sha of {path.name}", "false")
    return tidy_published_series(stamp(read_aggregate(path, identity).frame, file))


def levels(series: pd.DataFrame, basis: str) -> pd.DataFrame:
    """Published levels, one row a period and one column a category."""
    chosen = series[(series["basis"] == basis) & (series["measure"] == "level")]
    return chosen.pivot(index="period", columns="category", values="measure_value")


def growth(series: pd.DataFrame, basis: str, category: str, period: str) -> float:
    values = levels(series, basis)[category]
    before = f"{int(period[:4]) - 1}{period[4:]}"
    return round(100 * (values[period] / values[before] - 1), 2)


@pytest.mark.parametrize(("name", "expected"), EDITIONS.items())
def test_every_edition_is_identified_by_its_content(real_data, tmp_path, name, expected):
    identity = identify_aggregate(real_data / "lfs" / name)
    assert identity is not None
    assert (identity.source, identity.layout, identity.release) == ("lfs", *expected)
    assert identity.period is None
    renamed = tmp_path / f"download{Path(name).suffix}"
    renamed.write_bytes((real_data / "lfs" / name).read_bytes())
    again = identify_aggregate(renamed)
    assert again is not None
    assert again.layout == expected[0]


def test_no_two_files_share_a_release_of_a_layout():
    assert len(set(EDITIONS.values())) == len(EDITIONS)


@pytest.mark.parametrize("name", ["x02feb2026.xls", "aps_T01_2022.xlsx", "emp.csv"])
def test_other_files_are_not_claimed(real_data, name):
    assert identify_aggregate(real_data / "lfs" / name) is None


@pytest.mark.parametrize("name", EDITIONS)
def test_raw_and_core_rows_keep_to_the_catalogue(real_data, name):
    path = real_data / "lfs" / name
    identity = identify_aggregate(path)
    raw = stamp(read_aggregate(path, identity).frame, VaultFile(path, identity, name, "0" * 64, "false"))
    core = tidy_published_series(raw)
    for frame, table in (
        (raw, catalog.table("raw_lfs__published_cell")),
        (core, catalog.table("core_lfs__quarterly_published_series")),
    ):
        assert set(frame.columns) == set(table.columns)
        assert not frame.duplicated(list(table.key)).any()
        assert not frame[[c for c in table.columns if c not in table.nullable]].isna().any().any()
    assert (core["measure_value"].isna() | core["cell_marker"].isna()).all()
    assert set(core["cell_marker"].dropna()) <= {"*", "-", ".."}
    assert set(core["dataset"]) <= set(catalog.codes("lfs_dataset"))


def test_layouts_are_catalogued():
    catalogued = [layout.name for layout in catalog.source("lfs").layouts]
    assert catalogued == [*LAYOUTS, "person", "sample", "boost", "dataset_weight"]


# ONS, Using Real Time Information to reweight the Labour Force Survey, appendix 2: growth of the survey's
# population of EU and non-EU origin in per cent. By country of birth the same edition says something else.
@pytest.mark.parametrize(
    ("category", "period", "by_nationality", "by_country_of_birth"),
    [
        ("eu", "2019-10", 1.6, 5.8),
        ("eu", "2020-07", -16.2, -16.3),
        ("non_eu", "2019-10", 3.8, 0.7),
        ("non_eu", "2020-07", -4.8, -6.1),
    ],
)
def test_growth_rates_the_article_quotes_are_by_nationality(
    real_data, category, period, by_nationality, by_country_of_birth
):
    series = series_of(real_data / "lfs" / "emp06nsanov2020.xls")
    assert round(growth(series, "nationality", category, period), 1) == by_nationality
    assert round(growth(series, "country_of_birth", category, period), 1) == by_country_of_birth
    assert by_nationality != by_country_of_birth


@pytest.mark.parametrize(
    ("basis", "category", "expected"),
    [
        ("nationality", "eu", [1.27, -4.14, -7.46, -9.80]),
        ("nationality", "non_eu", [11.86, 9.47, 8.19, 9.03]),
        ("country_of_birth", "eu", [3.18, -2.36, -8.42, -9.59]),
        ("country_of_birth", "non_eu", [9.27, 6.73, 6.52, 5.79]),
    ],
)
def test_growth_in_2020_after_the_reweighting_of_july_2021(real_data, basis, category, expected):
    series = series_of(real_data / "lfs" / "emp06nsajul2021.xls")
    quarters = ("2020-01", "2020-04", "2020-07", "2020-10")
    assert [growth(series, basis, category, quarter) for quarter in quarters] == expected


@pytest.mark.parametrize(
    ("name", "period", "expected"),
    [
        ("emp06nsamay2020.xls", "2020-01", (27243659, 5861247, 2457091, 3404156)),
        ("emp06nsanov2020.xls", "2020-01", (27096691, 5892821, 2478409, 3414412)),
        ("emp06nsanov2020.xls", "2020-04", (27004300, 5574098, 2268154, 3305945)),
        ("emp06nsanov2020.xls", "2020-07", (27327801, 5175878, 1982645, 3193233)),
        ("emp06nsajul2021.xls", "2020-01", (26813184, 6186359, 2496894, 3689465)),
        ("emp06nsajul2021.xls", "2020-04", (26586604, 5944169, 2380337, 3563832)),
        ("emp06nsajul2021.xls", "2020-07", (26543086, 5792232, 2169004, 3623228)),
    ],
)
def test_levels_by_country_of_birth_are_persons(real_data, name, period, expected):
    found = levels(series_of(real_data / "lfs" / name), "country_of_birth").loc[period]
    assert tuple(found[["uk", "non_uk", "eu", "non_eu"]].round()) == expected


def test_levels_withdrawn_in_may_2021_keep_their_marker(real_data):
    series = series_of(real_data / "lfs" / "emp06may2021.xls")
    withdrawn = series[
        (series["measure"] == "level") & (series["period"] >= "2020-01") & (series["category"] != "total")
    ]
    assert len(withdrawn) == 5 * 19 * 2
    assert set(withdrawn["cell_marker"]) == {"-"}
    assert withdrawn["measure_value"].isna().all()
    total = series[(series["measure"] == "level") & (series["category"] == "total")]
    assert total["measure_value"].notna().all()


def test_series_identifiers_stand_beside_the_series(real_data):
    series = series_of(real_data / "lfs" / "emp06nsanov2020.xls")
    one_each = series[series["period"] == "2020-07"].set_index(["sheet", "category"])["series_id"]
    assert one_each["Country of birth levels", "uk"] == "JF6F"
    assert one_each["Nationality Levels", "eu"] == "EQ4U"
    assert one_each["Nationality Levels", "europe_eu"] == "EQ4U"
    assert one_each["Nationality rates", "non_eu"] == "EQ56"


def test_header_levels_are_joined(real_data):
    series = series_of(real_data / "lfs" / "emp06nsanov2020.xls")
    found = series.loc[series["category"] == "europe_eu", "series_label"].unique()
    assert list(found) == ["Europe | European Union (EU) | Total EU (EU27)2"]


def test_older_header_has_the_same_main_categories(real_data):
    series = series_of(real_data / "lfs" / "emp06may2017.xls")
    assert {"total", "uk", "non_uk", "eu", "non_eu", "eu2", "india"} <= set(series["category"])
    assert levels(series, "country_of_birth").loc["1997-01", "uk"] == 24322920


def test_uk_and_non_uk_stay_below_the_total(real_data):
    for name in ("emp06nsanov2020.xls", "emp06nsaaug2021.2.xls"):
        found = levels(series_of(real_data / "lfs" / name), "nationality")
        assert (found["uk"] + found["non_uk"] <= found["total"]).all()


@pytest.mark.parametrize(
    ("name", "revised"),
    [("emp06nsanov2020.xls", 2), ("emp06nsajul2021.xls", 5), ("emp06nsaaug2021.xls", 0), ("emp06may2021.xls", 0)],
)
def test_revised_periods(real_data, name, revised):
    series = series_of(real_data / "lfs" / name)
    assert series.loc[series["is_revised"], "period"].nunique() == revised


def test_a_dagger_is_reported_as_the_footnote_it_is(real_data):
    path = real_data / "lfs" / "inac01sajun2021.xls"
    notes = read_aggregate(path, identify_aggregate(path)).notes
    assert [note for note in notes if "'People'" in note and "14 periods" in note and "†" in note]


def test_the_reissue_of_august_2021_stands_beside_the_first_issue(real_data):
    first = series_of(real_data / "lfs" / "emp06nsaaug2021.xls")
    second = series_of(real_data / "lfs" / "emp06nsaaug2021.2.xls")
    assert set(first["release"]).isdisjoint(second["release"])
    pd.testing.assert_series_equal(first["measure_value"], second["measure_value"])  # only footnotes were corrected


def test_the_sheet_left_out_repeats_the_others(real_data):
    path = real_data / "lfs" / "emp06nsanov2020.xls"
    assert any("frnsa 8_1" in note for note in read_aggregate(path, identify_aggregate(path)).notes)
    excerpt = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("frnsa 8_1").to_python(skip_empty_area=False)
    series = series_of(path)
    published = set(series["measure_value"].dropna())
    rows = [row for row in excerpt if parse_period(str(row[0]))]
    assert len(rows) == 24
    values = {value for row in rows for value in row[1:] if isinstance(value, (int, float))}
    assert values <= published


def test_inactivity_before_and_after_the_reweighting(real_data):
    found = {}
    for name in ("inac01sajun2021.xls", "inac01sajul2021.xls"):
        series = series_of(real_data / "lfs" / name)
        chosen = (series["sheet"] == "People") & (series["measure"] == "level") & (series["category"] == "total")
        found[name] = series[chosen].set_index("period")["measure_value"].round()
    assert found["inac01sajun2021.xls"][["2020-01", "2020-07"]].tolist() == [8456998, 8662215]
    assert found["inac01sajul2021.xls"][["2020-01", "2020-07"]].tolist() == [8461847, 8704446]


def test_totals_of_inactivity_belong_to_the_group_at_their_right(real_data):
    series = series_of(real_data / "lfs" / "inac01sajul2021.xls")
    now = series[(series["period"] == "2021-03") & (series["sheet"] == "People")]
    shares = now[now["measure"] == "rate"].set_index("category")["measure_value"]
    assert shares[["total", "wants_job_total", "does_not_want_job_total"]].tolist() == [100.0, 100.0, 100.0]
    assert shares[["wants_job", "does_not_want_job"]].sum() == pytest.approx(100)
    reasons = ["student", "looking_after_family_home", "temporarily_sick", "long_term_sick", "discouraged_worker"]
    level = now[now["measure"] == "level"].set_index("category")["measure_value"]
    assert level[[*reasons, "retired", "other"]].sum() == pytest.approx(level["total"])


def test_summary_reads_the_survey_tables_and_names_the_rest(real_data):
    path = real_data / "lfs" / "a01feb2026.xls"
    notes = read_aggregate(path, identify_aggregate(path)).notes
    assert [note[:12] for note in notes if "placeholder" in note] == ["Sheet '8(1)'", "Sheet '8(2)'"]
    assert any(note.startswith("Tables 4, 4(1), 5, 6, 13") for note in notes)
    series = series_of(path)
    assert set(series["sheet"]) == {"1", "2", "3", "7", "7(1)", "9", "10", "11", "12"}
    first = series[(series["sheet"] == "1") & (series["period"] == "1971-01")].set_index("series_id")["measure_value"]
    assert (first["MGSL"], first["MGWG"]) == (40513000, 63.2)
    measures = series[series["sheet"].isin(["7", "10"])].groupby("sheet")["measure"].unique().map(set)
    assert measures["7"] == {"weekly_hours", "mean_weekly_hours"}
    assert measures["10"] == {"level", "rate_per_thousand"}


def test_labour_market_by_age_has_eight_columns_an_age_group(real_data):
    series = series_of(real_data / "lfs" / "a05nsajan2019.xls")
    assert set(series["basis"]) == {"age"}
    groups = series["series_label"].str.split(" | ", regex=False).str[0]
    assert set(series.groupby(groups)["series_label"].nunique()) == {8}
    first = series[(series["sheet"] == "People (16+)") & (series["period"] == "1992-03")]
    assert first.set_index(["category", "measure"])["measure_value"]["aged_16_64_employment", "level"] == 25106439


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Jan-Mar 2020", Period("2020-01", False)),
        ("Jan-Mar 2020 (r)", Period("2020-01", True)),
        ("Apr-Jun 2020 r", Period("2020-04", True)),
        ("Jan-Mar 2020†", Period("2020-01", False)),
        ("Jul-Sep 2020  ", Period("2020-07", False)),
        ("Nov-Jan 1993", Period("1992-11", False)),
        ("Dec-Feb 1993", Period("1992-12", False)),
        ("Jun-Aug 20111", Period("2011-06", False)),
        ("Jan-Mar 2020 (x)", None),
        ("Jan-Apr 2020", None),
        ("Jan-Mar", None),
    ],
)
def test_period_labels(label, expected):
    assert parse_period(label) == expected
