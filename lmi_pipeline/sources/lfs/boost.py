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
from lmi_pipeline.sources.lfs.person import _TEXT, _arrange, _check_codes, _check_nulls, _choose, _refuse_repeated_names
from lmi_pipeline.sources.lfs.person_file import SUFFIXES, read_variables, variable_names
from lmi_pipeline.sources.lfs.person_tidy import tidy_person
from lmi_pipeline.sources.lfs.weights import WeightNames

LAYOUT = "boost"

_NAME = re.compile(r"lfsb_(?P<months>[a-z]{2})(?P<year>\d\d)_(?P<licence>eul|sl)")
_WEIGHTS = WeightNames(analysis="no weight", analysis_year=0, earnings=None, earnings_year=None)


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
    file, quarter = path.name, str(identity.period)
    match = _NAME.match(identity.release)
    if match is None:
        raise SourceError("the name does not say under which licence the file is, expected eul or sl.", file=file)
    licence, names = match["licence"], variable_names(path)
    _refuse_repeated_names(names, file)
    chosen = _choose(names, quarter, licence, file)
    texts = [name for column, name in chosen.items() if column in _TEXT]
    numbers = [name for column, name in chosen.items() if column not in _TEXT]
    table = read_variables(path, numbers, texts)
    frame = _arrange(table.assign(**{_WEIGHTS.analysis: 0.0}), chosen, _WEIGHTS)
    frame = frame.drop(columns=["analysis_weight", "analysis_weight_year", "earnings_weight", "earnings_weight_year"])
    _check_nulls(frame, chosen, file)
    _check_codes(frame, chosen, file)
    repeated = int(frame["person_key"].duplicated().sum())
    if repeated:
        raise SourceError(f"variable {chosen['person_key']}: {repeated} persons stand twice, expected once.", file=file)
    note = f"{len(chosen)} variables read, {len(names) - len(chosen)} others are not catalogued and stay in the vault"
    return ReadResult(frame.assign(quarter=quarter, edition=identity.release, licence_variant=licence), (note,))


def tidy_boost(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_boost_person; of two editions of a quarter the last by name."""
    return tidy_person(raw.assign(analysis_weight_year=_WEIGHTS.analysis_year))
