"""Files of ASHE job records: names, containers, codes, what is refused, and that no error shows a record."""

from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.quality.schema_checks import assert_valid
from lmi_pipeline.sources.ashe import READER
from lmi_pipeline.sources.ashe.job_file import SUFFIXES
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.storage.frames import conform

RAW, CORE = "raw_ashe__yearly_job", "core_ashe__yearly_job"
STEM = "ashe_2019_2020_gb_v18"
PERSON, PAY = "01999932", 98765.25
MARKS = (PERSON, "1999932", "98765", "98_765", "9.8765")


def jobs(**changes) -> pd.DataFrame:
    """Six jobs of two years, the first two of one person; a value of None leaves the variable out."""
    variables = {
        "year": [2019, 2019, 2019, 2020, 2020, 2020],
        "piden": [PERSON, PERSON, "00000017", PERSON, "", "00000018"],
        "serno": ["1", "2", "3", "1", "2", "3"],
        "entref": ["90000000001", "90000000002", "90000000001", "90000000001", "90000000003", ""],
        "idbrnemp": [250, 3, 250, 260, 12, 40],
        "age": [41, 41, 63, 42, 19, 55],
        "sex": [2, 2, 1, 2, 1, 1],
        "wgor": [1, 12, 7, 6, -9, 11],
        "hgor": [1, 1, 7, 6, 9, 11],
        "occ10": ["1115", "9272", "2136", "1115", "", "6145"],
        "occ20": ["1111", "9263", "2134", "1111", "", ""],
        "sic07": ["01110", "1110", "62020", "01110", "", "87300"],
        "ft": [1, 2, 1, 1, 2, 1],
        "gpay": [PAY, 120.5, 800.0, 900.0, 95.0, -9],
        "gpox": [PAY, 120.5, 780.0, 900.0, 95.0, -9],
        "hexo": [25.5, 9.1, 21.0, 25.0, 8.2, -9],
        "he": [25.5, 9.1, 21.5, 25.0, 8.2, -9],
        "thrs": [37.5, 12.0, 40.0, 36.0, 11.5, -9],
        "bhr": [37.5, 12.0, 39.0, 36.0, 11.5, -9],
        "ovhrs": [0.0, 0.0, 1.0, 0.0, 0.0, -9],
        "agp": [51000.0, 6000.0, -9, 47000.0, 0.0, 20000.0],
        "sjd": [1, 2, 1, 1, 1, 1],
        "lop": [2, 2, 2, 2, 2, 1],
        "adr": [1, 1, 1, 1, 2, 1],
        "calwght": [101.5, 99.0, 120.25, 100.0, 130.0, 88.0],
        "mystery": [1, 2, 3, 4, 5, 6],
    }
    return pd.DataFrame({name: v for name, v in (variables | changes).items() if v is not None})


def write(folder: Path, frame: pd.DataFrame, name: str = f"{STEM}.csv") -> Path:
    path = folder / name
    if path.suffix in (".csv", ".tab"):
        frame.to_csv(path, index=False, sep="," if path.suffix == ".csv" else "\t")
    else:
        (pyreadstat.write_sav if path.suffix == ".sav" else pyreadstat.write_dta)(frame, path)
    return path


def raw(*paths: Path) -> pd.DataFrame:
    frames = []
    for number, path in enumerate(paths):
        identity = READER.identify(path)
        file = VaultFile(path, identity, path.name, str(number) * 64, "true")
        frames.append(stamp(READER.read(path, identity).frame, file)[list(catalog.table(RAW).columns)])
    frame = conform(pd.concat(frames), catalog.table(RAW))
    assert_valid(frame, RAW)
    return frame


