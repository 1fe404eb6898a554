"""The fills of cells (xls, xlsx), for publishers who say something by colour.

The values are read by :mod:`lmi_pipeline.sources.workbook`; here is only how a cell looks. Two cells look alike if
pattern and colours of their fills are the same. No fill, and a solid white one, are :data:`NO_FILL`.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Hashable, Iterator
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET
from xml.parsers import expat

import numpy as np
import xlrd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.workbook import DOWNLOAD_AGAIN

NO_FILL = 0
_COMPOUND, _ZIP = bytes.fromhex("d0cf11e0a1b11ae1"), b"PK"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL = re.compile(r"([A-Z]+)(\d+)")
_WHITE_INDEX = 9
_DAMAGES = (
    xlrd.XLRDError,
    xlrd.compdoc.CompDocError,
    zipfile.BadZipFile,
    zlib.error,
    ET.ParseError,
    expat.ExpatError,
    struct.error,
    LookupError,
    ValueError,
    AssertionError,
)
_WHITES = ({"indexed": "9"}, {"rgb": "FFFFFFFF"}, {"theme": "0"})


def cell_fills(path: Path) -> dict[str, np.ndarray]:
    """How the cells of each sheet look.

    Parameters
    ----------
    path : Path
        An xls or xlsx file; which one is told by its first bytes, not by its name.

    Returns
    -------
    dict of str to ndarray of int, shape (rows, columns)
        By name of the sheet, from cell A1 on: cells with the same number look alike, :data:`NO_FILL` is no fill.

    Raises
    ------
    SourceError
        If the file is of another type, truncated or damaged.
    """
    with path.open("rb") as stream:
        start = stream.read(len(_COMPOUND))
    if start != _COMPOUND and not start.startswith(_ZIP):
        raise SourceError("expected an xls or xlsx workbook, whose fills can be read", file=path.name)
    try:
        return _xls(path) if start == _COMPOUND else _xlsx(path)
    except _DAMAGES as error:
        raise SourceError("the fills of its cells cannot be read.", file=path.name, hint=DOWNLOAD_AGAIN) from error


class _Numbers(dict[Hashable, int]):
    """A number for each look, in the order of their finding; None is no fill."""

    def of(self, look: Hashable | None) -> int:
        return NO_FILL if look is None else self.setdefault(look, len(self) + 1)


def _xls(path: Path) -> dict[str, np.ndarray]:
    book = xlrd.open_workbook(path, formatting_info=True, logfile=io.StringIO())
    numbers = _Numbers()
    of_format = np.array([numbers.of(_xls_look(book, form.background)) for form in book.xf_list], dtype="int16")
    return {sheet.name: of_format[_xls_formats(sheet)] for sheet in book.sheets()}


def _xls_look(book: xlrd.Book, fill: xlrd.formatting.XFBackground) -> Hashable | None:
    front, back = fill.pattern_colour_index, fill.background_colour_index
    if fill.fill_pattern == 0:
        return None
    if fill.fill_pattern == 1:
        white = front == _WHITE_INDEX or book.colour_map.get(front) == (255, 255, 255)
        return None if white else (1, front)
    return fill.fill_pattern, front, back


def _xls_formats(sheet: xlrd.sheet.Sheet) -> np.ndarray:
    """Number of the format of each cell; rows end where their last cell is."""
    formats = np.zeros((sheet.nrows, sheet.ncols), dtype="int64")
    for row in range(sheet.nrows):
        length = sheet.row_len(row)
        formats[row, :length] = [sheet.cell_xf_index(row, column) for column in range(length)]
    return formats


def _xlsx(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as parts:
        of_format = _xlsx_looks(ET.fromstring(parts.read("xl/styles.xml")))  # noqa: S314 expat bounds entities
        return {name: of_format[_xlsx_formats(parts.read(part))] for name, part in _xlsx_sheets(parts)}


def _xlsx_sheets(parts: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Names of the sheets and of the parts that hold them."""
    relations = ET.fromstring(parts.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {relation.attrib["Id"]: relation.attrib["Target"] for relation in relations}
    for sheet in ET.fromstring(parts.read("xl/workbook.xml")).iter(f"{_MAIN}sheet"):  # noqa: S314
        target = targets[sheet.attrib[_RELATION]]
        yield sheet.attrib["name"], str(PurePosixPath("/xl", target).relative_to("/"))


def _xlsx_looks(styles: ET.Element) -> np.ndarray:
    numbers = _Numbers()
    fills = [numbers.of(_xlsx_look(fill)) for fill in styles.iterfind(f"{_MAIN}fills/{_MAIN}fill")]
    formats = styles.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf")
    return np.array([fills[int(form.get("fillId", "0"))] for form in formats], dtype="int16")


def _xlsx_look(fill: ET.Element) -> Hashable | None:
    pattern = fill.find(f"{_MAIN}patternFill")
    kind = "none" if pattern is None else pattern.get("patternType", "none")
    if pattern is None or kind == "none":
        return None
    colours = {colour.tag: dict(colour.attrib) for colour in pattern}
    front = colours.get(f"{_MAIN}fgColor", {})
    if kind == "solid":
        return None if front in _WHITES else (kind, *sorted(front.items()))
    return kind, tuple((tag, *sorted(colour.items())) for tag, colour in sorted(colours.items()))


def _xlsx_formats(sheet: bytes) -> np.ndarray:
    """Number of the format of each cell that the sheet stores; 0, the default, of all others."""
    names: list[str] = []
    forms: list[str] = []

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "c" and "r" in attributes:
            names.append(attributes["r"])
            forms.append(attributes.get("s", "0"))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(sheet, True)
    if not names:
        return np.zeros((0, 0), dtype="int64")
    letters, digits = zip(*_CELL.findall(" ".join(names)), strict=True)
    columns = {text: _column(text) for text in set(letters)}
    across, down = np.array([columns[text] for text in letters]), np.array(list(map(int, digits))) - 1
    formats = np.zeros((down.max() + 1, across.max() + 1), dtype="int64")
    formats[down, across] = list(map(int, forms))
    return formats


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1
