"""Charts of pay: drawn from rows of the stored tables, true in their words, and nothing of a single record."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from lmi_pipeline import catalog
from lmi_pipeline.errors import LmiError, ReleaseError
from lmi_pipeline.release import pay_charts, pay_fit_charts
from lmi_pipeline.release.pay_chart_parts import Subject, in_two_lines, occupation_name, per_cent

UNIT_GROUPS = catalog.codes("soc2010_unit_group")
PATTERNS = ("full_time", "part_time")


def frame(rows, columns, basis="weekly", synthetic="true"):
    return pd.DataFrame(rows, columns=columns).assign(year=2020, pay_basis=basis, synthetic=synthetic)


def bins(count=5000):
    rows = [
        (pattern, 200.0 * step, -0.6, -0.3, 0.02 * step, 0.3, 0.6, count) for pattern in PATTERNS for step in (1, 2, 3)
    ]
    return frame(rows, ["working_pattern", "fitted", "p10", "p25", "p50", "p75", "p90", "job_sample_count"])


def residual_quantiles(count=20_000, top=3.0):
    rows = [
        (pattern, percent, 0.4 * (top if percent == 99 else norm.ppf(percent / 100)), 0.4, count)
        for pattern in PATTERNS
        for percent in (1, 10, 50, 90, 99)
    ]
    return frame(rows, ["working_pattern", "quantile_percent", "log_residual", "sigma", "job_sample_count"])


def ages():
    groups = [(s, p, q) for s in ("male", "female", "all") for p in (*PATTERNS, "all") for q in ("high", "low", "all")]
    rows = [
        ("all", *group, age, 1 - (age - (50 if group[0] == "male" else 40)) ** 2 / 900)
        for group in groups
        for age in range(20, 66)
    ]
    names = ["occupation_group", "sex", "working_pattern", "qualification_group", "age_years", "age_ratio"]
    return frame(rows, names).drop(columns="pay_basis")


def equation(listed="region", suffix=""):
    codes = catalog.codes(listed)
    rows = [
        (p, f"{code}{suffix}", 0.01 * n, 0.0 if n == 0 else 0.004, 0.0 if n == 0 else 0.008)
        for p in PATTERNS
        for n, code in enumerate(codes)
    ]
    return frame(rows, ["working_pattern", "term_level", "coefficient", "standard_error", "clustered_error"])


def reconciliation():
    rows = [("occupation", "hard", 1 + 0.01 * n) for n in range(-5, 5)]
    rows += [("region_sub_major", "soft", 1.5), ("region_sub_major", "hard", 0.65), ("sex_pattern", "hard", 1.0)]
    rows += [("region_sub_major", "suppressed", np.nan)] * 3
    return frame(rows, ["margin_name", "constraint_kind", "reconciliation_factor"])


def unit_groups(suppressed=40):
    mean = np.linspace(200, 1500, len(UNIT_GROUPS))
    rows = pd.DataFrame({"occupation_code": UNIT_GROUPS, "sex": "all", "working_pattern": "all"})
    rows = rows.assign(published_mean=mean, pay_estimate=1.1 * mean, interval_low=0.9 * mean, interval_high=1.3 * mean)
    rows.loc[rows.index < suppressed, "published_mean"] = np.nan
    women = rows.assign(sex="female", pay_estimate=1.0)
    return frame(pd.concat([rows, women]), None)


def deciles(crossed=False):
    percents = [10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90]
    rows = [
        (code, "K02000001", pattern, percent, 1000.0, level * np.exp(0.4 * norm.ppf(percent / 100)))
        for code in UNIT_GROUPS[::6]
        for pattern, level in (("full_time", 1000 - 90 * int(code[0])), ("part_time", 200))
        for percent in (percents[::-1] if crossed else percents)
    ]
    rows += [("1115", "E12000007", "full_time", percent, 1.0, 9e6) for percent in percents]
    names = ["soc2010_code", "area_code", "working_pattern", "quantile_percent", "job_count", "weekly_pay_gbp"]
    made = frame(rows, names).drop(columns="pay_basis")
    if crossed:
        made["weekly_pay_gbp"] = made["weekly_pay_gbp"].to_numpy()[::-1]
    return made


def changes():
    rows = [
        (code, area, *((np.nan, np.nan) if n % 3 == 0 else (2.0 if n % 3 == 1 else -3.0, 0.5)))
        for n, code in enumerate(UNIT_GROUPS)
        for area in ("K02000001", "E12000007")
    ]
    return frame(rows, ["soc2010_code", "area_code", "change_percent", "change_error"]).drop(columns="pay_basis")


def intervals():
    rows = [("under 2,000", 20, 0.3, 0.75), ("2,000 to 5,000", 60, 0.2, 0.85), ("5,000 and over", 0, 0.1, np.nan)]
    return frame(rows, ["size_band", "held_out_count", "log_half_width", "coverage_share"])


def region_effects(rows):
    return pay_fit_charts.chart_effects(rows, "region")


def industry_effects(rows):
    return pay_fit_charts.chart_effects(rows, "industry_75")


EVERY = {
    "spread": (pay_fit_charts.chart_residual_spread, bins, "at most 6 per cent away from nil in 6 groups"),
    "normality": (
        pay_fit_charts.chart_residual_normality,
        residual_quantiles,
        "is 0.67 standard deviations, at the 99",
    ),
    "age": (pay_fit_charts.chart_age_profile, ages, "male 50, female 40, full-time 40, part-time 40, high 40, low 40"),
    "region": (region_effects, equation, "against North East. Full-time: Northern Ireland +11.6 per cent"),
    "industry": (
        industry_effects,
        lambda: equation("industry_75", " | 2020"),
        "against Agriculture, etc. Full-time:",
    ),
    "factors": (
        pay_charts.chart_reconciliation_factors,
        reconciliation,
        "3 margins, 13 cells. 2 factors are outside 0.7 to 1.4; the largest distance from 1 is 0.50",
    ),
    "published": (
        pay_charts.chart_published_and_predicted,
        unit_groups,
        f"{len(UNIT_GROUPS) - 40} published occupations are 10.0 per cent away from the published mean in the median."
        " 40 suppressed ones are estimated at £220 to £",
    ),
    "deciles": (
        pay_charts.chart_decile_fan,
        deciles,
        "from Elementary occupations £190 to Managers, directors and senior officials £910",
    ),
    "change": (pay_charts.chart_pay_change, changes, "Of 369 unit groups 123 rose, 123 fell and 123 are withheld"),
    "coverage": (
        pay_charts.chart_interval_coverage,
        intervals,
        "82 per cent of 80 held-out means are inside; by band 75 to 85",
    ),
}


@pytest.fixture(scope="module")
def drawn():
    """Every chart, drawn once."""
    return {name: draw(rows()) for name, (draw, rows, _) in EVERY.items()}


@pytest.mark.parametrize("name", EVERY)
def test_chart_when_drawn_then_small_and_its_words_are_those_of_the_rows(drawn, name):
    chart, words = drawn[name], EVERY[name][2]
    assert chart.png.startswith(b"\x89PNG")
    assert len(chart.png) < 80_000
    assert words in chart.alt_text
    assert chart.alt_text.endswith(" Synthetic data.")


@pytest.mark.parametrize("name", ["normality", "region", "published", "coverage"])
def test_chart_when_data_are_real_then_nothing_says_synthetic_and_the_picture_has_no_mark(drawn, name):
    draw, rows, _ = EVERY[name]
    real = draw(rows().assign(synthetic="false"))
    assert "ynthetic" not in real.alt_text
    assert real.png != drawn[name].png


@pytest.mark.parametrize("name", EVERY)
def test_chart_when_there_is_nothing_to_draw_or_too_much_then_says_so(name):
    draw, rows, _ = EVERY[name]
    held = rows()
    with pytest.raises(ReleaseError, match="no rows"):
        draw(held.head(0))
    with pytest.raises(ReleaseError, match="years 2020, 2021"):
        draw(pd.concat([held, held.assign(year=2021)]))
    with pytest.raises(ReleaseError, match="column synthetic is missing"):
        draw(held.drop(columns="synthetic"))
    with pytest.raises(ReleaseError, match="bases bushels"):
        draw(held.assign(pay_basis="bushels"))


@pytest.mark.parametrize(
    ("draw", "rows", "words"),
    [
        (pay_fit_charts.chart_residual_spread, bins(9), "6 of 6 groups rest on fewer than 10 rows"),
        (pay_fit_charts.chart_residual_normality, residual_quantiles(999), "4 of 10 groups"),
        (pay_charts.chart_decile_fan, deciles(crossed=True), "cross"),
        (pay_charts.chart_decile_fan, deciles().assign(area_code="E12000007").head(33), "no unit group of the United"),
        (pay_charts.chart_pay_change, changes().assign(area_code="E12000007"), "no rows of the United Kingdom"),
        (pay_charts.chart_published_and_predicted, unit_groups(369), "no published mean"),
        (pay_charts.chart_reconciliation_factors, reconciliation().tail(3), "every published cell is suppressed"),
        (pay_charts.chart_interval_coverage, intervals().tail(1), "no band has held-out means"),
        (pay_fit_charts.chart_age_profile, ages().assign(occupation_group="1"), "no ratios of all occupations"),
        (region_effects, equation().assign(clustered_error=0.0), "no level has a standard error"),
    ],
)
def test_chart_when_rows_cannot_be_drawn_then_refused_with_the_reason(draw, rows, words):
    with pytest.raises(LmiError, match=words):
        draw(rows)


def test_smallest_groups_when_exactly_ten_rows_then_drawn():
    assert pay_fit_charts.chart_residual_spread(bins(10)).alt_text
    assert pay_fit_charts.chart_residual_normality(residual_quantiles(1000)).alt_text


def test_effects_when_years_differ_then_those_of_the_rows_year_are_drawn():
    now, before = equation(suffix=" | 2020"), equation(suffix=" | 2019").assign(coefficient=9.0)
    assert region_effects(pd.concat([before, now])).png == region_effects(now).png


def test_effects_when_errors_are_clustered_then_these_are_the_intervals():
    rows = equation()
    plain = rows.assign(standard_error=rows["clustered_error"]).drop(columns="clustered_error")
    assert region_effects(rows).png == region_effects(plain).png
    assert region_effects(rows).png != region_effects(rows.drop(columns="clustered_error")).png


def test_decile_fan_when_a_large_unit_group_is_poor_then_the_major_group_is():
    rows = deciles()
    poor = rows["soc2010_code"] == "1115"
    rows.loc[poor, ["weekly_pay_gbp", "job_count"]] = rows.loc[poor, ["weekly_pay_gbp", "job_count"]] * [0.2, 1e6]
    assert "to Professional occupations £820" in pay_charts.chart_decile_fan(rows).alt_text


def test_published_when_nothing_is_suppressed_then_one_panel_and_no_word_of_it():
    assert "suppressed" not in pay_charts.chart_published_and_predicted(unit_groups(0)).alt_text


@pytest.mark.parametrize(
    ("basis", "unit", "amount"),
    [("weekly", "£ a week", "£1,235"), ("hourly", "£ an hour", "£1,234.57"), ("annual", "£ a year", "£1,235"),
     ("hours", "hours a week", "1,234.6")],
)  # fmt: skip
def test_subject_when_asked_then_unit_and_amount_of_its_basis(basis, unit, amount):
    subject = Subject.of(frame([(1,)], ["x"], basis), "x", ["x"])
    assert subject.unit == unit
    assert subject.amount(1234.567) == amount


def test_names_when_long_or_unknown_then_two_lines_and_the_code():
    assert occupation_name("1") == "Managers, directors and senior officials"
    assert occupation_name("99999") == "99999"
    assert in_two_lines("Associate professional and technical occupations", 30).count("\n") == 1
    assert len(max(in_two_lines("word " * 40, 30).split("\n"), key=len)) <= 30


def test_per_cent_when_it_rounds_to_nothing_then_not_negative():
    assert per_cent(-0.04) == "+0.0"
    assert per_cent(-1.26) == "−1.3"
