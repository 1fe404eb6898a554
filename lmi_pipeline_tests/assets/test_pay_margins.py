"""Published tables as margins: the right sheets, suppressed cells, industries from divisions, jobs where complete."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.assets.pay_margins import (
    all_employee_mean,
    industry_means,
    occupation_means,
    published_jobs,
    published_margins,
    region_jobs,
)
from lmi_pipeline_tests.assets.pay_rows import TABLE_OF, frame, published

REGIONS = catalog.codes("region")
MEASURE_OF = {"weekly": "weekly_gross", "hourly": "hourly_excl_overtime", "hours": "hours_total"}


def by_sex_and_pattern(**columns):
    """A cell of each of the nine sheets of a table, each with a value of its own."""
    rows = []
    for row, sex in enumerate(("all", "male", "female")):
        for column, pattern in enumerate(("all", "full_time", "part_time")):
            value = columns.get("value", 100.0) + 10 * row + column
            rows.append(published(**(columns | {"sex": sex, "working_pattern": pattern, "value": value})))
    return rows


def division(code, mean, jobs, cv=2.0, **columns):
    """Mean and jobs of a division."""
    at = {"table": "16", "industry_code": code, **columns}
    return [
        published(**at, value=mean, cv_percent=cv),
        published(**at, statistic="job_count", value=jobs, cv_percent=None),
    ]


@pytest.fixture
def rows():
    """Tables 14, 3 and 16 of one measure, with what must not become part of a margin beside it."""
    found = []
    for base, measure in enumerate(MEASURE_OF.values()):
        at = {"measure": measure, "value": 1000.0 * (base + 1)}
        for code in ("all", "1", "11", "111", "1115", "1116"):
            found += by_sex_and_pattern(occupation_code=code, **at)
        found += by_sex_and_pattern(soc_edition="2020", occupation_code="1111", **at)
        found += by_sex_and_pattern(table="15", area_code="E12000001", occupation_code="1121", **at)
        for area in (*REGIONS, catalog.UNITED_KINGDOM):
            for code in ("all", "11", "1"):
                found += by_sex_and_pattern(table="3", area_code=area, occupation_code=code, **at)
        found += division("01", at["value"], 1000.0, measure=measure)
    return frame(found)


def values(margin):
    return margin.frame.set_index(list(margin.dims))["mean"].to_dict()


@pytest.mark.parametrize(("basis", "base"), [("weekly", 1000.0), ("hourly", 2000.0), ("hours", 3000.0)])
def test_margins_when_all_tables_are_there_then_each_of_its_own_sheets(rows, basis, base):
    margins = {margin.name: margin for margin in published_margins(rows, basis)}
    assert list(margins) == ["occupation", "occupation_pattern", "region_sub_major", "industry", "sex_pattern"]
    assert values(margins["occupation"]) == {"1115": base, "1116": base}
    assert values(margins["occupation_pattern"]) == {
        (code, pattern): base + add
        for code in ("1115", "1116")
        for add, pattern in ((1, "full_time"), (2, "part_time"))
    }
    assert values(margins["region_sub_major"]) == {(area, "11"): base for area in REGIONS}
    assert values(margins["industry"]) == pytest.approx({"1": base})
    assert values(margins["sex_pattern"]) == {
        ("male", "full_time"): base + 11, ("male", "part_time"): base + 12,
        ("female", "full_time"): base + 21, ("female", "part_time"): base + 22,
    }  # fmt: skip
    assert all((margin.frame["cv"] == 2.0).all() for margin in margins.values())


def test_margins_when_cells_are_suppressed_then_they_have_no_mean_and_the_others_stay(rows):
    hidden = (rows["ashe_table"] == "14.1") & (rows["occupation_code"] == "1116")
    margins = published_margins(rows.assign(value=rows["value"].mask(hidden)), "weekly")
    means = margins[0].frame.set_index("occupation")["mean"]
    assert np.isnan(means["1116"])
    assert means["1115"] == 1000.0


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ("14.", ["region_sub_major", "industry"]),
        ("3.", ["occupation", "occupation_pattern", "industry", "sex_pattern"]),
        ("16.", ["occupation", "occupation_pattern", "region_sub_major", "sex_pattern"]),
    ],
)
def test_margins_when_a_table_is_missing_or_all_suppressed_then_left_out(rows, table, left):
    of_it = rows["ashe_table"].str.startswith(table)
    for published_rows in (rows[~of_it], rows.assign(value=rows["value"].mask(of_it))):
        assert [margin.name for margin in published_margins(published_rows, "weekly")] == left
    assert published_margins(rows[rows["ashe_table"] == "8.1"], "weekly") == []


def test_occupation_means_when_a_population_is_named_then_of_its_sheet(rows):
    found = occupation_means(rows, "weekly", sex="female", pattern="part_time")
    assert found["occupation"].tolist() == ["1115", "1116"]
    assert found["mean"].tolist() == [1022.0] * 2


def test_all_employee_mean_when_published_then_that_of_the_basis_and_pattern(rows):
    assert all_employee_mean(rows, "hourly") == 2000.0
    assert all_employee_mean(rows, "weekly", pattern="part_time") == 1002.0
    assert np.isnan(all_employee_mean(rows, "annual"))


def industry(*divisions):
    found = industry_means(frame([row for rows in divisions for row in rows]), "weekly")
    return found.set_index("industry")[["mean", "cv"]]


def several():
    """An industry of two divisions or more, and its divisions."""
    of = pd.Series(catalog.mapping("industry75_division", "industry_75"))
    code = of.value_counts().loc[lambda count: count == 2].index[0]
    return code, of.index[of == code].tolist()


def test_industry_when_it_has_two_divisions_then_weighted_by_jobs_with_the_cv_of_the_sum():
    code, (first, second) = several()
    found = industry(division(first, 400.0, 30_000.0, cv=4.0), division(second, 700.0, 10_000.0, cv=3.0))
    bills = np.array([400.0 * 30_000, 700.0 * 10_000])
    assert found.loc[code, "mean"] == pytest.approx(475.0, rel=1e-12)
    assert found.loc[code, "cv"] == pytest.approx(np.hypot(4 * bills[0], 3 * bills[1]) / bills.sum(), rel=1e-12)


@pytest.mark.parametrize("hidden", [(None, 10_000.0), (700.0, None), (None, None)])
def test_industry_when_one_division_is_suppressed_then_it_has_no_mean(hidden):
    code, (first, second) = several()
    other = next(c for c, i in catalog.mapping("industry75_division", "industry_75").items() if i != code)
    found = industry(
        division(first, 400.0, 30_000.0), division(second, *hidden), division(other, 300.0, 5_000.0, cv=6.0)
    )
    assert found.loc[code].isna().all()
    assert found.drop(code).to_numpy().tolist() == [pytest.approx([300.0, 6.0])]


@pytest.mark.parametrize("cvs", [(None, None), (4.0, None)])
def test_industry_when_the_cv_of_a_division_is_not_known_then_a_mean_without_one(cvs):
    code, (first, second) = several()
    found = industry(division(first, 400.0, 30_000.0, cv=cvs[0]), division(second, 700.0, 10_000.0, cv=cvs[1]))
    assert found.loc[code, "mean"] == pytest.approx(475.0, rel=1e-12)
    assert np.isnan(found.loc[code, "cv"])


def test_industry_when_rows_are_of_groups_sections_or_totals_then_not_counted():
    found = industry(*(division(code, 400.0, 1000.0) for code in ("01", "011", "0111", "A", "all", "manufacturing")))
    assert found["mean"].to_dict() == pytest.approx({"1": 400.0})


def test_industry_when_there_is_no_table_then_none(rows):
    assert industry_means(rows[rows["ashe_table"].str.startswith("14.")], "weekly").empty


def counts(rows):
    """The same rows as counts of jobs."""
    return rows.assign(statistic="job_count")


def test_published_jobs_when_read_then_by_occupation_sex_and_pattern_only(rows):
    found = published_jobs(counts(rows))
    assert found.set_index(["occupation", "sex", "pattern"])["jobs"].to_dict() == {
        (code, sex, pattern): 1000.0 + add
        for code in ("1115", "1116")
        for add, sex, pattern in (
            (11, "male", "full_time"), (12, "male", "part_time"),
            (21, "female", "full_time"), (22, "female", "part_time"),
        )
    }  # fmt: skip


def test_region_jobs_when_every_region_is_published_then_those_of_all_employees(rows):
    found = region_jobs(counts(rows))
    assert set(found["region"]) == set(REGIONS)
    assert found["jobs"].tolist() == [1000.0] * len(REGIONS)


def test_region_jobs_when_one_is_missing_or_suppressed_then_none(rows):
    whole = counts(rows)
    last = (whole["ashe_table"] == f"3.{TABLE_OF['weekly_gross']}") & (whole["area_code"] == REGIONS[-1])
    assert region_jobs(whole[~last]) is None
    assert region_jobs(whole.assign(value=whole["value"].mask(last))) is None
    assert region_jobs(whole[whole["ashe_table"].str.startswith("14.")]) is None
