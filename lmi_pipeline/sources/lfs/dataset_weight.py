"""Official weights of the datasets beside the quarterly person file: longitudinal, household, annual.

Only the keys, the wave and the newest weight are read; all else is in the person files already. A file of two
or four quarters stands under its last one.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.methods.quarters import shift_quarter
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.lfs.file_names import full_year, quarter_of
from lmi_pipeline.sources.lfs.person_file import SUFFIXES, read_variables, variable_names
from lmi_pipeline.sources.lfs.weights import newest_weight

LAYOUT = "dataset_weight"
WAVES = 5

_REST = r"_(eul|sl)(_[a-z0-9]+)*"
_HOUSEHOLD = re.compile(r"lfsh_(?P<months>[a-z]{2})(?P<year>\d\d)" + _REST)
_LINKED = re.compile(r"lgwt\d\d_(?P<quarters>\d)q_(?P<first>[a-z]{2}\d\d)_(?P<last>[a-z]{2}\d\d)" + _REST)
_ANNUAL = re.compile(
    r"aps[ph]_((?P<months>jd|am|jj|os)(?P<year>\d\d)|(?P<begin>[ajo])(?P<from>\d\d)(?P<end>[mjs])(?P<to>\d\d))" + _REST
)
# Last quarter of each span of twelve months.
_LAST_QUARTER = {"jd": "10", "am": "01", "jj": "04", "os": "07"}
_PREFIXES = {"lgwt": "lfs_longitudinal", "lfsh": "lfs_household", "apsp": "aps_person", "apsh": "aps_household"}
_NAMES = {"person_key": ("CASENOP", "CASENO"), "household_key": ("HSERIALP", "HSERIAL"), "thiswv": ("THISWV",)}


def identify_dataset_weight(path: Path) -> FileIdentity | None:
    """Identity of a longitudinal, household or annual file from its name; None if it is of another kind.

    Raises
    ------
    SourceError
        The name starts like one of these files and is none, or is of five quarters.
    """
    stem = path.stem.lower()
    if stem[:4] not in _PREFIXES or stem[4:5] not in ("_", *"0123456789"):
        return None
    period = _period(stem, path.name) if path.suffix.lower() in SUFFIXES else None
    if period is None:
        raise SourceError(
            "expected a name such as lfsh_aj20_eul_phhwt22, apsp_jd20_eul_pwta20, apsp_a19m20_eul,"
            " apsh_jd20_eul_phhwta20 or lgwt18_2q_js19_od19_eul, ending in .tab, .sav or .dta.",
            file=path.name,
            hint="Keep the name the UK Data Service gave it.",
        )
    return FileIdentity("lfs", LAYOUT, stem, period)


def _period(stem: str, file: str) -> str | None:
    if match := _HOUSEHOLD.fullmatch(stem):
        return quarter_of(match["months"], match["year"], file)
    if match := _LINKED.fullmatch(stem):
        return _linked_period(match, file)
    if match := _ANNUAL.fullmatch(stem):
        return _annual_period(match)
    return None


def _linked_period(match: re.Match[str], file: str) -> str:
    first, last = (quarter_of(match[end][:2], match[end][2:], file) for end in ("first", "last"))
    if match["quarters"] != "2" or shift_quarter(first, 1) != last:
        raise SourceError("is no file of two quarters in succession; others are not used.", file=file)
    return last


def _annual_period(match: re.Match[str]) -> str | None:
    if match["months"]:
        return f"{full_year(match['year'])}-{_LAST_QUARTER[match['months']]}"
    span, years = match["begin"] + match["end"], (full_year(match["from"]), full_year(match["to"]))
    if span not in _LAST_QUARTER or int(years[1]) - int(years[0]) != 1:
        return None
    return f"{years[1]}-{_LAST_QUARTER[span]}"


def read_dataset_weight(path: Path, identity: FileIdentity) -> ReadResult:
    """Read keys, wave and newest weight of one edition.

    Raises
    ------
    SourceError
        A variable is missing or stands twice, a row lacks a key, wave or weight, a person stands twice, or the
        file cannot be read. No message holds a value of a record.
    """
    file, dataset = path.name, _PREFIXES[identity.release[:4]]
    stem = catalog.mapping("lfs_weighting_dataset", "variable")[dataset]
    names = variable_names(path)
    weight = newest_weight(names, stem)
    if weight is None:
        raise SourceError(f"no weight variable {stem}yy, expected one such as {stem}22.", file=file)
    chosen = _choose(names, file) | {"analysis_weight": weight[0]}
    numbers = [chosen["thiswv"], chosen["analysis_weight"]]
    table = read_variables(path, numbers, [chosen["person_key"], chosen["household_key"]])
    frame = pd.DataFrame({column: table[name] for column, name in chosen.items()})
    _check(frame, chosen, file)
    frame = frame.assign(
        quarter=identity.period, edition=identity.release, dataset_name=dataset, analysis_weight_year=weight[1]
    )
    others = len(names) - len(chosen)
    return ReadResult(frame, (f"{len(chosen)} variables read, {others} others stay in the vault",))


def _choose(names: list[str], file: str) -> dict[str, str]:
    times = Counter(name.upper() for name in names)
    there = {name.upper(): name for name in names}
    chosen = {column: next((there[name] for name in known if times[name] == 1), "") for column, known in _NAMES.items()}
    wrong = [" or ".join(_NAMES[column]) for column, name in chosen.items() if not name]
    if wrong:
        raise SourceError(f"expected the variables {', '.join(wrong)}, once each.", file=file)
    return chosen


def _check(frame: pd.DataFrame, chosen: dict[str, str], file: str) -> None:
    wave, weight = frame["thiswv"], frame["analysis_weight"]
    faults = {
        "person_key": (frame["person_key"].isna(), "have no value"),
        "household_key": (frame["household_key"].isna(), "have no value"),
        "thiswv": (~wave.isin(range(1, WAVES + 1)), "hold no wave from 1 to 5"),
        "analysis_weight": (~(weight >= 0), "hold no weight of 0 or more"),
    }
    for column, (wrong, why) in faults.items():
        if wrong.any():
            raise SourceError(f"variable {chosen[column]}: {int(wrong.sum())} of {len(frame)} rows {why}.", file=file)
    repeated = int(frame["person_key"].duplicated().sum())
    if repeated:
        raise SourceError(f"variable {chosen['person_key']}: {repeated} persons stand twice, expected once.", file=file)


def tidy_dataset_weight(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_lfs__quarterly_dataset_weight: every dataset and edition, side by side.

    Raises
    ------
    SourceError
        An edition was delivered twice.
    """
    repeated = raw.duplicated(["quarter", "edition", "person_key"])
    if repeated.any():
        editions = ", ".join(sorted(raw.loc[repeated, "edition"].unique()))
        raise SourceError(
            f"{int(repeated.sum())} persons stand twice in edition {editions}; was it delivered in two containers?"
            " Keep one of them."
        )
    frame = raw.rename(columns={"person_key": "person_id", "household_key": "household_id"})
    columns = ["dataset_name", "quarter", "edition", "person_id", "household_id"]
    columns += ["analysis_weight", "analysis_weight_year", "sha256", "synthetic"]
    return frame[columns].sort_values(["quarter", "dataset_name", "edition", "person_id"], ignore_index=True)
