"""PAYE Real Time Information: employees by nationality (ONS), employments (HMRC), payroll (ONS).

Nationality is the one recorded at National Insurance registration, not country of birth. Every release
restates the whole back series, so growth is computed within one release only.
"""

from __future__ import annotations

import re
from pathlib import Path

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, Reader, ReadResult
from lmi_pipeline.sources.rti import employments, nationality, payroll
from lmi_pipeline.sources.rti.table import month_of_name
from lmi_pipeline.sources.rti.tidy import (
    tidy_monthly_employees,
    tidy_monthly_employments,
    tidy_monthly_payroll,
)
from lmi_pipeline.sources.workbook import Workbook

SOURCE = "rti"
_LAYOUTS = {module.LAYOUT: module for module in (nationality, employments, payroll)}


def _layout(name: str) -> tuple[str, re.Match[str]]:
    layouts = catalog.source(SOURCE).layouts
    for layout in layouts:
        if match := re.fullmatch(layout.file_pattern, name):
            return layout.name, match
    raise SourceError(
        f"is no RTI workbook known here; expected a name like {', '.join(repr(x.file_pattern) for x in layouts)}",
        file=name,
        hint="Keep the publisher's file name, or teach the reader the new layout.",
    )


def _named_release(match: re.Match[str]) -> str:
    try:
        month = month_of_name(match["month"])
    except ValueError as error:
        raise SourceError(f"'{match['month']}' in the name is no month", file=match.string) from error
    reissue = f".{match['reissue']}" if match["reissue"] else ""
    return f"{match['year']}-{month:02d}{reissue}"


def identify(path: Path) -> FileIdentity:
    """Tell layout and release by the file's name and check both against its content."""
    layout, match = _layout(path.name)
    book = Workbook.open(path)
    _LAYOUTS[layout].check(book)
    if layout == employments.LAYOUT:
        return FileIdentity(SOURCE, layout, employments.last_month(book))
    release = _named_release(match)
    if layout == payroll.LAYOUT and payroll.publication_month(book) != release[:7]:
        raise SourceError(
            f"the name says {release[:7]}, the Index sheet {payroll.publication_month(book)}",
            file=path.name,
            sheet="Index",
            cell="A2",
            hint="Keep the publisher's file name.",
        )
    return FileIdentity(SOURCE, layout, release)


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the cells of a workbook as published."""
    result: ReadResult = _LAYOUTS[identity.layout].read(path, identity)
    return result


READER = Reader(
    SOURCE,
    identify,
    read,
    {
        "core_rti__monthly_employees": tidy_monthly_employees,
        "core_rti__monthly_employments": tidy_monthly_employments,
        "core_rti__monthly_payroll": tidy_monthly_payroll,
    },
)
