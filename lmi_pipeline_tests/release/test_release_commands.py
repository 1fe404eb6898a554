"""``lmi release`` and ``lmi diff`` as a person and as a machine use them."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from lmi_pipeline.cli import main
from lmi_pipeline_tests.release.conftest import MART, mart_rows

LATER = datetime(2100, 7, 1, 8, 30, tzinfo=UTC)


@pytest.fixture
def lmi(tmp_path, monkeypatch):
    """Run a command on the releases beside the lake."""
    monkeypatch.setenv("LMI_DATA", str(tmp_path))
    return lambda *words: CliRunner().invoke(main, list(words))


@pytest.fixture
def two(publish, lake):
    """Two releases; the second has a changed number and an embargo of many years."""
    publish("2026.11.1")
    lake.write(MART, mart_rows(population_count=[None, 9.0e3, 5.3e4]))
    publish("2026.11.2", embargo=LATER)


def test_list_then_current_marked_and_embargo_with_its_time(two, lmi):
    assert lmi("release", "list").output == (
        "  2026.11.2  under embargo until 1 July 2100 at 09:30 (UK time)\n* 2026.11.1\n"
    )
    found = json.loads(lmi("release", "list", "--json").output)
    assert found == {
        "current": "2026.11.1", "releases": ["2026.11.2", "2026.11.1"],
        "embargoed": {"2026.11.2": "2100-07-01T08:30:00+00:00"},
    }  # fmt: skip


def test_rollback_when_one_waits_then_said_that_it_will_not_come_into_force(two, lmi):
    assert "2026.11.2 will not come into force" in lmi("release", "rollback", "2026.11.1").output
    assert lmi("release", "list").output == "  2026.11.2\n* 2026.11.1\n"


def test_rollback_when_under_embargo_then_one_line_and_exit_1(two, lmi):
    found = lmi("release", "rollback", "2026.11.2")
    assert found.exit_code == 1
    assert found.stderr.startswith("lmi: release 2026.11.2 is under embargo until 1 July 2100")
    assert len(found.stderr.splitlines()) == 1


def test_verify_then_of_the_release_in_force(two, lmi):
    assert lmi("release", "verify").output == "2026.11.1: every file is as published\n"


def test_diff_then_readable_and_the_same_for_a_machine(two, lmi):
    text = lmi("diff", "2026.11.1", "2026.11.2").output
    assert text.startswith("# Changes since 2026.11.1\n")
    assert "| pwt22 | 2020-04 | N92000002 | eu | 52,000 | 53,000 | +1,000 | +1.9 |" in text
    found = json.loads(lmi("diff", "2026.11.1", "2026.11.2", "--table", MART, "--json").output)
    assert (found["previous"], found["release"]) == ("2026.11.1", "2026.11.2")
    assert found["tables"][MART]["cells_changed"]["population_count"]["changed"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2026.11.1", "2026.11.9"), "no release 2026.11.9"),
        (("2026.11.1", "2026.11.2", "--table", "out_x__y"), "neither 2026.11.1 nor 2026.11.2 has a table out_x__y"),
    ],
)
def test_diff_when_there_is_no_such_thing_then_one_line_and_exit_1(two, lmi, words, said):
    found = lmi("diff", *words)
    assert (found.exit_code, len(found.stderr.splitlines())) == (1, 1)
    assert said in found.stderr


def test_publish_when_two_notes_then_error(lmi, tmp_path):
    (tmp_path / "note.md").write_text("Note", encoding="utf-8")
    found = lmi("release", "publish", "--note", "x", "--notes", str(tmp_path / "note.md"))
    assert (found.exit_code, found.stderr) == (1, "lmi: --note and --notes exclude each other; leave one out\n")


def test_publish_when_the_embargo_has_passed_then_error(lmi):
    found = lmi("release", "publish", "--embargo", "2020-12-01T09:30")
    assert found.exit_code == 1
    assert "embargo 2020-12-01T09:30 is not after now" in found.stderr
