"""Which weight variables an edition carries: PWT and PIWT, each resolved by pattern.

The suffix is the year of the reweighting, not of the survey, and the two need not agree: files of
July to September 2023 carry PWT23 beside PIWT22.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lmi_pipeline.errors import SourceError

_WEIGHT = re.compile(r"^P(I?)WT(\d\d)$", re.IGNORECASE)


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


def resolve_weights(names: Iterable[str], file: str) -> WeightNames:
    """Take the highest suffix of PWT and of PIWT, independently of each other.

    Raises
    ------
    SourceError
        The file has no PWT variable.
    """
    found: dict[str, list[tuple[int, str]]] = {"": [], "I": []}
    for name in names:
        match = _WEIGHT.match(name)
        if match:
            found[match[1].upper()].append((int(match[2]), name))
    if not found[""]:
        raise SourceError("no weight variable PWTyy, expected one such as PWT22; is this a person file?", file=file)
    analysis_year, analysis = max(found[""])
    earnings_year, earnings = max(found["I"], default=(None, None))
    return WeightNames(analysis, analysis_year, earnings, earnings_year)
