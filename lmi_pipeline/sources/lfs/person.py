"""Quarterly LFS person files as the UK Data Service issues them: .tab, .sav and .dta alike.

A real file has some 700 variables; only the catalogued ones are read, under the publisher's names.
Nothing here recodes, with one exception: GOVTOF, which some editions carry instead of GOVTOF2, splits
Merseyside (3) from the North West (2), and is brought to the coding of GOVTOF2, where both are 2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.lfs.person_file import MISSING_NUMBERS, SUFFIXES, read_variables, variable_names
from lmi_pipeline.sources.lfs.person_tidy import reference_day
from lmi_pipeline.sources.lfs.weights import WeightNames, resolve_weights

LAYOUT = "person"
LAST_QUARTER_WITH_COUNTRY = "2017-04"
FIRST_QUARTER_SOC2020 = "2021-01"
MERSEYSIDE, NORTH_WEST = 3.0, 2.0

_NAME = re.compile(
    r"lfsp_(?P<months>[a-z]{2})(?P<year>\d\d)_(?P<licence>eul|end_user|sl)(_pwt(?P<weight>\d\d))?(_[a-z0-9]+)*"
)
_REISSUE = re.compile(r"\+[0-9a-f]{8}$")
_CALENDAR = {"jm": "01", "aj": "04", "js": "07", "od": "10"}
_ROLLING = ("fa", "mm", "mj", "ja", "ao", "sn", "nj", "df")
_TEXT = ("person_key", "household_key", "gor9d", "laua")
_WILDCARD = "*"
_SUNDAY = 6

Condition = Callable[[str, str], bool]


def _always(_quarter: str, _licence: str) -> bool:
    return True


def _special(_quarter: str, licence: str) -> bool:
    return licence == "sl"


def _country(quarter: str, licence: str) -> bool:
    return licence == "sl" or quarter <= LAST_QUARTER_WITH_COUNTRY


def _country_group(quarter: str, licence: str) -> bool:
    return licence == "eul" and quarter > LAST_QUARTER_WITH_COUNTRY


def _before_soc2020(quarter: str, _licence: str) -> bool:
    return quarter < FIRST_QUARTER_SOC2020


def _never(_quarter: str, _licence: str) -> bool:
    return False


@dataclass(frozen=True)
class Variable:
    """One catalogued variable: our raw column, the publisher's names for it, what it may hold.

    Attributes
    ----------
    column : str
        Column of the raw table.
    names : tuple of str
        Publisher's names in order of preference, upper case.
    required : callable
        ``required(quarter, licence)``: whether a file must have it.
    least, most : float or None
        Range of a number that has no list of codes.
    whole : bool
        Whether the numbers are whole.
    codelist : str or None
        Code list of the values, where it is a classification and not in ``lfs_code``.
    per_code : int
        Numbers that share a listed code: a class of SIC 2007 has five digits, and the first
        two are its division.
    """

    column: str
    names: tuple[str, ...]
    required: Condition = _always
    least: float | None = None
    most: float | None = None
    whole: bool = True
    codelist: str | None = None
    per_code: int = 1


def _amount(column: str) -> Variable:
    return Variable(column, (column.upper(),), least=0, whole=False)


VARIABLES = (
    Variable("person_key", ("CASENOP", "CASENO")),
    Variable("household_key", ("HSERIALP", "HSERIAL")),
    Variable("thiswv", ("THISWV",), least=1, most=5),
    Variable("age", ("AGE",), least=0, most=120),
    Variable("sex_code", ("SEX",)),
    Variable("country", ("COUNTRY",)),
    Variable("govtof2", ("GOVTOF2", "GOVTOF")),
    Variable("gor9d", ("GOR9D",)),
    Variable("laua", ("LAUA", "UALADGB"), _special),
    Variable("cry12", ("CRY12",)),
    Variable("cryox7", ("CRYOX7",), _country),
    Variable("cryox7_eul_sub", ("CRYOX7_EUL_SUB",), _country_group),
    Variable("natox7", ("NATOX7",), _country),
    Variable("natox7_eul_sub", ("NATOX7_EUL_SUB",), _country_group),
    Variable("ten1", ("TEN1",)),
    Variable("ethukeul", ("ETHUKEUL",), least=1, most=9),
    Variable("ilodefr", ("ILODEFR",)),
    Variable("inecac05", ("INECAC05",)),
    Variable("stat", ("STATR", "STAT")),
    Variable("ftptwk", ("FTPTWK",)),
    Variable("publicr", ("PUBLICR",), least=1, most=2),
    Variable("soc10m", ("SOC10M",), _before_soc2020, codelist="soc2010_unit_group"),
    Variable("soc20m", ("SOC20M",), _never, least=1111, most=9999),
    Variable("indc07m", ("INDC07M",), codelist="sic2007_division", per_code=1000),
    Variable("inds07m", ("INDS07M",)),
    # The last job of those not in work. Only the name SOC10L is confirmed; SOC20L and INDC07L were not seen in a file.
    Variable("soc10l", ("SOC10L",), _never, codelist="soc2010_unit_group"),
    Variable("soc20l", ("SOC20L",), _never, least=1111, most=9999),
    Variable("indc07l", ("INDC07L",), _never, codelist="sic2007_division", per_code=1000),
    Variable("hiqul", ("HIQUL22D", "HIQUL15D", "HIQUL11D")),
    _amount("hourpay"),
    _amount("grsswk"),
    _amount("ttushr"),
    _amount("ttachr"),
    _amount("bushr"),
    Variable("ioutcome", ("IOUTCOME",)),
    Variable("refwkd", ("REFWKD",), _never, least=1, most=31),
    Variable("refwkm", ("REFWKM",), least=1, most=12),
    Variable("refwky", ("REFWKY",), least=1990, most=2100),
)
_NOT_NULL = ("person_key", "household_key", "thiswv", "age", "sex_code", "country", "govtof2")


def identify_person(path: Path) -> FileIdentity | None:
    """Identity of a person file from its name; None if the name is of another kind.

    Raises
    ------
    SourceError
        A rolling three-month file of 2020, or a name that starts like a person file and is none.
    """
    stem = path.stem.lower()
    if not stem.startswith("lfsp_"):
        return None
    match = _NAME.fullmatch(stem)
    if path.suffix.lower() not in SUFFIXES or match is None:
        raise SourceError(
            "expected a name such as lfsp_od20_eul_pwt22 or lfsp_aj14_end_user, ending in .tab, .sav or .dta.",
            file=path.name,
            hint="Keep the name the UK Data Service gave it.",
        )
    if match["months"] in _ROLLING:
        raise SourceError(
            f"the three months '{match['months']}' are a non-calendar quarter (a rolling file), which is not used.",
            file=path.name,
            hint="Take the files of jm, aj, js and od.",
        )
    if match["months"] not in _CALENDAR:
        raise SourceError(f"'{match['months']}' is no quarter, expected jm, aj, js or od.", file=path.name)
    century = "19" if match["year"] >= "90" else "20"
    return FileIdentity("lfs", LAYOUT, stem, f"{century}{match['year']}-{_CALENDAR[match['months']]}")


def _parts(edition: str) -> re.Match[str] | None:
    """Parts of the name of an edition; a re-issue is named as the file it replaces, and its hash."""
    return _NAME.fullmatch(_REISSUE.sub("", edition))


def licence_variant(edition: str) -> str:
    """End user licence (``eul``) or special licence (``sl``), read from the edition."""
    match = _parts(edition)
    if match is None:
        raise SourceError("the name does not say under which licence the file is, expected eul or sl.", file=edition)
    return "sl" if match["licence"] == "sl" else "eul"


def read_person(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the catalogued variables of one edition, codes as issued.

    Raises
    ------
    SourceError
        A variable is missing for this quarter and licence, a code is not catalogued, a person stands
        twice, or the file cannot be read. No message holds a value of a record.
    """
    licence, file, names = licence_variant(identity.release), path.name, variable_names(path)
    weights = resolve_weights(names, file)
    frame, taken = _read_variables(path, identity, licence, names, weights)
    _check_weights(frame, weights, file)
    return ReadResult(frame, _notes(len(names), taken, identity.release, weights))


