"""A release is complete, immutable, found by its pointer, and refused when anything is not right."""

import json
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import DisclosureError, ReleaseError
from lmi_pipeline.release import pointer, servable
from lmi_pipeline.release import publish as releases
from lmi_pipeline_tests.release.conftest import MADE_AT, MART, mart_rows

CONTROL = "est_population__quarterly_control"

KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    import pandas as pd
    from lmi_pipeline.release import publish as releases
    from lmi_pipeline.storage.lake import Lake

    lake, root, inputs = Lake(Path(sys.argv[1])), Path(sys.argv[2]), pd.read_pickle(sys.argv[3])
    checks = [
        {"table": name, "name": "key_unique", "severity": "block", "passed": True} for name in lake.tables()
    ]
    releases._move_into_place = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
    releases.publish(lake, root, database_url=None, version="2026.11.2", checks=checks, git_revision="abc",
                     inputs=inputs, made_at=datetime(2026, 11, 21, tzinfo=UTC))
    """
)


def control_rows():
    return pd.DataFrame(
        {
            "weight_vintage": "pwt22", "quarter": "2020-01", "area_code": "N92000002", "birth_group": ["eu"],
            "population_count": 9.0e3, "previous_year_count": 9.0e3, "growth_rate": 0.01, "base_growth_rate": 0.01,
            "growth_adjustment": 0.0, "rti_growth_rate": 0.01, "rti_release": "2022-05", "month_lag": 0,
            "synthetic": "true",
        }
    )  # fmt: skip


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def leftovers(root):
    kept = {".lock-publish", ".lock-current", ".identity"}
    return [path.name for path in root.iterdir() if path.name not in kept] if root.exists() else []


class TestContent:
    def test_files_then_all_named_in_the_manifest(self, publish):
        folder = publish(validation_page="<html></html>")
        names = {path.name for path in folder.iterdir()} - {"manifest.json", "manifest.json.sha256"}
        assert names == set(manifest(folder)["files"])
        assert names == {
            f"{MART}.parquet", f"{MART}.csv", f"{MART}.csv-metadata.json", "release.sqlite", "dictionary.md",
            "attribution.md", "licences.md", "diff.json", "diff.md", "notes.md", "validation.html",
        }  # fmt: skip

    def test_manifest_then_what_a_reader_needs_to_trace_it(self, publish, lake):
        lake.write(CONTROL, control_rows(), {"weight_vintage": "pwt22"})
        checks = [
            {"table": MART, "name": "key_unique", "severity": "block", "passed": True},
            *(
                {"table": CONTROL, "name": check.name, "severity": "block", "passed": True}
                for check in catalog.table(CONTROL).checks
            ),
        ]
        found = manifest(publish(checks=checks))
        assert found["release"] == "2026.11.1"
        assert found["made_at"] == MADE_AT.isoformat()
        assert found["git_revision"] == "abc"
        assert found["lake_versions"] == {CONTROL: 0, MART: 0}
        assert found["weight_vintages"] == ["pwt22"]
        assert found["synthetic"] == "true"
        assert found["tables"] == {MART: {"rows": 3, "columns": list(catalog.table(MART).columns)}}
        assert found["checks"] == checks
        assert [row["sha256"][0] for row in found["inputs"]] == ["a", "b"]
        assert found["inputs"][0]["period"] is None

    @pytest.mark.parametrize(("flags", "expected"), [(["false"] * 3, "false"), (["true", "false", "true"], "mixed")])
    def test_synthetic_then_of_all_rows(self, publish, lake, flags, expected):
        lake.write(MART, mart_rows(synthetic=flags))
        assert manifest(publish())["synthetic"] == expected

    def test_tables_before_the_gate_then_not_in_the_release(self, publish, lake):
        lake.write("core_population__yearly_estimate", _any_row("core_population__yearly_estimate"))
        folder = publish(checks=[{"table": MART, "name": "key_unique", "severity": "block", "passed": True}])
        assert list(manifest(folder)["tables"]) == [MART]
        assert not [path for path in folder.iterdir() if "core_" in path.name]

    def test_sqlite_csv_and_parquet_then_the_same_rows_in_key_order(self, publish):
        folder = publish()
        parquet = pd.read_parquet(folder / f"{MART}.parquet")
        assert parquet["quarter"].tolist() == ["2020-01", "2020-04", "2020-07"]
        with sqlite3.connect(folder / "release.sqlite") as connection:
            table = pd.read_sql(f"select * from {MART} order by quarter", connection)
            info = connection.execute(f"pragma table_info({MART})").fetchall()
        connection.close()
        table["is_modelled"] = table["is_modelled"].astype(bool)
        pd.testing.assert_frame_equal(table, parquet)
        pd.testing.assert_frame_equal(pd.read_csv(folder / f"{MART}.csv", dtype=dict(parquet.dtypes)), parquet)
        assert {row[1] for row in info if row[5]} == set(catalog.table(MART).key)

    def test_csv_when_null_then_empty_and_when_text_has_quotes_then_quoted(self, publish):
        lines = (publish() / f"{MART}.csv").read_text(encoding="utf-8").splitlines()
        assert lines[3] == (
            '"pwt22","2020-07","N92000002","Northern Ireland, ""NI""","eu",,,"2022-05","withheld",true,"true"'
        )

    def test_csvw_then_every_column_described_and_typed(self, publish):
        folder = publish()
        metadata = json.loads((folder / f"{MART}.csv-metadata.json").read_text(encoding="utf-8"))
        columns = metadata["tableSchema"]["columns"]
        header = pd.read_csv(folder / metadata["url"], nrows=0).columns
        assert [column["name"] for column in columns] == list(header)
        assert all(column["datatype"]["base"] and column["dc:description"] for column in columns)
        assert metadata["@context"] == ["http://www.w3.org/ns/csvw", {"@language": "en"}]
        assert metadata["tableSchema"]["primaryKey"] == list(catalog.table(MART).key)
        count = next(column for column in columns if column["name"] == "population_count")
        assert count["datatype"] == {"base": "double", "minimum": 0.0}
        assert (count["schema:unitText"], count["required"]) == ("persons", False)

    def test_dictionary_then_columns_code_lists_and_published_names(self, publish):
        text = (publish() / "dictionary.md").read_text(encoding="utf-8")
        for name in catalog.table(MART).columns:
            assert f"| {name} |" in text
        assert "## Code list birth_group" in text
        assert "## Published names: PAYE Real Time Information" in text
        assert "**Synthetic data.**" in text

    def test_attribution_then_source_licence_citation_and_what_is_not_theirs(self, publish):
        text = (publish() / "attribution.md").read_text(encoding="utf-8")
        rti, lfs = (catalog.source(name) for name in ("rti", "lfs"))
        for source in (rti, lfs):
            assert source.publisher in text
            assert source.licence in text
            assert source.citation.strip() in text
        assert "Files used: nationality 2022-05" in text
        assert "Synthetic files, in this publisher's layout but not its data: 1" in text

    def test_same_rows_then_the_same_bytes(self, publish):
        first, second = manifest(publish("2026.11.1")), manifest(publish("2026.11.2"))
        assert {n: h for n, h in first["files"].items() if MART in n} == {
            n: h for n, h in second["files"].items() if MART in n
        }

    def test_files_then_read_only(self, publish):
        modes = {stat.S_IMODE(path.stat().st_mode) for path in publish().iterdir()}
        assert modes == {0o444}


