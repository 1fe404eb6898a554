"""RTI readers on the publishers' own workbooks."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.sources.base import CELL_COLUMNS, ReadResult, VaultFile, stamp
from lmi_pipeline.sources.rti import READER

REFERENCE = Path(__file__).parents[1] / "methods" / "reference" / "rti_quarterly_growth.csv"
NATIONALITY = "nuts1bynationalitynsaandsamar2023.xlsx"
TO_2021 = "paye_employments_jul14jun21.xlsx"
TO_2022 = (
    "Payrolled_employments_in_the_UK_by_region__industry_and_nationality__from_July_2014_to_December_2022"
    "_-_Data_tables.ods"
)
OCTOBER, FEBRUARY = "rtisaoct2022.xlsx", "rtisafeb2026.xlsx"
CORE = {
    NATIONALITY: "core_rti__monthly_employees",
    TO_2021: "core_rti__monthly_employments",
    TO_2022: "core_rti__monthly_employments",
    OCTOBER: "core_rti__monthly_payroll",
    FEBRUARY: "core_rti__monthly_payroll",
}


@cache
def read(path: Path) -> ReadResult:
    return READER.read(path, READER.identify(path))


def stamped(path: Path) -> pd.DataFrame:
    return stamp(read(path).frame, VaultFile(path, READER.identify(path), path.name, path.name, "false"))


@cache
def core(path: Path) -> pd.DataFrame:
    return READER.tidy[CORE[path.name]](stamped(path))


@pytest.fixture
def rti(real_data) -> Path:
    return real_data / "rti"


@pytest.mark.parametrize(
    ("name", "layout", "release"),
    [
        (NATIONALITY, "nationality", "2023-03"),
        (TO_2021, "employments", "2021-06"),
        (TO_2022, "employments", "2022-12"),
        (OCTOBER, "payroll", "2022-10"),
        (FEBRUARY, "payroll", "2026-02"),
    ],
)
def test_layout_and_release_are_told_from_name_and_content(rti, name, layout, release):
    identity = READER.identify(rti / name)
    assert (identity.source, identity.layout, identity.release, identity.period) == (
        "rti",
        layout,
        release,
        None,
    )


def test_reissue_digit_is_part_of_the_release(rti, tmp_path):
    path = tmp_path / "rtisaoct20221.xlsx"
    path.write_bytes((rti / OCTOBER).read_bytes())
    assert READER.identify(path).release == "2022-10.1"


@pytest.mark.parametrize(
    ("name", "cells", "markers"),
    [
        (NATIONALITY, 2 * 102 * 13 * 4, {}),
        (TO_2021, 84 * (14 * 84 + 105), {"[d]", "<50"}),
        (TO_2022, 102 * (14 * 84 + 105), {"[c]"}),
    ],
)
def test_every_data_cell_is_a_number_or_a_marker(rti, name, cells, markers):
    frame = read(rti / name).frame
    assert tuple(frame.columns) == CELL_COLUMNS
    assert len(frame) == cells
    assert not frame.duplicated(["sheet", "row_number", "column_number"]).any()
    assert (frame["cell_value"].notna() ^ frame["cell_marker"].notna()).all()
    assert set(frame["cell_marker"].dropna()) == set(markers)


@pytest.mark.parametrize("name", CORE)
def test_core_rows_are_those_of_the_catalogue(rti, name):
    table, frame = catalog.table(CORE[name]), core(rti / name)
    assert set(frame.columns) == set(table.columns)
    assert not frame.duplicated(list(table.key)).any()
    required = [column for column in table.columns if column not in table.nullable]
    assert frame[required].notna().all().all()
    for column in table.columns:
        codes = catalog.column(column).codelist
        if codes:
            assert set(frame[column].dropna()) <= set(catalog.codes(codes)), column


@pytest.mark.parametrize("name", [TO_2021, TO_2022])
def test_employments_have_every_industry_block(rti, name):
    blocks = catalog.codelist("industry_block_alias")["industry_block"]
    assert set(core(rti / name)["industry_block"]) == {"total", *blocks}
    assert blocks.nunique() == 20


def test_a_layout_yields_rows_of_its_own_table_only(rti):
    raw = stamped(rti / NATIONALITY)
    for table, tidy in READER.tidy.items():
        assert len(tidy(raw)) == (len(raw) if table == CORE[NATIONALITY] else 0)


def uk_quarterly_means(frame: pd.DataFrame) -> pd.DataFrame:
    uk = frame[(frame["area_code"] == UNITED_KINGDOM) & ~frame["is_seasonally_adjusted"]]
    monthly = uk.pivot(index="month", columns="nationality_group", values="employee_count")
    quarter = pd.PeriodIndex(monthly.index, freq="M").asfreq("Q")
    means = monthly.groupby(quarter).mean()
    return means.set_axis(means.index.start_time.strftime("%Y-%m"))


def test_growth_by_nationality_equals_the_reference(rti):
    means = uk_quarterly_means(core(rti / NATIONALITY))
    growth = (means / means.shift(4) - 1) * 100
    expected = pd.read_csv(REFERENCE, comment="#", index_col="quarter")
    assert list(expected.index) == list(means.index)
    for group in ("uk", "eu", "non_eu"):
        np.testing.assert_allclose(means[group], expected[group], atol=0.51)
        compared = expected[f"growth_{group}"].dropna()
        assert (compared.index[0], compared.index[-1], len(compared)) == ("2015-07", "2022-10", 30)
        np.testing.assert_allclose(growth.loc[compared.index, group], compared, atol=0.001)


def test_areas_and_nationalities_add_up(rti):
    frame = core(rti / NATIONALITY)
    key = ["month", "is_seasonally_adjusted"]
    uk = frame["area_code"] == UNITED_KINGDOM
    areas = frame[~uk].groupby([*key, "nationality_group"])["employee_count"].sum()
    assert (areas - frame[uk].set_index([*key, "nationality_group"])["employee_count"]).abs().max() <= 12
    counts = frame.pivot(index=["area_code", *key], columns="nationality_group", values="employee_count")
    difference = (counts["uk"] + counts["eu"] + counts["non_eu"] - counts["total"]).abs()
    assert difference.drop(UNITED_KINGDOM).max() <= 1
    assert difference[UNITED_KINGDOM].max() <= 12


def test_first_and_last_published_figures(rti):
    frame = core(rti / NATIONALITY).set_index(["month", "area_code", "nationality_group", "is_seasonally_adjusted"])
    counts = frame["employee_count"]
    assert counts["2014-07", "E12000001", "total", True] == 1030131
    assert counts["2022-12", "E12000001", "non_eu", True] == 48448
    assert counts["2022-12", "E12000001", "total", False] == 1116531


def test_columns_of_the_two_employments_editions(rti):
    for name, months in ((TO_2021, 84), (TO_2022, 102)):
        frame = read(rti / name).frame
        columns = frame.groupby("sheet")["column_number"].nunique()
        assert sorted(columns.unique()) == [84, 105]
        assert (columns == 105).sum() == 1
        assert frame["row_label"].str.replace("[c]", "c", regex=False).nunique() == months


def test_header_row_moves_between_sheets_of_the_ods(rti):
    first = read(rti / TO_2022).frame.groupby("sheet")["row_number"].min()
    assert (first["1"], first["2"]) == (4, 5)


def test_employments_keep_markers_and_leave_out_the_repeated_eu_total(rti):
    frame = core(rti / TO_2022)
    assert len(frame) == 102 * (14 * 84 + 105 - 21)
    assert (frame["employment_count"].isna() == frame["cell_marker"].notna()).all()
    eu = frame[
        (frame["area_code"] == UNITED_KINGDOM) & frame["nationality_group"].isin(["eu14", "eu8", "eu2", "other_eu"])
    ]
    assert (eu["cell_marker"] == "[c]").sum() == 780
    counts = frame.set_index(["month", "area_code", "nationality_group", "industry_block"])["employment_count"]
    assert counts["2014-07", UNITED_KINGDOM, "uk", "total"] == 24869000
    assert counts["2022-12", "E92000001", "non_eu", "total"] == 2756000


def test_misprinted_months_of_the_london_sheet_are_read(rti):
    raw = read(rti / TO_2022).frame
    assert (raw.loc[raw["sheet"] == "10", "row_label"] == "O[c]tober 2014").any()
    london = core(rti / TO_2022).query("area_code == 'E12000007'")
    assert london["month"].nunique() == 102


@pytest.mark.parametrize(
    ("name", "absent", "until"),
    [
        (OCTOBER, {*range(19, 23), *range(36, 40)}, "13 December 2022"),
        (FEBRUARY, {*range(19, 23), *range(32, 36)}, "19 March 2026"),
    ],
)
def test_placeholders_of_a_payroll_edition_are_reported(rti, name, absent, until):
    result = read(rti / name)
    numbers = {int(note.split("'")[1].split(".")[0]) for note in result.notes}
    assert numbers == absent
    assert any(note.endswith(f"is not in this edition. The next update is on {until}") for note in result.notes)
    assert {int(sheet.split(".")[0]) for sheet in result.frame["sheet"]} == set(range(1, 40)) - absent


@pytest.mark.parametrize(
    ("name", "uk", "ages", "percentiles"),
    [(OCTOBER, 26768703, 99, 7), (FEBRUARY, 26761380, 139, 20)],
)
def test_payroll_labels_of_both_editions_are_the_same(rti, name, uk, ages, percentiles):
    frame = core(rti / name)
    age = frame[(frame["breakdown"] == "age") & (frame["measure"] == "employees")]
    assert list(age["category_code"].unique()) == ["0-17", "18-24", "25-34", "35-49", "50-64", "65+", "total"]
    assert age["month"].nunique() == ages
    assert frame.loc[frame["measure"].str.startswith("pay_percentile"), "measure"].nunique() == percentiles
    nuts1 = frame[(frame["breakdown"] == "nuts1") & (frame["measure"] == "employees") & (frame["month"] == "2014-07")]
    assert set(nuts1["category_code"]) == {*catalog.codes("region"), UNITED_KINGDOM}
    counts = nuts1.set_index("category_code")["measure_value"]
    assert counts[UNITED_KINGDOM] == uk
    assert abs(counts.drop(UNITED_KINGDOM).sum() - uk) <= 12


def test_payroll_has_one_empty_cell_the_change_in_the_first_month(rti):
    for name in (OCTOBER, FEBRUARY):
        empty = read(rti / name).frame.query("cell_value.isna()")
        assert empty[["row_label", "column_label"]].to_numpy().tolist() == [["July 2014", "Change on previous month"]]


def test_median_of_pay_growth_is_in_per_cent(rti):
    growth = core(rti / OCTOBER).query("measure == 'median_of_pay_growth'").set_index("month")["measure_value"]
    assert (growth.index[0], len(growth)) == ("2015-07", 87)
    np.testing.assert_allclose(growth["2015-07"], 2.38960714153486)


def test_releases_stay_side_by_side(rti):
    raw = pd.concat([stamped(rti / OCTOBER), stamped(rti / FEBRUARY)], ignore_index=True)
    frame = READER.tidy["core_rti__monthly_payroll"](raw)
    assert len(frame) == len(core(rti / OCTOBER)) + len(core(rti / FEBRUARY))
    first = frame.query("measure == 'employees' and breakdown == 'uk' and month == '2014-07'")
    assert dict(zip(first["release"], first["measure_value"], strict=True)) == {
        "2022-10": 26768703,
        "2026-02": 26761380,
    }
