"""Publishing that is killed, out of space or meets another: the release in force stands, and the next is made."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release import locking, pointer
from lmi_pipeline.release import publish as releases
from lmi_pipeline.storage.lake import Lake

MART = "out_population__quarterly_birth_group"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROWS = 4000

PUBLISHER = textwrap.dedent(
    """
    import os, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    import pandas as pd
    from lmi_pipeline.errors import ReleaseError
    from lmi_pipeline.release import bulk, database, pointer
    from lmi_pipeline.release import publish as releases
    from lmi_pipeline.storage.lake import Lake

    lake, root, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

    def die(*args, **more):
        os.kill(os.getpid(), signal.SIGKILL)

    def die_after(module, name):
        made = getattr(module, name)

        def made_and_died(*args, **more):
            made(*args, **more)
            die()

        setattr(module, name, made_and_died)

    def half_a_file(tables, folder):
        (folder / "half.parquet").write_bytes(b"PAR1half")
        die()

    moments = {
        "writing_files": lambda: setattr(releases, "write_files", half_a_file),
        "files_written": lambda: die_after(releases, "write_files"),
        "writing_database": lambda: die_after(bulk, "_load_tuples"),
        "database_written": lambda: die_after(releases, "write_sqlite"),
        "manifest_written": lambda: die_after(releases, "write_manifest"),
        "in_place": lambda: setattr(releases, "bring_into_force", die),
        "pointer_half_written": lambda: setattr(pointer.Path, "replace", die),
        "never": lambda: None,
    }
    moments[moment]()
    if sys.argv[4:] == ["wait"]:
        print("ready", flush=True)
        sys.stdin.readline()
    inputs = pd.DataFrame(columns=releases.INPUT_COLUMNS)
    checks = [{"table": name, "name": "key_unique", "severity": "block", "passed": True}
              for name in Lake(lake).tables()]
    try:
        releases.publish(Lake(lake), root, database_url=os.environ.get("RELEASE_DATABASE"), checks=checks,
                         git_revision="abc", inputs=inputs, made_at=datetime(2026, 11, 21, 12, tzinfo=UTC))
    except ReleaseError as error:
        sys.exit(f"refused: {error}")
    """
)
MOMENTS = [
    "writing_files", "files_written", "writing_database", "database_written", "manifest_written", "in_place",
    "pointer_half_written",
]  # fmt: skip


def rows(value):
    quarters = [f"{year}-{month}" for year in range(1000, 1000 + ROWS // 4) for month in ("01", "04", "07", "10")]
    noise = np.random.default_rng(value).random(ROWS)
    return pd.DataFrame(
        {
            "weight_vintage": "pwt22", "quarter": quarters, "area_code": "N92000002",
            "area_name": "Northern Ireland", "birth_group": "eu", "population_count": value + noise,
            "yearly_change_count": 0.0, "rti_release": "2022-05", "status": "ok", "is_modelled": True,
            "synthetic": "true",
        }
    )  # fmt: skip


def command(folder, moment, *more):
    return [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        PUBLISHER,
        str(folder / "lake"),
        str(folder / "releases"),
        moment,
        *more,
    ]


def run(folder, moment, **more):
    return subprocess.run(command(folder, moment), check=False, capture_output=True, text=True, timeout=120, **more)


def publish(folder):
    checks = [{"table": MART, "name": "key_unique", "severity": "block", "passed": True}]
    return releases.publish(
        Lake(folder / "lake"), folder / "releases", database_url=None, checks=checks, git_revision="abc",
        inputs=pd.DataFrame(columns=releases.INPUT_COLUMNS), made_at=NOW,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Folder with a lake and a release in force; the lake has other numbers since."""
    lake = Lake(tmp_path / "lake")
    lake.write(MART, rows(1))
    publish(tmp_path)
    lake.write(MART, rows(2))
    return tmp_path


def in_force(folder):
    """Version in force and its numbers, verified."""
    root = folder / "releases"
    version = pointer.current_release(root, NOW)
    assert releases.verify(root, version) == []
    return version, int(pd.read_parquet(root / version / f"{MART}.parquet")["population_count"].min())


def strays(folder):
    return [path.name for path in (folder / "releases").iterdir() if path.name.startswith((".building", ".current"))]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_then_the_release_before_stands_and_the_next_is_made_without_cleaning_up(folder, moment):
    assert run(folder, moment).returncode == -signal.SIGKILL
    assert in_force(folder) == ("2026.11.1", 1)

    publish(folder)
    version, value = in_force(folder)
    assert value == 2
    assert version == ("2026.11.3" if moment in ("in_place", "pointer_half_written") else "2026.11.2")
    assert strays(folder) == []
    manifest = json.loads((folder / "releases" / version / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["previous"] == "2026.11.1"


def test_file_size_limit_then_no_space_is_named_and_the_next_is_made(folder):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    refused = run(folder, "never", preexec_fn=small_files)
    assert "no space" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert refused.returncode == 1
    assert in_force(folder) == ("2026.11.1", 1)
    assert strays(folder) == []
    publish(folder)
    assert in_force(folder) == ("2026.11.2", 2)


@pytest.mark.parametrize("step", ["write_sqlite", "write_files", "write_manifest", "bring_into_force"])
def test_disk_full_at_any_step_then_no_space_is_named_and_nothing_half_done_stays(folder, monkeypatch, step):
    full = OSError(28, os.strerror(28))

    def fail(*args, **more):
        raise full

    monkeypatch.setattr(releases, step, fail)
    with pytest.raises(ReleaseError, match="no space left"):
        publish(folder)
    assert in_force(folder) == ("2026.11.1", 1)
    assert strays(folder) == []


def test_two_at_once_then_one_after_the_other_and_the_second_is_compared_with_the_first(folder):
    running = [
        subprocess.Popen(command(folder, "never", "wait"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _publisher in range(3)
    ]
    assert [process.stdout.readline() for process in running] == ["ready\n"] * 3
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=120)
    assert [process.returncode for process in running] == [0] * 3
    root = folder / "releases"
    assert pointer.list_releases(root) == ["2026.11.4", "2026.11.3", "2026.11.2", "2026.11.1"]
    previous = [pointer.manifest_of(root, f"2026.11.{number}")["previous"] for number in (2, 3, 4)]
    assert previous == ["2026.11.1", "2026.11.2", "2026.11.3"]
    assert all(releases.verify(root, version) == [] for version in pointer.list_releases(root))
    assert in_force(folder) == ("2026.11.4", 2)


def test_another_publishes_for_too_long_then_error_names_its_process(folder):
    root = folder / "releases"
    with locking.only_one(root, locking.PUBLISH):
        waited = f"process {os.getpid()} is publishing in {re.escape(str(root))} and has not ended within 0 seconds"
        with pytest.raises(ReleaseError, match=waited), locking.only_one(root, locking.PUBLISH, wait=0.2):
            pass
    with locking.only_one(root, locking.PUBLISH, wait=0.2):
        assert (root / locking.PUBLISH).read_text(encoding="utf-8") == f"{os.getpid()}\n"
