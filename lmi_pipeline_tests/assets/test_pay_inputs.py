"""What the pay estimates of a year read: which release, which years, which mode, which persons, and when anew."""

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.assets.pay_inputs import (
    HOURS,
    JOB,
    PATTERNS,
    PERSON,
    PUBLISHED,
    WEIGHT,
    PayInputs,
    grid_codes,
    qualification_split,
)
from lmi_pipeline.errors import MethodError
from lmi_pipeline.storage.frames import conform
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline_tests.assets.pay_rows import frame, job, person, published, weight


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def write(lake, table, *rows):
    """Write each slice of some rows, fingerprinted by what is in it."""
    entry = catalog.table(table)
    whole = frame(rows)
    for value, part in whole.groupby(entry.slice_by[0]):
        lake.write(
            table,
            conform(part[list(entry.columns)], entry),
            {entry.slice_by[0]: str(value)},
            fingerprint=str(pd.util.hash_pandas_object(part, index=False).sum()),
        )


@pytest.mark.parametrize(
    ("releases", "newest"),
    [
        (["2020-provisional", "2020-revised"], "2020-revised"),
        (["2020-revised", "2020-provisional"], "2020-revised"),
        (["2020-revised", "2020-unstated"], "2020-revised"),
        (["2020-provisional", "2020-unstated"], "2020-unstated"),
        (["2020-provisional", "2020-provisional+0123abcd"], "2020-provisional+0123abcd"),
        (["2020-provisional+0123abcd", "2020-revised"], "2020-revised"),
    ],
)
def test_published_when_a_table_has_several_releases_then_the_newest(lake, releases, newest):
    rows = [published(release=release, statistic=s) for release in releases for s in ("mean", "median")]
    write(lake, PUBLISHED, *rows)
    found = PayInputs(lake, 2020).published
    assert found["release"].tolist() == [newest] * 2
    assert list(found.columns) == list(catalog.table(PUBLISHED).columns)


def test_published_when_only_one_table_is_revised_then_the_others_stay_as_they_are(lake):
    weekly = [published(release=release) for release in ("2020-provisional", "2020-revised")]
    hours = published(measure="hours_total", release="2020-provisional")
    other_year = published(release="2021-revised")
    write(lake, PUBLISHED, *weekly, hours, other_year)
    found = PayInputs(lake, 2020).published.set_index("ashe_table")["release"]
    assert found.to_dict() == {"14.1": "2020-revised", "14.9": "2020-provisional"}


def test_published_when_a_table_is_revised_in_another_edition_of_soc_then_both_editions(lake):
    write(
        lake,
        PUBLISHED,
        published(release="2021-provisional", soc_edition="2010"),
        published(release="2021-revised", soc_edition="2020", occupation_code="1111"),
    )
    found = PayInputs(lake, 2021).published.set_index("soc_edition")["release"]
    assert found.to_dict() == {"2010": "2021-provisional", "2020": "2021-revised"}


def test_published_when_the_year_has_no_table_then_the_error_says_where_to_put_one(lake):
    write(lake, PUBLISHED, published(release="2019-revised"))
    assert PayInputs(lake, 2019).has_tables()
    inputs = PayInputs(lake, 2020)
    assert not inputs.has_tables()
    assert inputs.published_of(2020).empty
    with pytest.raises(MethodError, match=r"pay of 2020: no published table of the year .* data/landing/ashe"):
        _ = inputs.published


def test_jobs_when_several_years_are_held_then_the_year_and_the_one_before_with_usual_pay(lake):
    rows = [job(year=year, job_id=f"{n}", is_usual_pay=n < 2) for year in (2018, 2019, 2020) for n in range(3)]
    write(lake, JOB, *rows)
    inputs = PayInputs(lake, 2020)
    assert inputs.years == [2019, 2020]
    assert inputs.jobs.groupby("year").size().to_dict() == {2019: 2, 2020: 2}
    assert {"occupation", "region_gss", "weight", "cluster"} <= set(inputs.jobs.columns)
    assert PayInputs(lake, 2018).years == [2018]
    assert PayInputs(lake, 2022).years == []


def test_job_values_when_a_regressor_or_the_value_is_missing_then_the_job_is_left_out(lake):
    write(
        lake,
        JOB,
        job(job_id="whole"),
        job(job_id="long", paid_hours_per_week=120.0),
        job(job_id="no hours", paid_hours_per_week=None),
        job(job_id="no age", age_years=None),
        job(job_id="no industry", industry_75=None),
    )
    inputs = PayInputs(lake, 2020)
    assert set(inputs.job_values("weekly")["job_id"]) == {"whole", "long", "no hours"}
    hours = inputs.job_values("hours").set_index("job_id")["y"]
    assert hours.to_dict() == {"whole": 37.5, "long": HOURS[1]}


@pytest.mark.parametrize(
    ("mode", "year", "pay_mode"),
    [
        ("auto", 2020, "secure"), ("secure", 2020, "secure"), ("open", 2020, "open"),
        ("auto", 2021, "open"), ("open", 2021, "open"),
    ],
)  # fmt: skip
def test_mode_when_the_year_has_records_or_not_then_as_the_setting_says(lake, mode, year, pay_mode):
    write(lake, JOB, job())
    assert PayInputs(lake, year, mode).pay_mode == pay_mode


