"""A marked value of a person's record is in no error of the person-file reader, however the file is broken."""

import logging
import traceback
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from lmi_pipeline import synthetic
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs import READER

PERSON, PAY = "MARKED", 987654.25
MARKS = (PERSON, PERSON.lower(), "987654", "987_654", "987,654", "9.87654")
STEM = "lfsp_od20_eul_pwt20"
ENDS = (".tab", ".sav", ".dta")
CODED = (
    "THISWV", "AGE", "SEX", "COUNTRY", "GOVTOF2", "CRY12", "CRYOX7_EUL_Sub", "NATOX7_EUL_Sub", "TEN1", "ETHUKEUL",
    "ILODEFR", "INECAC05", "STATR", "FTPTWK", "PUBLICR", "SOC10M", "INDC07M", "INDS07M", "HIQUL15D", "IOUTCOME",
    "SOC10L", "INDC07L", "REFWKD", "REFWKM", "REFWKY",
)  # fmt: skip


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Sixty rows of a synthetic file; the person of the second row is marked, and so is all they earn."""
    folder = tmp_path_factory.mktemp("lfs")
    *_, newest = synthetic.generate_lfs_quarter(synthetic.truth("small", 2010), "2020-10", folder)
    rows = pd.read_csv(newest, sep="\t", nrows=60, dtype={"CASENOP": "str", "HSERIALP": "str"})
    return mark(rows, CASENOP=PERSON, HSERIALP=f"{PERSON}-HOME", HOURPAY=PAY, GRSSWK=PAY, TTUSHR=PAY)


def mark(rows: pd.DataFrame, row: int = 1, **values: object) -> pd.DataFrame:
    marked = rows.astype({name: "object" for name, v in values.items() if isinstance(v, str)})
    for name, value in values.items():
        marked[name] = marked[name].astype("float64") if isinstance(value, float) else marked[name]
        marked.loc[row, name] = value
    return marked


def write(rows: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".tab":
        rows.to_csv(path, sep="\t", index=False)
    else:
        (pyreadstat.write_sav if path.suffix == ".sav" else pyreadstat.write_dta)(rows, path)
    return path


def tab(rows: pd.DataFrame, folder: Path) -> tuple[Path, list[bytes]]:
    path = write(rows, folder / f"{STEM}.tab")
    return path, path.read_bytes().splitlines(keepends=True)


class Said:
    """All that could reach a log or a screen."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        caplog.set_level(logging.DEBUG)
        self.caplog, self.capfd = caplog, capfd

    def refuses(self, path: Path) -> str:
        with pytest.raises(SourceError) as caught:
            READER.read(path, READER.identify(path))
        return self.is_silent(caught.value)

    def is_silent(self, error: BaseException) -> str:
        chain, link = [], error
        while link is not None:
            chain.append(link)
            link = link.__cause__ or link.__context__
        printed = self.capfd.readouterr()
        texts = [*map(str, chain), *map(repr, chain), *(repr(vars(link)) for link in chain)]
        texts += [*traceback.format_exception(error), self.caplog.text, printed.out, printed.err]
        assert chain == [error]
        assert not [mark for mark in MARKS for text in texts if mark in text]
        return str(error)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Said:
    return Said(caplog, capfd)


@pytest.mark.parametrize("end", ENDS)
def test_the_marked_file_is_sound_and_its_notes_are_silent(issued, said, tmp_path, end):
    path = write(issued, tmp_path / f"{STEM}{end}")
    result = READER.read(path, READER.identify(path))
    assert result.frame["hourpay"].max() == PAY
    assert PERSON in set(result.frame["person_key"])
    assert not [mark for mark in MARKS for note in result.notes if mark in note]
    assert said.caplog.text == ""


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", CODED)
def test_a_number_that_is_no_code(issued, said, tmp_path, name, end):
    message = said.refuses(write(mark(issued, **{name: PAY}), tmp_path / f"{STEM}{end}"))
    assert f"variable {name}: 1 of 60 rows" in message


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", [*CODED, "HOURPAY", "GRSSWK", "BUSHR", "PWT20", "PIWT20"])
def test_a_text_where_a_number_should_be(issued, said, tmp_path, name, end):
    rows = issued.assign(**{name: issued[name].astype("str")})
    message = said.refuses(write(mark(rows, **{name: f"{PERSON} {PAY}"}), tmp_path / f"{STEM}{end}"))
    assert f"variable {name}: 1 of 60 rows" in message


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["HOURPAY", "GRSSWK", "TTUSHR", "PWT20", "PIWT20"])
def test_an_amount_below_nothing(issued, said, tmp_path, name, end):
    assert name in said.refuses(write(mark(issued, **{name: -PAY}), tmp_path / f"{STEM}{end}"))


