"""Files of the APS local boost: read as person files are, without weights."""

from pathlib import Path

import pandas as pd
import pytest

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.errors import SourceError
from lmi_pipeline.quality.schema_checks import assert_valid
from lmi_pipeline.sources.base import FileIdentity, VaultFile, stamp
from lmi_pipeline.sources.lfs import READER
from lmi_pipeline.storage.frames import conform
from lmi_pipeline.synthetic import lfs_boost

RAW, CORE = "raw_lfs__quarterly_boost_person", "core_lfs__quarterly_boost_person"
NAME, MARK = "lfsb_od20_eul.tab", "987654.25"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Sixty boost persons; one of them earns a marked amount."""
    frame = pd.DataFrame(lfs_boost.boost_columns(synthetic.truth("small", 2010), "2020-10")).head(60)
    return frame.assign(HOURPAY=frame["HOURPAY"].where(frame.index != 1, float(MARK)))


def write(folder: Path, frame: pd.DataFrame, name: str = NAME) -> Path:
    frame.to_csv(folder / name, sep="\t", index=False)
    return folder / name


def raw(path: Path, identity: FileIdentity | None = None) -> pd.DataFrame:
    identity = identity or READER.identify(path)
    file = VaultFile(path, identity, path.name, "0" * 64, "true")
    frame = stamp(READER.read(path, identity).frame, file)[list(catalog.table(RAW).columns)]
    return conform(frame, catalog.table(RAW))


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
    [("lfsb_od20_eul.tab", "lfsb_od20_eul", "2020-10"), ("LFSB_JM19_SL.SAV", "lfsb_jm19_sl", "2019-01")],
)
def test_name_gives_quarter_and_licence(name, release, quarter):
    found = READER.identify(Path(name))
    assert (found.layout, found.release, found.period) == ("boost", release, quarter)


@pytest.mark.parametrize("name", ["lfsb_od20.tab", "lfsb_od20_eul.csv", "lfsb_fa20_eul.tab", "lfsb_od20_eul_pwt20.tab"])
def test_another_name_is_refused(name):
    with pytest.raises(SourceError, match="expected"):
        READER.identify(Path(name))


def test_persons_in_our_codes_without_weights(tmp_path, rows):
    frame = raw(write(tmp_path, rows))
    assert set(frame["licence_variant"]) == {"eul"}
    found = READER.tidy[CORE](frame)
    assert_valid(found, CORE)
    assert set(found["person_id"]) == set(rows["CASENOP"].astype("str"))
    assert set(found["quarter"]) == {"2020-10"}
    marked = found.set_index("person_id").loc[str(rows.loc[1, "CASENOP"])]
    assert marked["hourly_pay_gbp"] == float(MARK)
    assert found["local_authority_code"].isna().all()


def test_the_newest_edition_is_taken(tmp_path, rows):
    path = write(tmp_path, rows)
    again = raw(write(tmp_path, rows.head(10)), FileIdentity("lfs", "boost", "lfsb_od20_eul+0123abcd", "2020-10"))
    both = pd.concat([raw(path), again], ignore_index=True)
    assert len(READER.tidy[CORE](both)) == 10


def test_special_licence_needs_the_local_authority(tmp_path, rows):
    assert "LAUA or UALADGB" in refusal(write(tmp_path, rows, "lfsb_od20_sl.tab"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SEX": 3}, "variable SEX: 60 of 60 rows hold a code that is not catalogued"),
        ({"THISWV": -9}, "variable THISWV: 60 of 60 rows have no value"),
        ({"CASENOP": 1}, "variable CASENOP: 59 persons stand twice"),
        ({"HOURPAY": f"{MARK}x"}, "variable HOURPAY: 60 of 60 rows hold no number"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(tmp_path, rows, changes, message):
    assert message in refusal(write(tmp_path, rows.assign(**changes)))


def test_a_file_without_a_variable_or_with_one_twice_is_refused(tmp_path, rows):
    assert "TEN1" in refusal(write(tmp_path, rows.drop(columns="TEN1")))
    path = write(tmp_path, rows)
    path.write_bytes(path.read_bytes().replace(b"PERSNO", b"TEN1"))
    assert "TEN1 stand twice" in refusal(path)
