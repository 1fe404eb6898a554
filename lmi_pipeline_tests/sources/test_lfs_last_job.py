"""Occupation and industry of the last job: in some files only, and told of those not in work."""

from pathlib import Path

import pandas as pd
import pytest

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.errors import SourceError
from lmi_pipeline.quality.schema_checks import assert_valid
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs import READER
from lmi_pipeline.storage.frames import conform

RAW = {"lfsp": "raw_lfs__quarterly_person", "lfsb": "raw_lfs__quarterly_boost_person"}
CORE = {"lfsp": "core_lfs__quarterly_person", "lfsb": "core_lfs__quarterly_boost_person"}
NAMES = {"lfsp": "lfsp_od20_eul_pwt20.tab", "lfsb": "lfsb_od20_eul.tab"}
LAST_JOB = ["soc10l", "soc20l", "indc07l"]
LAST_CODES = ["last_soc2010_code", "last_sic2007_division"]
# In work, unemployed, inactive, under 16, not known, and two more who are unemployed.
ACTIVITY = [1, 2, 3, 4, -8, 2, 2]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Seven persons of one file; the file does not tell the last job."""
    folder = tmp_path_factory.mktemp("lfs")
    *_, newest = synthetic.generate_lfs_quarter(synthetic.truth("small", 2010), "2020-10", folder)
    frame = pd.read_csv(newest, sep="\t", nrows=len(ACTIVITY)).drop(columns=["SOC10L", "INDC07L"])
    return frame.assign(CASENOP=range(1, len(ACTIVITY) + 1), ILODEFR=ACTIVITY)


@pytest.fixture(params=["lfsp", "lfsb"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(folder: Path, frame: pd.DataFrame, name: str) -> Path:
    frame.to_csv(folder / name, sep="\t", index=False)
    return folder / name


def raw(folder: Path, frame: pd.DataFrame, kind: str, name: str = "") -> pd.DataFrame:
    path = write(folder, frame, name or NAMES[kind])
    identity = READER.identify(path)
    stamped = stamp(READER.read(path, identity).frame, VaultFile(path, identity, path.name, "0" * 64, "true"))
    table = catalog.table(RAW[kind])
    return conform(stamped[list(table.columns)], table)


def core(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    table = CORE[kind]
    tidied = conform(READER.tidy[table](frame), catalog.table(table))
    assert_valid(tidied, table)
    return tidied.set_index("person_id")


def test_last_job_when_the_file_does_not_tell_it_then_it_is_null_and_no_error(tmp_path, rows, kind):
    issued = raw(tmp_path, rows, kind)
    assert issued[LAST_JOB].isna().all(axis=None)
    assert core(issued, kind)[LAST_CODES].isna().all(axis=None)


def test_last_job_when_the_file_tells_it_then_only_those_not_in_work_have_it(tmp_path, rows, kind):
    everyone = {"SOC10L": [9233] * 7, "INDC07L": [1110] * 7}
    issued = raw(tmp_path, rows.assign(**everyone), kind)
    assert issued["soc10l"].tolist() == everyone["SOC10L"]
    assert issued["indc07l"].tolist() == everyone["INDC07L"]
    persons = core(issued, kind)
    assert persons.loc[["2", "3", "6", "7"], LAST_CODES].to_numpy().tolist() == [["9233", "01"]] * 4
    assert persons.loc[["1", "4", "5"], LAST_CODES].isna().all(axis=None)


def test_last_job_when_the_main_job_is_told_too_then_neither_takes_the_other_s_place(tmp_path, rows, kind):
    jobs = {"SOC10M": [1115] + [-9] * 6, "INDC07M": [85310] + [-9] * 6, "INDS07M": [16] + [-9] * 6}
    last = {"SOC10L": [-9, 9233, *[-9] * 5], "INDC07L": [-9, 56302, *[-9] * 5]}
    persons = core(raw(tmp_path, rows.assign(**jobs, **last), kind), kind)
    columns = ["soc2010_code", "sic2007_division", *LAST_CODES]
    assert persons.loc["1", columns].fillna("").tolist() == ["1115", "85", "", ""]
    assert persons.loc["2", columns].fillna("").tolist() == ["", "", "9233", "56"]


@pytest.mark.parametrize("mark", [-9, -8])
def test_last_job_when_it_is_coded_missing_then_it_is_null(tmp_path, rows, kind, mark):
    issued = raw(tmp_path, rows.assign(SOC10L=[mark] * 5 + [9233, mark], INDC07L=[mark] * 6 + [56302]), kind)
    assert issued["soc10l"].notna().tolist() == [False] * 5 + [True, False]
    persons = core(issued, kind)
    assert persons["last_soc2010_code"].dropna().to_dict() == {"6": "9233"}
    assert persons["last_sic2007_division"].dropna().to_dict() == {"7": "56"}


def test_last_job_when_it_is_coded_by_the_later_classification_then_it_stays_apart(tmp_path, rows):
    issued = raw(tmp_path, rows.assign(SOC20L=[-9, 9263, *[-9] * 5]), "lfsp", "lfsp_od20_eul_pwt20.tab")
    assert issued["soc20l"].dropna().tolist() == [9263]
    assert issued["soc10l"].isna().all()
    assert core(issued, "lfsp")["last_soc2010_code"].isna().all()


@pytest.mark.parametrize(
    ("name", "code"), [("SOC10L", 1234), ("SOC10L", 923), ("SOC20L", 1110), ("INDC07L", 4010), ("INDC07L", 56)]
)
def test_last_job_when_a_code_is_not_known_then_the_variable_and_the_rows_are_named(tmp_path, rows, kind, name, code):
    path = write(tmp_path, rows.assign(**{name: [-9, code, *[-9] * 4, code]}), NAMES[kind])
    with pytest.raises(SourceError, match=f"variable {name}: 2 of 7 rows hold a code that is not catalogued") as caught:
        READER.read(path, READER.identify(path))
    assert path.name in str(caught.value)
    assert str(code) not in str(caught.value).replace(name, "")


def test_last_job_when_a_lake_of_before_is_read_then_it_is_null(tmp_path, rows, kind):
    """Columns a stored table does not have come back without values and without a type of their own."""
    before = raw(tmp_path, rows, kind).assign(**dict.fromkeys(LAST_JOB))
    assert core(before, kind)[LAST_CODES].isna().all(axis=None)
