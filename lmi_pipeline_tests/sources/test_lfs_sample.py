"""Files of issued households: names, codes, what is refused, and that no error shows a household."""

from pathlib import Path

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.quality.schema_checks import assert_valid
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs import READER
from lmi_pipeline.storage.frames import conform

RAW, CORE = "raw_lfs__quarterly_issued_household", "core_lfs__quarterly_issued_household"
MARK = "987654321"


def households(**changes) -> pd.DataFrame:
    """Four households of two waves; a value of None leaves the variable out."""
    variables = {
        "HSERIALP": ["201101", "201102", "201201", MARK],
        "THISWV": [1, 1, 5, 5],
        "GOVTOF2": [2, 8, 13, 11],
        "LAUA": ["E06000008", "E09000030", "", "W06000015"],
        "MODE": [1, 2, 3, 1],
        "CONTACT": [1, 0, 1, 1],
        "RESPONSE": [1, 0, 0, 1],
    }
    return pd.DataFrame({name: v for name, v in (variables | changes).items() if v is not None})


def write(folder: Path, frame: pd.DataFrame, name: str = "lfss_jm20.csv") -> Path:
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def core(*paths: Path, releases: tuple[str, ...] = ()) -> pd.DataFrame:
    frames = []
    for number, path in enumerate(paths):
        identity = READER.identify(path)
        if releases:
            identity = type(identity)("lfs", identity.layout, releases[number], identity.period)
        file = VaultFile(path, identity, path.name, str(number) * 64, "true")
        frames.append(stamp(READER.read(path, identity).frame, file)[list(catalog.table(RAW).columns)])
    raw = conform(pd.concat(frames), catalog.table(RAW))
    assert_valid(raw, RAW)
    tidied = READER.tidy[CORE](raw)
    assert_valid(tidied, CORE)
    return tidied


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        READER.read(path, READER.identify(path))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert path.name in str(caught.value)
    assert MARK not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "release", "quarter"),
    [("lfss_jm20.csv", "lfss_jm20", "2020-01"), ("LFSS_OD98.CSV", "lfss_od98", "1998-10")],
)
def test_name_gives_the_quarter(name, release, quarter):
    found = READER.identify(Path(name))
    assert (found.source, found.layout, found.release, found.period) == ("lfs", "sample", release, quarter)


@pytest.mark.parametrize("name", ["lfss_jm20.tab", "lfss_jm2020.csv", "lfss_20.csv", "lfss_fa20.csv"])
def test_another_name_is_refused(name):
    with pytest.raises(SourceError, match="expected"):
        READER.identify(Path(name))


def test_households_in_our_codes(tmp_path):
    found = core(write(tmp_path, households())).set_index("household_id")
    assert set(found["quarter"]) == {"2020-01"}
    assert found.loc["201101", ["region_gss", "wave", "contact_mode"]].tolist() == ["E12000002", 1, "face_to_face"]
    assert found["contact_mode"].to_dict()["201201"] == "knock_to_nudge"
    assert found["region_gss"].to_dict()["201201"] == "N92000002"
    assert found["first_contact_succeeded"].to_dict() == {"201101": True, "201102": False, "201201": True, MARK: True}
    assert found["responded"].to_dict() == {"201101": True, "201102": False, "201201": False, MARK: True}
    assert found["local_authority_code"].isna().to_dict()["201201"]
    assert found["local_authority_code"].to_dict()["201102"] == "E09000030"


def test_further_variables_stay_in_the_vault(tmp_path):
    path = write(tmp_path, households(INTERVIEWER=["1", "2", "3", "4"]))
    assert "1 variables are not catalogued" in READER.read(path, READER.identify(path)).notes[0]


def test_a_re_issue_takes_the_place_of_the_first_file(tmp_path):
    first = write(tmp_path, households())
    (tmp_path / "again").mkdir()
    second = write(tmp_path / "again", households(RESPONSE=[0, 0, 0, 0]).iloc[:3])
    found = core(first, second, releases=("lfss_jm20", "lfss_jm20+0123abcd"))
    assert found["household_id"].tolist() == ["201101", "201102", "201201"]
    assert not found["responded"].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MODE": None}, "expected the variables MODE, once each"),
        ({"HSERIALP": None, "LAUA": None}, "expected the variables HSERIALP, LAUA"),
        ({"THISWV": [1, 1, 6, 5]}, "variable THISWV: 1 of 4 rows hold no known code"),
        ({"GOVTOF2": [3, 8, 13, 11]}, "variable GOVTOF2: 1 of 4"),
        ({"MODE": [1, 2, 4, -9]}, "variable MODE: 2 of 4"),
        ({"CONTACT": [1, 0, 1, 2]}, "variable CONTACT: 1 of 4"),
        ({"RESPONSE": [1, 0, "", 1]}, "variable RESPONSE: 1 of 4"),
        ({"RESPONSE": [1, 1, 0, 1]}, "1 of 4 rows answered without having been reached"),
        ({"HSERIALP": [MARK, "201102", "201201", MARK]}, "variable HSERIALP: 1 of 4 rows repeat"),
        ({"HSERIALP": ["201101", "", "-9", MARK]}, "variable HSERIALP: 2 of 4 rows have no value"),
        ({"LAUA": ["E06000008", "00AA", "", MARK]}, "variable LAUA: 2 of 4 rows hold no code of a local authority"),
        ({"THISWV": [1, "one", 5, MARK + "x"]}, "variable THISWV: 2 of 4 rows hold no number"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(tmp_path, changes, message):
    assert message in refusal(write(tmp_path, households(**changes)))


def test_a_damaged_file_is_refused(tmp_path):
    path = write(tmp_path, households())
    content = path.read_bytes()
    for damaged in (content[:-1], content + f"{MARK},1\n".encode(), content.splitlines(keepends=True)[0]):
        path.write_bytes(damaged)
        assert "file" in refusal(path)
    path.write_bytes(content.replace(b"MODE", b"THISWV"))
    assert "THISWV" in refusal(path)