class TestVersions:
    def test_twice_then_difference_and_pointer(self, publish, lake, root):
        publish("2026.11.1")
        lake.write(MART, mart_rows(population_count=[None, 9.0e3, 5.3e4]))
        folder = publish("2026.11.2")
        difference = json.loads((folder / "diff.json").read_text(encoding="utf-8"))
        assert (difference["previous"], difference["release"]) == ("2026.11.1", "2026.11.2")
        assert difference["tables"][MART]["cells_changed"]["population_count"]["largest"][0]["change"] == 1000.0
        assert "Changes since 2026.11.1" in (folder / "diff.md").read_text(encoding="utf-8")
        assert pointer.current_release(root, MADE_AT) == "2026.11.2"
        assert pointer.list_releases(root) == ["2026.11.2", "2026.11.1"]
        assert releases.diff_releases(root, "2026.11.1", "2026.11.2") == difference["tables"]

    def test_when_a_table_is_dropped_then_the_difference_says_gone(self, publish, root):
        folder = publish("2026.11.1")
        folder.chmod(0o755)
        (folder / f"{MART}.parquet").rename(folder / "out_old__yearly_thing.parquet")
        difference = json.loads((publish("2026.11.2") / "diff.json").read_text(encoding="utf-8"))
        assert difference["tables"]["out_old__yearly_thing"]["change"] == "table gone"

    def test_next_version_then_counts_within_the_month(self, publish, root):
        assert pointer.next_version(root, MADE_AT) == "2026.11.1"
        for number in (1, 2, 10):
            publish(f"2026.11.{number}")
        assert pointer.next_version(root, MADE_AT) == "2026.11.11"
        assert pointer.next_version(root, datetime(2026, 12, 1, tzinfo=UTC)) == "2026.12.1"
        assert pointer.list_releases(root)[0] == "2026.11.10"

    def test_rollback_then_only_the_pointer_moves(self, publish, root):
        publish("2026.11.1")
        publish("2026.11.2")
        releases.rollback(root, "2026.11.1", MADE_AT)
        assert pointer.current_release(root, MADE_AT) == "2026.11.1"
        assert pointer.list_releases(root) == ["2026.11.2", "2026.11.1"]
        assert not [name for name in leftovers(root) if name.startswith(".")]

    @pytest.mark.parametrize("version", ["2026.11.9", "..", "../releases/2026.11.1", "current", ""])
    def test_rollback_when_there_is_no_such_release_then_error_names_those_there_are(self, publish, root, version):
        publish()
        with pytest.raises(ReleaseError, match=r"there are 2026\.11\.1"):
            releases.rollback(root, version, MADE_AT)
        assert pointer.current_release(root, MADE_AT) == "2026.11.1"

    def test_earlier_lake_version_then_published_as_it_was(self, publish, lake):
        lake.write(MART, mart_rows(population_count=[None, 9.0e3, 9.9e4]))
        folder = publish(lake_versions={MART: 0})
        assert pd.read_parquet(folder / f"{MART}.parquet")["population_count"].max() == 5.2e4
        assert manifest(folder)["lake_versions"] == {MART: 0}