def read_unweighted(path: Path, identity: FileIdentity, licence: str) -> ReadResult:
    """Read the catalogued variables of a file of persons that has no weights, codes as issued.

    Parameters
    ----------
    licence : str
        ``eul`` or ``sl``, which says with the quarter which variables the file must have.

    Raises
    ------
    SourceError
        As :func:`read_person`, but no weight is expected.
    """
    names = variable_names(path)
    frame, taken = _read_variables(path, identity, licence, names, None)
    return ReadResult(frame, (_taken_note(len(names), taken),))


def _read_variables(
    path: Path, identity: FileIdentity, licence: str, names: list[str], weights: WeightNames | None
) -> tuple[pd.DataFrame, int]:
    """Checked rows of the raw table without the stamp of the vault, and how many variables were taken."""
    quarter, file = str(identity.period), path.name
    _refuse_repeated_names(names, file)
    chosen = _choose(names, quarter, licence, file)
    texts = [name for column, name in chosen.items() if column in _TEXT]
    numbers = [name for column, name in chosen.items() if column not in _TEXT]
    numbers += [name for name in (weights.analysis, weights.earnings) if name] if weights else []
    table = read_variables(path, numbers, texts)
    frame = _arrange(table, chosen)
    _check_nulls(frame, chosen, file)
    _check_codes(frame, chosen, file)
    repeated = int(frame["person_key"].duplicated().sum())
    if repeated:
        raise SourceError(f"variable {chosen['person_key']}: {repeated} persons stand twice, expected once.", file=file)
    if weights:
        frame = frame.assign(**_weight_columns(table, weights))
    frame = frame.assign(quarter=quarter, edition=identity.release, licence_variant=licence)
    return frame, len(numbers) + len(texts)


