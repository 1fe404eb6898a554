"""Runs over weights that are there: one quarter alone, a missing input, backfills, two at once, spoiled weights."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from deltalake import DeltaTable

from lmi_pipeline import catalog

pytestmark = pytest.mark.xdist_group("built_copy")

WEIGHT, GROWTH = "est_lfs__quarterly_weight", "est_rti__quarterly_growth"
PAYROLLS, CELL = "core_rti__monthly_employees", "est_population__quarterly_cell"
KEY = ["quarter", "weight_vintage", "person_id"]
IN_2020 = ("2020-01", "2020-04", "2020-07", "2020-10")
WEIGHT_TABLES = tuple(dataset.table for dataset in catalog.weighting_datasets().values())


@pytest.fixture
def other(built_copy, tmp_path):
    """A copy of the built pipeline that may be changed; received files are shared, as nothing writes them."""
    pipeline = dataclasses.replace(built_copy, data=tmp_path / "data")
    shutil.copytree(built_copy.data / "lake", pipeline.data / "lake")
    (pipeline.data / "vault").symlink_to(built_copy.data / "vault")
    return pipeline


def files_of(pipeline, table, **slice_):
    """Data files of a table in force, or of one slice; a file is never changed once it is written."""
    paths = DeltaTable(str(pipeline.lake.path(table))).file_uris()
    return {path for path in paths if all(f"/{column}={value}/" in path for column, value in slice_.items())}


def restate_payrolls(pipeline):
    """Fewer EU nationals on payrolls in 2020, in every release: what is made from RTI must be made again."""
    employees = pipeline.lake.read(PAYROLLS)
    changed = (employees["month"] >= "2020-01") & (employees["nationality_group"] == "eu")
    employees.loc[changed, "employee_count"] = (employees.loc[changed, "employee_count"] * 0.95).round().astype("int64")
    pipeline.lake.write(PAYROLLS, employees)


def forget(pipeline, table, vintage, quarters):
    """Commit slices once more as they are, made from something unknown."""
    for quarter in quarters:
        slice_ = {"quarter": quarter, "weight_vintage": vintage}
        pipeline.lake.write(table, pipeline.lake.read(table, where=slice_), slice_, fingerprint="unknown")


def same(left, right, key=KEY):
    pd.testing.assert_frame_equal(left.sort_values(key, ignore_index=True), right.sort_values(key, ignore_index=True))


def test_run_when_one_quarter_changed_then_one_commit_of_its_slice_and_nothing_else(other):
    lake, of_slice = other.lake, {"quarter": "2020-04", "weight_vintage": "pwt22"}
    cells = lake.read(CELL, where={"weight_vintage": "pwt22"})
    cells.loc[cells["quarter"] == "2020-04", "population_count"] *= 1.01
    lake.write(CELL, cells, {"weight_vintage": "pwt22"})
    version, files = lake.version(WEIGHT), files_of(other, WEIGHT)
    own, total = files_of(other, WEIGHT, **of_slice), lake.read(WEIGHT, where=of_slice)["weight"].sum()
    command = ("run", "--select", f"{WEIGHT}_pwt22", "--partition", "2020-04", "--json")
    result = other.run(*command)
    assert result.exit_code == 0, result.output
    history = lake.versions(WEIGHT)
    assert lake.version(WEIGHT) == version + 1
    assert history["slice"].iloc[0] == "quarter = 2020-04, weight_vintage = pwt22"
    assert files - files_of(other, WEIGHT) == own
    assert files_of(other, WEIGHT) - files == files_of(other, WEIGHT, **of_slice)
    assert lake.read(WEIGHT, where=of_slice)["weight"].sum() == pytest.approx(1.01 * total, rel=1e-6)
    assert other.run(*command).exit_code == 0
    assert lake.version(WEIGHT) == version + 1


def test_run_when_a_quarter_of_rti_is_missing_then_the_others_are_written_and_it_is_named(other):
    lake, quarters = other.lake, ("2020-04", "2020-07", "2020-10")
    before = lake.read(WEIGHT)
    growth = lake.read(GROWTH)
    lake.write(GROWTH, growth[growth["quarter"] != "2020-07"])
    forget(other, WEIGHT, "pwt22", quarters)
    chain = ["quarterly_control", "quarterly_cell", "quarterly_tenure"]
    select = " or ".join([*(f"est_population__{name}_pwt22" for name in chain), f"{WEIGHT}_pwt22"])
    version = lake.version(WEIGHT)
    result = other.run("run", "--select", select, "--from", "2020-04", "--to", "2020-10", "--json")
    assert result.exit_code == 1
    (error,) = json.loads(result.stdout)["errors"]
    assert error.startswith(f"{WEIGHT}_pwt22: ")
    assert "1 of 3 partitions failed, the others are written" in error
    assert "no population controls for 2020-07" in error
    assert "RTI growth is missing" in error
    history = lake.versions(WEIGHT)
    written = set(history.loc[history["version"] > version, "slice"])
    assert written == {f"quarter = {quarter}, weight_vintage = pwt22" for quarter in ("2020-04", "2020-10")}
    assert set(lake.read(CELL, where={"weight_vintage": "pwt22"})["quarter"]) & set(quarters) == {"2020-04", "2020-10"}
    same(lake.read(WEIGHT), before)


def test_backfill_when_dry_run_then_all_of_the_vintage_and_of_no_other(built_copy):
    versions = {name: built_copy.lake.version(name) for name in built_copy.lake.tables()}
    result = built_copy.run("backfill", "--vintage", "pwt22", "--from", "2020-01", "--dry-run", "--json")
    plan = json.loads(result.stdout)["assets"]
    wanted = {f"{table}_pwt22" for table in (*WEIGHT_TABLES, "est_lfs__quarterly_estimate")}
    wanted |= {f"est_population__quarterly_{kind}_pwt22" for kind in ("control", "cell", "tenure")}
    assert wanted <= set(plan)
    vintages = [f"_{name}" for name in catalog.weight_vintages() if name != "pwt22"]
    assert not [name for name in plan if name.endswith(tuple(vintages))]
    assert {name: built_copy.lake.version(name) for name in built_copy.lake.tables()} == versions


def test_backfill_when_payrolls_are_restated_then_the_vintage_follows_and_others_stay(other):
    restate_payrolls(other)
    tables = (*WEIGHT_TABLES, "est_lfs__quarterly_estimate", CELL, "est_population__quarterly_control")
    before = {table: (files_of(other, table), files_of(other, table, weight_vintage="pwt22")) for table in tables}
    held = other.lake.read(WEIGHT, where={"weight_vintage": "pwt22"})
    result = other.run("backfill", "--vintage", "pwt22", "--from", "2020-01", "--to", "2020-10", "--json")
    assert result.exit_code == 0, result.output
    for table, (files, own) in before.items():
        after = files_of(other, table)
        assert files - own == after - files_of(other, table, weight_vintage="pwt22"), table
        assert own - after, table
        if table in WEIGHT_TABLES:
            assert own - after == {path for path in own if any(f"/quarter={quarter}/" in path for quarter in IN_2020)}
    made = other.lake.read(WEIGHT, where={"weight_vintage": "pwt22"})
    assert len(made) == len(held)
    both = made.merge(held, on=KEY, suffixes=("", "_before"))
    moved = (both["weight"] != both["weight_before"]).groupby(both["quarter"]).any()
    assert list(moved[moved].index) == list(IN_2020)


def test_backfill_when_two_at_once_then_both_end_well_and_nothing_is_lost_or_mixed(other):
    before = {table: other.lake.read(table) for table in WEIGHT_TABLES}
    for table in WEIGHT_TABLES:
        for vintage in ("pwt20", "pwt22"):
            forget(other, table, vintage, IN_2020)
    versions = {table: other.lake.version(table) for table in WEIGHT_TABLES}
    lmi = [sys.executable, "-W", "ignore", "-m", "lmi_pipeline.cli"]
    span = ["--from", "2020-01", "--to", "2020-10", "--json"]
    environment = {**os.environ, **other.environment}
    running = [
        subprocess.Popen(
            [*lmi, "backfill", "--vintage", vintage, *span],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for vintage in ("pwt20", "pwt22")
    ]
    for process in running:
        out, errors = process.communicate(timeout=900)
        assert process.returncode == 0, out + errors
    for table, frame in before.items():
        history = other.lake.versions(table)
        written = history.loc[history["version"] > versions[table], "slice"]
        assert len(written) == len(set(written)) == 2 * len(IN_2020), table
        same(other.lake.read(table), frame)


def test_check_when_weights_are_spoiled_behind_the_pipeline_then_it_fails_and_names_the_tests(other):
    slice_ = {"quarter": "2020-07", "weight_vintage": "pwt22"}
    spoiled = other.lake.read(WEIGHT, where=slice_)
    print_ = other.lake.fingerprints(WEIGHT)["quarter = 2020-07, weight_vintage = pwt22"]
    other.lake.write(WEIGHT, spoiled.assign(weight=spoiled["weight"] * 1.01), slice_, fingerprint=print_)
    result = other.run("check", "--json")
    assert result.exit_code == 1
    failed = {(o["table"], o["name"]) for o in json.loads(result.stdout)["outcomes"] if not o["passed"]}
    assert failed == {(WEIGHT, "sums_are_those_examined"), (WEIGHT, "region_totals_are_the_controls")}
