"""The difference between two releases says what changed, where, and by how much, and nothing that is withheld."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_pipeline import catalog
from lmi_pipeline.release.diff import LARGEST, diff_folders
from lmi_pipeline.release.diff_text import diff_markdown
from lmi_pipeline.release.servable import write_files
from lmi_pipeline.storage.frames import to_arrow

MART = "out_population__quarterly_birth_group"
KEY = list(catalog.table(MART).key)


def frame(**changes):
    rows = pd.DataFrame(
        {
            "weight_vintage": "pwt22", "quarter": ["2020-01", "2020-04", "2020-07"], "area_code": "K02000001",
            "area_name": "United Kingdom", "birth_group": "eu", "population_count": [3.6e6, 3.5e6, None],
            "yearly_change_count": [1e5, 0.0, None], "rti_release": "2022-05",
            "status": ["ok", "ok", "withheld"], "is_modelled": True, "synthetic": "true",
        }
    )  # fmt: skip
    return rows.assign(**changes)


def mart(**changes):
    return to_arrow(frame(**changes), catalog.table(MART))


@pytest.fixture
def compare(tmp_path):
    """Differences between two releases that have these tables, by name."""
    made = []

    def compared(before, after, tables=None):
        folders = []
        for side in (before, after):
            folders.append(tmp_path / f"side{len(made)}")
            made.append(folders[-1])
            folders[-1].mkdir()
            for name, table in side.items():
                write_files({MART: table}, folders[-1])
                for path in list(folders[-1].glob(f"{MART}.*")):
                    path.rename(path.with_name(path.name.replace(MART, name)))
        return diff_folders(*folders, tables)

    return compared


@pytest.fixture
def diff(compare):
    return lambda before, after: compare({MART: before}, {MART: after})[MART]


def test_when_nothing_changed_then_no_cell_even_where_both_are_null(diff):
    found = diff(mart(), mart())
    assert found["cells_changed"] == {}
    assert (found["rows_added"], found["rows_gone"], found["rows_changed"]) == (0, 0, 0)
    assert found["status_changes"] == []
    text = diff_markdown({MART: found}, "2026.1.1")
    assert "Cells changed: no. Rows added or gone: no." in text


def test_when_numbers_changed_then_count_and_the_largest_first_with_key_and_both_sizes(diff):
    found = diff(mart(), mart(population_count=[3.7e6, 3.1e6, None]))
    key = {"weight_vintage": "pwt22", "quarter": "2020-04", "area_code": "K02000001", "birth_group": "eu"}
    assert list(found["cells_changed"]) == ["population_count"]
    cells = found["cells_changed"]["population_count"]
    assert (cells["changed"], cells["appeared"], cells["gone"]) == (2, 0, 0)
    assert cells["largest"] == [
        {"key": key, "before": 3.5e6, "after": 3.1e6, "change": -4e5, "relative": pytest.approx(-4 / 35)},
        {
            "key": {**key, "quarter": "2020-01"}, "before": 3.6e6, "after": 3.7e6, "change": 1e5,
            "relative": pytest.approx(1 / 36),
        },
    ]  # fmt: skip
    text = diff_markdown({MART: found}, "2026.1.1")
    assert f"Cells changed: yes, in {MART}." in text
    assert "| pwt22 | 2020-04 | K02000001 | eu | 3,500,000 | 3,100,000 | -400,000 | -11.4 |" in text


def test_when_the_value_before_is_zero_then_no_relative_change(diff):
    found = diff(mart(), mart(yearly_change_count=[1e5, 5.0, None]))
    assert found["cells_changed"]["yearly_change_count"]["largest"][0]["relative"] is None


def test_when_a_value_is_withheld_in_either_release_then_it_is_no_value_in_both(diff):
    """A release before the gate was mended still holds 987 where the status says withheld."""
    leaking, mended = mart(population_count=[3.6e6, 3.5e6, 987.0]), mart(status=["ok", "withheld", "ok"])
    for before, after in ((leaking, mart()), (mart(), leaking), (leaking, mended), (mended, leaking)):
        found = diff(before, after)
        assert "largest" not in found["cells_changed"].get("population_count", {})
        text = str(found) + diff_markdown({MART: found}, "2026.1.1")
        assert "987" not in text
        assert "3500000" not in text.replace(",", "")


def test_when_statuses_changed_then_counted_by_pair(diff):
    statuses = ["ok", "withheld", "small_sample"]
    found = diff(mart(), mart(population_count=[3.6e6, None, 1e4], status=statuses))
    assert found["status_changes"] == [
        {"before": "ok", "after": "withheld", "rows": 1},
        {"before": "withheld", "after": "small_sample", "rows": 1},
    ]
    assert list(found["cells_changed"]) == ["status"]
    assert "| ok | withheld | 1 |" in diff_markdown({MART: found}, "2026.1.1")


def test_when_a_number_appears_or_goes_then_counted_without_a_size(diff):
    before = mart(population_count=[3.6e6, None, None])
    found = diff(before, mart(population_count=[None, 3.5e6, None]))["cells_changed"]
    assert found == {"population_count": {"changed": 2, "appeared": 1, "gone": 1}}


def test_when_a_flag_changed_then_no_size(diff):
    found = diff(mart(), mart(is_modelled=[True, True, False]))
    assert found["cells_changed"] == {"is_modelled": {"changed": 1, "appeared": 0, "gone": 0}}


def test_when_rows_come_and_go_then_counted_by_key_and_their_cells_not(diff):
    found = diff(mart(), mart(quarter=["2020-04", "2020-07", "2020-10"]))
    assert (found["rows_added"], found["rows_gone"], found["rows_changed"]) == (1, 1, 2)
    assert (found["rows_before"], found["rows_after"]) == (3, 3)


def test_when_columns_come_go_or_change_type_then_named(diff):
    before = mart().drop_columns(["rti_release"])
    after = mart()
    after = after.set_column(after.schema.get_field_index("population_count"), "population_count", pa.array([1, 2, 3]))
    found = diff(before, after)
    assert (found["columns_added"], found["columns_gone"], found["columns_retyped"]) == (
        ["rti_release"], [], ["population_count"],
    )  # fmt: skip
    assert diff(after, before)["columns_gone"] == ["rti_release"]
    assert "Columns retyped: population_count." in diff_markdown({MART: found}, "2026.1.1")


def test_when_a_number_became_text_then_compared_as_text(diff):
    after = mart()
    texts = pa.array(["3600000.0", "many", None])
    after = after.set_column(after.schema.get_field_index("population_count"), "population_count", texts)
    assert diff(mart(), after)["cells_changed"]["population_count"]["changed"] == 1


@pytest.mark.parametrize("missing", ["birth_group", "quarter"])
def test_when_the_key_changed_then_said_and_rows_not_compared(diff, missing):
    found = diff(mart().drop_columns([missing]), mart())
    assert found["change"] == "key changed"
    assert "rows_added" not in found
    assert "rows cannot be compared" in diff_markdown({MART: found}, "2026.1.1")


def test_when_a_table_is_new_or_gone_then_said(compare):
    assert compare({}, {MART: mart()}) == {MART: {"change": "new table", "rows": 3}}
    gone = compare({"out_old__yearly_thing": mart()}, {})
    assert gone == {"out_old__yearly_thing": {"change": "table gone", "rows": 3}}
    assert "| out_old__yearly_thing | 3 | table gone |" in diff_markdown(gone, "2026.1.1")
    assert "Tables gone: out_old__yearly_thing." in diff_markdown(gone, "2026.1.1")


def test_when_one_table_is_asked_for_then_only_that(compare):
    both = {"out_old__yearly_thing": mart(), MART: mart()}
    assert list(compare(both, both, [MART])) == [MART]


def test_markdown_when_first_then_said():
    assert "first release" in diff_markdown({}, None)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_random_tables_then_the_same_as_a_plain_outer_join(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        rows = 60
        drawn = frame().iloc[np.zeros(rows, dtype=int)].reset_index(drop=True)
        drawn["quarter"] = rng.permutation([f"{year}-{month}" for year in range(2000, 2020) for month in
                                            ("01", "04", "07", "10")])[:rows]  # fmt: skip
        drawn["population_count"] = np.where(rng.random(rows) < 0.2, np.nan, rng.integers(0, 30, rows))
        drawn["status"] = rng.choice(["ok", "withheld", "small_sample"], rows)
        folder = tmp_path_factory.mktemp("side")
        write_files({MART: to_arrow(drawn, catalog.table(MART))}, folder)
        sides.append((folder, drawn))
    found = diff_folders(sides[0][0], sides[1][0])[MART]
    wide = sides[0][1].merge(sides[1][1], on=KEY, how="outer", suffixes=("_b", "_a"), indicator=True)
    both = wide[wide["_merge"] == "both"]
    hidden = (both["status_b"] == "withheld") | (both["status_a"] == "withheld")
    old, new = (both[f"population_count_{side}"].mask(hidden) for side in "ba")
    gap = (new - old).abs()
    assert found["rows_added"] == (wide["_merge"] == "right_only").sum()
    assert found["rows_gone"] == (wide["_merge"] == "left_only").sum()
    cells = found["cells_changed"].get("population_count", {"changed": 0, "appeared": 0, "gone": 0})
    assert cells["changed"] == ((gap > 0) | (old.isna() != new.isna())).sum()
    assert (cells["appeared"], cells["gone"]) == ((old.isna() & new.notna()).sum(), (old.notna() & new.isna()).sum())
    sizes = [abs(change["change"]) for change in cells.get("largest", [])]
    assert sizes == sorted(gap[gap > 0], reverse=True)[:LARGEST]
    assert sum(change["rows"] for change in found["status_changes"]) == (both["status_b"] != both["status_a"]).sum()
