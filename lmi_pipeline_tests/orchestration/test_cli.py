"""The command line of section 10: what each command says, and its exit code."""

import json

import pandas as pd
import pytest

from lmi_pipeline.storage.vault import LEDGER

pytestmark = pytest.mark.xdist_group("built")
MART = "out_population__quarterly_birth_group"


def test_help_when_asked_then_every_command_explains_itself(built):
    for command in ("run", "backfill", "export", "check", "synthesise", "release", "serve"):
        result = built.run(command, "--help")
        assert result.exit_code == 0
        assert command in result.output


def test_export_when_servable_then_csv_and_parquet_agree(built, tmp_path):
    for suffix in ("csv", "parquet"):
        result = built.run("export", MART, "--where", "weight_vintage=pwt22", "--out", str(tmp_path / f"x.{suffix}"))
        assert result.exit_code == 0, result.output
    csv, parquet = pd.read_csv(tmp_path / "x.csv"), pd.read_parquet(tmp_path / "x.parquet")
    assert len(csv) == len(parquet) > 0
    assert set(csv["weight_vintage"]) == {"pwt22"}
    assert csv["population_count"].sum() == parquet["population_count"].sum()


def test_export_when_internal_table_then_refused_without_the_flag(built):
    refused = built.run("export", "est_rti__quarterly_growth")
    assert refused.exit_code == 1
    assert "--internal" in refused.stderr
    allowed = built.run("export", "est_rti__quarterly_growth", "--internal", "--where", "month_lag=0", "--json")
    assert allowed.exit_code == 0
    assert json.loads(allowed.stdout)["rows"]


def test_export_when_microdata_then_never_printed(built):
    result = built.run("export", "core_lfs__quarterly_person", "--internal", "--where", "quarter=2020-01")
    assert result.exit_code == 1
    assert "individual records" in result.stderr
    assert result.stdout == ""


def test_export_when_as_of_an_earlier_version_then_that_content(built, tmp_path):
    result = built.run("export", LEDGER, "--internal", "--version", "1", "--out", str(tmp_path / "l.csv"))
    assert result.exit_code == 0, result.output
    assert 0 < len(pd.read_csv(tmp_path / "l.csv")) < len(built.lake.read(LEDGER))


def test_export_when_name_is_wrong_then_nearest_names_are_offered(built):
    result = built.run("export", "out_population__quarterly_birth_grp")
    assert result.exit_code == 1
    assert MART in result.stderr
    assert result.stderr.count("\n") == 1


def test_backfill_when_vintage_unknown_then_names_are_offered(built):
    result = built.run("backfill", "--vintage", "pwt21", "--from", "2020-01")
    assert result.exit_code == 1
    assert "pwt22" in result.stderr


def test_backfill_when_before_the_vintage_then_its_first_quarter_is_named(built):
    result = built.run("backfill", "--vintage", "pwt22", "--from", "2019-10")
    assert result.exit_code == 1
    assert "starts in 2020-01" in result.stderr


def test_check_when_tables_are_good_then_zero(built):
    result = built.run("check", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["passed"]


def test_synthesise_then_files_in_the_publishers_names(built, tmp_path):
    result = built.run("synthesise", "--out", str(tmp_path), "--source", "population", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["files"]
    assert (tmp_path / "population" / "ltim_net_2020-05.csv").exists()


def test_release_when_published_again_then_listed_verified_and_rolled_back(built):
    first = json.loads(built.run("release", "list", "--json").stdout)["current"]
    published = json.loads(built.run("release", "publish", "--json").stdout)["release"]
    assert published != first
    assert built.run("release", "verify").exit_code == 0
    assert built.run("release", "rollback", first).exit_code == 0
    assert json.loads(built.run("release", "list", "--json").stdout)["current"] == first


def test_release_manifest_then_traces_inputs_vintages_and_checks(built):
    version = json.loads(built.run("release", "list", "--json").stdout)["current"]
    manifest = json.loads((built.data / "releases" / version / "manifest.json").read_text())
    assert manifest["synthetic"] == "true"
    assert {"pwt20", "pwt22"} <= set(manifest["weight_vintages"])
    assert {row["source"] for row in manifest["inputs"]} >= {"rti", "lfs", "population"}
    assert all(check["passed"] for check in manifest["checks"] if check["severity"] == "block")


def test_run_when_setting_is_unknown_then_error_names_the_known_ones(built, monkeypatch):
    monkeypatch.setenv("LMI_SORCES", "landing")
    result = built.run("run", "--list")
    assert result.exit_code == 1
    assert "LMI_SOURCES" in result.stderr
