"""The page of a weight vintage: what stands on it, what is escaped, what is refused."""

import re
from datetime import UTC, datetime

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.methods.impact import published_table_4, table_5
from lmi_pipeline.methods.weight_report import weight_histogram
from lmi_pipeline.release.impact_report import render_impact_report

MADE_AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def estimates(flag="true"):
    rows = [
        (vintage, quarter, breakdown, category, "16-64", measure, value + 0.1 * (vintage == "pwt20"), 0.5, flag)
        for vintage in ("pwt18", "pwt20")
        for quarter in ("2020-01", "2020-04")
        for breakdown, category in (("all", "all"), ("sex", "female"))
        for measure, value in (("employment_rate", 75.0), ("unemployment_rate", 4.0), ("inactivity_rate", 21.0))
    ]
    names = ["weight_vintage", "quarter", "breakdown", "category", "age_range", "measure", "estimate_value",
             "standard_error", "synthetic"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def page(rows, **changes):
    given = {
        "vintage": catalog.weight_vintage("pwt20"),
        "missing": {"table_2": "no <controls> yet"},
        "weighting": None,
        "histogram": None,
        "made_from": {"est_reweighting__impact": "version 3"},
        "made_at": MADE_AT,
    }
    return render_impact_report(rows, **(given | changes))


@pytest.fixture
def rows():
    return table_5(estimates(), old="pwt18", new="pwt20")


def test_page_has_the_figures_a_sentence_a_chart_and_what_is_missing(rows):
    text = page(rows)
    assert "Levels and rates with the old and the new weights" in text
    assert "75.10" in text
    assert "0.1 percentage points higher" in text
    assert text.count('<img src="data:image/png;base64,') == 1
    assert re.search(r'alt="Chart, [^"]+"', text)
    assert "Not made: no &lt;controls&gt; yet" in text
    assert "<controls>" not in text


def test_page_says_what_the_vintage_is_made_from(rows):
    text = page(rows)
    vintage = catalog.weight_vintage("pwt20")
    assert vintage.title in text
    assert "release 2021-03, one month behind" in text
    assert "version 3" in text
    assert "has not passed the disclosure gate" in text


@pytest.mark.parametrize(
    ("flag", "banner"), [("true", "Synthetic data: these"), ("mixed", "Partly synthetic data: these"), ("false", "")]
)
def test_banner_where_data_are_synthetic(flag, banner):
    text = page(table_5(estimates(flag), old="pwt18", new="pwt20"))
    assert (banner in text) if banner else ('class="banner"' not in text)


def test_nothing_is_loaded_from_outside_and_no_script(rows):
    text = page(rows)
    assert "<script" not in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)


def test_same_input_same_page(rows):
    assert page(rows) == page(rows)


def test_published_table_4_alone(rows):
    path = catalog.ROOT / "controls" / "population_change_table_4.csv"
    published = published_table_4(pd.read_csv(path, comment="#"), old="pwt18_tenure", new="pwt20")
    text = page(published)
    assert "As ONS published it" in text
    assert "−1,203" in text


def test_weights_have_their_table_and_distribution(rows):
    weighting = pd.DataFrame(
        [
            {
                "dataset_name": "lfs_person", "quarter": "2020-01", "area_code": "K02000001", "respondent_count": 8000,
                "weighted_count": 66.1e6, "g_minimum": 0.5, "g_maximum": 2.5, "design_effect": 1.1,
                "effective_size": 7272.0, "control_count": 459.0, "collapsed_count": 2.0, "not_stated_share": 0.018,
                "maximum_relative_error": 3e-12, "non_response_status": "adjusted",
            }
        ]
    )  # fmt: skip
    base = pd.Series(range(500, 1500)).to_numpy(dtype=float)
    text = page(rows, weighting=weighting, histogram=weight_histogram(base, base * 1.1))
    assert "LFS, persons" in text
    assert "66,100,000" in text
    assert "no control is missed by more than 1e-11" in text
    assert text.count("<img ") == 2


def test_rows_of_another_vintage_are_refused(rows):
    with pytest.raises(ReleaseError, match="of other vintages: pwt20"):
        page(rows, vintage=catalog.weight_vintage("pwt22"))
    with pytest.raises(ReleaseError, match="0 rows"):
        page(rows.iloc[:0])
