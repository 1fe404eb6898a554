"""Which weight variables an edition carries: PWT and PIWT and those of other datasets, each resolved by pattern.

The suffix is the year of the reweighting, not of the survey, and the two need not agree: files of
July to September 2023 carry PWT23 beside PIWT22.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lmi_pipeline.errors import SourceError


@dataclass(frozen=True)
class WeightNames:
    """Variables of an edition that hold its newest weights.

    Attributes
    ----------
    analysis, earnings : str or None
        Name as it stands in the file; an edition may have no earnings weight.
    analysis_year, earnings_year : int or None
        Two-digit suffix.
    """

    analysis: str
    analysis_year: int
    earnings: str | None
    earnings_year: int | None


def newest_weight(names: Iterable[str], stem: str) -> tuple[str, int] | None:
    """Name and suffix of the newest weight variable of a stem (``PWT``, ``LGWT``, ``PWTA``); None without one."""
    pattern = re.compile(rf"{stem}(\d\d)", re.IGNORECASE)
    found = [(int(match[1]), match[0]) for match in map(pattern.fullmatch, names) if match]
    if not found:
        return None
    year, name = max(found)
    return name, year


def resolve_weights(names: Iterable[str], file: str) -> WeightNames:
    """Take the highest suffix of PWT and of PIWT, independently of each other.

    Raises
    ------
    SourceError
        The file has no PWT variable.
    """
    listed = list(names)
    analysis = newest_weight(listed, "PWT")
    if analysis is None:
        raise SourceError("no weight variable PWTyy, expected one such as PWT22; is this a person file?", file=file)
    return WeightNames(*analysis, *(newest_weight(listed, "PIWT") or (None, None)))