def test_mode_when_secure_and_only_the_year_before_has_records_then_named_error(lake):
    write(lake, JOB, job())
    with pytest.raises(MethodError, match=rf"pay of 2021: LMI_PAY_MODE is secure and {JOB} has no records"):
        _ = PayInputs(lake, 2021, "secure").is_secure


def survey(lake):
    """Three quarters of persons of whom two can be used, the last quarter outside the pooled years of 2020."""
    rows = []
    for quarter in ("2019-10", "2020-01", "2018-10"):
        at = {"quarter": quarter}
        rows += [
            person(**at),
            person(person_id="2", working_pattern="part_time", weekly_pay_gbp=None, **at),
            person(person_id="no weight", **at),
            person(person_id="self-employed", employment_status="self_employed", **at),
            person(person_id="no occupation", soc2010_code=None, **at),
            person(person_id="no pattern", working_pattern=None, **at),
        ]
    write(lake, PERSON, *rows)
    weights = [
        weight(quarter=row["quarter"], person_id=row["person_id"], analysis_weight=0.0)
        if row["person_id"] == "no weight"
        else weight(quarter=row["quarter"], person_id=row["person_id"])
        for row in rows
    ]
    newer = [weight(quarter="2019-10", person_id=p, edition="lfsp_od19_eul_pwt20", analysis_weight=900.0) for p in "12"]
    write(lake, WEIGHT, *weights, *newer)
    return PayInputs(lake, 2020)


def test_employees_when_quarters_are_pooled_then_weighted_to_their_mean_by_the_newest_edition(lake):
    inputs = survey(lake)
    assert inputs.quarters == ["2019-10", "2020-01"]
    found = inputs.employees.set_index(["quarter", "person_id"])
    assert found["weight"].to_dict() == {
        ("2019-10", "1"): 450.0, ("2019-10", "2"): 450.0, ("2020-01", "1"): 400.0, ("2020-01", "2"): 400.0,
    }  # fmt: skip
    assert set(found["industry_75"]) == {"1"}
    assert found["year"].groupby("quarter").first().to_dict() == {"2019-10": 2019, "2020-01": 2020}
    assert set(found["working_pattern"]) == set(PATTERNS)


def test_earnings_when_some_tell_no_pay_then_the_others_with_the_earnings_weight(lake):
    earned = survey(lake).earnings("weekly")
    assert earned[["person_id", "y", "weight"]].to_numpy().tolist() == [["1", 600.0, 3000.0]] * 2


def test_employees_when_no_quarter_is_held_then_the_error_names_the_years(lake):
    survey(lake)
    with pytest.raises(MethodError, match=r"pay of 2015: .* has no quarter of 2014 or 2015"):
        _ = PayInputs(lake, 2015).employees


@pytest.mark.parametrize(("survey_flag", "combined"), [("true", "true"), ("false", "mixed")])
def test_synthetic_when_sources_differ_then_mixed(lake, survey_flag, combined):
    write(lake, PUBLISHED, published())
    write(lake, JOB, job())
    write(lake, PERSON, person(synthetic=survey_flag))
    write(lake, WEIGHT, weight())
    assert PayInputs(lake, 2020).synthetic() == combined
    assert PayInputs(lake, 2020).synthetic(survey=False) == "true"


@pytest.fixture
def made(lake):
    """A lake with everything of 2019 and 2020, and how to tell whether estimates of 2020 are made anew."""
    write(lake, PUBLISHED, published(), published(release="2019-revised", sha256="1" * 64))
    write(lake, JOB, job(), job(year=2019), job(year=2018))
    write(lake, PERSON, person(), person(quarter="2018-10"))
    write(lake, WEIGHT, weight(), weight(quarter="2018-10"))
    return lambda mode="auto", survey=True: PayInputs(lake, 2020, mode).made_from("1", survey=survey)


@pytest.mark.parametrize(
    ("table", "row", "secure", "opened", "without_survey"),
    [
        (JOB, job(weekly_pay_gbp=1.0), True, False, True),
        (JOB, job(year=2019, weekly_pay_gbp=1.0), True, False, True),
        (JOB, job(year=2018, weekly_pay_gbp=1.0), False, False, False),
        (PERSON, person(age_years=50), True, True, False),
        (PERSON, person(quarter="2018-10", age_years=50), False, False, False),
        (WEIGHT, weight(analysis_weight=1.0), True, True, False),
        (PUBLISHED, published(sha256="2" * 64), True, True, True),
        (PUBLISHED, published(release="2019-revised", sha256="2" * 64), True, True, True),
        (PUBLISHED, published(release="2018-revised", sha256="2" * 64), False, False, False),
    ],
)
def test_made_from_when_a_slice_changes_then_only_what_reads_it_is_made_anew(
    lake, made, table, row, secure, opened, without_survey
):
    before = made(), made("open"), made(survey=False)
    assert len(set(before)) == 3
    assert before == (made(), made("open"), made(survey=False))
    write(lake, table, row)
    after = made(), made("open"), made(survey=False)
    assert tuple(old != new for old, new in zip(before, after, strict=True)) == (secure, opened, without_survey)


def test_qualification_split_when_read_then_shares_of_each_group_over_its_levels():
    split = qualification_split()
    assert sorted(level for levels in split.values() for level in levels) == sorted(grid_codes().qualifications)
    for levels in split.values():
        assert sum(levels.values()) == pytest.approx(1, abs=1e-12)
        assert min(levels.values()) > 0
