"""Persons of the local boost of the Annual Population Survey, by the quarter of their interview.

The boost is deposited only inside the files of twelve months; the split by quarter and its name,
``lfsb_jm20_eul.tab``, are this project's. Variables and codes are those of the person file.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.lfs.file_names import quarter_of
from lmi_pipeline.sources.lfs.person import read_unweighted
from lmi_pipeline.sources.lfs.person_file import SUFFIXES
from lmi_pipeline.sources.lfs.person_tidy import tidy_person

LAYOUT = "boost"

_NAME = re.compile(r"lfsb_(?P<months>[a-z]{2})(?P<year>\d\d)_(?P<licence>eul|sl)")
_NO_WEIGHT_YEAR = 0


def identify_boost(path: Path) -> FileIdentity | None:
    """Identity of a boost file from its name; None if the name is of another kind."""
    stem = path.stem.lower()
    if not stem.startswith("lfsb_"):
        return None
    match = _NAME.fullmatch(stem)
    if path.suffix.lower() not in SUFFIXES or match is None:
        raise SourceError(
            "expected a name such as lfsb_jm20_eul or lfsb_jm20_sl (the licence), ending in .tab, .sav or .dta.",
            file=path.name,
        )
    return FileIdentity("lfs", LAYOUT, stem, quarter_of(match["months"], match["year"], path.name))


def read_boost(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the catalogued variables of the boost persons of a quarter, codes as issued.

    Raises
    ------
    SourceError
        As :func:`lmi_pipeline.sources.lfs.person.read_person`, but no weight is expected.
    """
    match = _NAME.match(identity.release)
    if match is None:
        raise SourceError("the name does not say under which licence the file is, expected eul or sl.", file=path.name)
    return read_unweighted(path, identity, match["licence"])


def tidy_boost(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_boost_person; of two editions of a quarter the last by name."""
    return tidy_person(raw.assign(analysis_weight_year=_NO_WEIGHT_YEAR))
