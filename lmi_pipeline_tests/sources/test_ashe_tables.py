"""ASHE table readers on the publisher's own workbooks, both containers and both editions of SOC."""

import re
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xlrd

from lmi_pipeline import catalog
from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.quality.schema_checks import assert_valid
from lmi_pipeline.sources.ashe import READER
from lmi_pipeline.sources.ashe.tables import STATISTICS
from lmi_pipeline.sources.base import ReadResult, VaultFile, stamp
from lmi_pipeline.storage.frames import conform

RAW, CORE = "raw_ashe__published_cell", "core_ashe__yearly_published"
SOC10 = "PROV - Occupation SOC10 (4) Table 14."
SOC20 = "PROV - Occupation SOC20 (4) Table 14."
WEEKLY = f"{SOC10}1a   Weekly pay - Gross 2021.xls"
ANNUAL, ANNUAL_CV = f"{SOC10}7a   Annual pay - Gross 2021.xls", f"{SOC10}7b   Annual pay - Gross 2021 CV.xls"
ANNUAL_24, ANNUAL_24_CV = f"{SOC20}7a   Annual pay - Gross 2024.xlsx", f"{SOC20}7b   Annual pay - Gross 2024 CV.xlsx"
INDUSTRY = "SIC07 Industry (4) SIC2007 Table 16.7a   Annual pay - Gross 2020.xls"
AREA = "ons_ashe_table8_weekly_pay_gross_2025.xlsx"
FILES = (WEEKLY, ANNUAL, ANNUAL_CV, ANNUAL_24, ANNUAL_24_CV, INDUSTRY, AREA)
KEY = list(catalog.table(CORE).key)


@cache
def read(path: Path) -> ReadResult:
    return READER.read(path, READER.identify(path))


def stamped(path: Path) -> pd.DataFrame:
    identity = READER.identify(path)
    return stamp(read(path).frame, VaultFile(path, identity, path.name, path.name, "false"))


@pytest.fixture(scope="module")
def ashe(real_data) -> Path:
    return real_data / "ashe"


@pytest.fixture(scope="module")
def raw(ashe) -> pd.DataFrame:
    frame = pd.concat([stamped(ashe / name) for name in FILES], ignore_index=True)
    return conform(frame, catalog.table(RAW))


@pytest.fixture(scope="module")
def core(raw) -> pd.DataFrame:
    return READER.tidy[CORE](raw)