class TestVerify:
    def test_when_untouched_then_nothing(self, publish, root):
        publish()
        assert releases.verify(root, "2026.11.1") == []

    @pytest.mark.parametrize("name", [f"{MART}.csv", f"{MART}.parquet", "release.sqlite", "diff.md", "manifest.json"])
    def test_when_one_byte_changed_then_the_file_is_named_and_rollback_refused(self, publish, root, name):
        path = publish() / name
        content = bytearray(path.read_bytes())
        place = content.index(b"2020") if name == "manifest.json" else len(content) // 2
        content[place] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)
        assert releases.verify(root, "2026.11.1") == [name]
        with pytest.raises(ReleaseError, match=name):
            releases.rollback(root, "2026.11.1", MADE_AT)

    def test_when_a_file_is_gone_or_added_then_named(self, publish, root):
        folder = publish()
        (folder / "diff.md").unlink()
        (folder / "extra.csv").write_text("a\n", encoding="utf-8")
        assert releases.verify(root, "2026.11.1") == ["diff.md", "extra.csv"]


class TestRefusal:
    def test_when_a_blocking_check_failed_then_error_names_it(self, publish, root):
        checks = [{"table": MART, "name": "key_unique", "severity": "block", "passed": False}]
        with pytest.raises(ReleaseError, match=f"{MART}: key_unique"):
            publish(checks=checks)
        assert leftovers(root) == []

    def test_when_a_warning_failed_then_published(self, publish):
        checks = [
            {"table": MART, "name": "key_unique", "severity": "block", "passed": True},
            {"table": MART, "name": "drift", "severity": "warn", "passed": False},
        ]
        assert manifest(publish(checks=checks))["checks"] == checks

    def test_when_no_check_was_made_then_error(self, publish):
        with pytest.raises(ReleaseError, match=f"have not been made: {MART}: key_unique"):
            publish(checks=[])

    def test_when_a_check_of_an_earlier_layer_was_not_made_then_error(self, publish, lake):
        lake.write(CONTROL, control_rows(), {"weight_vintage": "pwt22"})
        with pytest.raises(ReleaseError, match=f"{CONTROL}: groups_sum_to_total"):
            publish(checks=[{"table": MART, "name": "key_unique", "severity": "block", "passed": True}])

    def test_when_there_is_nothing_to_publish_then_error(self, publish, root):
        with pytest.raises(ReleaseError, match="no servable"):
            publish(lake_versions={})
        assert leftovers(root) == []

    @pytest.mark.parametrize("column", ["population_count", "yearly_change_count"])
    def test_when_a_withheld_row_has_a_number_then_error_without_the_number(self, publish, lake, column):
        lake.write(MART, mart_rows(**{column: [987.0, 9.0e3, 5.2e4]}))
        with pytest.raises(DisclosureError, match="1 withheld rows hold a number") as raised:
            publish()
        assert "987" not in str(raised.value)

    def test_when_the_number_is_not_nullable_then_still_refused(self, monkeypatch):
        entry = catalog.table(MART).model_copy(update={"nullable": ("yearly_change_count", "rti_release")})
        monkeypatch.setattr(servable.catalog, "table", lambda name: entry)
        rows = mart_rows(population_count=[987.0, 9.0e3, 5.2e4])
        with pytest.raises(DisclosureError, match="hold a number"):
            servable.servable(MART, rows)

    @pytest.mark.parametrize("name", ["core_lfs__quarterly_person", CONTROL, "raw_rti__published_cell"])
    def test_servable_when_before_the_gate_then_error(self, name):
        with pytest.raises(DisclosureError, match="only out_ tables can be released"):
            servable.servable(name, pd.DataFrame())

    @pytest.mark.parametrize("change", [{"microdata": True}, {"columns": (*catalog.table(MART).columns, "person_id")}])
    def test_servable_when_it_holds_records_then_error(self, monkeypatch, change):
        entry = catalog.table(MART).model_copy(update=change)
        monkeypatch.setattr(servable.catalog, "table", lambda name: entry)
        with pytest.raises(DisclosureError, match="individual records"):
            servable.servable(MART, mart_rows())

    def test_servable_when_a_code_is_unknown_then_error(self):
        with pytest.raises(ReleaseError, match=r"codes_status \(1\)"):
            servable.servable(MART, mart_rows(status=["withheld", "secret", "ok"]))

    @pytest.mark.parametrize("version", ["2026.11", "v1", "../2026.11.1", "2026.11.1.1"])
    def test_when_version_is_not_of_the_scheme_then_error(self, publish, version):
        with pytest.raises(ReleaseError, match=r"is not YYYY\.M\.N"):
            publish(version)

    def test_when_version_exists_then_error_and_unchanged(self, publish, root):
        publish()
        with pytest.raises(ReleaseError, match="never overwritten"):
            publish()
        assert releases.verify(root, "2026.11.1") == []

    def test_when_the_database_is_a_shared_sqlite_then_error(self, publish, root, tmp_path):
        with pytest.raises(ReleaseError, match="SQLite has no schema per release"):
            publish(database_url=f"sqlite:///{tmp_path}/shared.sqlite")
        assert leftovers(root) == []


