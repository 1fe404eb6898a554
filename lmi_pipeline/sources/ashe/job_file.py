"""Reader of the job records (microdata), as a Secure Lab user holds them: ``ashe_2019_2020_gb_v18``.

One file may hold several years. The names of files and variables are those of public code of such users; none of
them could be checked against a real file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.ashe.row_codes import occupations
from lmi_pipeline.sources.base import PERIODS_APART, FileIdentity, ReadResult
from lmi_pipeline.sources.lfs.person_file import read_variables, variable_names

LAYOUT = "job"
SUFFIXES = (".csv", ".tab", ".dta", ".sav")
NAME = re.compile(r"ashe_(?P<first>\d{4})_(?P<last>\d{4})_(?P<area>[a-z]+)_v(?P<version>[a-z0-9]+)")

NUMBERS = {
    "year": "year",
    "idbrnemp": "idbrnemp",
    "age": "age",
    "sex": "sex_code",
    "wgor": "wgor",
    "hgor": "hgor",
    "ft": "ft",
    "gpay": "gpay",
    "gpox": "gpox",
    "hexo": "hexo",
    "he": "he",
    "thrs": "thrs",
    "bhr": "bhr",
    "ovhrs": "ovhrs",
    "agp": "agp",
    "sjd": "sjd",
    "lop": "lop",
    "adr": "adr",
    "calwght": "calwght",
}
TEXTS = ("piden", "serno", "entref", "occ10", "occ20", "sic07")
REQUIRED = ("year", "age", "sex", "wgor", "sic07", "ft", "gpay", "hexo", "thrs", "agp", "sjd", "lop", "adr", "calwght")
OCCUPATIONS = {"occ10": "2010", "occ20": "2020"}

_WHOLE = ("year", "idbrnemp", "age", "sex_code", "wgor", "hgor", "ft", "sjd", "lop", "adr")
_ADULT_RATE, _NO_LOSS = 1, 2
_DO = "Correct the file, or leave the rows out and say so in its name."


def identify_job(path: Path) -> FileIdentity | None:
    """Identity of a file of job records from its name; None if it is of another kind.

    Raises
    ------
    SourceError
        The name starts like one and is none.
    """
    stem = path.stem.lower()
    if not stem.startswith("ashe_") or path.suffix.lower() not in SUFFIXES:
        return None
    match = NAME.fullmatch(stem)
    first, last = (int(match["first"]), int(match["last"])) if match else (1, 0)
    if match is None or first > last:
        raise SourceError(
            "expected a name such as ashe_2019_2020_gb_v18 (first and last year, version), ending in"
            f" {', '.join(SUFFIXES)}.",
            file=path.name,
            hint="Keep the name the data service gave it.",
        )
    return FileIdentity("ashe", LAYOUT, stem, PERIODS_APART.join(str(year) for year in range(first, last + 1)))


def read_job(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the catalogued variables of all records, codes as delivered.

    Raises
    ------
    SourceError
        A variable is missing or stands twice, a year is not one of the name, a weight is not above zero, a job whose
        pay was not affected by absence has no pay, a code is not known, or the file cannot be read. The message names
        file, variable and number of rows, never a value of a record.
    """
    chosen, absent = _choose(path)
    numbers, texts = [chosen[v] for v in NUMBERS if v in chosen], [chosen[v] for v in TEXTS if v in chosen]
    table = read_variables(path, numbers, texts)
    renamed = {name: NUMBERS.get(variable, variable) for variable, name in chosen.items()}
    frame = table.rename(columns=renamed)
    for variable in absent:
        column = NUMBERS.get(variable, variable)
        frame[column] = pd.Series(np.nan, index=frame.index, dtype="float64" if variable in NUMBERS else "str")
    _check(frame, identity, path.name)
    frame = frame.astype(dict.fromkeys(_WHOLE, "Int64")).assign(
        edition=identity.release, record_number=np.arange(1, len(frame) + 1)
    )
    others = len(variable_names(path)) - len(chosen)
    notes = [f"{others} variables are not catalogued and stay in the vault"] if others else []
    notes += [f"the file has no variable {', '.join(absent)}"] if absent else []
    return ReadResult(frame.astype({"year": "int64"}), tuple(notes))


def _choose(path: Path) -> tuple[dict[str, str], list[str]]:
    """Catalogued variables as the file spells them, and those it does not have."""
    names = variable_names(path)
    times = Counter(name.lower() for name in names)
    spelling = {name.lower(): name for name in names}
    known = (*NUMBERS, *TEXTS)
    twice = [name for name in known if times[name] > 1]
    absent = [name for name in known if not times[name]]
    wrong = [*twice, *(name for name in absent if name in REQUIRED)]
    wrong += [" or ".join(OCCUPATIONS)] if all(name in absent for name in OCCUPATIONS) else []
    if wrong:
        raise SourceError(f"expected the variables {', '.join(wrong)}, once each.", file=path.name)
    return {name: spelling[name] for name in known if times[name]}, absent


def _check(frame: pd.DataFrame, identity: FileIdentity, file: str) -> None:
    years = [float(year) for year in (identity.period or "").split(PERIODS_APART)]
    _refuse(~frame["year"].isin(years), "year", "hold no year of the file's name", file)
    for name in _WHOLE:
        _refuse(frame[name].notna() & (frame[name] % 1 != 0), name, "hold no whole number", file)
    weight = frame["calwght"]
    _refuse(~(weight > 0), "calwght", "hold no weight above zero", file)
    _allow(frame, "sex_code", ("1", "2"), file)
    _allow(frame, "ft", ("1", "2"), file)
    work_regions = catalog.codes("ashe_work_region")
    _allow(frame, "wgor", work_regions, file, may_lack=True)
    _refuse(frame["age"].notna() & ~frame["age"].between(0, 120), "age", "hold no age", file)
    usable = is_usable(frame)
    for name in ("gpay", "gpox", "hexo", "he", "thrs", "bhr", "ovhrs", "agp"):
        _refuse(frame[name] < 0, name, "are below zero", file)
    for name in ("gpay", "hexo"):
        reason = "hold no pay above zero though the job is on an adult rate without loss of pay"
        _refuse(usable & ~(frame[name] > 0), name, reason, file)
    for name, edition in OCCUPATIONS.items():
        unit_groups = [code for code in occupations(edition) if len(code) == len("1115")]
        unknown = frame[name].notna() & ~frame[name].isin(unit_groups)
        _refuse(unknown, name, f"hold no unit group of SOC {edition}", file)
    division = frame["sic07"].dropna().str.zfill(5)
    known = division.str.fullmatch(r"\d{5}") & division.str[:2].isin(catalog.codes("sic2007_division"))
    _refuse(~known.reindex(frame.index, fill_value=True).astype("bool"), "sic07", "hold no code of SIC 2007", file)


def is_usable(frame: pd.DataFrame) -> pd.Series:
    """Whether a job is on an adult rate and its pay was not reduced by absence."""
    return frame["adr"].eq(_ADULT_RATE).fillna(False) & frame["lop"].eq(_NO_LOSS).fillna(False)


def _allow(frame: pd.DataFrame, name: str, codes: Collection[str], file: str, *, may_lack: bool = False) -> None:
    wrong = ~frame[name].isin([float(code) for code in codes])
    _refuse(wrong & frame[name].notna() if may_lack else wrong, name, "hold no known code", file)


def _refuse(wrong: pd.Series, column: str, why: str, file: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        variable = next((variable for variable, ours in NUMBERS.items() if ours == column), column)
        raise SourceError(f"variable {variable}: {count} of {len(wrong)} rows {why}.", file=file, hint=_DO)