def core(*paths: Path) -> pd.DataFrame:
    tidied = READER.tidy[CORE](raw(*paths))
    assert_valid(conform(tidied, catalog.table(CORE)), CORE)
    return tidied


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        READER.read(path, READER.identify(path))
    assert caught.value.__cause__ is None
    assert caught.value.file == path.name
    assert not any(mark in str(caught.value) for mark in MARKS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("ashe_2019_2020_gb_v18.sav", "2019/2020"),
        ("ASHE_2011_2014_GB_v12.dta", "2011/2012/2013/2014"),
        ("ashe_2018_2018_gb_v1.csv", "2018"),
        ("ashe_1997_1999_gb_vdfe.tab", "1997/1998/1999"),
    ],
)
def test_a_file_fills_the_years_of_its_name(tmp_path, name, period):
    identity = READER.identify(tmp_path / name)
    assert (identity.layout, identity.period) == ("job", period)
    assert identity.release == Path(name).stem.lower()


@pytest.mark.parametrize("name", ["ashe_2020_gb_v1.csv", "ashe_2020_2019_gb_v1.sav", "ashe_2019_2020.dta"])
def test_another_name_is_refused(tmp_path, name):
    with pytest.raises(SourceError, match="expected a name such as ashe_2019_2020_gb_v18") as caught:
        READER.identify(tmp_path / name)
    assert caught.value.file == name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container_gives_the_same_rows(tmp_path, suffix):
    frame = raw(write(tmp_path, jobs(), f"{STEM}{suffix}"))
    expected = raw(write(tmp_path, jobs(), f"{STEM}.csv"))
    pd.testing.assert_frame_equal(frame, expected)


def test_variables_are_read_in_any_spelling_and_others_stay(tmp_path):
    path = write(tmp_path, jobs().rename(columns=str.upper))
    result = READER.read(path, READER.identify(path))
    assert result.notes == ("1 variables are not catalogued and stay in the vault",)
    assert result.frame["record_number"].tolist() == [1, 2, 3, 4, 5, 6]
    assert result.frame["piden"].tolist()[0] == PERSON


def test_an_edition_without_some_variables_is_read(tmp_path):
    path = write(tmp_path, jobs(occ20=None, hgor=None, bhr=None))
    assert "the file has no variable hgor, bhr, occ20" in READER.read(path, READER.identify(path)).notes
    assert core(path)["soc2020_code"].isna().all()


def test_core_rows_are_in_our_codes(tmp_path):
    frame = core(write(tmp_path, jobs())).set_index("job_id")
    first = frame.loc[f"{PERSON}-1"].query("year == 2019").iloc[0]
    assert first[["sex", "work_region_gss", "soc2010_code", "working_pattern"]].tolist() == [
        "female",
        "E12000001",
        "1115",
        "full_time",
    ]
    assert first[["sic2007_division", "industry_75"]].tolist() == ["01", "1"]
    second = frame.loc[f"{PERSON}-2"]
    assert second[["sic2007_division", "working_pattern"]].tolist() == ["01", "part_time"]
    nobody = frame.loc["record-5"]
    assert nobody[["person_id", "work_region_gss", "soc2010_code", "sic2007_division", "industry_75"]].isna().all()


def test_annual_pay_is_of_those_a_year_in_the_job_and_never_weekly_pay_times_52(tmp_path):
    frame = core(write(tmp_path, jobs()))
    paid = frame.set_index(["year", "job_id"])["annual_pay_gbp"].dropna()
    assert paid.to_dict() == {
        (2019, f"{PERSON}-1"): 51000.0,
        (2020, f"{PERSON}-1"): 47000.0,
        (2020, "00000018-1"): 20000.0,
    }


def test_usual_pay_needs_an_adult_rate_and_no_loss_of_pay(tmp_path):
    frame = core(write(tmp_path, jobs())).set_index(["year", "job_id"])["is_usual_pay"]
    assert frame.loc[2019].all()
    assert frame.loc[2020].to_dict() == {f"{PERSON}-1": True, "00000018-1": False, "record-5": False}


def test_the_newest_edition_that_holds_a_year_is_used(tmp_path):
    later = jobs().query("year == 2020").assign(year=2020, gpay=500.0, hexo=10.0, adr=1, lop=2)
    older = write(tmp_path, jobs())
    newer = write(tmp_path, jobs(calwght=[1.0] * 6), "ashe_2019_2020_gb_v9.csv")
    last = write(tmp_path, later, "ashe_2020_2021_gb_v1.csv")
    frame = core(newer, older, last)
    assert frame.groupby("year")["weekly_pay_gbp"].max().to_dict() == {2019: PAY, 2020: 500.0}
    assert frame.query("year == 2019")["calibration_weight"].min() == 99.0


