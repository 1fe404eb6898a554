"""Which release is in force: embargoes, clock changes, going back, and many readers at one instant."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release import pointer
from lmi_pipeline.release import publish as releases
from lmi_pipeline_tests.release.conftest import MADE_AT, MART, mart_rows

OPENING = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def embargoed(publish, lake):
    """Release 2026.11.1 in force, and 2026.11.2 waiting for its opening, with other numbers."""
    publish("2026.11.1")
    lake.write(MART, mart_rows(population_count=[None, 9.0e3, 5.3e4]))
    return publish("2026.11.2", embargo=OPENING)


def in_force(root, now):
    return pointer.current_release(root, now)


class TestEmbargo:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (MADE_AT, "2026.11.1"),
            (OPENING - MOMENT, "2026.11.1"),
            (OPENING, "2026.11.2"),
            (OPENING + MOMENT, "2026.11.2"),
            (OPENING + timedelta(days=365), "2026.11.2"),
        ],
    )
    def test_then_in_force_from_the_instant_and_nobody_writes(self, embargoed, root, now, expected):
        before = (root / "current").read_bytes()
        assert in_force(root, now) == expected
        assert (root / "current").read_bytes() == before

    def test_then_built_verified_and_its_instant_in_the_manifest(self, embargoed, root):
        assert releases.verify(root, "2026.11.2") == []
        found = json.loads((embargoed / "manifest.json").read_text(encoding="utf-8"))
        assert (found["embargo"], found["previous"]) == ("2026-12-01T09:30:00+00:00", "2026.11.1")
        assert pointer.waiting(root, MADE_AT) == {"2026.11.2": OPENING}
        assert pointer.waiting(root, OPENING) == {}
        assert pointer.list_releases(root) == ["2026.11.2", "2026.11.1"]

    def test_when_the_first_release_then_nothing_in_force_before(self, publish, root):
        publish(embargo=OPENING)
        assert in_force(root, OPENING - MOMENT) is None
        assert in_force(root, OPENING) == "2026.11.1"

    def test_when_two_wait_then_each_at_its_instant(self, embargoed, publish, root):
        publish("2026.11.3", embargo=OPENING + timedelta(days=7))
        found = [in_force(root, OPENING + timedelta(days=days)) for days in (-1, 0, 6, 7)]
        assert found == ["2026.11.1", "2026.11.2", "2026.11.2", "2026.11.3"]

    def test_when_published_at_once_then_the_older_one_never_comes_into_force(self, embargoed, publish, root):
        publish("2026.11.3")
        assert in_force(root, MADE_AT) == in_force(root, OPENING) == "2026.11.3"
        assert pointer.waiting(root, MADE_AT) == {}

    def test_when_another_waits_then_the_difference_is_with_what_readers_have(self, embargoed, publish, lake):
        """A difference from the one that waits would show its numbers early."""
        lake.write(MART, mart_rows(population_count=[None, 9.0e3, 5.4e4]))
        folder = publish("2026.11.3")
        assert "53000" not in (folder / "diff.json").read_text(encoding="utf-8")
        assert json.loads((folder / "diff.json").read_text(encoding="utf-8"))["previous"] == "2026.11.1"

    def test_when_readers_poll_around_the_instant_then_all_switch_together_and_once(self, embargoed, root):
        instants = [OPENING + timedelta(milliseconds=n) for n in range(-50, 51)]
        seen = {now: {in_force(root, now) for _reader in range(3)} for now in instants}
        assert all(len(versions) == 1 for versions in seen.values())
        order = [versions.pop() for versions in seen.values()]
        assert order == ["2026.11.1"] * 50 + ["2026.11.2"] * 51


class TestRollback:
    def test_when_another_waits_then_going_back_wins_over_it(self, embargoed, publish, root):
        releases.rollback(root, "2026.11.1", MADE_AT)
        assert in_force(root, MADE_AT) == in_force(root, OPENING) == "2026.11.1"
        assert pointer.waiting(root, MADE_AT) == {}

    def test_when_it_is_under_embargo_then_refused_until_the_instant(self, embargoed, root):
        with pytest.raises(ReleaseError, match=r"under embargo until 1 December 2026 at 09:30 \(UK time\)"):
            releases.rollback(root, "2026.11.2", OPENING - MOMENT)
        assert in_force(root, OPENING - MOMENT) == "2026.11.1"
        releases.rollback(root, "2026.11.2", OPENING)
        assert in_force(root, OPENING) == "2026.11.2"

    def test_when_after_the_instant_then_back_to_the_one_before(self, embargoed, root):
        releases.rollback(root, "2026.11.1", OPENING + MOMENT)
        assert in_force(root, OPENING + timedelta(days=30)) == "2026.11.1"

    def test_when_then_published_anew_then_that_is_in_force(self, embargoed, publish, root):
        releases.rollback(root, "2026.11.1", MADE_AT)
        publish("2026.11.3", embargo=OPENING)
        assert in_force(root, OPENING - MOMENT) == "2026.11.1"
        assert in_force(root, OPENING) == "2026.11.3"


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-12-01T09:30", "2026-12-01T09:30:00+00:00"),
            ("2027-07-01T09:30", "2027-07-01T08:30:00+00:00"),
            ("2027-07-01 09:30", "2027-07-01T08:30:00+00:00"),
            ("2027-07-01T09:30+02:00", "2027-07-01T07:30:00+00:00"),
            ("2027-03-28T09:30", "2027-03-28T08:30:00+00:00"),
            ("2027-03-27T09:30", "2027-03-27T09:30:00+00:00"),
            ("2027-10-31T09:30", "2027-10-31T09:30:00+00:00"),
            ("2027-10-31T01:30+01:00", "2027-10-31T00:30:00+00:00"),
            ("2028-02-29T09:30", "2028-02-29T09:30:00+00:00"),
        ],
    )
    def test_then_uk_time_unless_it_has_an_offset(self, text, expected):
        assert pointer.parse_embargo(text, MADE_AT).isoformat() == expected

    @pytest.mark.parametrize(
        ("text", "fault"), [("2027-03-28T01:30", "does not exist"), ("2027-10-31T01:30", "comes twice")]
    )
    def test_when_the_clocks_change_then_a_time_that_is_no_instant_is_refused(self, text, fault):
        with pytest.raises(ReleaseError, match=f"{fault} in the United Kingdom"):
            pointer.parse_embargo(text, MADE_AT)

    @pytest.mark.parametrize("text", ["", "tomorrow", "2026-12-01", "09:30", "2027-02-29T09:30"])
    def test_when_no_date_with_a_time_then_error(self, text):
        with pytest.raises(ReleaseError, match="is not a date and time such as"):
            pointer.parse_embargo(text, MADE_AT)

    @pytest.mark.parametrize("text", ["2026-11-21T12:00", "2026-11-20T09:30"])
    def test_when_it_has_passed_then_error(self, text):
        with pytest.raises(ReleaseError, match=r"is not after now \(2026-11-21T12:00\)"):
            pointer.parse_embargo(text, MADE_AT)


def test_pointer_then_one_line_a_release_for_people_and_older_ones_gone(embargoed, publish, root):
    assert (root / "current").read_text(encoding="utf-8") == "2026.11.1\n2026.11.2 from 2026-12-01T09:30:00+00:00\n"
    publish("2026.12.1", now=OPENING + MOMENT)
    assert (root / "current").read_text(encoding="utf-8") == "2026.12.1\n"
