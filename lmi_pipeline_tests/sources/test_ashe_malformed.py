"""ASHE workbooks that are not what the readers were written for: refused, with file, sheet and cell named."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.ashe import READER
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline_tests.sources import ashe_books as books
from lmi_pipeline_tests.sources.ashe_books import HEADER, NAMES, Sheets

CORE = "core_ashe__yearly_published"
FIRST = HEADER + 1


def raw(*paths: Path) -> pd.DataFrame:
    frames = []
    for number, path in enumerate(paths):
        identity = READER.identify(path)
        file = VaultFile(path, identity, path.name, str(number) * 64, "true")
        frames.append(stamp(READER.read(path, identity).frame, file))
    return pd.concat(frames, ignore_index=True)


def core(*paths: Path) -> pd.DataFrame:
    return READER.tidy[CORE](raw(*paths))


def means(frame: pd.DataFrame, *columns: str) -> list[tuple]:
    wanted = (frame["statistic"] == "mean") & (frame["sex"] == "all") & (frame["working_pattern"] == "all")
    return list(frame.loc[wanted, list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize("kind", NAMES)
def test_the_unspoilt_workbook_is_read(tmp_path, kind):
    frame = raw(books.make(tmp_path, kind))
    assert len(frame) == 9 * len(books.ROWS[kind]) * 15
    assert set(frame["row_code"].dropna()) == {code.strip() for _, code in books.ROWS[kind]} - {""}


def test_regions_and_occupations_of_tables_3_and_15(tmp_path):
    frame = core(books.make(tmp_path, "15a"))
    assert means(frame, "area_code", "occupation_code") == [
        ("K02000001", "all"),
        ("K02000001", "1"),
        ("E12000001", "all"),
        ("E12000001", "1"),
        ("E12000001", "11"),
        ("E12000001", "not_classified"),
        ("E12000007", "all"),
        ("E12000007", "1"),
        ("not_classified", "all"),
    ]
    assert set(frame["release"]) == {"2020-revised"}
    hours = core(books.make(tmp_path, "3a"))
    assert set(zip(hours["ashe_table"], hours["measure"], hours["soc_edition"], strict=True)) == {
        ("3.9", "hours_total", "2020")
    }


def test_an_industry_is_coded_by_its_section(tmp_path):
    frame = core(books.make(tmp_path, "16a"))
    assert [code for (code,) in means(frame, "industry_code")] == [
        "all", "manufacturing", "A", "01", "011", "0111", "C", "11", "110", "not_classified",
    ]  # fmt: skip


def test_coefficients_of_variation_stand_beside_their_estimates(tmp_path):
    frame = core(books.make(tmp_path, "14b"), books.make(tmp_path, "14a"))
    row = frame[(frame["occupation_code"] == "1115") & (frame["sex"] == "all") & (frame["working_pattern"] == "all")]
    row = row.set_index("statistic")
    assert row.loc[["job_count", "median", "mean", "p10"], "cv_percent"].tolist() == [0.5, 1.5, 12.0, 4.9]
    assert row.loc[["job_count", "median", "mean", "p10"], "quality_band"].tolist() == [
        "cv_0_5",
        "cv_0_5",
        "cv_10_20",
        "cv_0_5",
    ]
    assert row.loc[["change_median", "p90"], "cv_percent"].isna().all()
    assert row.loc["job_count", "value"] == 24_000
    assert set(frame["sha256"]) == {"1" * 64}
    assert core(books.make(tmp_path, "14a"))["cv_percent"].isna().all()


def test_the_order_of_the_cells_does_not_matter(tmp_path):
    cells = raw(books.make(tmp_path, "14b"), books.make(tmp_path, "14a"))
    shuffled = READER.tidy[CORE](cells.sample(frac=1, random_state=1).reset_index(drop=True))
    key = list(catalog.table(CORE).key)
    expected = READER.tidy[CORE](cells).sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(shuffled.sort_values(key, ignore_index=True), expected)


def test_a_workbook_without_a_key_says_that_it_tells_no_quality(tmp_path):
    path = books.make(tmp_path, "14a")
    assert any("no key" in note for note in READER.read(path, READER.identify(path)).notes)
    assert core(path)["quality_band"].isna().all()


def spoil(sheet: str, row: int, column: int, value: object) -> Callable[[Sheets], None]:
    def change(made: Sheets) -> None:
        line = made[sheet][row]
        line += [""] * (column + 1 - len(line))
        line[column] = value

    return change


def rename(old: str, new: str) -> Callable[[Sheets], None]:
    def change(made: Sheets) -> None:
        made[new] = made.pop(old)

    return change


def retitle(old: str, new: str, sheet: str = "All") -> Callable[[Sheets], None]:
    def change(made: Sheets) -> None:
        made[sheet][0] = [made[sheet][0][0].replace(old, new)]

    return change


def only_notes(made: Sheets) -> None:
    for name in list(made)[1:]:
        del made[name]


def numeric_codes(made: Sheets) -> None:
    for rows in made.values():
        for row in rows[FIRST:]:
            if len(row) > 1 and row[1]:
                row[1] = int(row[1])


def insert_rows(sheet: str, row: int, times: int) -> Callable[[Sheets], None]:
    return lambda made: made[sheet].__setitem__(slice(row, row), [["Some note"]] * times)


def drop_column(sheet: str, column: int) -> Callable[[Sheets], None]:
    def change(made: Sheets) -> None:
        for row in made[sheet][1:]:
            del row[column : column + 1]

    return change


def cut(sheet: str, rows: int) -> Callable[[Sheets], None]:
    return lambda made: made[sheet].__delitem__(slice(rows, None))


CASES = {
    "renamed sheet": ("14a", rename("Male", "Men"), "Men", None, "unknown sheet"),
    "missing sheet": ("14a", lambda made: made.pop("Female Part-Time"), None, None, "has no sheet for"),
    "added sheet": ("14a", lambda made: made.update(Extra=[["x"]]), "Extra", None, "unknown sheet"),
    "no sheet of a table": ("14a", only_notes, None, None, "none of the sheets"),
    "header too low": ("14a", insert_rows("All", 1, 9), "All", "A1", "expected a cell that reads 'Description'"),
    "header column moved": ("14a", drop_column("Part-Time", 3), "Part-Time", "D5", "expected the header 'Median'"),
    "percentile renamed": ("14a", spoil("All", HEADER, 9, 26), "All", "J5", "expected the header '25', found '26'"),
    "codes are numbers": ("14a", numeric_codes, "All", "B7", "the code column holds a number"),
    "unknown marker": ("14a", spoil("Male", FIRST, 3, "~"), "Male", "D6", "expected a number or a known marker"),
    "row without label": ("14a", spoil("All", FIRST, 0, ""), "All", "A6", "data row without a label"),
    "cut below the header": ("14a", cut("All", HEADER + 3), "All", "A7", "no footnotes below it"),
    "no rows": ("14a", lambda made: made["All"].__delitem__(slice(FIRST, -2)), "All", "A5", "no rows between"),
    "no title": ("14a", spoil("All", 0, 0, "ASHE"), "All", "A1", "expected a title such as"),
    "title of another sheet": ("14a", retitle("male", "female", "Male"), "Male", "A1", "by its name of others"),
    "title of another year": ("14a", retitle("2020", "2019", "Male"), "Male", "A1", "another table or year"),
    "another measure": ("14a", retitle("Weekly", "Annual"), "All", "A1", "not that of table number 1"),
    "letter of the other kind": ("14a", retitle("14.1a", "14.1b"), "All", "A1", "holds coefficients"),
    "table not read": ("14a", retitle("14.1a", "6.1a"), "All", "A1", "Table 6 is not read"),
    "name of another table": ("14a", retitle("14.1a", "15.1a"), None, None, "the name says Table 14.1a"),
    "unknown occupation": ("14a", spoil("All", FIRST + 4, 1, "1199"), "All", "B10", "is no occupation of SOC 2010"),
    "other edition": ("14a", spoil("All", FIRST + 4, 1, "1111"), "All", "B10", "no occupation of SOC 2010"),
    "unknown total": ("14a", spoil("Male", FIRST, 0, "All persons"), "Male", "B6", "and is no known total"),
    "code twice": ("14a", spoil("All", FIRST + 3, 1, "11"), "All", "B8", "rows repeat another's code"),
    "industry of another section": ("16a", spoil("All", FIRST + 7, 1, "41"), "All", "B13", "no industry of SIC 2007"),
    "region against the rows above": ("15a", spoil("All", FIRST + 4, 0, "London, A"), "All", "B10", "area E12000001"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_spoilt_workbook_is_refused_with_its_place(tmp_path, case):
    kind, change, sheet, cell, words = CASES[case]
    made = books.sheets(kind)
    change(made)
    path = books.write(tmp_path / NAMES[kind], made)
    with pytest.raises(SourceError) as caught:
        core(path)
    message = str(caught.value)
    assert words in message
    assert (caught.value.file, caught.value.sheet, caught.value.cell) == (path.name, sheet, cell)


@pytest.mark.parametrize("name", ["14.1a   Weekly pay - Gross 2021.xls", "14.1a   Weekly pay - Gross 2024.xlsx"])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_truncated_download_is_refused(real_data, tmp_path, name, share):
    source = next(path for path in (real_data / "ashe").iterdir() if path.name.endswith(name))
    path = tmp_path / source.name
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SourceError, match="ownload it again") as caught:
        READER.read(path, READER.identify(path))
    assert caught.value.file == path.name


def test_other_files_are_not_of_this_source(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("ASHE")
    with pytest.raises(SourceError, match="not an ASHE file this project knows") as caught:
        READER.identify(path)
    assert caught.value.file == "notes.txt"


def test_a_table_of_a_release_in_two_files_is_refused(tmp_path):
    first = books.make(tmp_path, "14a")
    second = books.write(tmp_path / first.name.replace("14.1a   ", "14.1a "), books.sheets("14a"))
    with pytest.raises(SourceError, match=r"Table 14.1 of 2020-provisional stands in 2 files"):
        core(first, second)


def test_provisional_and_revised_editions_stay_side_by_side(tmp_path):
    first = books.make(tmp_path, "14a")
    second = books.write(tmp_path / first.name.removeprefix("PROV - "), books.sheets("14a"))
    frame = core(first, second)
    assert frame["release"].value_counts().to_dict() == {"2020-provisional": 810, "2020-revised": 810}
    assert not frame.duplicated(list(catalog.table(CORE).key)).any()


def test_codes_that_fit_both_editions_need_the_publishers_name(tmp_path):
    made = books.sheets("14a")
    for rows in made.values():
        del rows[FIRST + 4 : FIRST + 5]
    path = books.write(tmp_path / "table14.xlsx", made)
    with pytest.raises(SourceError, match="the name does not say the edition of SOC"):
        core(path)


def test_cells_that_are_not_whole_rows_are_refused(tmp_path):
    frame = raw(books.make(tmp_path, "14a"))
    with pytest.raises(SourceError, match="rows of sheets without their 15 columns"):
        READER.tidy[CORE](frame.drop(index=[20]))