def test_one_edition_in_two_containers_is_refused(tmp_path):
    both = pd.concat([raw(write(tmp_path, jobs(), f"{STEM}{suffix}")) for suffix in (".csv", ".sav")])
    with pytest.raises(SourceError, match=f"6 records stand twice in edition {STEM}"):
        READER.tidy[CORE](both)


@pytest.mark.parametrize("name", ["year", "calwght", "gpay", "hexo", "ft", "adr", "lop"])
def test_a_missing_variable_is_named(tmp_path, name):
    assert f"expected the variables {name}, once each" in refusal(write(tmp_path, jobs(**{name: None})))


def test_a_file_needs_one_of_the_occupations(tmp_path):
    assert "occ10 or occ20" in refusal(write(tmp_path, jobs(occ10=None, occ20=None)))


def test_a_variable_that_stands_twice_is_refused(tmp_path):
    frame = jobs()
    assert "variables gpay, once" in refusal(write(tmp_path, frame.assign(GPAY=frame["gpay"])))


def changed(name: str, *values: object) -> dict[str, list]:
    """The last values of a variable replaced."""
    whole = jobs()[name].tolist()
    return {name: [*whole[: -len(values)], *values]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (changed("calwght", 0.0), "variable calwght: 1 of 6 rows hold no weight above zero"),
        (changed("calwght", -2.0, -9), "variable calwght: 2 of 6 rows hold no weight above zero"),
        (changed("gpay", -9, 95.0, -9), "variable gpay: 1 of 6 rows hold no pay above zero"),
        (changed("gpay", 0.0, 95.0, -9), "variable gpay: 1 of 6 rows hold no pay above zero"),
        (changed("gpay", -PAY, 95.0, -9), "variable gpay: 1 of 6 rows are below zero"),
        (changed("hexo", -9, 8.2, -9), "variable hexo: 1 of 6 rows hold no pay above zero"),
        (changed("thrs", -37.5), "variable thrs: 1 of 6 rows are below zero"),
        (changed("occ10", "1116", "", "1111"), "variable occ10: 1 of 6 rows hold no unit group of SOC 2010"),
        (changed("occ10", "111"), "variable occ10: 1 of 6 rows hold no unit group of SOC 2010"),
        (changed("occ20", "1115"), "variable occ20: 1 of 6 rows hold no unit group of SOC 2020"),
        (changed("sic07", "04110"), "variable sic07: 1 of 6 rows hold no code of SIC 2007"),
        (changed("sic07", "J"), "variable sic07: 1 of 6 rows hold no code of SIC 2007"),
        (changed("sex", 3), "variable sex: 1 of 6 rows hold no known code"),
        (changed("sex", -9), "variable sex: 1 of 6 rows hold no known code"),
        (changed("ft", 0), "variable ft: 1 of 6 rows hold no known code"),
        (changed("wgor", 13), "variable wgor: 1 of 6 rows hold no known code"),
        (changed("age", 41.5), "variable age: 1 of 6 rows hold no whole number"),
        (changed("age", 130), "variable age: 1 of 6 rows hold no age"),
        (changed("year", 2021), "variable year: 1 of 6 rows hold no year of the file's name"),
        ({"gpay": [str(PAY), "n/k", "1", "1", "1", "1"]}, "variable gpay: 1 of 6 rows hold no number"),
    ],
)
def test_bad_records_are_refused_with_variable_and_count_and_without_a_value(tmp_path, changes, words):
    message = refusal(write(tmp_path, jobs(**changes)))
    assert words in message
    assert message.endswith(".")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_is_refused(tmp_path, suffix):
    path = write(tmp_path, jobs(), f"{STEM}{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - len(content) // 5])
    with pytest.raises(SourceError) as caught:
        READER.read(path, READER.identify(path))
    assert not any(mark in str(caught.value) for mark in MARKS)
