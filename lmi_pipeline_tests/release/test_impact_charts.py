"""Charts and sentences of the impact: every table is drawn, and its words have the right direction."""

import pandas as pd
import pytest

from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.methods.impact import impact_rows
from lmi_pipeline.release.impact_charts import chart_weight_distribution, impact_chart
from lmi_pipeline.release.impact_text import compared, impact_sentence

QUARTERS = ["2020-01", "2020-04", "2020-07", "2020-10"]


def rows(table, cells, synthetic="true", **facts) -> pd.DataFrame:
    """Cells are (quarter, category, measure, value)."""
    frame = pd.DataFrame(cells, columns=["quarter", "category", "impact_measure", "impact_value"])
    return impact_rows(frame.assign(unit="persons", **{"weight_vintage": "pwt20", **facts}), impact_table=table,
                       synthetic=synthetic)  # fmt: skip


def table_4(eu=112.0, synthetic="true"):
    gap = {"uk": -30.0, "eu": eu, "non_uk": 40.0, "all": 10.0}
    cells = [
        (quarter, group, measure, number + change)
        for quarter in QUARTERS
        for group, number in gap.items()
        for measure, change in (("level_difference", 0), ("yearly_change_before", -500), ("yearly_change_after", 72))
    ]
    return rows("table_4", cells, synthetic)


def table_5():
    cells = []
    for measure, rate, gap in (("employment_rate", 75, -0.1), ("unemployment_rate", 5, 0.02),
                               ("inactivity_rate", 21, 0.3)):  # fmt: skip
        numbers = {"before": rate, "after": rate + gap, "difference": gap}
        numbers |= {"standard_error_before": 0.2, "standard_error_after": 0.2}
        cells += [(q, "all/all/16-64", f"{measure}_{name}", n) for q in QUARTERS for name, n in numbers.items()]
    return rows("table_5", cells)


def migration(table, models):
    cells = [
        (q, group, f"{model}_deviation", 1e4 * (n - 1.5))
        for n, q in enumerate(QUARTERS)
        for group in ("eu", "non_eu", "non_uk")
        for model in models
    ]
    names = ("mean_absolute_deviation", "largest_absolute_deviation")
    cells += [("all", "non_uk", f"{model}_{name}", 2e4) for model in models for name in names]
    return rows(table, cells)


def table_2():
    cells = [("2020-10", group, "growth_adjustment", -2.0 - n) for n, group in enumerate(("eu", "non_eu"))]
    cells += [("2020-10", "non_uk", "adjustment_count", -40_000.0)]
    areas = ("E12000007", "G_NORTH_EAST_YORKSHIRE", "S92000003")
    return pd.concat([rows("table_2", cells, area_code=area) for area in areas], ignore_index=True)


def fit():
    parts = {"slope": 0.45, "lower": -0.1, "upper": 1.0}
    cells = [("all", "eu", f"{m}_{p}", v) for m in ("ratio", "least_squares") for p, v in parts.items()]
    return rows("ratio_fit", [*cells, ("all", "eu", "published_slope", 0.45)])


def editions():
    pair = {"compared_with": "emp06 2020-11-10 (pwt18_tenure) to 2021-07-15"}
    cells = [(q, "emp06/country_of_birth/eu", "level_difference", 1e5) for q in QUARTERS[:3]]
    cells += [("all", "all", "level_changed", 114.0), ("all", "all", "level_compared", 114.0)]
    return rows("published_editions", [*cells, ("all", "all", "level_largest_absolute_difference", 784_715.0)], **pair)


def coefficients():
    cells = [("all", "eu", f"mean_absolute_deviation_0.{b}0", abs(b - 4.5)) for b in (3, 4, 6)]
    return rows("table_a1", cells)


def growth():
    cells = [(q, "nationality/eu", m, v) for q in QUARTERS for m, v in
             (("lfs_growth", -16.24), ("rti_growth", -3.3), ("difference", -12.9))]  # fmt: skip
    return rows("table_a2", cells)


def ratios():
    return rows("table_a3", [(q, "eu", "unadjusted_tau", -0.4 * n) for n, q in enumerate(QUARTERS)])


EVERY = {
    "table_1": lambda: migration("table_1", ("adjusted", "unadjusted")),
    "table_2": table_2,
    "table_3": lambda: migration("table_3", ("national", "regional")),
    "table_4": table_4,
    "table_5": table_5,
    "table_a1": coefficients,
    "ratio_fit": fit,
    "table_a2": growth,
    "table_a3": ratios,
    "published_editions": editions,
}


@pytest.mark.parametrize("table", EVERY)
def test_every_table_has_a_small_chart_with_words_that_say_it_is_synthetic(table):
    chart = impact_chart(EVERY[table]())
    assert chart.png.startswith(b"\x89PNG")
    assert len(chart.png) < 60_000
    assert chart.alt_text.endswith("Synthetic data.")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("table_1", "20,000 with the adjustment"),
        ("table_2", "RTI lowers the estimated non-UK population in October to December 2020 by 120,000"),
        ("table_4", "in October to December 2020 is 112,000 higher than with the old ones"),
        ("table_5", "employment rate is 0.1 percentage points lower, the unemployment rate moves by less than 0.1"),
        ("table_a1", "0.40 for the EU population"),
        ("ratio_fit", "0.45 (95 per cent interval −0.10 to 1.00"),
        ("table_a2", "EU nationals in the survey fell by 16.2 per cent"),
        ("table_a3", "in 3 of 4 cases"),
        ("published_editions", "114 of 114 published levels changed; the largest change is 785,000"),
    ],
)
def test_sentence_says_number_and_direction(table, words):
    assert words in impact_sentence(EVERY[table]())


def test_sentence_when_data_are_real_then_nothing_says_synthetic():
    assert "ynthetic" not in impact_sentence(table_4(synthetic="false"))


def test_difference_when_it_rounds_to_nothing_then_no_direction_is_claimed():
    assert compared(-499) == "the same, to the nearest thousand, as"
    assert compared(-1600) == "2,000 lower than"


def test_weight_distribution_when_drawn_then_words_say_where_most_are():
    bins = pd.DataFrame({"bin_start": [0.0, 500], "bin_end": [500.0, 1000], "share_before": [0.7, 0.3],
                         "share_after": [0.4, 0.6]})  # fmt: skip
    chart = chart_weight_distribution(bins, vintage="pwt20", synthetic="true")
    assert "starts at 0 before and 500 after" in chart.alt_text
    with pytest.raises(ReleaseError, match="pwt20"):
        chart_weight_distribution(bins.head(0), vintage="pwt20", synthetic="true")
