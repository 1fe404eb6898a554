"""The validation page and the outcomes behind it."""

import json
from html.parser import HTMLParser

from lmi_pipeline.quality.page import render_validation_page
from lmi_pipeline.quality.results import CheckOutcome, combine, counted


def outcome(name="key_unique", failing=0, *, table="core_rti__monthly_employees", severity="block") -> CheckOutcome:
    return counted(
        table, name, failing, 1200, severity=severity, description="keys <once> & only", next_step="use `lmi diff`"
    )


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_page_when_rendered_then_it_loads_nothing_and_runs_nothing():
    parser = Elements()
    parser.feed(render_validation_page([outcome(), outcome(failing=3, table="core_migration__yearly_net")], "Checks"))
    tags = {tag for tag, _ in parser.seen}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed"}
    assert all(attrs["href"].startswith("#") for tag, attrs in parser.seen if tag == "a")
    assert dict(parser.seen)["html"] == {"lang": "en-GB"}


def test_page_when_checks_fail_then_verdict_and_counts_show():
    page = render_validation_page([outcome(failing=1100), outcome("drift", 2, severity="warn")], "A <title>")
    assert "1 blocking check fails" in page
    assert '<td class="number">1,100</td><td class="number">1,200</td>' in page
    assert "A &lt;title&gt;" in page
    assert "use <code>lmi diff</code>" in page
    assert "keys &lt;once&gt; &amp; only" in page


def test_page_when_only_warnings_or_nothing_then_it_says_so():
    assert "Nothing blocks; 1 warning" in render_validation_page([outcome(failing=1, severity="warn")], "t")
    assert "All checks pass" in render_validation_page([outcome()], "t")
    assert "No check was run" in render_validation_page([], "t")


def test_combine_when_slices_of_a_table_are_checked_then_counts_add_up():
    (merged,) = combine([outcome(), outcome(failing=2), outcome(failing=5)])
    assert (merged.passed, merged.failing_count, merged.total_count, merged.next_step) == (
        False,
        7,
        3600,
        "use `lmi diff`",
    )


def test_combine_when_a_slice_was_not_computed_then_the_count_is_unknown():
    lost = CheckOutcome("core_rti__monthly_employees", "key_unique", "block", False, None, 5, "d", "n")
    (merged,) = combine([outcome(), lost])
    assert (merged.passed, merged.failing_count) == (False, None)
    assert "not run" in render_validation_page([merged], "t")


def test_outcome_when_made_of_numpy_counts_then_metadata_is_json():
    import numpy as np

    made = counted("t", "n", np.int64(3), np.int64(9), description="d", next_step="s")
    assert json.loads(json.dumps(made.to_metadata()))["failing_count"] == 3
