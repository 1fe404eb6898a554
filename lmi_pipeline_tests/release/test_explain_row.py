"""Conditions find one row, or say what is there."""

import pandas as pd
import pytest

from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.explain_row import SHOWN, Candidates, ReleaseFolder, find_row
from lmi_pipeline_tests.release.explain_folder import MART, make_release, rows


def find(**where):
    return find_row(MART, rows(), where)


@pytest.mark.parametrize(
    "where",
    [
        {"quarter": "2020-01", "area_code": "E12000007"},
        {"quarter": "2020Q1", "area_code": "london"},
        {"quarter": "January to March 2020", "area_name": "London"},
        {"period": "2020-01", "region": "LONDON"},
        {"quarter": "2020-01", "area": "London", "vintage": "Weights of June 2022, with updated RTI"},
        {"quarter": "2020-01", "region": "London", "birth_group": "born in the EU", "is_modelled": "yes"},
    ],
)
def test_row_when_named_by_codes_or_names_then_found(where):
    found = find(**where)
    assert (found["area_code"], found["quarter"], found["population_count"]) == ("E12000007", "2020-01", 1_161_000.0)


def test_row_when_a_value_is_empty_then_none_not_nan():
    assert find(quarter="2020-04", region="Northern Ireland")["population_count"] is None


def test_row_when_several_are_meant_then_columns_and_conditions_that_tell_them_apart():
    found = find(region="London")
    assert isinstance(found, Candidates)
    assert found.found == 2
    assert dict(found.choices) == {"quarter": ("2020-01 (January to March 2020)", "2020-04 (April to June 2020)")}
    assert [dict(row) for row in found.rows] == [{"quarter": "2020-01"}, {"quarter": "2020-04"}]
    for row in found.rows:
        assert find(region="London", **row)["quarter"] == row["quarter"]


def test_row_when_very_many_are_meant_then_ten_of_each():
    frame = pd.concat([rows(quarter=f"{year}-01") for year in range(1990, 2020)], ignore_index=True)
    found = find_row(MART, frame, {"birth_group": "eu", "area_code": "E12000007"})
    assert (found.found, len(found.rows), len(found.choices["quarter"])) == (60, SHOWN, SHOWN)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"region": "Lundon"}, r"no 'Lundon'; nearest are E12000007 \(London\)"),
        ({"region": "Ireland"}, r"nearest are N92000002 \(Northern Ireland\)"),
        ({"quarter": "2025-01"}, r"nearest are 2020-01 .*; 2020-04 \(April to June 2020\)"),
        ({"birth_group": "xyzzy"}, r"there are eu \(Born in the EU\)"),
        ({"population_count": "many"}, "'many' is not of type float"),
        ({"is_modelled": "perhaps"}, "not of type boolean"),
        ({"colour": "red"}, "no column 'colour'; the columns are weight_vintage"),
        ({"count": "3"}, "column 'count' may be population_count or yearly_change_count"),
        (
            {"region": "London", "area_name": "Northern Ireland"},
            "together; with the other conditions area_code may be N92",
        ),
        ({"region": "London", "area_code": "E12000007"}, "two conditions are on one column"),
    ],
)
def test_row_when_there_is_none_then_the_message_says_what_there_is(where, told):
    with pytest.raises(ReleaseError, match=told):
        find(**where)


def test_table_when_its_file_was_changed_then_it_is_not_read(tmp_path):
    folder = make_release(tmp_path, {MART: rows()})
    rows(population_count=5.0).to_parquet(folder / f"{MART}.parquet")
    with pytest.raises(ReleaseError, match="not as published"):
        ReleaseFolder.open(folder).table(MART)


def test_table_when_not_in_the_release_then_the_nearest_are_named(tmp_path):
    folder = ReleaseFolder.open(make_release(tmp_path, {MART: rows()}))
    with pytest.raises(ReleaseError, match=f"did you mean {MART}"):
        folder.table("out_population__quarterly_birth")


@pytest.mark.parametrize("text", [None, "{"])
def test_release_when_the_manifest_cannot_be_read_then_error(tmp_path, text):
    if text:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ReleaseError, match="is no release"):
        ReleaseFolder.open(tmp_path)
