"""Quarterly LFS person files as the UK Data Service issues them: .tab, .sav and .dta alike.

A real file has some 700 variables; only the catalogued ones are read, under the publisher's names.
Nothing here recodes: that is in :mod:`lmi_pipeline.sources.lfs.person_tidy`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.lfs.weights import WeightNames, resolve_weights

LAYOUT = "person"
SUFFIXES = (".tab", ".sav", ".dta")
LAST_QUARTER_WITH_COUNTRY = "2017-04"
FIRST_QUARTER_SOC2020 = "2021-01"
TAB_MISSING = (-1.0, -2.0, -6.0, -7.0, -90.0)

_NAME = re.compile(r"^lfsp_(?P<months>[a-z]{2})(?P<year>\d\d)(?P<rest>(_[a-z0-9]+)*)$")
_CALENDAR = {"jm": "01", "aj": "04", "js": "07", "od": "10"}
_ROLLING = ("fa", "mm", "mj", "ja", "ao", "sn", "nj", "df")
_TEXT = ("person_key", "household_key", "gor9d", "laua")


@dataclass(frozen=True)
class Variable:
    """One catalogued variable: our raw column, the publisher's names for it, and when it must be there."""

    column: str
    names: tuple[str, ...]
    required: Callable[[str, str], bool]


def _always(_quarter: str, _licence: str) -> bool:
    return True


def _never(_quarter: str, _licence: str) -> bool:
    return False


def _country(quarter: str, licence: str) -> bool:
    return licence == "sl" or quarter <= LAST_QUARTER_WITH_COUNTRY


def _country_group(quarter: str, licence: str) -> bool:
    return licence == "eul" and quarter > LAST_QUARTER_WITH_COUNTRY


VARIABLES = (
    Variable("person_key", ("CASENOP", "CASENO"), _always),
    Variable("household_key", ("HSERIALP", "HSERIAL"), _always),
    Variable("thiswv", ("THISWV",), _always),
    Variable("age", ("AGE",), _always),
    Variable("sex_code", ("SEX",), _always),
    Variable("country", ("COUNTRY",), _always),
    Variable("govtof2", ("GOVTOF2", "GOVTOF"), _always),
    Variable("gor9d", ("GOR9D",), _never),
    Variable("laua", ("LAUA", "UALADGB"), lambda _q, licence: licence == "sl"),
    Variable("cry12", ("CRY12",), _always),
    Variable("cryox7", ("CRYOX7",), _country),
    Variable("cryox7_eul_sub", ("CRYOX7_EUL_SUB",), _country_group),
    Variable("natox7", ("NATOX7",), _country),
    Variable("natox7_eul_sub", ("NATOX7_EUL_SUB",), _country_group),
    Variable("ten1", ("TEN1",), _always),
    Variable("ethukeul", ("ETHUKEUL",), _never),
    Variable("ilodefr", ("ILODEFR",), _always),
    Variable("inecac05", ("INECAC05",), _always),
    Variable("stat", ("STATR", "STAT"), _always),
    Variable("ftptwk", ("FTPTWK",), _always),
    Variable("publicr", ("PUBLICR",), _never),
    Variable("soc10m", ("SOC10M",), lambda quarter, _l: quarter < FIRST_QUARTER_SOC2020),
    Variable("soc20m", ("SOC20M",), _never),
    Variable("indc07m", ("INDC07M",), _always),
    Variable("inds07m", ("INDS07M",), _always),
    Variable("hiqul", ("HIQUL22D", "HIQUL15D", "HIQUL11D"), _always),
    Variable("hourpay", ("HOURPAY",), _always),
    Variable("grsswk", ("GRSSWK",), _always),
    Variable("ttushr", ("TTUSHR",), _always),
    Variable("ttachr", ("TTACHR",), _never),
    Variable("bushr", ("BUSHR",), _never),
    Variable("ioutcome", ("IOUTCOME",), _never),
    Variable("refwkm", ("REFWKM",), _never),
    Variable("refwky", ("REFWKY",), _never),
)


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
    match = _NAME.match(stem)
    if path.suffix.lower() not in SUFFIXES or match is None:
        raise SourceError(
            "expected a name such as lfsp_od20_eul_pwt22.tab, ending in .tab, .sav or .dta", file=path.name
        )
    if match["months"] in _ROLLING:
        raise SourceError(
            "this is a rolling three-month file, not a calendar quarter, and is not used;"
            " take the files of jm, aj, js and od",
            file=path.name,
        )
    if match["months"] not in _CALENDAR:
        raise SourceError(f"'{match['months']}' is no quarter, expected jm, aj, js or od", file=path.name)
    century = "19" if match["year"] >= "90" else "20"
    return FileIdentity("lfs", LAYOUT, stem, f"{century}{match['year']}-{_CALENDAR[match['months']]}")


def licence_variant(edition: str) -> str:
    """End user licence unless the name says special licence."""
    return "sl" if re.search(r"_sl(_|$)", edition) else "eul"


