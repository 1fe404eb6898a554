"""Workbooks: what is understood is read with its place, what is not is refused with its place."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import xlsxwriter

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import CELL_COLUMNS
from lmi_pipeline.sources.workbook import Sheet, Workbook, cell_name, cells, header_labels


def make_sheet(rows: list[list]) -> Sheet:
    width = max(len(row) for row in rows)
    return Sheet("file.xlsx", "Table", [row + [""] * (width - len(row)) for row in rows])


@pytest.fixture
def sheet() -> Sheet:
    return make_sheet(
        [
            ["Title"],
            ["", "North", "", "South"],
            ["Date", "Men", "Women", "Men"],
            ["July 2014", 1.0, "[c]", 3.5],
            ["August 2014", 4, "", " .. "],
        ]
    )


def read(sheet: Sheet, **changes):
    arguments = {
        "header_rows": (1, 2),
        "fill": (1,),
        "data_rows": (3, 4),
        "label_column": 0,
        "columns": (1, 2, 3),
        "markers": ("[c]", ".."),
        "unit": "persons",
    }
    return cells(sheet, **(arguments | changes))


@pytest.mark.parametrize(
    ("row", "column", "name"),
    [(0, 0, "A1"), (6, 1, "B7"), (0, 25, "Z1"), (9, 26, "AA10"), (0, 701, "ZZ1"), (0, 702, "AAA1")],
)
def test_cells_are_named_as_a_spreadsheet_shows_them(row, column, name):
    assert cell_name(row, column) == name


def test_every_data_cell_becomes_a_row(sheet):
    frame = read(sheet)
    assert tuple(frame.columns) == CELL_COLUMNS
    assert frame["row_number"].tolist() == [4, 4, 4, 5, 5, 5]
    assert frame["column_number"].tolist() == [2, 3, 4, 2, 3, 4]
    assert frame["column_label"].tolist()[:3] == ["North | Men", "North | Women", "South | Men"]
    assert frame["row_label"].tolist()[2:4] == ["July 2014", "August 2014"]
    np.testing.assert_array_equal(frame["cell_value"], [1, np.nan, 3.5, 4, np.nan, np.nan])
    assert frame["cell_marker"].dropna().to_dict() == {1: "[c]", 5: ".."}
    assert frame["cell_text"].dropna().to_dict() == {1: "[c]", 5: " .. "}
    assert (frame["unit_label"] == "persons").all()


def test_upper_header_is_carried_only_where_told(sheet):
    assert header_labels(sheet, (1, 2), (1, 2, 3)) == ["North | Men", "Women", "South | Men"]


@pytest.mark.parametrize("value", ["n/a", date(2014, 7, 1), True])
def test_unknown_content_names_file_sheet_cell_and_the_known_markers(sheet, value):
    sheet.rows[4][3] = value
    with pytest.raises(SourceError, match=r"file 'file\.xlsx', sheet 'Table', cell D5: .*'\.\.', '\[c\]'") as caught:
        read(sheet)
    assert (caught.value.file, caught.value.sheet, caught.value.cell) == ("file.xlsx", "Table", "D5")


def test_empty_cell_is_refused_where_the_layout_has_none(sheet):
    with pytest.raises(SourceError, match="cell C5: empty data cell"):
        read(sheet, blank="refuse")


def test_column_without_header_and_row_without_label_are_refused(sheet):
    with pytest.raises(SourceError, match="cell C3: data column without a header"):
        read(make_sheet([[""], [""], ["Date", "Men", "", "Men"], *sheet.rows[3:]]), fill=())
    sheet.rows[4][0] = " "
    with pytest.raises(SourceError, match="cell A5: data row without a label"):
        read(sheet)


def test_find_row_says_what_it_expected_and_where_it_looked(sheet):
    assert sheet.find_row("Date") == 2
    with pytest.raises(
        SourceError, match=r"sheet 'Table', cell A1: expected a cell that reads 'Month' between A1 and A5"
    ):
        sheet.find_row("Month", 0, range(12))


def write(path: Path, sheets: dict[str, list[list]]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            table = book.add_worksheet(name)
            for number, row in enumerate(rows):
                table.write_row(number, 0, row)
    return path


def test_sheets_must_be_expected_or_known_to_hold_no_data(tmp_path):
    path = write(tmp_path / "b.xlsx", {"Cover": [["x"]], "Table 1": [["x"]], "Chart": [["x"]]})
    book = Workbook.open(path)
    assert book.require_sheets({"one": r"Table \d"}, ("Cover", "Chart")) == {"one": "Table 1"}
    with pytest.raises(SourceError, match=r"file 'b\.xlsx', sheet 'Chart': unknown sheet"):
        book.require_sheets({"one": r"Table \d"}, ("Cover",))
    with pytest.raises(SourceError, match=r"file 'b.xlsx': has no sheet for 'two' .*its sheets are 'Cover'"):
        book.require_sheets({"one": r"Table 1", "two": "Table 2"}, ("Cover", "Chart"))
    with pytest.raises(SourceError, match="sheet 'Table 1': looks like a second 'any' sheet, beside 'Cover'"):
        book.require_sheets({"any": ".*"})
    with pytest.raises(SourceError, match="has no sheet 'Table 9'; its sheets are 'Cover'"):
        book.sheet("Table 9")


def test_leading_empty_rows_and_columns_keep_their_place(tmp_path):
    path = write(tmp_path / "b.xlsx", {"S": [[], [], ["", "", "Date"]]})
    assert Workbook.open(path).sheet("S").find_row("Date", 2) == 2


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.999])
def test_truncated_workbook_asks_for_a_new_download(real_data, tmp_path, share):
    whole = (real_data / "rti" / "nuts1bynationalitynsaandsamar2023.xlsx").read_bytes()
    path = tmp_path / "nuts1bynationalitynsaandsamar2023.xlsx"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match=r"file 'nuts1bynationalitynsaandsamar2023\.xlsx'.*download it again"):
        Workbook.open(path)


def test_damage_inside_a_sheet_names_the_sheet(real_data, tmp_path):
    whole = bytearray((real_data / "rti" / "rtisaoct2022.xlsx").read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 2000] = bytes(2000)
    path = tmp_path / "rtisaoct2022.xlsx"
    path.write_bytes(whole)
    book = Workbook.open(path)
    with pytest.raises(SourceError, match=r"sheet '\d+\. .*cannot be read .*download it again"):
        _ = [book.sheet(name) for name in book.sheet_names]


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(SourceError, match="expected a workbook"):
        Workbook.open(tmp_path / "a.csv")
    with pytest.raises(SourceError, match="no such file"):
        Workbook.open(tmp_path / "a.xlsx")


def test_workbook_without_stored_dimensions_is_read_whole(real_data):
    sheet = Workbook.open(real_data / "rti" / "rtisaoct2022.xlsx").sheet("7. Employees (NUTS1)")
    assert (len(sheet.rows), sheet.width) == (106, 14)
