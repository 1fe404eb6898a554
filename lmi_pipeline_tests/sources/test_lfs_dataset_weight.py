"""Files of other datasets: names and periods, the newest weight of each, what is refused."""

from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.quality.schema_checks import assert_valid
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs import READER
from lmi_pipeline.sources.lfs.weights import newest_weight
from lmi_pipeline.storage.frames import conform

RAW, CORE = "raw_lfs__quarterly_dataset_weight", "core_lfs__quarterly_dataset_weight"
MARK = 987654.25


def persons(**changes) -> pd.DataFrame:
    """Three persons of two households; a value of None leaves the variable out."""
    variables = {
        "CASENOP": [20110101, 20110102, 20120101],
        "HSERIALP": [201101, 201101, 201201],
        "THISWV": [1, 1, 5],
        "AGE": [41, 39, 68],
        "PWTA18": [700.0, 650.5, 0.0],
        "PWTA20": [MARK, 655.25, 0.0],
    }
    return pd.DataFrame({name: v for name, v in (variables | changes).items() if v is not None})


def write(folder: Path, frame: pd.DataFrame, name: str = "apsp_jd20_eul_pwta20.tab") -> Path:
    path = folder / name
    if path.suffix == ".tab":
        frame.to_csv(path, sep="\t", index=False)
    else:
        (pyreadstat.write_sav if path.suffix == ".sav" else pyreadstat.write_dta)(frame, path)
    return path


def core(*paths: Path) -> pd.DataFrame:
    frames = []
    for path in paths:
        identity = READER.identify(path)
        file = VaultFile(path, identity, path.name, "0" * 64, "true")
        frames.append(stamp(READER.read(path, identity).frame, file)[list(catalog.table(RAW).columns)])
    raw = conform(pd.concat(frames), catalog.table(RAW))
    tidied = READER.tidy[CORE](raw)
    assert_valid(tidied, CORE)
    return tidied


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        READER.read(path, READER.identify(path))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert path.name in str(caught.value)
    assert str(MARK) not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "quarter"),
    [
        ("apsp_jd20_eul_pwta20.tab", "2020-10"),
        ("apsh_jd16_eul.sav", "2016-10"),
        ("apsp_a18m19_eul_pwta18.sav", "2019-01"),
        ("APSP_A19M20_EUL_PWTA20.DTA", "2020-01"),
        ("apsp_am20_eul.tab", "2020-01"),
        ("apsp_j19j20_eul_pwta18.tab", "2020-04"),
        ("apsp_jj20_eul_pwta18.tab", "2020-04"),
        ("apsh_o19s20_sl_phhwta20.tab", "2020-07"),
        ("apsp_os20_eul.tab", "2020-07"),
        ("lfsh_aj18_eul.dta", "2018-04"),
        ("lfsh_aj20_eul_phhwt22.tab", "2020-04"),
        ("lgwt18_2q_js19_od19_eul.tab", "2019-10"),
        ("lgwt20_2q_od19_jm20_eul.tab", "2020-01"),
    ],
)
def test_name_gives_the_last_quarter_of_the_period(name, quarter):
    found = READER.identify(Path(name))
    assert (found.layout, found.release, found.period) == ("dataset_weight", Path(name.lower()).stem, quarter)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("apsp_js20_eul.tab", "expected a name"),
        ("apsp_a19m21_eul.tab", "expected a name"),
        ("apsp_a19s20_eul.tab", "expected a name"),
        ("apsp_jd20_eul.csv", "expected a name"),
        ("lfsh_fa20_eul.tab", "no calendar quarter"),
        ("lgwt22_5q_jm20_jm21_eul.tab", "no file of two quarters in succession"),
        ("lgwt18_2q_js19_jm20_eul.tab", "no file of two quarters in succession"),
        ("lfsw_jm20_eul.tab", "not an LFS file this project knows"),
    ],
)
def test_another_name_is_refused(name, message):
    with pytest.raises(SourceError, match=message):
        READER.identify(Path(name))


