"""``lmi explain`` on a release as it is published, with nothing else there."""

import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lmi_pipeline.cli import main
from lmi_pipeline_tests.release.explain_folder import MART

NORTHERN_IRELAND = ["quarter=2020Q1", "region=Northern Ireland"]


@pytest.fixture
def lmi(tmp_path):
    """Run the command in the folder the release is published in."""

    def run(*arguments):
        return CliRunner().invoke(main, ["explain", *arguments], env={"LMI_DATA": str(tmp_path)})

    return run


def test_explain_when_one_row_is_meant_then_told(publish, lmi):
    publish()
    found = lmi(MART, "quarter=2020-04")
    assert found.exit_code == 0, found.output
    assert found.output.lstrip("!\n").startswith("SYNTHETIC DATA")
    assert "April to June 2020 (2020-04)" in found.output
    assert "52,000 people" in found.output
    assert "checks were made" in found.output


def test_explain_when_only_the_folder_is_left_then_the_same(publish, lmi, tmp_path):
    folder = publish()
    before = lmi(MART, *NORTHERN_IRELAND).output
    moved = tmp_path / "elsewhere" / "release"
    shutil.copytree(folder, moved)
    shutil.rmtree(tmp_path / "lake")
    shutil.rmtree(tmp_path / "releases")
    after = lmi(MART, *NORTHERN_IRELAND, "--release", str(moved))
    assert after.exit_code == 0, after.output
    assert after.output == before.replace(str(folder), str(moved))


def test_explain_when_json_is_asked_for_then_all_of_it(publish, lmi):
    publish()
    found = json.loads(lmi(MART, *NORTHERN_IRELAND, "--json").output)
    assert (found["status"], found["figures"][0]["value"]) == ("small_sample", 9000.0)
    assert [len(file["sha256"]) for source in found["sources"] for file in source["files"]] == [64, 64]


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_explain_when_several_rows_are_meant_then_listed_and_exit_1(publish, lmi, option):
    publish()
    found = lmi(MART, "weight_vintage=pwt22", *option)
    assert found.exit_code == 1
    assert "2020-07 (July to September 2020)" in " ".join(found.stdout.split())
    assert "quarter=2020-07" in found.stdout or json.loads(found.stdout)["rows"][2] == {"quarter": "2020-07"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([MART, "quarter=1999-01"], "no '1999-01'; nearest are 2020-01"),
        ([MART, "quarter"], "COL=VALUE, not 'quarter'"),
        (["out_x__y"], "did you mean"),
        (["est_lfs__quarterly_weight", "quarter=2020-01"], "never published"),
        ([MART, "quarter=2020-01", "--release", "2026.11.9"], "no release 2026.11.9"),
    ],
)
def test_explain_when_it_cannot_then_one_line_on_standard_error_and_exit_1(publish, lmi, arguments, told):
    publish()
    found = lmi(*arguments)
    assert (found.exit_code, found.stdout) == (1, "")
    assert told in found.stderr
    assert len(found.stderr.strip().split("\n")) == 1


def test_explain_when_nothing_is_released_then_what_to_do(lmi):
    assert "lmi run" in lmi(MART, "quarter=2020-01").stderr


def test_explain_when_imported_then_without_dagster():
    code = (
        "import sys, lmi_pipeline.console.explain as _\n"
        "sys.exit(any(name.split('.')[0] == 'dagster' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
