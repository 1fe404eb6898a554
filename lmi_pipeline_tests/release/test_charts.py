"""Charts: what they show, how large they are, and what they say in words."""

import struct
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.charts import Chart, chart_controls_by_vintage, chart_growth_by_nationality

LARGEST = 50_000  # bytes; each run keeps its charts in an event log file
QUARTERS = [str(p) for p in pd.period_range("2015-07", "2022-10", freq="3M")]


def growth(**changes) -> pd.DataFrame:
    ends = {"uk": 0.0134, "eu": -0.0042, "non_eu": 0.19, "total": 0.02}
    frame = pd.DataFrame(
        [(quarter, group, end) for quarter in QUARTERS for group, end in ends.items()],
        columns=["quarter", "nationality_group", "growth_rate"],
    )
    facts = {"release": "2023-03", "area_code": UNITED_KINGDOM, "is_seasonally_adjusted": False, "month_lag": 0}
    return frame.assign(**facts, synthetic="false").assign(**changes)


def controls(vintages=("pwt20", "pwt22"), quarters=QUARTERS[-12:], synthetic="true") -> pd.DataFrame:
    counts = {"uk": 57.0e6, "eu": 3.5e6, "non_eu": 5.6e6, "total": 66.1e6}
    rows = [
        (vintage, quarter, UNITED_KINGDOM, group, count * (1 + 0.01 * place), synthetic)
        for place, vintage in enumerate(vintages)
        for quarter in quarters
        for group, count in counts.items()
    ]
    return pd.DataFrame(
        rows, columns=["weight_vintage", "quarter", "area_code", "birth_group", "population_count", "synthetic"]
    )


def size(chart: Chart) -> tuple[int, int]:
    assert chart.png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", chart.png[16:24])
    return width, height


def test_growth_chart_when_drawn_then_it_is_small_and_says_the_newest_growth():
    chart = chart_growth_by_nationality(growth(), "2023-03")
    assert len(chart.png) < LARGEST
    assert min(size(chart)) > 400
    assert "Jul–Sep 2015 to Oct–Dec 2022" in chart.alt_text
    assert "Non-EU +19.0 per cent, EU −0.4 per cent, UK +1.3 per cent" in chart.alt_text
    assert "not seasonally adjusted" in chart.alt_text


def test_growth_chart_when_other_rows_are_present_then_they_change_nothing():
    wanted = growth()
    noise = [
        growth(release="2022-01", growth_rate=0.5),
        growth(area_code="E12000007", growth_rate=0.5),
        growth(month_lag=1, growth_rate=0.5),
        growth(is_seasonally_adjusted=True, growth_rate=0.5, synthetic="mixed"),
        growth(growth_rate=np.nan, quarter="2014-07").drop_duplicates("nationality_group"),
    ]
    together = pd.concat([*noise, wanted], ignore_index=True)
    assert chart_growth_by_nationality(together, "2023-03") == chart_growth_by_nationality(wanted, "2023-03")


def test_growth_chart_when_release_is_adjusted_only_then_it_says_so():
    chart = chart_growth_by_nationality(growth(is_seasonally_adjusted=True), "2023-03")
    assert ", seasonally adjusted," in chart.alt_text


def test_growth_chart_when_release_has_no_growth_then_error_says_why():
    with pytest.raises(ReleaseError, match="2021-06"):
        chart_growth_by_nationality(growth(), "2021-06")


@pytest.mark.parametrize(("flag", "words"), [("true", "Synthetic data."), ("mixed", "Partly synthetic data.")])
def test_charts_when_data_are_synthetic_then_picture_and_words_say_so(flag, words):
    real, made = (chart_growth_by_nationality(growth(synthetic=s), "2023-03") for s in ("false", flag))
    assert "ynthetic" not in real.alt_text
    assert made.alt_text.endswith(words)
    assert made.png != real.png
    real, made = (chart_controls_by_vintage(controls(synthetic=s)) for s in ("false", flag))
    assert "ynthetic" not in real.alt_text
    assert made.alt_text.endswith(words)
    assert made.png != real.png


@pytest.mark.parametrize(
    ("vintages", "quarters"),
    [
        (("pwt22",), QUARTERS[-1:]),
        (("pwt22",), QUARTERS[-3:]),
        (("pwt18", "pwt18_tenure", "pwt20", "pwt20_corrected", "pwt22", "pwt24"), QUARTERS),
    ],
)
def test_controls_chart_when_one_quarter_or_many_vintages_then_it_is_drawn_small(vintages, quarters):
    chart = chart_controls_by_vintage(controls(vintages, quarters))
    assert len(chart.png) < LARGEST
    assert min(size(chart)) > 300
    assert f"weight vintages {', '.join(vintages)}" in chart.alt_text
    assert f"Born in the EU: {vintages[0]} 3.50 million" in chart.alt_text


def test_controls_chart_when_vintages_end_at_different_quarters_then_each_newest_is_told():
    ragged = pd.concat([controls(("pwt20",), QUARTERS[-6:-3]), controls(("pwt22",), QUARTERS[-2:])])
    assert "pwt20 57.00 million, pwt22 57.00 million" in chart_controls_by_vintage(ragged).alt_text


def test_controls_chart_when_united_kingdom_is_absent_then_error_says_so():
    with pytest.raises(ReleaseError, match="United Kingdom"):
        chart_controls_by_vintage(controls().assign(area_code="E12000007"))


def test_markdown_when_alternative_text_has_brackets_then_they_do_not_end_it():
    text = Chart(b"\x89PNG", "t", "a [b]\nc").markdown()
    alt, data = text.removeprefix("![").removesuffix(")").split("](data:image/png;base64,")
    assert alt == "a (b) c"
    assert b64decode(data) == b"\x89PNG"