@pytest.mark.parametrize(
    ("names", "stem", "found"),
    [
        (["PWTA18", "PWTA20", "PWTA20C", "PIWTA22"], "PWTA", ("PWTA20", 20)),
        (["phhwt18", "PHHWTA22"], "PHHWT", ("phhwt18", 18)),
        (["phhwt18", "PHHWTA22"], "PHHWTA", ("PHHWTA22", 22)),
        (["LGWT17", "lgwt18"], "LGWT", ("lgwt18", 18)),
        (["PWT20", "NPWT22"], "PWTA", None),
    ],
)
def test_the_highest_suffix_of_the_stem(names, stem, found):
    assert newest_weight(names, stem) == found


@pytest.mark.parametrize("suffix", [".tab", ".sav", ".dta"])
def test_the_newest_weight_is_read_from_every_container(tmp_path, suffix):
    found = core(write(tmp_path, persons(), f"apsp_jd20_eul_pwta20{suffix}"))
    assert set(found["dataset_name"]) == {"aps_person"}
    assert found["person_id"].tolist() == ["20110101", "20110102", "20120101"]
    assert found["household_id"].tolist() == ["201101", "201101", "201201"]
    assert found["analysis_weight"].tolist() == [MARK, 655.25, 0.0]
    assert set(found["analysis_weight_year"]) == {20}


def test_datasets_and_editions_stand_side_by_side(tmp_path):
    weights = {"PWTA18": None, "PWTA20": None}
    found = core(
        write(tmp_path, persons()),
        write(tmp_path, persons(PWTA20=None), "apsp_jd20_eul_pwta18.tab"),
        write(tmp_path, persons(**weights, PHHWTA18=[1.0, 1.0, 2.0]), "apsh_jd20_eul_phhwta18.tab"),
        write(tmp_path, persons(**weights, PHHWT18=[1.0, 1.0, 2.0]), "lfsh_od20_eul_phhwt18.tab"),
        write(tmp_path, persons(**weights, LGWT18=[1.0, 1.0, 2.0]), "lgwt18_2q_js20_od20_eul.tab"),
    )
    assert set(found["quarter"]) == {"2020-10"}
    assert found.groupby("dataset_name")["edition"].nunique().to_dict() == {
        "aps_household": 1,
        "aps_person": 2,
        "lfs_household": 1,
        "lfs_longitudinal": 1,
    }
    assert set(found["dataset_name"]) < set(catalog.codes("lfs_weighting_dataset"))


def test_one_edition_in_two_containers_is_refused(tmp_path):
    with pytest.raises(SourceError, match="3 persons stand twice in edition apsp_jd20_eul_pwta20"):
        core(write(tmp_path, persons()), write(tmp_path, persons(), "apsp_jd20_eul_pwta20.sav"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PWTA18": None, "PWTA20": None, "PWT20": [1, 1, 1]}, "no weight variable PWTAyy"),
        ({"CASENOP": None, "THISWV": None}, "expected the variables CASENOP or CASENO, THISWV, once each"),
        ({"CASENOP": [20110101, 20110102, 20110101]}, "variable CASENOP: 1 persons stand twice"),
        ({"HSERIALP": [201101, -8, 201201]}, "variable HSERIALP: 1 of 3 rows have no value"),
        ({"THISWV": [1, 0, 9]}, "variable THISWV: 2 of 3 rows hold no wave"),
        ({"PWTA20": [MARK, -8, -3.5]}, "variable PWTA20: 2 of 3 rows hold no weight of 0 or more"),
        ({"PWTA20": [MARK, "x", f"{MARK}x"]}, "variable PWTA20: 2 of 3 rows hold no number"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(tmp_path, changes, message):
    assert message in refusal(write(tmp_path, persons(**changes)))


def test_a_variable_that_stands_twice_is_refused(tmp_path):
    path = write(tmp_path, persons())
    path.write_bytes(path.read_bytes().replace(b"AGE", b"thiswv"))
    assert "THISWV, once each" in refusal(path)