def read_person(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the catalogued variables of one edition, codes as issued.

    Raises
    ------
    SourceError
        A variable is missing for this quarter and licence, a code is not catalogued, a person stands
        twice, or the file cannot be read. No message holds a value of a record.
    """
    quarter, licence = str(identity.period), licence_variant(identity.release)
    names = _header(path)
    weights = resolve_weights(names, path.name)
    chosen = _choose(names, quarter, licence, path.name)
    wanted = [*chosen.values(), weights.analysis, *([weights.earnings] if weights.earnings else [])]
    texts = [chosen[column] for column in _TEXT if column in chosen]
    table = _load(path, wanted, texts)
    frame = _arrange(table, chosen, weights, path)
    _check_codes(frame, chosen, path.name)
    repeated = int(frame["person_key"].duplicated().sum())
    if repeated:
        raise SourceError(
            f"{repeated} persons stand twice ({chosen['person_key']} repeated), expected once each", file=path.name
        )
    frame = frame.assign(quarter=quarter, edition=identity.release, licence_variant=licence)
    others = len(names) - len(set(wanted))
    return ReadResult(frame, (f"{len(wanted)} variables read, {others} others stay in the vault",))


def _header(path: Path) -> list[str]:
    import pyreadstat

    try:
        if path.suffix.lower() == ".tab":
            with path.open(encoding="utf-8-sig") as stream:
                return stream.readline().rstrip("\r\n").split("\t")
        reader = pyreadstat.read_sav if path.suffix.lower() == ".sav" else pyreadstat.read_dta
        _, metadata = reader(path, metadataonly=True)
    except (pyreadstat.ReadstatError, UnicodeDecodeError) as error:
        raise SourceError("the file cannot be read; it may be truncated, download it again", file=path.name) from error
    return list(metadata.column_names)


def _choose(names: list[str], quarter: str, licence: str, file: str) -> dict[str, str]:
    there = {name.upper(): name for name in names}
    chosen: dict[str, str] = {}
    missing = []
    for variable in VARIABLES:
        found = next((there[name] for name in variable.names if name in there), None)
        if found is not None:
            chosen[variable.column] = found
        elif variable.required(quarter, licence):
            missing.append(" or ".join(variable.names))
    if missing:
        raise SourceError(
            f"{len(missing)} variables are missing that a {licence} file of {quarter} has: {', '.join(missing)};"
            " the publisher may have renamed them",
            file=file,
        )
    return chosen


def _load(path: Path, wanted: list[str], texts: list[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyreadstat
    from pyarrow import csv

    if path.suffix.lower() != ".tab":
        reader = pyreadstat.read_sav if path.suffix.lower() == ".sav" else pyreadstat.read_dta
        try:
            frame, _ = reader(path, usecols=wanted)
        except pyreadstat.ReadstatError as error:
            raise SourceError(
                "the file cannot be read; it may be truncated, download it again", file=path.name
            ) from error
        for name in texts:
            frame[name] = _as_text(frame[name])
        return frame
    types = {name: pa.string() if name in texts else pa.float64() for name in wanted}
    options = csv.ConvertOptions(include_columns=wanted, column_types=types, null_values=["", " ", "N/A", "NA"])
    try:
        table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="\t"), convert_options=options)
    except pa.ArrowInvalid:
        raise SourceError(
            "a row has the wrong number of columns or a number is not a number; it may be truncated, download it again",
            file=path.name,
        ) from None
    return table.to_pandas()


def _as_text(series: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(series):
        return series.astype("Int64").astype("str").where(series.notna())
    return series.astype("str")


def _arrange(table: pd.DataFrame, chosen: dict[str, str], weights: WeightNames, path: Path) -> pd.DataFrame:
    frame = pd.DataFrame(index=table.index)
    for variable in VARIABLES:
        if variable.column in chosen:
            frame[variable.column] = table[chosen[variable.column]]
        else:
            frame[variable.column] = None if variable.column in _TEXT else np.nan
    numbers = [v.column for v in VARIABLES if v.column not in _TEXT]
    frame[numbers] = frame[numbers].astype("float64")
    if path.suffix.lower() == ".tab":
        frame[numbers] = frame[numbers].where(~frame[numbers].isin(TAB_MISSING), -9.0)
    if chosen["govtof2"].upper() == "GOVTOF":
        frame["govtof2"] = frame["govtof2"].replace(3.0, 2.0)
    frame["analysis_weight"] = table[weights.analysis].astype("float64")
    frame["analysis_weight_year"] = weights.analysis_year
    frame["earnings_weight"] = table[weights.earnings].astype("float64") if weights.earnings else np.nan
    frame["earnings_weight_year"] = float(weights.earnings_year) if weights.earnings_year is not None else np.nan
    return frame


def _check_codes(frame: pd.DataFrame, chosen: dict[str, str], file: str) -> None:
    listed = catalog.codelist("lfs_code")
    missing = {float(code) for code in catalog.codes("lfs_missing")}
    for variable in VARIABLES:
        name = chosen.get(variable.column, "").upper()
        name = "GOVTOF2" if name == "GOVTOF" else name
        values = listed.loc[listed["variable"].str.upper() == name, "value"]
        if values.empty or "*" in set(values) or variable.column in _TEXT:
            continue
        known = missing | {float(value) for value in values}
        strange = int((frame[variable.column].notna() & ~frame[variable.column].isin(known)).sum())
        if strange:
            raise SourceError(
                f"variable {chosen[variable.column]}: {strange} of {len(frame)} rows hold a code not catalogued;"
                " the publisher may have changed the variable; compare its value labels with codelists/lfs_code.csv",
                file=file,
            )