def estimate(core: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Rows of a table by statistic, of all jobs of the United Kingdom unless said otherwise."""
    whole = {"sex": "all", "working_pattern": "all", "occupation_code": "all", "industry_code": "all"}
    whole |= {"area_code": UNITED_KINGDOM}
    wanted = np.logical_and.reduce([core[name] == value for name, value in (whole | where).items()])
    return core[wanted].set_index("statistic")


def test_every_file_is_known_by_its_title_and_its_release_by_its_name(ashe):
    found = {path.name: READER.identify(path) for path in sorted(ashe.iterdir())}
    assert len(found) == 15
    assert all(identity.period is None for identity in found.values())
    kinds = {(identity.layout, identity.release) for identity in found.values()}
    assert kinds == {
        ("table_14", "2021-provisional"),
        ("table_14", "2022-provisional"),
        ("table_14", "2024-provisional"),
        ("table_16", "2020-revised"),
        ("table_8", "2025-unstated"),
    }
    patterns = {layout.name: layout.file_pattern for layout in catalog.source("ashe").layouts}
    for name, identity in found.items():
        assert re.fullmatch(patterns[identity.layout], name), name


@pytest.mark.parametrize(
    ("name", "rows", "coded", "unit_groups", "markers"),
    [
        (ANNUAL, 495, 493, 369, {"x": 1641, ":": 4}),
        (WEEKLY, 495, 493, 369, {"x": 1208, "..": 1, ":": 3}),
        (ANNUAL_24, 553, 551, 412, {"x": 1787, "..": 2, ":": 3}),
        (INDUSTRY, 1002, 996, 561, {"x": 5721, ":": 61, "..": 30}),
        (AREA, 396, 395, 0, {"x": 347}),
    ],
)
def test_rows_codes_and_markers_of_the_first_sheet_are_those_counted_in_the_files(
    ashe, name, rows, coded, unit_groups, markers
):
    frame = read(ashe / name).frame
    first = frame[frame["sheet"] == "All"]
    codes = first.drop_duplicates("row_number")["row_code"]
    assert (len(codes), int(codes.notna().sum())) == (rows, coded)
    assert int(codes.dropna().str.fullmatch(r"\d{4}").sum()) == unit_groups
    assert first["cell_marker"].value_counts().to_dict() == markers


def test_a_sheet_has_every_cell_once_as_number_marker_or_nothing(raw):
    assert_valid(raw, RAW)
    for (name, sheets), count in raw.groupby(["file_name", "sheet"]).size().items():
        assert count % len(STATISTICS) == 0, (name, sheets)
    assert raw.groupby("file_name")["sheet"].nunique().eq(9).all()
    assert not (raw["cell_value"].notna() & raw["cell_marker"].notna()).any()
    assert set(raw["cell_marker"].dropna()) == {"x", "..", ":", "."}


def test_values_and_markers_stand_where_another_reader_finds_them(ashe):
    book = xlrd.open_workbook(ashe / INDUSTRY)
    frame = read(ashe / INDUSTRY).frame
    for name in ("All", "Female Part-Time"):
        sheet, rows = book.sheet_by_name(name), frame[frame["sheet"] == name]
        assert len(rows) == 1002 * len(STATISTICS)
        for cell in rows.itertuples():
            there = sheet.cell_value(cell.row_number - 1, cell.column_number - 1)
            ours = cell.cell_marker if isinstance(cell.cell_marker, str) else cell.cell_value
            assert there == ("" if pd.isna(ours) else ours), (name, cell.row_number, cell.column_number)


def test_fills_are_read_in_both_containers(ashe):
    bands = ["CV <= 5%", "CV > 5% and <= 10%", "CV > 10% and <= 20%"]
    for name, counts in ((ANNUAL, [2088, 1637, 1017]), (ANNUAL_24, [2329, 1849, 1159])):
        first = read(ashe / name).frame.query("sheet == 'All'")
        assert first["fill_label"].value_counts().reindex(bands).tolist() == counts
        without = first.loc[first["fill_label"].isna() & first["cell_value"].notna(), "column_label"]
        assert set(without) == {"Annual | percentage | change"}


def test_core_rows_are_those_of_the_catalogue(core):
    assert_valid(conform(core, catalog.table(CORE)), CORE)
    assert not core.duplicated(KEY).any()
    assert (core["value"].isna() | core["cell_marker"].isna()).all()
    assert set(core["statistic"]) == set(STATISTICS)


def test_jobs_are_jobs_and_pay_is_as_printed(core):
    everyone = estimate(core, release="2021-provisional", ashe_table="14.7")
    assert everyone.loc["job_count", "value"] == 23_865_000
    assert everyone.loc[["median", "mean", "p10", "p90", "change_mean"], "value"].tolist() == [
        25971,
        31447,
        8787,
        54742,
        -0.6,
    ]
    chiefs = estimate(core, release="2021-provisional", ashe_table="14.7", occupation_code="1115")
    assert chiefs.loc["mean", ["value", "cv_percent", "quality_band", "year", "measure"]].tolist() == [
        119586,
        9.0,
        "cv_5_10",
        2021,
        "annual_gross",
    ]


def test_markers_and_blanks_are_kept_apart(core):
    elected = estimate(core, release="2021-provisional", ashe_table="14.7", occupation_code="1116")
    jobs, change = elected.loc["job_count"], elected.loc["change_median"]
    assert (jobs["cell_marker"], jobs["quality_band"], jobs["cv_percent"]) == ("x", "suppressed", 20.2)
    assert change[["value", "cell_marker", "quality_band"]].isna().all()
    unclassified = estimate(core, release="2021-provisional", ashe_table="14.7", occupation_code="not_classified")
    assert unclassified["cell_marker"].dropna().tolist() == [":"]


@pytest.mark.parametrize(("release", "edition"), [("2021-provisional", "2010"), ("2024-provisional", "2020")])
def test_occupations_are_all_of_the_edition(core, release, edition):
    rows = core[core["release"] == release]
    assert set(rows["soc_edition"]) == {edition}
    codes = set(rows["occupation_code"])
    levels = ("major", "sub_major", "minor", "unit_group")
    listed = {code for level in levels for code in catalog.codes(f"soc{edition}_{level}")}
    assert codes == listed | {"all", "not_classified"}


def test_quality_from_the_fill_is_that_from_the_coefficient_of_variation(raw, core):
    from_fill = READER.tidy[CORE](raw[raw["file_name"].isin([ANNUAL, ANNUAL_24])]).set_index(KEY)
    both = core[core["cv_percent"].notna() & core["value"].notna()].set_index(KEY)
    assert len(both) == 61_513
    assert (from_fill.loc[both.index, "quality_band"] == both["quality_band"]).all()
    bounds = {"cv_0_5": (0, 5), "cv_5_10": (5, 10), "cv_10_20": (10, 20)}
    for band, (lower, upper) in bounds.items():
        found = both.loc[both["quality_band"] == band, "cv_percent"]
        assert len(found)
        assert found.between(lower, upper).all()


def test_every_suppressed_level_has_no_value_and_some_have_a_coefficient(core):
    suppressed = core[core["quality_band"] == "suppressed"]
    assert suppressed["value"].isna().all()
    assert suppressed["cell_marker"].eq("x").all()
    assert suppressed["cv_percent"].max() > 20


def test_leading_zeros_of_industries_are_restored(core):
    """SIC 2007 has 21 sections, 88 divisions, 272 groups and 615 classes."""
    codes = set(core.loc[core["ashe_table"] == "16.7", "industry_code"])
    divisions = {code for code in codes if re.fullmatch(r"\d\d", code)}
    assert divisions == set(catalog.codes("sic2007_division"))
    assert {code for code in codes if code.isalpha() and len(code) == 1} == set(catalog.codes("sic2007_section"))
    digits = [len(code) for code in codes if code.isdigit()]
    assert (digits.count(3), digits.count(4)) == (272, 615)
    assert {"01", "011", "0111", "11", "110", "1101"} <= codes
    growing, beverages = (
        estimate(core, ashe_table="16.7", industry_code=code).loc["median", "value"] for code in ("011", "11")
    )
    assert growing == 22376
    assert beverages != growing
    totals = {code for code in codes if code[0].islower()}
    assert totals == {"all", "all_industries", "production", "manufacturing", "services", "not_classified"}


def test_areas_of_a_renamed_file_are_read(ashe, core):
    table = core[core["ashe_table"] == "8.1"]
    assert set(catalog.codes("region")) | {UNITED_KINGDOM, "not_classified"} <= set(table["area_code"])
    assert estimate(table).loc["mean", "value"] == 757.5
    assert estimate(table, area_code="E12000001").loc["job_count", "value"] == 1_026_000
    assert read(ashe / AREA).notes == ("the name does not say whether the edition is provisional or revised",)


def test_a_renamed_file_tells_its_edition_of_soc_by_its_codes(ashe, tmp_path):
    path = tmp_path / "download.xls"
    shutil.copyfile(ashe / WEEKLY, path)
    assert READER.identify(path).release == "2021-unstated"
    assert any("edition of SOC" in note for note in read(path).notes)
    assert set(READER.tidy[CORE](stamped(path))["soc_edition"]) == {"2010"}
