"""Write large workbooks of text and numbers whose cells have fills, quickly and with the same bytes every time."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from xml.sax.saxutils import escape

from lmi_pipeline.synthetic.writers import NOTICE

Value = str | int | float | None

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Fills in the order of their numbers: none, light grey hatching, solid blue-green.
_FILLS = (
    '<fill><patternFill patternType="none"/></fill>',
    '<fill><patternFill patternType="gray125"/></fill>',
    '<fill><patternFill patternType="lightGray"><fgColor indexed="9"/><bgColor indexed="15"/></patternFill></fill>',
    '<fill><patternFill patternType="solid"><fgColor indexed="49"/><bgColor indexed="64"/></patternFill></fill>',
)
_STYLES = (0, 2, 3)
PLAIN, HATCHED, SOLID = range(len(_STYLES))
_STYLED = ("", *(f' s="{style}"' for style in (HATCHED, SOLID)))


@dataclass(frozen=True, eq=False)
class FilledRow:
    """Values of a row from column A on, and the fill of each; no fills mean plain cells."""

    values: Sequence[Value]
    fills: Sequence[int] = ()


def write_filled_xlsx(path: Path, sheets: Mapping[str, Sequence[FilledRow]]) -> Path:
    """Write a workbook; empty text and None become empty cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts: dict[str, int] = {}
    parts = {f"xl/worksheets/sheet{n}.xml": _sheet(rows, texts) for n, rows in enumerate(sheets.values(), start=1)}
    parts |= _fixed_parts(list(sheets))
    strings = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in texts)
    parts["xl/sharedStrings.xml"] = f'{_HEAD}<sst {_MAIN} uniqueCount="{len(texts)}">{strings}</sst>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=2)
    return path


def _sheet(rows: Sequence[FilledRow], texts: dict[str, int]) -> str:
    width = max((len(row.values) for row in rows), default=0)
    starts = [f'<c r="{_letters(column)}' for column in range(width)]
    body = [_row(number, row, starts, texts) for number, row in enumerate(rows, start=1) if row.values]
    size = f'<dimension ref="A1:{_letters(width - 1)}{len(rows)}"/>'
    return f"{_HEAD}<worksheet {_MAIN}>{size}<sheetData>{''.join(body)}</sheetData></worksheet>"


def _row(number: int, row: FilledRow, starts: Sequence[str], texts: dict[str, int]) -> str:
    cells = []
    for start, value, fill in zip(starts, row.values, chain(row.fills, repeat(PLAIN)), strict=False):
        if value is None or value == "":
            continue
        style = _STYLED[fill]
        if isinstance(value, str):
            cells.append(f'{start}{number}"{style} t="s"><v>{texts.setdefault(value, len(texts))}</v></c>')
        else:
            cells.append(f'{start}{number}"{style}><v>{value}</v></c>')
    return f'<row r="{number}">{"".join(cells)}</row>'


def _letters(column: int) -> str:
    high, low = divmod(column, 26)
    return (chr(ord("A") + high - 1) if high else "") + chr(ord("A") + low)


def _fixed_parts(names: Sequence[str]) -> dict[str, str]:
    numbers = range(1, len(names) + 1)
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers
    )
    kinds = (("xl/workbook", "sheet.main"), ("xl/styles", "styles"), ("xl/sharedStrings", "sharedStrings"))
    overrides += "".join(f'<Override PartName="/{name}.xml" ContentType="{_TYPE}.{k}+xml"/>' for name, k in kinds)
    core = "application/vnd.openxmlformats-package.core-properties+xml"
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, start=1)
    )
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    targets += [("styles", "styles.xml"), ("sharedStrings", "sharedStrings.xml")]
    formats = "".join(f'<xf fillId="{fill}" applyFill="{int(fill > 0)}"/>' for fill in _STYLES)
    return {
        "[Content_Types].xml": (
            f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'{overrides}<Override PartName="/docProps/core.xml" ContentType="{core}"/></Types>'
        ),
        "_rels/.rels": _relations(
            [
                (f"{_OFFICE}/officeDocument", "xl/workbook.xml"),
                (f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
            ]
        ),
        "docProps/core.xml": (
            f'{_HEAD}<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties"'
            f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description>{NOTICE}</dc:description></cp:coreProperties>'
        ),
        "xl/workbook.xml": f'{_HEAD}<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations([(f"{_OFFICE}/{kind}", target) for kind, target in targets]),
        "xl/styles.xml": (
            f'{_HEAD}<styleSheet {_MAIN}><fonts count="1"><font><sz val="10"/><name val="Arial"/></font></fonts>'
            f'<fills count="{len(_FILLS)}">{"".join(_FILLS)}</fills><borders count="1"><border/></borders>'
            '<cellStyleXfs count="1"><xf/></cellStyleXfs>'
            f'<cellXfs count="{len(_STYLES)}">{formats}</cellXfs></styleSheet>'
        ),
    }


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, start=1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'