@pytest.mark.parametrize("end", ENDS)
def test_other_faults_beside_the_marked_record(issued, said, tmp_path, end):
    path = tmp_path / f"{STEM}{end}"
    assert "1 persons stand twice" in said.refuses(write(pd.concat([issued, issued.iloc[[1]]]), path))
    assert "PWT20: 1 of 60" in said.refuses(write(mark(issued, PWT20=float("nan")), path))
    assert "GOR9D: 1 of 60" in said.refuses(write(mark(issued, GOR9D=PERSON), path))
    assert "HSERIALP: 1 of 60" in said.refuses(write(mark(issued, HSERIALP=""), path))
    assert "variables missing" in said.refuses(write(issued.drop(columns=["AGE", "SEX"]), path))


@pytest.mark.parametrize("end", [".sav", ".dta"])
def test_a_person_s_number_that_is_no_whole_number(issued, said, tmp_path, end):
    rows = issued.assign(CASENOP=[PAY] * 60)
    assert "60 of 60 rows hold no whole number" in said.refuses(write(rows, tmp_path / f"{STEM}{end}"))


@pytest.mark.parametrize("end", ENDS)
def test_a_file_cut_anywhere(issued, said, tmp_path, end):
    """Anywhere but at the end of a line: nothing tells a file of fewer lines from a whole one."""
    path = write(issued, tmp_path / f"{STEM}{end}")
    whole = path.read_bytes()
    for part in range(1, 40):
        path.write_bytes(whole[: len(whole) * part // 40 - 1].rstrip(b"\n"))
        said.refuses(path)


@pytest.mark.parametrize("extra", [b"\t987654.25", b"\tMARKED\t987654.25", b"\t\t\t"])
def test_a_record_with_too_many_fields(issued, said, tmp_path, extra):
    path, lines = tab(issued, tmp_path)
    lines[2] = lines[2].rstrip() + extra + b"\n"
    path.write_bytes(b"".join(lines))
    assert "cannot be read" in said.refuses(path)


def test_a_record_with_too_few_fields(issued, said, tmp_path):
    path, lines = tab(issued, tmp_path)
    lines[2] = b"\t".join(lines[2].split(b"\t")[:-3]) + b"\n"
    path.write_bytes(b"".join(lines))
    assert "cannot be read" in said.refuses(path)


@pytest.mark.parametrize("text", [b"MARKED\xa3", b"\xff\xfeMARKED", b'"MARKED'])
def test_a_key_in_another_encoding_or_with_a_stray_quote(issued, said, tmp_path, text):
    path, lines = tab(issued, tmp_path)
    lines[2] = lines[2].replace(PERSON.encode(), text, 1)
    path.write_bytes(b"".join(lines))
    assert "cannot be read" in said.refuses(path)


def test_a_first_line_that_is_a_record(issued, said, tmp_path):
    path, lines = tab(issued, tmp_path)
    path.write_bytes(b"".join(lines[2:]))
    assert "no weight variable" in said.refuses(path)


@pytest.mark.parametrize(("end", "other"), [(".sav", ".tab"), (".dta", ".tab"), (".tab", ".sav"), (".sav", ".dta")])
def test_a_container_under_another_s_name(issued, said, tmp_path, end, other):
    path = write(issued, tmp_path / f"{STEM}{other}")
    said.refuses(path.rename(tmp_path / f"{STEM}{end}"))


def test_one_edition_in_two_containers(issued, said, tmp_path):
    raw = []
    for end in (".tab", ".sav"):
        path = write(issued, tmp_path / f"{STEM}{end}")
        identity = READER.identify(path)
        file = VaultFile(path, identity, path.name, "0" * 64, "true")
        raw.append(stamp(READER.read(path, identity).frame, file))
    for table in ("core_lfs__quarterly_person", "core_lfs__quarterly_published_weight"):
        with pytest.raises(SourceError) as caught:
            READER.tidy[table](pd.concat(raw, ignore_index=True))
        assert "60 persons stand twice" in said.is_silent(caught.value)
