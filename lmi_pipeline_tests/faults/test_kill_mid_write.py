"""A run killed while it writes leaves the table as it was, and a re-run completes."""

import signal
import subprocess
import sys
import textwrap
import time

from lmi_pipeline.storage.lake import Lake

TABLE = "core_rti__monthly_employees"

WRITER = textwrap.dedent(
    """
    import sys
    import numpy as np, pandas as pd
    from pathlib import Path
    from lmi_pipeline.storage.lake import Lake

    root, value, rows, announce = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    frame = pd.DataFrame({
        "release": "2023-03", "month": "2020-01", "area_code": np.arange(rows).astype(str), "nationality_group": "eu",
        "is_seasonally_adjusted": False, "employee_count": value, "sha256": "0" * 64, "synthetic": "true"})
    if announce == "announce":
        print("writing", flush=True)
    Lake(root).write("core_rti__monthly_employees", frame, {"release": "2023-03"})
    print("written", flush=True)
    """
)


def command(root, value, rows, announce="quiet", script=WRITER, *more):
    return [sys.executable, "-W", "ignore", "-c", script, str(root), str(value), str(rows), announce, *more]


def write(root, value, rows):
    subprocess.run(command(root, value, rows), check=True, stdout=subprocess.DEVNULL)


def data_files(root):
    return {p for p in (root / TABLE).rglob("*part-*") if "_delta_log" not in p.parts}


def kill_while_writing(root):
    """Kill a writer as soon as the first bytes of its data file are on disk."""
    before = data_files(root)
    with subprocess.Popen(command(root, 2, 4_000_000, "announce"), stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout.readline() == "writing\n"
        deadline = time.monotonic() + 60
        while data_files(root) == before and victim.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        victim.send_signal(signal.SIGKILL)
        said = victim.stdout.read()
    return victim.returncode, said, data_files(root) - before


def test_kill_when_partition_half_written_then_earlier_content_whole_and_rerun_completes(tmp_path):
    write(tmp_path, 1, 50_000)
    returncode, said, leftovers = kill_while_writing(tmp_path)
    assert returncode == -signal.SIGKILL
    assert said == "", "the write ended before it could be killed"
    assert leftovers, "the writer was killed before it wrote anything"

    lake = Lake(tmp_path)
    found = lake.read(TABLE)
    assert len(found) == 50_000
    assert set(found["employee_count"]) == {1}

    write(tmp_path, 3, 60_000)
    found = lake.read(TABLE)
    assert len(found) == 60_000
    assert set(found["employee_count"]) == {3}


AT_ONCE = WRITER.replace('print("writing", flush=True)', 'print("writing", flush=True); sys.stdin.readline()')


def write_at_once(root, releases, rows):
    """Let one process for each release write at the same moment, each with a value of its own."""
    script = AT_ONCE.replace('"2023-03"', "sys.argv[5]")
    running = [
        subprocess.Popen(
            command(root, value, rows, "announce", script, release),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for value, release in enumerate(releases)
    ]  # fmt: skip
    assert [p.stdout.readline() for p in running] == ["writing\n"] * len(running)
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
    return [p.returncode for p in running]


def test_first_writers_at_once_when_different_slices_then_all_stay(tmp_path):
    releases = [f"20{year}-03" for year in range(15, 19)]
    assert write_at_once(tmp_path, releases, 1000) == [0] * 4
    lake = Lake(tmp_path)
    assert lake.read(TABLE).groupby("release").size().to_dict() == dict.fromkeys(releases, 1000)
    assert len(lake.fingerprints(TABLE)) == 4
    assert [p.name for p in tmp_path.iterdir()] == [TABLE]


def test_first_writers_at_once_when_same_slice_then_rows_of_one_of_them(tmp_path):
    assert write_at_once(tmp_path, ["2023-03"] * 3, 1000) == [0] * 3
    found = Lake(tmp_path).read(TABLE)
    assert len(found) == 1000
    assert found["employee_count"].nunique() == 1


def test_two_writers_when_different_slices_then_all_stay(tmp_path):
    write(tmp_path, 1, 100)
    script = WRITER.replace('"2023-03"', "sys.argv[5]")
    running = [
        subprocess.Popen(command(tmp_path, 7, 20_000, "quiet", script, f"20{year}-03"), stdout=subprocess.DEVNULL)
        for year in range(15, 19)
    ]
    assert [p.wait() for p in running] == [0] * len(running)
    sizes = Lake(tmp_path).read(TABLE).groupby("release").size()
    assert sizes.drop("2023-03").tolist() == [20_000] * 4
