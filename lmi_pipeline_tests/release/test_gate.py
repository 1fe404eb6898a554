"""Publishing checks the tables as they stand, and names the files behind them."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release import gate
from lmi_pipeline.release.pointer import current_release, list_releases
from lmi_pipeline.settings import Settings
from lmi_pipeline.storage.sql import load_models
from lmi_pipeline.storage.vault import Vault
from lmi_pipeline_tests.release.conftest import MADE_AT, MART, mart_rows

CORE = "core_migration__yearly_net"
SQL_TEST = f"select * from {{{{ ref('{MART}') }}}} where population_count < 0"


def core_rows(sha256, **changes):
    frame = pd.DataFrame(
        {
            "release": "2022-11", "year_ending": "2022-06", "nationality_group": ["eu", "non_eu"],
            "net_migration_count": [-5.0e4, 5.0e5], "migration_method": "administrative", "sha256": sha256,
            "synthetic": "true",
        }
    )  # fmt: skip
    return frame[list(catalog.table(CORE).columns)].assign(**changes)


@pytest.fixture
def settings(tmp_path):
    tests = tmp_path / "project" / "dbt_like_sql" / "tests"
    tests.mkdir(parents=True)
    (tests / f"{MART}__not_negative.sql").write_text(SQL_TEST, encoding="utf-8")
    return Settings(project_root=tmp_path / "project", data=tmp_path)


@pytest.fixture
def sql_root(settings):
    return settings.project_root / "dbt_like_sql"


@pytest.fixture
def vault(tmp_path, lake):
    """Vault with two files, and the core table read from the first of them."""
    made = Vault(tmp_path / "vault", lake)
    for name in ("used.csv", "superseded.csv"):
        (tmp_path / name).write_text(name, encoding="utf-8")
        receipt = made.add(
            tmp_path / name, source="population", layout="ltim_net", release=name, period=None, origin="synthetic"
        )
        if name == "used.csv":
            lake.write(CORE, core_rows(receipt.sha256))
    return made


@pytest.fixture
def publish(lake, vault, settings):
    return lambda: gate.publish_checked(lake, vault, settings, made_at=MADE_AT, now=MADE_AT, lineage={})


def outcomes(lake, sql_root, **options):
    return {(o.table, o.name): o for o in gate.examine_lake(lake, sql_root, **options)}


def test_publish_then_release_with_checks_page_and_the_files_in_force(publish, settings):
    folder = publish()
    found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert found["release"] == current_release(settings.releases, MADE_AT) == "2026.11.1"
    assert found["git_revision"] == "unknown"
    assert [row["file_name"] for row in found["inputs"]] == ["used.csv"]
    made = {(check["table"], check["name"]) for check in found["checks"]}
    assert {(MART, "not_negative"), (MART, "key_unique"), (CORE, "expect_key_unique")} <= made
    page = (folder / "validation.html").read_text(encoding="utf-8")
    assert "Checks of release 2026.11.1" in page
    assert "validation.html" in found["files"]


def test_inputs_when_one_file_came_from_two_populations_then_once(lake, vault, tmp_path):
    vault.add(
        tmp_path / "used.csv", source="population", layout="ltim_net", release="used.csv", period=None,
        origin="synthetic", url="synthetic:small/2",
    )  # fmt: skip
    assert len(vault.ledger()) == 3
    assert gate.inputs_in_force(lake, vault)["file_name"].tolist() == ["used.csv"]


def test_examine_then_suites_of_core_tables_only(lake, vault, sql_root):
    found = outcomes(lake, sql_root)
    assert all(outcome.passed for outcome in found.values())
    assert {table for table, name in found if name.startswith("expect_")} == {CORE}


def test_examine_when_microdata_are_left_out_then_no_outcome_of_theirs(lake, vault, sql_root, monkeypatch):
    known = catalog.table
    marked = known(CORE).model_copy(update={"microdata": True})
    monkeypatch.setattr(catalog, "table", lambda name: marked if name == CORE else known(name))
    assert CORE in {table for table, _ in outcomes(lake, sql_root)}
    assert CORE not in {table for table, _ in outcomes(lake, sql_root, microdata=False)}


def test_publish_when_only_an_expectation_fails_then_refused(publish, settings, monkeypatch):
    validate = gate.validate

    def failing(frame, table):
        result = validate(frame, table)
        return replace(result, outcomes=(replace(result.outcomes[0], passed=False), *result.outcomes[1:]))

    monkeypatch.setattr(gate, "validate", failing)
    with pytest.raises(ReleaseError, match=f"1 blocking checks fail, nothing is published: {CORE}: expect_"):
        publish()
    assert list_releases(settings.releases) == []


def test_publish_when_a_core_code_is_unknown_then_refused_by_check_and_by_suite(publish, lake):
    lake.write(CORE, core_rows("0" * 64, nationality_group=["eu", "martian"]))
    with pytest.raises(ReleaseError, match=f"{CORE}: expect_nationality_group_codes") as raised:
        publish()
    assert f"{CORE}: codes_nationality_group" in str(raised.value)
    assert "martian" not in str(raised.value)


def test_publish_when_a_sql_test_selects_rows_then_refused(publish, sql_root):
    path = sql_root / "tests" / f"{MART}__not_negative.sql"
    path.write_text(SQL_TEST.replace("< 0", "> 0"), encoding="utf-8")
    with pytest.raises(ReleaseError, match=f"{MART}: not_negative"):
        publish()


def test_examine_when_a_sql_test_reads_a_table_not_written_then_fails_and_says_so(lake, sql_root):
    text = "select * from {{ ref('est_population__quarterly_stock') }}"
    (sql_root / "tests" / f"{MART}__has_a_stock.sql").write_text(text, encoding="utf-8")
    found = outcomes(lake, sql_root)[MART, "has_a_stock"]
    assert (found.passed, found.failing_count) == (False, None)
    assert "est_population__quarterly_stock, not written yet: run `lmi run`" in found.next_step


def test_publish_when_a_table_is_written_during_the_checks_then_refused(publish, lake, settings, monkeypatch):
    run = gate.run_test

    def overtaken(*args):
        lake.write(MART, mart_rows(area_name="Elsewhere"))
        return run(*args)

    monkeypatch.setattr(gate, "run_test", overtaken)
    with pytest.raises(ReleaseError, match=f"{MART} changed during the checks"):
        publish()
    assert list_releases(settings.releases) == []


def test_git_revision_then_commit_and_whether_it_was_changed(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    assert gate.git_revision(tmp_path) == "unknown"
    git("init")
    (tmp_path / "a").write_text("a", encoding="utf-8")
    git("add", "a")
    git("commit", "-m", "a")
    clean = gate.git_revision(tmp_path)
    assert len(clean) == 40
    (tmp_path / "a").write_text("b", encoding="utf-8")
    assert gate.git_revision(tmp_path) == f"{clean}-dirty"


def test_rules_when_a_mart_is_made_from_a_product_then_its_rules_and_those_of_its_sql_and_no_protection(real_models):
    lineage = {MART: ["est_population__quarterly_lattice_decision"], "out_pay__yearly_unit_group": []}
    found = gate.rules_in_force(real_models, lineage)
    assert set(found["tables"][MART]) == {"reliability", "rounding"}
    assert set(found["tables"]["out_pay__yearly_unit_group"]) == {"precision"}
    assert "protection" not in json.dumps(found["tables"])
    assert "est_population__quarterly_lattice" not in found["tables"]


@pytest.mark.parametrize("name", ["reliability", "protection"])
def test_rules_when_a_threshold_changes_then_another_version(real_models, monkeypatch, name):
    before = gate.rules_in_force(real_models, {})["version"]
    limits = catalog.thresholds()
    first = next(key for key, value in limits[name].items() if isinstance(value, int | float))
    changed = {**limits, name: {**limits[name], first: limits[name][first] + 1}}
    monkeypatch.setattr(catalog, "thresholds", lambda: changed)
    assert gate.rules_in_force(real_models, {})["version"] != before


@pytest.fixture(scope="module")
def real_models():
    return load_models(Path(__file__).parents[2] / "dbt_like_sql" / "models")