def _taken_note(there: int, taken: int) -> str:
    return f"{taken} variables read, {there - taken} others are not catalogued and stay in the vault"


def _notes(there: int, taken: int, edition: str, weights: WeightNames) -> tuple[str, ...]:
    notes = [_taken_note(there, taken)]
    match = _parts(edition)
    if match and match["weight"] and int(match["weight"]) != weights.analysis_year:
        notes.append(f"the name says pwt{match['weight']}, the newest weight in the file is {weights.analysis}")
    if weights.earnings is None:
        notes.append("no earnings weight (PIWT) in this edition")
    return tuple(notes)


def _refuse_repeated_names(names: list[str], file: str) -> None:
    """Only after the weights were found: the first line of a file without names is a record."""
    repeated = sorted(name for name, times in Counter(name.upper() for name in names).items() if times > 1)
    if repeated:
        raise SourceError(f"variables {', '.join(repeated)} stand twice, expected once each.", file=file)


def _choose(names: list[str], quarter: str, licence: str, file: str) -> dict[str, str]:
    """Name in this file of every catalogued variable it has, by our column."""
    there = {name.upper(): name for name in names}
    chosen: dict[str, str] = {}
    missing = []
    for variable in VARIABLES:
        found = next((there[name] for name in variable.names if name in there), None)
        if found is not None:
            chosen[variable.column] = found
        elif variable.required(quarter, licence):
            missing.append(" or ".join(variable.names))
    if not {"soc10m", "soc20m"} & set(chosen) and not _before_soc2020(quarter, licence):
        missing.append("SOC20M or SOC10M")
    if missing:
        raise SourceError(
            f"variables missing that a file of {quarter} under licence '{licence}' has: {', '.join(missing)}.",
            file=file,
            hint="The publisher may have renamed them; the names are in sources/lfs/person.py.",
        )
    return chosen


