"""Containers as they come: headers, line ends, encodings, spelling of names, and files that are cut."""

from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from lmi_pipeline import synthetic
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.lfs import READER

STEM = "lfsp_od20_eul_pwt20"
POUND = b"\xa3"


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("lfs")
    *_, newest = synthetic.generate_lfs_quarter(synthetic.truth("small", 2010), "2020-10", folder)
    return pd.read_csv(newest, sep="\t", nrows=25)


@pytest.fixture(scope="module")
def plain(issued: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return read(tab(issued, tmp_path_factory.mktemp("plain")))


def tab(rows: pd.DataFrame, folder: Path) -> Path:
    path = folder / f"{STEM}.tab"
    rows.to_csv(path, sep="\t", index=False)
    return path


def read(path: Path) -> pd.DataFrame:
    return READER.read(path, READER.identify(path)).frame


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize("spelling", [str.upper, str.lower, str.title])
@pytest.mark.parametrize("end", [".tab", ".sav", ".dta"])
def test_names_in_any_case(issued, plain, tmp_path, spelling, end):
    rows = issued.rename(columns=spelling)
    path = tab(rows, tmp_path)
    if end == ".sav":
        declared = {name: [-9, -8] for name in rows.columns if rows[name].dtype == "int64"}
        pyreadstat.write_sav(rows, path.with_suffix(end), missing_ranges=declared)
    if end == ".dta":
        pyreadstat.write_dta(rows, path.with_suffix(end), version=12)
    pd.testing.assert_frame_equal(read(path.with_suffix(end)), plain)


HEADERS = {
    "byte order mark": lambda line: b"\xef\xbb\xbf" + line,
    "quoted": lambda line: b"\t".join(b'"' + name + b'"' for name in line.split(b"\t")),
    "spaces": lambda line: line.replace(b"\tPWT20", b"\tPWT20 ").replace(b"\tAGE", b"\t AGE"),
    "another encoding": lambda line: line.replace(b"PERSNO", b"PERSNO" + POUND),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_as_programs_write_them(issued, plain, tmp_path, kind):
    path = tab(issued, tmp_path)
    header, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(HEADERS[kind](header) + b"\n" + rest)
    pd.testing.assert_frame_equal(read(path), plain)


def test_line_ends_of_windows(issued, plain, tmp_path):
    path = tab(issued, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    pd.testing.assert_frame_equal(read(path), plain)


@pytest.mark.parametrize("end", [".sav", ".dta"])
@pytest.mark.parametrize("where", ["variable label", "value label", "text of another variable"])
def test_a_pound_sign_in_another_encoding_than_declared(issued, plain, tmp_path, end, where):
    path = tmp_path / f"{STEM}{end}"
    labels = {
        "variable label": {"column_labels": {"HOURPAY": "Pay in QQ an hour"}},
        "value label": {"variable_value_labels": {"SEX": {1: "QQ"}}},
    }.get(where, {})
    rows = issued if labels else issued.assign(NOTE="QQ")
    (pyreadstat.write_sav if end == ".sav" else pyreadstat.write_dta)(rows, path, **labels)
    written = path.read_bytes()
    assert b"QQ" in written
    path.write_bytes(written.replace(b"QQ", POUND + b"Q"))
    pd.testing.assert_frame_equal(read(path), plain)


def test_a_tab_file_cut_inside_its_last_line_is_refused_at_every_byte(issued, tmp_path):
    path = tab(issued, tmp_path)
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 2
    for length in range(start, len(whole)):
        path.write_bytes(whole[:length])
        assert "truncated" in refusal(path)


@pytest.mark.parametrize("end", [".sav", ".dta"])
def test_a_stored_file_cut_inside_its_records_is_refused(issued, tmp_path, end):
    path = tmp_path / f"{STEM}{end}"
    (pyreadstat.write_sav if end == ".sav" else pyreadstat.write_dta)(issued, path)
    whole = path.read_bytes()
    for length in range(len(whole) // 3, len(whole) * 9 // 10, 97):
        path.write_bytes(whole[:length])
        assert "truncated" in refusal(path)


def test_a_line_that_lost_a_field_is_refused(issued, tmp_path):
    path = tab(issued, tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].split(b"\t", 1)[1]
    path.write_bytes(b"".join(lines))
    assert "truncated or damaged" in refusal(path)


def test_a_stored_file_with_a_damaged_name_is_refused(issued, tmp_path):
    path = tmp_path / f"{STEM}.sav"
    pyreadstat.write_sav(issued, path)
    path.write_bytes(path.read_bytes().replace(b"THISWV=THISWV", b"THISWV=      "))
    assert "damaged" in refusal(path)
