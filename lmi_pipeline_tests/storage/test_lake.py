"""The lake refuses what the catalogue does not know, replaces whole slices, and keeps what was there."""

import os
from datetime import UTC, datetime

import pandas as pd
import pytest
from deltalake import DeltaTable

from lmi_pipeline import catalog
from lmi_pipeline.errors import LmiError, SchemaError
from lmi_pipeline.storage.lake import Lake

CONTROL = "est_population__quarterly_control"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def control(vintage="pwt22", population=9.0e6):
    return pd.DataFrame(
        {
            "weight_vintage": [vintage], "quarter": ["2020-01"], "area_code": ["K02000001"], "birth_group": ["eu"],
            "population_count": [population], "previous_year_count": [3.6e6], "growth_rate": [0.01],
            "base_growth_rate": [0.01], "growth_adjustment": [0.0], "rti_growth_rate": [0.01],
            "rti_release": ["2023-03"], "month_lag": [0], "synthetic": ["true"],
        }
    )  # fmt: skip


def test_write_when_slice_exists_then_only_that_slice_is_replaced(lake):
    lake.write(CONTROL, control("pwt20"), {"weight_vintage": "pwt20"})
    lake.write(CONTROL, control("pwt22"), {"weight_vintage": "pwt22"})
    lake.write(CONTROL, control("pwt22", 8.0e6), {"weight_vintage": "pwt22"})
    found = lake.read(CONTROL).set_index("weight_vintage")["population_count"]
    assert found.to_dict() == {"pwt20": 9.0e6, "pwt22": 8.0e6}


def test_write_when_the_catalogue_has_a_new_column_then_older_slices_have_none_of_it(lake, monkeypatch):
    entry = catalog.table(CONTROL)
    before = entry.model_copy(update={"columns": tuple(c for c in entry.columns if c != "rti_growth_rate")})
    monkeypatch.setattr("lmi_pipeline.storage.lake.catalog.table", lambda name: before)
    lake.write(CONTROL, control("pwt20").drop(columns="rti_growth_rate"), {"weight_vintage": "pwt20"})
    monkeypatch.undo()
    lake.write(CONTROL, control("pwt22"), {"weight_vintage": "pwt22"})
    found = lake.read(CONTROL).set_index("weight_vintage")["rti_growth_rate"]
    assert found.isna().to_dict() == {"pwt20": True, "pwt22": False}


def test_read_as_of_version_then_earlier_content(lake):
    first = lake.write(CONTROL, control(), {"weight_vintage": "pwt22"})
    lake.write(CONTROL, control(population=1.0), {"weight_vintage": "pwt22"})
    assert lake.read(CONTROL, version=first)["population_count"].tolist() == [9.0e6]
    written = lake.versions(CONTROL).set_index("version")["written_at"]
    assert lake.read(CONTROL, as_of=written[first].to_pydatetime())["population_count"].tolist() == [9.0e6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="quarter"), "missing \\['quarter'\\]"),
        (lambda f: f.assign(extra=1), "not catalogued \\['extra'\\]"),
        (lambda f: f.assign(population_count="nine"), "type is large_string|type is string"),
        (lambda f: f.assign(weight_vintage=None), "are null|outside the slice"),
        (lambda f: f.assign(month_lag=0.5), "without loss"),
        (lambda f: f.head(0), "no rows"),
        (lambda f: f.assign(weight_vintage="pwt20"), "outside the slice"),
    ],
)
def test_write_when_frame_disagrees_then_error_and_nothing_changes(lake, change, message):
    lake.write(CONTROL, control(), {"weight_vintage": "pwt22"})
    with pytest.raises(SchemaError, match=message):
        lake.write(CONTROL, change(control(population=1.0)), {"weight_vintage": "pwt22"})
    assert lake.read(CONTROL)["population_count"].tolist() == [9.0e6]


def test_write_when_table_unknown_then_error_offers_near_names(lake):
    with pytest.raises(SchemaError, match="est_population__quarterly_control"):
        lake.write("est_population__quarterly_contrl", control())


def test_write_then_its_version(lake):
    versions = [lake.write(CONTROL, control(vintage), {"weight_vintage": vintage}) for vintage in ("pwt20", "pwt22")]
    assert versions == [0, 1]
    assert lake.version(CONTROL) == 1


def test_write_when_the_place_holds_other_files_then_error_and_they_stay(lake):
    stray = lake.path(CONTROL) / "stray.txt"
    stray.parent.mkdir(parents=True)
    stray.write_text("kept", encoding="utf-8")
    with pytest.raises(LmiError, match="holds files but is no table"):
        lake.write(CONTROL, control(), {"weight_vintage": "pwt22"})
    assert [p.name for p in lake.root.rglob("*") if p.is_file()] == ["stray.txt"]


def test_history_when_months_old_then_still_there(lake):
    for vintage, mark in (("pwt20", "a"), ("pwt22", "b"), ("pwt22", "c")):
        lake.write(CONTROL, control(vintage), {"weight_vintage": vintage}, fingerprint=mark)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    for path in (lake.path(CONTROL) / "_delta_log").iterdir():
        os.utime(path, (long_ago, long_ago))
    held = DeltaTable(str(lake.path(CONTROL)))
    held.create_checkpoint()
    held.cleanup_metadata()
    assert lake.fingerprints(CONTROL) == {"weight_vintage = pwt20": "a", "weight_vintage = pwt22": "c"}
    assert lake.read(CONTROL, version=0)["weight_vintage"].tolist() == ["pwt20"]


def test_fingerprints_then_newest_per_slice(lake):
    for vintage, mark in (("pwt20", "a"), ("pwt22", "b"), ("pwt20", "c")):
        lake.write(CONTROL, control(vintage), {"weight_vintage": vintage}, fingerprint=mark)
    assert lake.fingerprints(CONTROL) == {"weight_vintage = pwt20": "c", "weight_vintage = pwt22": "b"}
