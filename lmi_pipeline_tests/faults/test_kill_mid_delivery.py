"""A delivery of many files that is killed leaves no ledger row, and delivered again it is complete."""

import signal
import subprocess
import sys
import textwrap

import pytest

from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.vault import Vault

FILES = 12

DELIVERY = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from lmi_pipeline.storage import vault as vaults
    from lmi_pipeline.storage.lake import Lake

    root, moment = Path(sys.argv[1]), sys.argv[2]
    copy, copied = vaults.shutil.copyfile, []

    def die(*args):
        os.kill(os.getpid(), signal.SIGKILL)

    def copy_until_half(source, target):
        copied.append(source)
        if len(copied) == 6:
            Path(target).write_bytes(b"half")
            die()
        copy(source, target)

    if moment == "copying":
        vaults.shutil.copyfile = copy_until_half
    elif moment == "recording":
        vaults._recorded = die
    vault = vaults.Vault(root / "vault", Lake(root / "lake"))
    files = [vaults.Incoming(path, "nationality", path.stem, None) for path in sorted((root / "in").iterdir())]
    vault.add_many(files, source="rti", origin="landing")
    """
)


def deliver(root, moment):
    return subprocess.run([sys.executable, "-W", "ignore", "-c", DELIVERY, str(root), moment], check=False).returncode


@pytest.mark.parametrize(("moment", "copies"), [("copying", 5), ("recording", FILES)])
def test_kill_then_no_row_and_delivered_again_every_file_once(tmp_path, moment, copies):
    (tmp_path / "in").mkdir()
    for number in range(FILES):
        (tmp_path / "in" / f"{number:02d}.xlsx").write_bytes(b"%d" % number)
    vault = Vault(tmp_path / "vault", Lake(tmp_path / "lake"))
    assert deliver(tmp_path, moment) == -signal.SIGKILL
    assert vault.ledger().empty
    whole = {p.name: p.read_bytes() for p in vault.root.rglob("*.xlsx")}
    assert whole == {f"{number:02d}.xlsx": b"%d" % number for number in range(copies)}

    assert deliver(tmp_path, "never") == 0
    ledger = vault.ledger()
    assert ledger["file_name"].tolist() == [f"{number:02d}.xlsx" for number in range(FILES)]
    assert all(vault.path(row.sha256, row.file_name).is_file() for row in ledger.itertuples())
