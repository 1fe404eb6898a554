"""EMP06, INAC01 and A01 with one change each: refused with file, sheet and cell, or read all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.lfs.aggregates import identify_aggregate, read_aggregate

Grid = dict[str, list[list]]


def rewritten(source: Path, target: Path, change: Callable[[Grid], object]) -> Path:
    book = CalamineWorkbook.from_path(str(source))
    grid = {n: book.get_sheet_by_name(n).to_python(skip_empty_area=False) for n in book.sheet_names}
    change(grid)
    with xlsxwriter.Workbook(str(target), {"default_date_format": "yyyy-mm-dd"}) as out:
        for name, rows in grid.items():
            sheet = out.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, date):
                        sheet.write_datetime(number, column, value)
                    elif value != "":
                        sheet.write(number, column, value)
    return target


def read_rewritten(real_data: Path, tmp_path: Path, change: Callable[[Grid], object], name: str) -> pd.DataFrame:
    path = rewritten(real_data / "lfs" / name, tmp_path / f"{Path(name).stem}.xlsx", change)
    identity = identify_aggregate(path)
    return read_aggregate(path, identity).frame


def put(sheet: str, row: int, column: int, value: object) -> Callable[[Grid], object]:
    def change(grid: Grid) -> None:
        grid[sheet][row][column] = value

    return change


COB = "Country of birth levels"


def drop_sheet(grid: Grid) -> None:
    del grid["Nationality rates"]


def rename_sheet(grid: Grid) -> None:
    grid["Birthplace levels"] = grid.pop(COB)


def shift_header(grid: Grid) -> None:
    for row in range(6, 10):
        grid[COB][row] = grid[COB][row][:2] + grid[COB][row][1:-1]


def shift_labels_only(grid: Grid) -> None:
    row = grid[COB][9]
    row[2], row[3] = row[3], row[2]


def blank_period(grid: Grid) -> None:
    grid[COB][50][0] = ""


def thousands(grid: Grid) -> None:
    for row in grid[COB][12:107]:
        row[1] = row[1] / 1000


@pytest.mark.parametrize(
    ("change", "places"),
    [
        (rename_sheet, ["Birthplace levels", "unknown sheet"]),
        (drop_sheet, ["nationality rate", "Nationality Levels"]),
        (shift_header, [COB, "C10", "same header"]),
        (shift_labels_only, [COB, "D11", "JF6F"]),
        (put(COB, 10, 0, "Identifiers"), [COB, "Dataset identifier code"]),
        (put(COB, 10, 4, "EQ4Q9"), [COB, "E11"]),
        (put(COB, 9, 12, "Mars"), [COB, "M10", "unknown column header"]),
        (put(COB, 40, 3, "[c]"), [COB, "D41", "[c]"]),
        (put(COB, 41, 0, "Apr-June 2004"), [COB, "A42", "period"]),
        (put(COB, 41, 0, "Jan-Mar 1997"), [COB, "A42", "A13"]),
        (blank_period, [COB, "A51"]),
        (put(COB, 118, 2, 12.0), [COB, "C119", "outside"]),
        (put(COB, 1, 1, "soon"), [COB, "B2", "date of publication"]),
        (put("Nationality rates", 1, 1, date(2020, 11, 9)), ["Nationality rates", "B2", "2020-11-10"]),
        (put(COB, 4, 0, "Great Britain"), [COB, "United Kingdom"]),
        (thousands, [COB, "B13", "thousands"]),
    ],
)
def test_a_changed_layout_is_refused_with_its_place(real_data, tmp_path, change, places):
    with pytest.raises(SourceError) as error:
        read_rewritten(real_data, tmp_path, change, "emp06nsanov2020.xls")
    assert error.value.file == "emp06nsanov2020.xlsx"
    for place in places:
        assert place in str(error.value)


def test_a_rewritten_edition_reads_as_the_original(real_data, tmp_path):
    frame = read_rewritten(real_data, tmp_path, lambda grid: None, "emp06nsanov2020.xls")
    original = real_data / "lfs" / "emp06nsanov2020.xls"
    expected = read_aggregate(original, identify_aggregate(original)).frame
    pd.testing.assert_frame_equal(frame, expected)


def test_an_inserted_row_above_the_header_does_no_harm(real_data, tmp_path):
    frame = read_rewritten(real_data, tmp_path, lambda grid: grid[COB].insert(3, [""] * 21), "emp06nsanov2020.xls")
    assert len(frame) == 7680


def test_publication_date_as_a_serial_number(real_data, tmp_path):
    def change(grid: Grid) -> None:
        for name in list(grid)[-4:]:
            grid[name][1][1] = 44145.0

    path = rewritten(real_data / "lfs" / "emp06nsanov2020.xls", tmp_path / "emp06.xlsx", change)
    identity = identify_aggregate(path)
    assert identity is not None
    assert identity.release == "2020-11-10"


def test_inactivity_title_over_the_wrong_column_is_refused(real_data, tmp_path):
    def change(grid: Grid) -> None:
        row = grid["Men"][4]
        row[12], row[13] = "", row[12]

    with pytest.raises(SourceError, match=r"sheet 'Men', cell N5: expected a column of the group's total"):
        read_rewritten(real_data, tmp_path, change, "inac01sajul2021.xls")


def test_placeholder_that_holds_a_table_is_refused(real_data, tmp_path):
    with pytest.raises(SourceError, match=r"sheet '8\(1\)', cell A1: expected a placeholder"):
        read_rewritten(real_data, tmp_path, lambda grid: grid.update({"8(1)": grid["3"]}), "a01feb2026.xls")


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_truncated_file_is_refused(real_data, tmp_path, share):
    content = (real_data / "lfs" / "emp06nsajul2021.xls").read_bytes()
    path = tmp_path / "emp06nsajul2021.xls"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SourceError, match=r"file 'emp06nsajul2021.xls'"):
        read_aggregate(path, identify_aggregate(path))


def test_a_file_that_only_has_the_name_of_a_layout_is_refused(real_data, tmp_path):
    path = tmp_path / "emp06sep2021.xls"
    path.write_bytes((real_data / "lfs" / "x02feb2026.xls").read_bytes())
    with pytest.raises(SourceError, match=r"file 'emp06sep2021.xls': no sheet starts with"):
        identify_aggregate(path)
