"""Census reader on the Nomis bulk csv of tenure by local authority, whole and spoilt."""

import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import CELL_COLUMNS, VaultFile, stamp
from lmi_pipeline.sources.census import CORE, READER

NAME = "tenure-households-lad_QS405EW.csv"


@pytest.fixture
def published(real_data):
    return real_data / "census2011" / NAME


def core(path):
    identity = READER.identify(path)
    raw = stamp(READER.read(path, identity).frame, VaultFile(path, identity, path.name, "0", "false"))
    return READER.tidy[CORE](raw)


def test_every_value_is_read(published):
    identity = READER.identify(published)
    assert (identity.source, identity.layout, identity.release) == ("census", "tenure_qs405ew", "2011")
    frame = READER.read(published, identity).frame
    assert tuple(frame.columns) == CELL_COLUMNS
    lines = published.read_text(encoding="utf-8").splitlines()
    assert len(frame) == (len(lines) - 1) * 14
    assert frame["cell_value"].notna().all()


def test_core_rows_are_those_of_the_catalogue(published):
    frame, table = core(published), catalog.table(CORE)
    assert set(frame.columns) == set(table.columns)
    assert not frame.duplicated(list(table.key)).any()
    assert frame["area_code"].nunique() == 348
    assert set(frame["census_table"]) == {"QS405EW"}
    counts = frame.set_index(["area_code", "category"])["household_count"]
    assert counts["E06000005", "All categories: Tenure"] == 46670
    assert counts["W06000022", "Living rent free"] == 881


def test_tenures_add_up_to_all_households(published):
    wide = core(published).pivot(index="area_code", columns="category", values="household_count")
    parts = ["Owned: Total", "Shared ownership (part owned and part rented)", "Social rented: Total"]
    parts += ["Private rented: Total", "Living rent free"]
    assert (wide[parts].sum(axis="columns") == wide["All categories: Tenure"]).all()


@pytest.mark.parametrize(
    ("old", "new", "cell", "message"),
    [
        ('"geography code"', '"area"', "C1", "expected the column 'geography code'"),
        ('"Tenure: Living rent free; measures: Value"', '"Rent free"', "R1", "expected a column 'Tenure: <category>"),
        (",46670,", ",..,", "E2", "expected a whole number, found '..'"),
        ("E06000005", "Darlington", "C2", "expected an area code"),
        ('"E06000047"', '"E06000005"', "C3", "once; found 'E06000005'"),
        ('"E06000005","Total"', '"E06000005","Urban"', "A2", "'Total' under Rural Urban"),
        (",97,462", ",97", "A2", "the row has 17 fields, the header 18"),
    ],
)
def test_spoilt_file_names_the_cell(published, tmp_path, old, new, cell, message):
    path = tmp_path / NAME
    path.write_text(published.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        core(path)
    assert (caught.value.file, caught.value.sheet, caught.value.cell) == (NAME, path.stem, cell)
    assert message in str(caught.value)


def test_file_cut_short_is_refused(published, tmp_path):
    path = tmp_path / NAME
    path.write_bytes(published.read_bytes()[:-40])
    with pytest.raises(SourceError, match="download it again"):
        core(path)
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="download it again"):
        core(path)


def test_other_census_tables_are_refused(real_data):
    with pytest.raises(SourceError, match="is no census file"):
        READER.identify(real_data / "census2011" / "economic_activity_workday_WD102EW.csv")
