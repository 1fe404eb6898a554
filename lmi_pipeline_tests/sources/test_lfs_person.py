"""Person files of the UK Data Service: names, containers, variables by quarter and licence, codes, privacy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs import READER
from lmi_pipeline.storage.frames import to_arrow

MARKED = 987654.25
RAW, PERSON, WEIGHT = (
    "raw_lfs__quarterly_person", "core_lfs__quarterly_person", "core_lfs__quarterly_published_weight",
)  # fmt: skip


def people(quarter="2020-10", licence="eul", **changes):
    """Five persons of two households; a value of None leaves the variable out."""
    variables = {
        "CASENOP": [20110101, 20110102, 20110103, 20120101, 20120102],
        "HSERIALP": [201101, 201101, 201101, 201201, 201201],
        "THISWV": [1, 1, 1, 5, 5],
        "AGE": [41, 39, 7, 68, 24],
        "SEX": [1, 2, 1, 2, 1],
        "COUNTRY": [1, 1, 1, 5, 5],
        "GOVTOF2": [2, 2, 2, 13, 13],
        "GOR9D": ["E12000002"] * 3 + ["N99999999"] * 2,
        "CRY12": [921, 616, -8, 926, 356],
        "TEN1": [2, 2, 2, 1, -8],
        "ETHUKEUL": [1, 1, 1, 1, 3],
        "ILODEFR": [1, 1, 4, 3, 2],
        "INECAC05": [1, 2, 34, 31, 5],
        "STATR": [1, 2, -9, -9, -9],
        "FTPTWK": [1, 2, -9, -9, -9],
        "PUBLICR": [1, 2, -9, -9, -9],
        "SOC10M": [1115, 2314, -9, -9, -9],
        "INDC07M": [1110, 85310, -9, -9, -9],
        "INDS07M": [1, 16, -9, -9, -9],
        "HIQUL15D": [1, 3, -9, 6, 7],
        "HOURPAY": [21.5, -9, -9, -9, -9],
        "GRSSWK": [817.25, -9, -9, -9, -9],
        "TTUSHR": [38, 99, -9, -9, -9],
        "TTACHR": [38, 0, -9, -9, -9],
        "BUSHR": [36, 97, -9, -9, -9],
        "IOUTCOME": [1, 2, -9, 6, 1],
        "REFWKD": [11, 11, 11, 6, 6],
        "REFWKM": [10, 10, 10, 12, 12],
        "REFWKY": [2020] * 5,
        "PWT20": [812.5, 790.25, 801, 640.75, 0],
        "PIWT20": [2510.5, 0, 0, 0, 0],
        "HEALTH20": [1, 2, 1, 2, 1],
    }
    if quarter <= "2017-04" or licence == "sl":
        variables |= {"CRYOX7": [926, 616, -8, -8, 356], "NATOX7": [926, 616, 926, -9, 36]}
    else:
        variables |= {"CRYOX7_EUL_Sub": [1, 3, -8, -8, 9], "NATOX7_EUL_Sub": [1, 3, 1, -9, 15]}
    if licence == "sl":
        variables["LAUA"] = ["E08000003"] * 3 + ["N09000003"] * 2
    return pd.DataFrame({name: v for name, v in (variables | changes).items() if v is not None})


def write(folder: Path, frame: pd.DataFrame, name="lfsp_od20_eul_pwt20.tab") -> Path:
    path = folder / name
    if path.suffix.lower() == ".tab":
        frame.to_csv(path, sep="\t", index=False)
    elif path.suffix.lower() == ".sav":
        pyreadstat.write_sav(frame, path)
    else:
        pyreadstat.write_dta(frame, path)
    return path


def read(path: Path) -> pd.DataFrame:
    return READER.read(path, READER.identify(path)).frame


def stamped(path: Path) -> pd.DataFrame:
    file = VaultFile(path, READER.identify(path), path.name, "0" * 64, "true")
    return stamp(read(path), file)[list(catalog.table(RAW).columns)]


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(path)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "release", "period"),
    [
        ("lfsp_od20_eul_pwt20.tab", "lfsp_od20_eul_pwt20", "2020-10"),
        ("LFSP_JM20_EUL_PWT18.SAV", "lfsp_jm20_eul_pwt18", "2020-01"),
        ("lfsp_aj14_end_user.dta", "lfsp_aj14_end_user", "2014-04"),
        ("lfsp_js19_eul.tab", "lfsp_js19_eul", "2019-07"),
        ("lfsp_od20_sl_pwt20.tab", "lfsp_od20_sl_pwt20", "2020-10"),
        ("lfsp_aj99_eul.tab", "lfsp_aj99_eul", "1999-04"),
    ],
)
def test_name_gives_edition_and_quarter(name, release, period):
    found = READER.identify(Path(name))
    assert (found.source, found.layout, found.release, found.period) == ("lfs", "person", release, period)


@pytest.mark.parametrize("months", ["fa", "mm", "mj", "ja", "ao", "sn", "nj", "df"])
def test_rolling_files_of_2020_are_refused(months):
    with pytest.raises(SourceError, match=r"non-calendar.*not used"):
        READER.identify(Path(f"lfsp_{months}20_eul_pwt18.tab"))


@pytest.mark.parametrize(
    "name",
    ["lfsp_xx20_eul.tab", "lfsp_od20.tab", "lfsp_od20_gov.tab", "lfsp_od20_eul_pwt20.csv", "apsp_jd14_eul_pwta17.csv"],
)
def test_other_names_are_refused(name):
    with pytest.raises(SourceError, match="expected"):
        READER.identify(Path(name))


def test_three_containers_give_the_same_frame(tmp_path):
    frames = [read(write(tmp_path, people(), f"lfsp_od20_eul_pwt20{end}")) for end in (".tab", ".sav", ".dta")]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    pd.testing.assert_frame_equal(frames[0], frames[2])


def test_text_keys_and_lower_case_names_give_the_same_frame(tmp_path):
    as_numbers = read(write(tmp_path, people()))
    texts = people().astype({"CASENOP": "str", "HSERIALP": "str"}).rename(columns=str.lower)
    for end in (".tab", ".sav", ".dta"):
        pd.testing.assert_frame_equal(as_numbers, read(write(tmp_path, texts, f"lfsp_od20_eul_pwt20{end}")))


def test_raw_and_core_rows_fit_the_catalogue(tmp_path):
    raw = stamped(write(tmp_path, people()))
    assert to_arrow(raw, catalog.table(RAW)).num_rows == 5
    for table in (PERSON, WEIGHT):
        core = READER.tidy[table](raw)
        assert to_arrow(core, catalog.table(table)).num_rows == 5
        for column in catalog.table(table).columns:
            codelist = catalog.column(column).codelist
            if codelist:
                assert set(core[column].dropna()) <= set(catalog.codes(codelist)), column


@pytest.mark.parametrize("mark", ["-9", "-8", "-1", "-2", "-6", "-7", "-90", "-90.0", "", "N/A", " "])
def test_marks_of_no_value_are_null(tmp_path, mark):
    frame = people().astype({"TEN1": "str"})
    frame.loc[0, "TEN1"] = mark
    assert read(write(tmp_path, frame))["ten1"].isna().tolist() == [True, False, False, False, True]


def test_other_variables_are_counted_not_read(tmp_path):
    path = write(
        tmp_path,
        pd.concat([people(), pd.DataFrame(1, index=range(5), columns=[f"EXTRA{i}" for i in range(700)])], axis=1),
    )
    result = READER.read(path, READER.identify(path))
    assert result.notes[0].startswith("33 variables read, 701 others")
    assert set(result.frame) | {"sha256", "synthetic"} == set(catalog.table(RAW).columns)


def test_text_in_another_encoding_in_other_variables_does_no_harm(tmp_path):
    path = tmp_path / "lfsp_od20_eul_pwt20.tab"
    people().assign(NOTE="Caf\u00e9").to_csv(path, sep="\t", index=False, encoding="cp1252")
    assert len(read(path)) == 5


def test_weights_of_the_file_and_the_note_when_the_name_disagrees(tmp_path):
    frame = people().rename(columns={"PWT20": "PWT23", "PIWT20": "PIWT22"}).assign(PWT18=1.0)
    path = write(tmp_path, frame)
    result = READER.read(path, READER.identify(path))
    assert set(result.frame["analysis_weight_year"]) == {23}
    assert set(result.frame["earnings_weight_year"]) == {22}
    assert result.frame["analysis_weight"].tolist() == people()["PWT20"].tolist()
    assert any("name says pwt20" in note and "PWT23" in note for note in result.notes)


def test_an_edition_without_earnings_weight(tmp_path):
    path = write(tmp_path, people(PIWT20=None))
    result = READER.read(path, READER.identify(path))
    assert result.frame[["earnings_weight", "earnings_weight_year"]].isna().all(axis=None)
    assert "no earnings weight (PIWT) in this edition" in result.notes
    to_arrow(stamped(path), catalog.table(RAW))


def test_country_leaves_the_end_user_file_in_july_2017(tmp_path):
    before = read(write(tmp_path, people("2017-04"), "lfsp_aj17_eul_pwt18.tab"))
    assert before["cryox7"].notna().any()
    assert before["cryox7_eul_sub"].isna().all()
    after = read(write(tmp_path, people("2017-07"), "lfsp_js17_eul_pwt18.tab"))
    assert after["cryox7"].isna().all()
    assert after["cryox7_eul_sub"].notna().any()
    assert "CRYOX7, NATOX7" in refusal(write(tmp_path, people("2017-07"), "lfsp_aj17_eul.tab"))
    assert "CRYOX7_EUL_SUB" in refusal(write(tmp_path, people("2017-04"), "lfsp_js17_eul.tab"))
    assert "LAUA or UALADGB" in refusal(write(tmp_path, people(), "lfsp_od20_sl.tab"))


def test_special_licence_keeps_country_and_local_authority(tmp_path):
    frame = people(licence="sl").rename(columns={"CASENOP": "CASENO", "HSERIALP": "HSERIAL"})
    raw = stamped(write(tmp_path, frame, "lfsp_od20_sl_pwt20.sav"))
    assert set(raw["licence_variant"]) == {"sl"}
    core = READER.tidy[PERSON](raw)
    assert core["birth_group"].tolist() == ["uk", "eu", "not_stated", "uk", "non_eu"]
    assert core["nationality_group"].tolist() == ["uk", "eu", "uk", "not_stated", "non_eu"]
    assert core["local_authority_code"].tolist()[0] == "E08000003"


@pytest.mark.parametrize(("licence", "stem"), [("eul", "lfsp_od20_eul_pwt20"), ("sl", "lfsp_od20_sl_pwt20")])
def test_a_reissued_file_is_read_under_its_licence_and_is_the_newest_edition(tmp_path, licence, stem):
    path = write(tmp_path, people(licence=licence), f"{stem}.tab")
    identity = replace(READER.identify(path), release=f"{stem}+0123abcd")
    result = READER.read(path, identity)
    assert set(result.frame["edition"]) == {f"{stem}+0123abcd"}
    assert set(result.frame["licence_variant"]) == {licence}
    assert len(result.notes) == 1


@pytest.mark.parametrize("name", ["AGE", "INDC07M", "BUSHR", "HSERIALP", "GOVTOF2", "HIQUL15D", "SOC10M", "GOR9D"])
def test_a_variable_that_should_be_there_is_named(tmp_path, name):
    message = refusal(write(tmp_path, people(**{name: None})))
    assert name in message
    assert "2020-10" in message


def test_names_that_change_with_the_years(tmp_path):
    frame = people().rename(columns={"STATR": "STAT", "HIQUL15D": "HIQUL22D", "SOC10M": "SOC20M"})
    core = READER.tidy[PERSON](stamped(write(tmp_path, frame, "lfsp_jm22_eul_pwt22.tab")))
    assert core["qualification_6"].dropna().tolist() == ["degree", "a_level", "none"]
    assert core["employment_status"].dropna().tolist() == ["employee", "self_employed"]
    assert core["soc2020_code"].dropna().tolist() == ["1115", "2314"]
    assert "SOC10M" in refusal(write(tmp_path, frame, "lfsp_od20_eul.tab"))
    assert "SOC20M or SOC10M" in refusal(write(tmp_path, people(SOC10M=None), "lfsp_jm22_eul.tab"))


def test_merseyside_is_part_of_the_north_west(tmp_path):
    frame = people(GOVTOF2=None, GOVTOF=[3, 3, 2, 13, 13])
    core = READER.tidy[PERSON](stamped(write(tmp_path, frame)))
    assert core["region_gss"].tolist() == ["E12000002"] * 3 + ["N92000002"] * 2
    assert "GOVTOF2" in refusal(write(tmp_path, people(GOVTOF2=[3, 3, 2, 13, 13])))


BAD_CODES = {
    "SEX": 3, "THISWV": 6, "AGE": 130, "GOVTOF2": 3, "GOR9D": "E12000010", "TEN1": 7, "ILODEFR": 5, "INECAC05": 35,
    "CRYOX7_EUL_Sub": 16, "CRY12": 921.5, "SOC10M": 1234, "INDS07M": 22, "INDC07M": 4010, "HIQUL15D": 8, "IOUTCOME": 4,
    "HOURPAY": -3, "PUBLICR": 3, "FTPTWK": 3, "STATR": 5, "REFWKD": 32, "REFWKM": 13,
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CODES)
def test_a_changed_variable_is_refused_without_a_record_s_value(tmp_path, name):
    frame = people().astype(dict.fromkeys(("HOURPAY", name), "object"))
    frame.loc[[1, 3], name] = BAD_CODES[name]
    frame.loc[0, "HOURPAY"] = MARKED
    message = refusal(write(tmp_path, frame))
    assert name in message
    assert "2 of 5 rows" in message
    assert "changed variable" in message
    assert not any(str(secret) in message for secret in ("987654", *people()["CASENOP"]))


@pytest.mark.parametrize(("first", "known"), [(999, False), (1000, True), (99999, True), (100000, False)])
def test_industry_classes_have_five_digits(tmp_path, first, known):
    path = write(tmp_path, people(INDC07M=[first, 85310, -9, -9, -9]))
    assert read(path)["indc07m"].tolist()[0] == first if known else "INDC07M: 1 of 5" in refusal(path)


@pytest.mark.parametrize("text", ["987654.25x", "£987654.25", "inf"])
def test_a_number_that_is_none_is_not_quoted(tmp_path, text):
    frame = people().astype({"HOURPAY": "str"})
    frame.loc[0, "HOURPAY"] = text
    message = refusal(write(tmp_path, frame))
    assert "HOURPAY: 1 of 5 rows" in message
    assert "987654" not in message


def test_persons_that_stand_twice_are_counted(tmp_path):
    message = refusal(write(tmp_path, pd.concat([people(), people().head(2)])))
    assert "CASENOP: 2 persons stand twice" in message
    assert "2011010" not in message


def test_weights_must_be_there_and_not_negative(tmp_path):
    assert "PWT20: 1 of 5" in refusal(write(tmp_path, people(PWT20=[1, 2, 3, 4, np.nan])))
    assert "PIWT20: 1 of 5" in refusal(write(tmp_path, people(PIWT20=[1, 2, 3, 4, -5.5])))


def test_every_person_has_a_key(tmp_path):
    assert "CASENOP: 1 of 5 rows have no value" in refusal(write(tmp_path, people(CASENOP=[1, 2, 3, 4, -9])))
    assert "stored exactly" in refusal(
        write(tmp_path, people(CASENOP=[1.0, 2.0, 3.0, 4.0, 2.0**54]), "lfsp_od20_eul_pwt20.sav")
    )


def test_a_variable_that_stands_twice_is_refused(tmp_path):
    assert "PWT20 stand twice" in refusal(write(tmp_path, people().assign(pwt20=1.0)))


@pytest.mark.parametrize("end", [".tab", ".sav", ".dta"])
def test_truncated_and_empty_files_are_refused(tmp_path, end):
    path = write(tmp_path, pd.concat([people()] * 40), f"lfsp_od20_eul_pwt20{end}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 - 3])
    assert "truncated" in refusal(path)
    path.write_bytes(b"")
    refusal(path)


def test_a_file_without_persons_is_refused(tmp_path):
    assert "no rows" in refusal(write(tmp_path, people().head(0)))


def test_tidy_person_uses_our_codes(tmp_path):
    core = READER.tidy[PERSON](stamped(write(tmp_path, people())))
    assert core["quarter"].unique().tolist() == ["2020-10"]
    assert core["birth_group"].tolist() == ["uk", "eu", "not_stated", "uk", "non_eu"]
    assert core["nationality_group"].tolist() == ["uk", "eu", "uk", "not_stated", "non_eu"]
    assert core["sic2007_division"].dropna().tolist() == ["01", "85"]
    assert core["sic2007_section"].dropna().tolist() == ["A", "P"]
    assert core["soc2010_code"].dropna().tolist() == ["1115", "2314"]
    assert core["usual_hours_per_week"].dropna().tolist() == [38, 97]
    assert core["economic_activity"].tolist() == ["employed", "employed", "under_16", "inactive", "unemployed"]
    assert core["tenure"].tolist()[:4] == ["mortgaged"] * 3 + ["owned_outright"]
    assert core["response_outcome"].dropna().tolist() == ["response", "response", "imputed_rolled_forward", "response"]
    assert core["hourly_pay_gbp"].dropna().tolist() == [21.5]
    assert core["reference_week"].tolist() == ["2020-10-11"] * 3 + ["2020-12-06"] * 2


@pytest.mark.parametrize("gone", [{"REFWKD": None}, {"REFWKD": [-9] * 5}])
def test_a_file_without_the_day_has_no_reference_week(tmp_path, gone):
    core = READER.tidy[PERSON](stamped(write(tmp_path, people(**gone))))
    assert core["reference_week"].isna().all()
    to_arrow(core, catalog.table(PERSON))


def test_reference_week_is_null_only_where_a_part_of_it_is(tmp_path):
    raw = stamped(write(tmp_path, people(REFWKD=[11, -9, 11, 6, 6], REFWKY=[2020, 2020, 2020, -8, 2020])))
    weeks = READER.tidy[PERSON](raw)["reference_week"]
    assert weeks.isna().tolist() == [False, True, False, True, False]
    assert weeks.iloc[4] == "2020-12-06"


@pytest.mark.parametrize("day", [12, 31], ids=["Monday", "no such day"])
def test_a_reference_week_ends_on_a_sunday(tmp_path, day):
    message = refusal(
        write(tmp_path, people(REFWKD=[day, 11, 11, 6, 6], REFWKM=[10 if day == 12 else 11, 10, 10, 12, 12]))
    )
    assert "REFWKD, REFWKM, REFWKY: 1 of 5 rows" in message
    assert "2020" not in message.replace("lfsp_od20", "")


@pytest.mark.parametrize(("code", "group"), [*((i, "eu") for i in range(2, 6)), *((i, "non_eu") for i in range(6, 16))])
def test_birth_group_from_the_groups_of_countries(tmp_path, code, group):
    raw = stamped(write(tmp_path, people(CRYOX7_EUL_Sub=[code] * 5, NATOX7_EUL_Sub=[code] * 5, CRY12=[-8] * 5)))
    core = READER.tidy[PERSON](raw)
    assert set(core["birth_group"]) == set(core["nationality_group"]) == {group}


def test_birth_group_from_countries_has_the_eu_of_27(tmp_path):
    countries = [40, 36, 196, 724, 756]
    raw = stamped(write(tmp_path, people("2015-01", CRYOX7=countries, CRY12=[-8] * 5), "lfsp_jm15_eul.tab"))
    assert READER.tidy[PERSON](raw)["birth_group"].tolist() == ["eu", "non_eu", "eu", "eu", "non_eu"]


def test_birth_group_not_stated_unless_the_short_code_says_uk(tmp_path):
    short = [921, 616, -9, 356, 926]
    groups = people(CRYOX7_EUL_Sub=[-8, -8, -9, -9, -8], NATOX7_EUL_Sub=[-9] * 5, CRY12=short)
    countries = people("2017-04", CRYOX7=[9, 9, -9, -8, 9], NATOX7=[9] * 5, CRY12=short)
    for frame, name in ((groups, "lfsp_js17_eul.tab"), (countries, "lfsp_aj17_eul.tab")):
        core = READER.tidy[PERSON](stamped(write(tmp_path, frame, name)))
        assert core["birth_group"].tolist() == ["uk", "not_stated", "not_stated", "not_stated", "uk"]
        assert set(core["nationality_group"]) == {"not_stated"}


def test_persons_come_from_the_newest_edition_and_weights_from_all(tmp_path):
    old = people(PWT20=None, PIWT20=None, AGE=[40, 39, 7, 68, 24]).assign(PWT18=700.0, PIWT18=0.0)
    paths = [write(tmp_path, old, "lfsp_od20_eul_pwt18.tab"), write(tmp_path, people())]
    raw = pd.concat([stamped(path) for path in paths], ignore_index=True)
    assert READER.tidy[PERSON](raw)["age_years"].tolist() == people()["AGE"].tolist()
    weights = READER.tidy[WEIGHT](raw)
    assert weights.groupby("edition")["analysis_weight_year"].unique().str[0].to_dict() == {
        "lfsp_od20_eul_pwt18": 18,
        "lfsp_od20_eul_pwt20": 20,
    }
    assert not weights.duplicated(list(catalog.table(WEIGHT).key)).any()


def test_one_edition_in_two_containers_is_refused(tmp_path):
    paths = [write(tmp_path, people(), f"lfsp_od20_eul_pwt20{end}") for end in (".tab", ".sav")]
    raw = pd.concat([stamped(path) for path in paths], ignore_index=True)
    for table in (PERSON, WEIGHT):
        with pytest.raises(SourceError, match="5 persons stand twice in edition lfsp_od20_eul_pwt20"):
            READER.tidy[table](raw)


def test_person_and_household_keep_their_keys_through_the_waves(tmp_path):
    later = people("2021-01", THISWV=[2, 2, 2, 5, 5])
    first = READER.tidy[PERSON](stamped(write(tmp_path, people())))
    second = READER.tidy[PERSON](stamped(write(tmp_path, later, "lfsp_jm21_eul_pwt20.sav")))
    assert first[["person_id", "household_id"]].equals(second[["person_id", "household_id"]])