class TestInterrupted:
    @pytest.mark.parametrize(
        "step", ["write_files", "_write_documents", "write_sqlite", "write_manifest", "_move_into_place"]
    )
    @pytest.mark.parametrize(("error", "raised"), [(OSError, ReleaseError), (KeyboardInterrupt, KeyboardInterrupt)])
    def test_when_a_step_fails_then_no_release_and_the_pointer_stands(
        self, publish, root, monkeypatch, step, error, raised
    ):
        publish("2026.11.1")

        def fail(*args):
            raise error

        monkeypatch.setattr(releases, step, fail)
        with pytest.raises(raised):
            publish("2026.11.2")
        assert sorted(leftovers(root)) == ["2026.11.1", "current"]
        assert pointer.current_release(root, MADE_AT) == "2026.11.1"

    def test_when_killed_then_what_is_left_is_no_release(self, publish, lake, root, inputs, tmp_path):
        publish("2026.11.1")
        inputs.to_pickle(tmp_path / "inputs.pkl")
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            KILLED,
            str(lake.root),
            str(root),
            str(tmp_path / "inputs.pkl"),
        ]
        assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
        assert [name for name in leftovers(root) if name.startswith(".building-")]
        assert pointer.list_releases(root) == ["2026.11.1"]
        assert pointer.current_release(root, MADE_AT) == "2026.11.1"
        publish("2026.11.2")
        assert releases.verify(root, "2026.11.2") == []

    def test_when_another_process_took_the_version_then_error_and_theirs_stands(self, publish, root, monkeypatch):
        write = releases.write_manifest

        def overtaken(folder, facts):
            write(folder, facts)
            (root / "2026.11.1").mkdir()
            (root / "2026.11.1" / "theirs").touch()

        monkeypatch.setattr(releases, "write_manifest", overtaken)
        with pytest.raises(ReleaseError, match="could not be put in place"):
            publish()
        assert leftovers(root) == ["2026.11.1"]
        assert [path.name for path in (root / "2026.11.1").iterdir()] == ["theirs"]

    def test_when_placing_fails_after_the_database_then_its_schema_is_taken_back(self, publish, root, monkeypatch):
        dropped = []
        monkeypatch.setattr(releases, "write_schema", lambda tables, url, version, **more: f"{url} schema {version}")
        monkeypatch.setattr(releases, "drop_schema", lambda url, version: dropped.append((url, version)))
        monkeypatch.setattr(releases, "_move_into_place", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(database_url="postgresql://host/lmi")
        assert dropped == [("postgresql://host/lmi", "2026.11.1")]
        assert leftovers(root) == []


def _any_row(name):
    values = {"string": "x", "integer": 1, "float": 1.0, "boolean": True}
    table = catalog.table(name)
    row = {c: None if c in table.nullable else values[catalog.column(c).type] for c in table.columns}
    return pd.DataFrame([row]).fillna(np.nan)
