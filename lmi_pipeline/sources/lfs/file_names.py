"""What the names of the survey's files have in common: quarters written as two letters and a year."""

from __future__ import annotations

from lmi_pipeline.errors import SourceError

CALENDAR = {"jm": "01", "aj": "04", "js": "07", "od": "10"}


def full_year(year: str) -> str:
    """Year of two digits as four: 90 to 99 are of the last century."""
    return f"{'19' if year >= '90' else '20'}{year}"


def quarter_of(months: str, year: str, file: str) -> str:
    """Quarter of a file's name: ``jm``, ``20`` is 2020-01.

    Raises
    ------
    SourceError
        The months are no calendar quarter.
    """
    if months not in CALENDAR:
        raise SourceError(f"'{months}' is no calendar quarter, expected jm, aj, js or od.", file=file)
    return f"{full_year(year)}-{CALENDAR[months]}"
