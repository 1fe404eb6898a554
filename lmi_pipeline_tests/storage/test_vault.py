"""The vault keeps every file once, whole, and says in the ledger where it came from."""

import hashlib
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import LmiError, SchemaError, SourceError
from lmi_pipeline.quality.schema_checks import check_schema
from lmi_pipeline.storage import vault as vaults
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.vault import LEDGER, Incoming, Vault

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROCESSES = 4

ADDER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from lmi_pipeline.storage.lake import Lake
    from lmi_pipeline.storage.vault import Incoming, Vault

    root, number = Path(sys.argv[1]), sys.argv[2]
    vault = Vault(root / "vault", Lake(root / "lake"))
    print("ready", flush=True)
    sys.stdin.readline()
    files = [Incoming(root / name, "nationality", release, None) for name, release in (
        ("shared.xlsx", "2020-01"), (f"own{number}.xlsx", f"2021-{number}"), (f"other{number}.xlsx", "2023-03"))]
    for batch in [files] if int(number) % 2 else [[file] for file in files]:
        vault.add_many(batch, source="rti", origin="landing")
    """
)


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "vault", Lake(tmp_path / "lake"))


@pytest.fixture
def deliver(vault, tmp_path):
    """Write a file and take it in; keywords replace what is said of it."""

    def delivered(content, name="rti.xlsx", **changes):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        facts = {
            "source": "rti", "layout": "nationality", "release": "2023-03", "period": None, "origin": "landing",
            "retrieved_at": AT,
        }  # fmt: skip
        return vault.add(path, **facts | changes)

    return delivered


def kept(vault):
    return sorted(path.name for path in vault.root.rglob("*") if path.is_file())


class TestFirstDelivery:
    def test_then_bytes_under_their_hash_and_the_publishers_name(self, vault, deliver):
        receipt = deliver(b"one")
        assert (receipt.sha256, receipt.release, receipt.is_new) == (
            hashlib.sha256(b"one").hexdigest(),
            "2023-03",
            True,
        )
        assert vault.path(receipt.sha256, "rti.xlsx").read_bytes() == b"one"

    def test_then_ledger_row_has_the_facts(self, vault, deliver):
        receipt = deliver(b"one", url="https://example.org/rti.xlsx")
        (row,) = vault.ledger().to_dict("records")
        source = catalog.source("rti")
        assert row == {
            "source": "rti", "layout": "nationality", "release": "2023-03", "period": row["period"],
            "sha256": receipt.sha256, "file_name": "rti.xlsx", "publisher": source.publisher,
            "licence": source.licence, "url": "https://example.org/rti.xlsx", "retrieved_at": AT, "size_bytes": 3,
            "origin": "landing", "synthetic": "false",
        }  # fmt: skip
        assert vault.ledger()["period"].isna().all()

    def test_ledger_then_agrees_with_its_catalogue_entry(self, vault, deliver):
        deliver(b"one")
        deliver(b"two", "lfs.tab", source="lfs", layout="person", release="2020-01", period="2020-01")
        assert [o.name for o in check_schema(vault.ledger(), catalog.table(LEDGER)) if not o.passed] == []

    @pytest.mark.parametrize(("origin", "flag"), [("synthetic", "true"), ("landing", "false")])
    def test_synthetic_then_by_origin(self, vault, deliver, origin, flag):
        deliver(b"one", origin=origin)
        assert vault.ledger()["synthetic"].tolist() == [flag]

    def test_ledger_when_nothing_came_then_empty_with_columns(self, vault):
        assert vault.ledger().empty
        assert list(vault.ledger().columns) == list(catalog.table(LEDGER).columns)

    def test_ledger_of_a_source_then_oldest_first(self, vault, deliver):
        deliver(b"late", "late.xlsx", release="2023-06")
        deliver(b"early", "early.xlsx", release="2022-06", retrieved_at=AT.replace(year=2025))
        deliver(b"other", "lfs.tab", source="lfs", layout="person", release="2020-01", period="2020-01")
        assert vault.ledger("rti")["file_name"].tolist() == ["early.xlsx", "late.xlsx"]
        assert len(vault.ledger()) == 3

    def test_when_source_is_not_catalogued_then_error_and_nothing_kept(self, vault, deliver):
        with pytest.raises(SchemaError, match="nothing"):
            deliver(b"one", source="nothing")
        assert kept(vault) == []
        assert vault.ledger().empty


class TestAgain:
    def test_same_bytes_then_nothing_changes(self, vault, deliver):
        first = deliver(b"one")
        version = vault.lake.version(LEDGER)
        again = deliver(b"one", "renamed.xlsx", release="2099-01")
        assert (again.is_new, again.sha256, again.release) == (False, first.sha256, first.release)
        assert vault.lake.version(LEDGER) == version
        assert kept(vault) == ["rti.xlsx"]

    def test_same_bytes_when_the_copy_was_lost_then_put_back_under_its_name(self, vault, deliver):
        receipt = deliver(b"one")
        vault.path(receipt.sha256, "rti.xlsx").unlink()
        assert not deliver(b"one", "renamed.xlsx").is_new
        assert vault.path(receipt.sha256, "rti.xlsx").read_bytes() == b"one"

    def test_other_bytes_under_one_release_then_release_and_hash(self, vault, deliver):
        deliver(b"one")
        receipt = deliver(b"two")
        assert receipt.is_new
        assert receipt.release == f"2023-03+{hashlib.sha256(b'two').hexdigest()[:8]}"
        assert sorted(vault.ledger()["release"]) == ["2023-03", receipt.release]
        assert kept(vault) == ["rti.xlsx", "rti.xlsx"]

    @pytest.mark.parametrize(
        "change",
        [
            {"release": "2023-06"},
            {"layout": "payroll"},
            {"origin": "synthetic", "url": "synthetic:a"},
        ],
    )
    def test_other_bytes_when_not_the_same_release_of_the_same_layout_then_its_own(self, deliver, change):
        deliver(b"one")
        assert deliver(b"two", **change).release == change.get("release", "2023-03")

    def test_other_bytes_when_of_another_period_then_not_a_reissue(self, deliver):
        facts = {"source": "lfs", "layout": "person", "release": "pwt22"}
        assert deliver(b"one", **facts, period="2020-01").release == "pwt22"
        assert deliver(b"two", **facts, period="2020-04").release == "pwt22"
        assert deliver(b"three", **facts, period="2020-04").release.startswith("pwt22+")

    def test_other_bytes_when_a_release_is_many_files_then_only_the_same_name_is_a_reissue(self, deliver):
        table = {"source": "ashe", "layout": "table_14", "release": "2021-provisional"}
        names = ("Table 14.7a.xls", "Table 14.7b CV.xls", "Table 14.7a.xls")
        found = [deliver(f"file {number}".encode(), name=name, **table).release for number, name in enumerate(names)]
        assert found[:2] == ["2021-provisional"] * 2
        assert found[2].startswith("2021-provisional+")

    def test_two_populations_then_each_has_all_its_files_under_the_release_itself(self, vault, deliver):
        one, two = ({"origin": "synthetic", "url": f"synthetic:small/{seed}"} for seed in (1, 2))
        deliver(b"same in both", "a.csv", **one)
        deliver(b"of the first", "b.csv", release="2022-06", **one)
        receipts = [
            deliver(b"same in both", "a.csv", **two),
            deliver(b"of the second", "b.csv", release="2022-06", **two),
        ]
        assert [(r.is_new, r.release) for r in receipts] == [(True, "2023-03"), (True, "2022-06")]
        of_two = vault.ledger().query("url == 'synthetic:small/2'")
        assert of_two["release"].tolist() == ["2023-03", "2022-06"]
        assert kept(vault) == ["a.csv", "b.csv", "b.csv"]

    def test_synthetic_file_when_dropped_as_a_real_one_then_stays_synthetic(self, vault, deliver):
        deliver(b"one", origin="synthetic", url="synthetic:small/1")
        assert deliver(b"one", origin="landing").is_new
        assert vault.ledger()["synthetic"].tolist() == ["true", "true"]


class TestManyAtOnce:
    @pytest.fixture
    def deliver_many(self, vault, tmp_path):
        def delivered(*files, **changes):
            folder = tmp_path / "in"
            folder.mkdir(exist_ok=True)
            incoming = []
            for content, name, release, period in files:
                (folder / name).write_bytes(content)
                incoming.append(Incoming(folder / name, "person", release, period))
            return vault.add_many(incoming, **{"source": "lfs", "origin": "landing", "retrieved_at": AT} | changes)

        return delivered

    FILES = (
        (b"one", "a.tab", "pwt22", "2020-01"),
        (b"two", "b.tab", "pwt22", "2020-04"),
        (b"three", "c.tab", "pwt22", "2020-04"),
        (b"one", "d.tab", "pwt22", "2020-01"),
        (b"four", "e.tab", "a05", None),
    )

    def test_then_receipts_and_ledger_as_one_after_the_other_in_one_commit(self, vault, deliver_many, deliver):
        deliver(b"other", release="2020-01")
        version = vault.lake.version(LEDGER)
        receipts = deliver_many(*self.FILES)
        reissue = f"pwt22+{hashlib.sha256(b'three').hexdigest()[:8]}"
        assert [r.is_new for r in receipts] == [True, True, True, False, True]
        assert [r.release for r in receipts] == ["pwt22", "pwt22", reissue, "pwt22", "a05"]
        assert vault.lake.version(LEDGER) == version + 1
        ledger = vault.ledger("lfs").set_index("file_name")
        assert ledger["release"].to_dict() == {"a.tab": "pwt22", "b.tab": "pwt22", "c.tab": reissue, "e.tab": "a05"}
        assert ledger["period"].isna().to_dict() == {"a.tab": False, "b.tab": False, "c.tab": False, "e.tab": True}
        assert kept(vault) == ["a.tab", "b.tab", "c.tab", "e.tab", "rti.xlsx"]

    def test_again_with_one_more_then_only_that_one_is_new(self, vault, deliver_many):
        deliver_many(*self.FILES)
        receipts = deliver_many(*self.FILES, (b"five", "f.tab", "pwt22", "2020-07"))
        assert [r.is_new for r in receipts] == [False] * 5 + [True]
        assert len(vault.ledger()) == 5

    def test_none_then_no_ledger(self, vault, deliver_many):
        assert deliver_many() == []
        assert not vault.lake.exists(LEDGER)

    def test_when_one_changes_while_it_is_copied_then_no_row_and_repeated_all_are_new(
        self, vault, deliver_many, monkeypatch
    ):
        with monkeypatch.context() as patched:
            copy = vaults.shutil.copyfile
            patched.setattr(
                vaults.shutil, "copyfile", lambda a, b: Path(b).write_bytes(b"x") if a.name == "b.tab" else copy(a, b)
            )
            with pytest.raises(SourceError, match=r"b\.tab.*changed while it was copied"):
                deliver_many(*self.FILES)
        assert (kept(vault), len(vault.ledger())) == (["a.tab"], 0)
        assert [r.is_new for r in deliver_many(*self.FILES)] == [True, True, True, False, True]

    def test_hundred_files_then_one_read_of_the_ledger(self, vault, deliver_many, monkeypatch):
        reads, read = [], vault.lake.read
        monkeypatch.setattr(vault.lake, "read", lambda *args, **more: reads.append(args) or read(*args, **more))
        deliver_many(*((b"%d" % n, f"{n}.tab", f"edition{n}", "2020-01") for n in range(100)))
        assert len(reads) == 1
        assert len(vault.ledger()) == 100


class TestInterrupted:
    def test_when_the_copy_breaks_off_then_nothing_kept_and_no_row(self, vault, deliver, monkeypatch):
        def half(source, target):
            Path(target).write_bytes(b"o")
            assert kept(vault)[0].startswith(".incoming-")
            assert not vault.path(hashlib.sha256(b"one").hexdigest(), "rti.xlsx").exists()
            raise OSError("disk full")

        monkeypatch.setattr(vaults.shutil, "copyfile", half)
        with pytest.raises(OSError, match="disk full"):
            deliver(b"one")
        assert kept(vault) == []
        assert vault.ledger().empty

    def test_when_the_file_changes_while_it_is_copied_then_error_and_no_row(self, vault, deliver, monkeypatch):
        def changed(source, target):
            Path(target).write_bytes(b"another")

        monkeypatch.setattr(vaults.shutil, "copyfile", changed)
        with pytest.raises(SourceError, match=r"rti\.xlsx.*changed while it was copied"):
            deliver(b"one")
        assert kept(vault) == []
        assert vault.ledger().empty

    def test_when_killed_between_copy_and_row_then_delivered_again_it_is_new(self, vault, deliver, monkeypatch):
        with monkeypatch.context() as patched:
            patched.setattr(vaults, "_recorded", lambda *args: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                deliver(b"one")
        assert vault.ledger().empty
        assert deliver(b"one").is_new
        assert len(vault.ledger()) == 1

    def test_when_others_keep_writing_then_error_names_the_file(self, vault, deliver, monkeypatch):
        monkeypatch.setattr(vaults, "_recorded", lambda *args: False)
        monkeypatch.setattr(vaults, "_LONGEST_WAIT_SECONDS", 0)
        with pytest.raises(LmiError, match=r"rti\.xlsx: other processes kept writing the ledger"):
            deliver(b"one")


def test_processes_at_once_then_every_file_once_and_one_holder_of_the_release(tmp_path, vault):
    (tmp_path / "shared.xlsx").write_bytes(b"shared")
    for number in range(PROCESSES):
        (tmp_path / f"own{number}.xlsx").write_bytes(b"own %d" % number)
        (tmp_path / f"other{number}.xlsx").write_bytes(b"other %d" % number)
    commands = ([sys.executable, "-W", "ignore", "-c", ADDER, str(tmp_path), str(n)] for n in range(PROCESSES))
    running = [subprocess.Popen(c, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for c in commands]
    assert [process.stdout.readline() for process in running] == ["ready\n"] * PROCESSES
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
    assert [process.returncode for process in running] == [0] * PROCESSES

    ledger = vault.ledger()
    assert not ledger["sha256"].duplicated().any()
    assert len(ledger) == 1 + 2 * PROCESSES
    reissued = ledger.loc[ledger["file_name"].str.startswith("other"), "release"]
    assert (reissued == "2023-03").sum() == 1
    assert reissued.str.startswith("2023-03+").sum() == PROCESSES - 1
    assert len(kept(vault)) == len(ledger)