def _arrange(table: pd.DataFrame, chosen: dict[str, str]) -> pd.DataFrame:
    """Our columns in the catalogue's order, null throughout where the file does not have the variable."""
    nothing = {
        True: pd.Series(None, index=table.index, dtype="str"),
        False: pd.Series(np.nan, index=table.index, dtype="float64"),
    }
    columns = {
        v.column: table[chosen[v.column]] if v.column in chosen else nothing[v.column in _TEXT] for v in VARIABLES
    }
    if chosen["govtof2"].upper() == "GOVTOF":
        columns["govtof2"] = columns["govtof2"].replace(MERSEYSIDE, NORTH_WEST)
    return pd.DataFrame(columns)


def _weight_columns(table: pd.DataFrame, weights: WeightNames) -> dict[str, pd.Series | float]:
    return {
        "analysis_weight": table[weights.analysis],
        "earnings_weight": table[weights.earnings] if weights.earnings else np.nan,
        "analysis_weight_year": weights.analysis_year,
        "earnings_weight_year": np.nan if weights.earnings_year is None else float(weights.earnings_year),
    }


def _check_nulls(frame: pd.DataFrame, chosen: dict[str, str], file: str) -> None:
    for column in _NOT_NULL:
        empty = int(frame[column].isna().sum())
        if empty:
            raise SourceError(
                f"variable {chosen[column]}: {empty} of {len(frame)} rows have no value, and every person has one.",
                file=file,
            )


def _check_weights(frame: pd.DataFrame, weights: WeightNames, file: str) -> None:
    analysis, earnings = frame["analysis_weight"], frame["earnings_weight"]
    for name, wrong in ((weights.analysis, ~(analysis >= 0)), (weights.earnings, earnings < 0)):
        if wrong.any():
            raise SourceError(
                f"variable {name}: {int(wrong.sum())} of {len(frame)} rows hold no weight of 0 or more.", file=file
            )


def _check_codes(frame: pd.DataFrame, chosen: dict[str, str], file: str) -> None:
    for variable in VARIABLES:
        if variable.column not in chosen:
            continue
        values = frame[variable.column]
        strange = int((values.notna() & ~_known(values, variable, chosen[variable.column])).sum())
        if strange:
            raise SourceError(
                f"variable {chosen[variable.column]}: {strange} of {len(frame)} rows hold a code that is"
                " not catalogued: changed variable.",
                file=file,
                hint="Compare its value labels with catalog/codelists/lfs_code.csv.",
            )
    _check_reference_weeks(frame, file)


def _check_reference_weeks(frame: pd.DataFrame, file: str) -> None:
    """Day, month and year must name a Sunday, on which a reference week ends."""
    given = frame[["refwkd", "refwkm", "refwky"]].notna().all(axis=1)
    wrong = int((given & (reference_day(frame).dt.day_of_week != _SUNDAY)).sum())
    if wrong:
        raise SourceError(
            f"variables REFWKD, REFWKM, REFWKY: {wrong} of {len(frame)} rows hold a date that is no Sunday, expected"
            " the last day of the reference week.",
            file=file,
        )


def _known(values: pd.Series, variable: Variable, name: str) -> pd.Series:
    """Whether each value is one the catalogue knows for the variable; only where there is a value."""
    codes = set(catalog.codes(variable.codelist)) if variable.codelist else _listed(name)
    if variable.column in _TEXT:
        return values.isin(codes) if codes else values.notna()
    known = values.notna()
    if variable.whole:
        known &= values % 1 == 0
    if variable.least is not None:
        known &= values >= variable.least
    if variable.most is not None:
        known &= values <= variable.most
    if _WILDCARD in codes:
        return known & (values > 0)
    return known & (values // variable.per_code).isin([float(code) for code in codes]) if codes else known


def _listed(name: str) -> set[str]:
    """Codes the catalogue lists for a variable, without those that stand for no value."""
    listed = catalog.codelist("lfs_code")
    name = "GOVTOF2" if name.upper() == "GOVTOF" else name.upper()
    missing = {f"{number:.0f}" for number in MISSING_NUMBERS}
    return set(listed.loc[listed["variable"].str.upper() == name, "value"]) - missing
