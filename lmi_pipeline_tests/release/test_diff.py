"""The difference between two releases says what changed, where, and by how much."""

import pandas as pd
import pyarrow as pa
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.release.diff import diff_markdown, diff_tables
from lmi_pipeline.storage.frames import to_arrow

MART = "out_population__quarterly_birth_group"


def mart(**changes):
    frame = pd.DataFrame(
        {
            "weight_vintage": "pwt22", "quarter": ["2020-01", "2020-04", "2020-07"], "area_code": "K02000001",
            "area_name": "United Kingdom", "birth_group": "eu", "population_count": [3.6e6, 3.5e6, None],
            "yearly_change_count": [1e5, 0.0, None], "rti_release": "2022-05",
            "status": ["ok", "ok", "withheld"], "is_modelled": True, "synthetic": "true",
        }
    )  # fmt: skip
    return to_arrow(frame.assign(**changes), catalog.table(MART))


def diff(before, after):
    return diff_tables({MART: before}, {MART: after})[MART]


def test_when_nothing_changed_then_no_cell_even_where_both_are_null():
    found = diff(mart(), mart())
    assert found["cells_changed"] == {}
    assert (found["rows_added"], found["rows_gone"]) == (0, 0)
    assert "Numbers changed: no." in diff_markdown({MART: found}, "2026.1.1")


def test_when_numbers_changed_then_count_and_largest_with_its_place():
    found = diff(mart(), mart(population_count=[3.7e6, 3.1e6, None]))
    assert found["cells_changed"] == {
        "population_count": {
            "changed": 2,
            "largest_change": 4e5,
            "largest_at": {
                "weight_vintage": "pwt22", "quarter": "2020-04", "area_code": "K02000001", "birth_group": "eu",
            },
            "largest_from": 3.5e6,
            "largest_to": 3.1e6,
        }
    }  # fmt: skip
    text = diff_markdown({MART: found}, "2026.1.1")
    assert f"Numbers changed: yes, in {MART}." in text
    assert "largest change 3,500,000 to 3,100,000 (weight_vintage pwt22, quarter 2020-04" in text


def test_when_a_number_appears_or_goes_then_changed_without_a_size():
    found = diff(mart(), mart(population_count=[3.6e6, None, 1e4], status=["ok", "withheld", "ok"]))
    assert found["cells_changed"] == {"population_count": {"changed": 2}, "status": {"changed": 2}}


def test_when_a_flag_changed_then_no_size():
    assert diff(mart(), mart(is_modelled=[True, True, False]))["cells_changed"] == {"is_modelled": {"changed": 1}}


def test_when_rows_come_and_go_then_counted_by_key():
    found = diff(mart(), mart(quarter=["2020-04", "2020-07", "2020-10"]))
    assert (found["rows_added"], found["rows_gone"]) == (1, 1)
    assert (found["rows_before"], found["rows_after"]) == (3, 3)


def test_when_columns_come_go_or_change_type_then_named():
    before = mart().drop_columns(["rti_release"])
    after = mart()
    after = after.set_column(after.schema.get_field_index("population_count"), "population_count", pa.array([1, 2, 3]))
    found = diff(before, after)
    assert (found["columns_added"], found["columns_gone"], found["columns_retyped"]) == (
        ["rti_release"], [], ["population_count"],
    )  # fmt: skip
    assert diff(after, before)["columns_gone"] == ["rti_release"]
    assert "columns retyped: population_count" in diff_markdown({MART: found}, "2026.1.1")


@pytest.mark.parametrize("missing", ["birth_group", "quarter"])
def test_when_the_key_changed_then_said_and_rows_not_compared(missing):
    found = diff(mart().drop_columns([missing]), mart())
    assert found["change"] == "key changed"
    assert "rows_added" not in found
    assert "rows cannot be compared" in diff_markdown({MART: found}, "2026.1.1")


def test_when_a_table_is_new_or_gone_then_said():
    assert diff_tables({}, {MART: mart()}) == {MART: {"change": "new table", "rows": 3}}
    gone = diff_tables({"out_old__yearly_thing": mart()}, {})
    assert gone == {"out_old__yearly_thing": {"change": "table gone", "rows": 3}}
    assert "table gone, 3 rows" in diff_markdown(gone, "2026.1.1")


def test_markdown_when_first_then_said():
    assert "first release" in diff_markdown(diff_tables({}, {MART: mart()}), None)
