"""The issued sample: every household of the five intakes live in a quarter, and whether it was reached.

ONS does not publish its field records; the form of the file, ``lfss_jm20.csv``, is this project's. HSERIALP is
the household key of the person file of the quarter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.lfs.file_names import quarter_of
from lmi_pipeline.sources.lfs.person_file import read_variables, variable_names
from lmi_pipeline.sources.lfs.person_tidy import recode

LAYOUT = "sample"

_NAME = re.compile(r"lfss_(?P<months>[a-z]{2})(?P<year>\d\d)")
_AREA = r"[ENSW]\d{8}"
_COLUMNS = {
    "HSERIALP": "household_key",
    "THISWV": "thiswv",
    "GOVTOF2": "govtof2",
    "LAUA": "laua",
    "MODE": "contact_mode_code",
    "CONTACT": "contact_code",
    "RESPONSE": "response_code",
}
_TEXTS = ["HSERIALP", "LAUA"]


def identify_sample(path: Path) -> FileIdentity | None:
    """Identity of a file of issued households from its name; None if the name is of another kind."""
    stem = path.stem.lower()
    if not stem.startswith("lfss_"):
        return None
    match = _NAME.fullmatch(stem)
    if path.suffix.lower() != ".csv" or match is None:
        raise SourceError("expected a name such as lfss_jm20.csv for the issued sample.", file=path.name)
    return FileIdentity("lfs", LAYOUT, stem, quarter_of(match["months"], match["year"], path.name))


def read_sample(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the issued households of a quarter, codes as delivered.

    Raises
    ------
    SourceError
        A variable is missing or stands twice, a code is not known, a household stands twice or answered without
        having been reached, or the file cannot be read. No message holds a value of a record.
    """
    names = variable_names(path)
    wrong = [name for name in _COLUMNS if names.count(name) != 1]
    if wrong:
        raise SourceError(f"expected the variables {', '.join(wrong)}, once each.", file=path.name)
    numbers = [name for name in _COLUMNS if name not in _TEXTS]
    table = read_variables(path, numbers, _TEXTS)
    _check(table, path.name)
    frame = table[list(_COLUMNS)].rename(columns=_COLUMNS).assign(quarter=identity.period, edition=identity.release)
    others = len(names) - len(_COLUMNS)
    return ReadResult(frame, (f"{others} variables are not catalogued and stay in the vault",) if others else ())


def _check(table: pd.DataFrame, file: str) -> None:
    allowed: dict[str, Collection[str]] = {
        "THISWV": ("1", "2", "3", "4", "5"),
        "GOVTOF2": catalog.mapping("region", "govtof2").values(),
        "MODE": catalog.codelist("contact_mode")["value"],
        "CONTACT": ("0", "1"),
        "RESPONSE": ("0", "1"),
    }
    for name, codes in allowed.items():
        _refuse(~table[name].isin([float(code) for code in codes]), f"variable {name}", "hold no known code", file)
    household, area = table["HSERIALP"], table["LAUA"]
    _refuse(household.isna(), "variable HSERIALP", "have no value", file)
    _refuse(household.duplicated(), "variable HSERIALP", "repeat a household that stands once", file)
    known = area.str.fullmatch(_AREA).eq(True)
    _refuse(area.notna() & ~known, "variable LAUA", "hold no code of a local authority", file)
    contradictory = (table["RESPONSE"] == 1) & (table["CONTACT"] == 0)
    _refuse(contradictory, "variables CONTACT and RESPONSE", "answered without having been reached", file)


def _refuse(wrong: pd.Series, what: str, why: str, file: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        raise SourceError(f"{what}: {count} of {len(wrong)} rows {why}.", file=file)


def tidy_sample(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_issued_household; of two editions of a quarter the last by name, a re-issue."""
    raw = raw[raw["edition"] == raw.groupby("quarter")["edition"].transform("max")].reset_index(drop=True)
    modes = {float(value): code for value, code in catalog.mapping("contact_mode", "code", key="value").items()}
    frame = pd.DataFrame(
        {
            "quarter": raw["quarter"],
            "household_id": raw["household_key"],
            "region_gss": recode(raw["govtof2"], "GOVTOF2"),
            "local_authority_code": raw["laua"].astype("str"),
            "wave": raw["thiswv"].astype("int64"),
            "contact_mode": raw["contact_mode_code"].astype("float64").map(modes).astype("str"),
            "first_contact_succeeded": raw["contact_code"] == 1,
            "responded": raw["response_code"] == 1,
            "sha256": raw["sha256"],
            "synthetic": raw["synthetic"],
        }
    )
    return frame.sort_values(["quarter", "household_id"], ignore_index=True)
