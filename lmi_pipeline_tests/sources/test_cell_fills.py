"""Fills of cells: equal looks have equal numbers, white is no fill, damage is refused."""

import zipfile

import numpy as np
import pytest
import xlsxwriter

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.cell_fills import NO_FILL, cell_fills


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "fills.xlsx"
    with xlsxwriter.Workbook(path) as made:
        made.add_worksheet("Empty")
        sheet = made.add_worksheet("Fills & more")
        blue, white = (made.add_format({"pattern": 1, "bg_color": colour}) for colour in ("#33CCCC", "#FFFFFF"))
        bold_blue = made.add_format({"pattern": 1, "bg_color": "#33CCCC", "bold": True})
        dotted = made.add_format({"pattern": 4, "fg_color": "#FFFFFF", "bg_color": "#00FFFF"})
        for column, form in enumerate((blue, white, bold_blue, dotted, None)):
            sheet.write(1, column, "x", form)
        sheet.write_blank(3, 27, None, dotted)
    return path


def test_equal_looks_have_equal_numbers_and_white_is_no_fill(book):
    fills = cell_fills(book)
    assert fills["Empty"].size == 0
    looks = fills["Fills & more"]
    blue, white, bold_blue, dotted, none = looks[1, :5]
    assert white == none == NO_FILL
    assert blue == bold_blue != NO_FILL
    assert dotted not in (blue, NO_FILL)
    assert looks.shape == (4, 28)
    assert looks[3, 27] == dotted
    assert np.count_nonzero(looks) == 4


def test_both_containers_of_the_publisher_tell_the_same_key(real_data):
    """Key of the ASHE workbooks, S8 to S11: no fill, dotted, and one colour for above 10 and above 20 per cent."""
    for part in ("14.7a   Annual pay - Gross 2021.xls", "14.7a   Annual pay - Gross 2024.xlsx"):
        path = next(found for found in (real_data / "ashe").iterdir() if found.name.endswith(part))
        precise, reasonable, acceptable, unreliable = cell_fills(path)["All"][7:11, 18]
        assert precise == NO_FILL
        assert acceptable == unreliable
        assert len({precise, reasonable, acceptable}) == 3


def test_a_file_of_another_type_is_refused(tmp_path):
    path = tmp_path / "table.xlsx"
    path.write_text("Description,Code")
    with pytest.raises(SourceError, match="expected an xls or xlsx workbook") as caught:
        cell_fills(path)
    assert caught.value.file == "table.xlsx"


@pytest.mark.parametrize("part", ["xl/styles.xml", "xl/worksheets/sheet2.xml", "xl/workbook.xml"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_part_is_refused(book, tmp_path, part, damage):
    path = tmp_path / "damaged.xlsx"
    with zipfile.ZipFile(book) as whole, zipfile.ZipFile(path, "w") as damaged:
        for name in whole.namelist():
            content = whole.read(name)
            if name != part:
                damaged.writestr(name, content)
            elif damage == "cut":
                damaged.writestr(name, content[: len(content) // 2])
    with pytest.raises(SourceError, match="cannot be read") as caught:
        cell_fills(path)
    assert caught.value.file == "damaged.xlsx"
