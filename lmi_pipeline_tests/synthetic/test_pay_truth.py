"""The true pay equation: its sums agree with jobs drawn one by one, and the survey follows it."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.errors import MethodError
from lmi_pipeline.synthetic import job_chances, lfs, pay_terms, pay_truth
from lmi_pipeline.synthetic.ashe_jobs import job_sample
from lmi_pipeline.synthetic.lfs_work import NOT_ROUTED
from lmi_pipeline.synthetic.pay_terms import PATTERNS
from lmi_pipeline.synthetic.pay_truth import PayTruth, codes_of, true_pay

YEAR = 2020
DIMENSIONS = ("occupation", "region_gss", "sex", "qualification", "industry_75")
FEW, LARGE, MANY_ERRORS = 30, 500, 4.5
# Jobs of an enterprise share a part of their residual.
DESIGN_EFFECT = 1.5


@pytest.fixture(scope="module")
def uk() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


@pytest.fixture(scope="module")
def true(uk: synthetic.SyntheticTruth) -> PayTruth:
    return true_pay(uk, YEAR)


def test_chances_sum_to_one() -> None:
    ages = np.arange(91)
    np.testing.assert_allclose(job_chances.qualification_chances(ages).sum(axis=-1), 1)
    np.testing.assert_allclose(job_chances.occupation_chances().sum(axis=0), 1)
    np.testing.assert_allclose(job_chances.industry_chances().sum(axis=1), 1)


def test_jobs_drawn_have_their_chances() -> None:
    rng = np.random.default_rng(5)
    size = 400_000
    sex, qualification, nationality = (np.full(size, code) for code in (1, 2, 0))
    drawn = job_chances.draw_occupation(qualification, sex, rng.random(size), rng.random(size))
    expected = size * job_chances.occupation_chances()[:, 1, 2]
    found = np.bincount(drawn, minlength=len(expected))
    assert (np.abs(found - expected) < 5 * np.sqrt(expected) + 5).all()
    _, division = job_chances.draw_industry(nationality, rng.random(size), rng.random(size))
    industries = np.bincount(job_chances.industry_of_division()[division], minlength=75)
    expected = size * job_chances.industry_chances()[0]
    assert (np.abs(industries - expected) < 5 * np.sqrt(expected) + 5).all()


def test_means_of_occupations_are_those_published(true: PayTruth) -> None:
    means = true.means(["occupation", "working_pattern"]).set_index(["occupation", "working_pattern"])
    published = catalog.control_figures("ashe_unit_group_2021").set_index("soc2010_code")
    for pattern in PATTERNS:
        found = means.xs(pattern, level="working_pattern")
        assert list(found.index) == list(published.index)
        for measure, column, back in (("weekly", "mean", pay_terms.GROWTH), ("hours", "hours", 0.0)):
            known = published[f"{pattern}_{column}"].dropna() * np.exp(-back)
            np.testing.assert_allclose(found.loc[known.index, measure], known, rtol=1e-9)


def test_margins_of_the_full_grid_are_the_sums_by_fewer_dimensions(true: PayTruth) -> None:
    for measure in ("job_count", "weekly"):
        whole = true.bill(measure, "part_time", DIMENSIONS)
        assert whole.shape == tuple(len(codes_of(name)) for name in DIMENSIONS)
        assert (whole > 0).all()
        for axis, name in enumerate(DIMENSIONS):
            others = tuple(other for other in range(len(DIMENSIONS)) if other != axis)
            np.testing.assert_allclose(whole.sum(axis=others), true.bill(measure, "part_time", [name]), rtol=1e-10)


def test_bill_is_the_sum_over_jobs_written_out(true: PayTruth) -> None:
    """One occupation and industry, summed job by job with the equation itself."""
    occupation, industry, at = 17, 40, 1
    shape = true.people.shape
    nationality, region, sex, age, qualification = (axis.ravel() for axis in np.indices(shape))
    fixed = {"pattern": at, "occupation": occupation, "industry": industry}
    jobs = pay_terms.Jobs(
        sex=sex,
        age=age,
        region=region,
        qualification=qualification,
        **{name: np.full(true.people.size, code) for name, code in fixed.items()},
    )
    full = job_chances.unit_groups().full_time[sex, occupation] * job_chances.full_time_curve(age)
    count = (
        true.people.ravel()
        * job_chances.occupation_chances()[occupation, sex, qualification]
        * (1 - full)
        * job_chances.industry_chances()[nationality, industry]
    )
    hourly = np.exp(pay_terms.log_hourly(true.terms, jobs, true.years) + true.terms.spread[at, occupation] ** 2 / 2)
    hours = pay_terms.mean_hours(true.terms, jobs)
    dearer = (pay_terms.PREMIUM - 1) * pay_terms.OVERTIME_SHARE * true.terms.overtime[occupation]
    expected = {"job_count": 1.0, "hourly": hourly, "hours": hours, "weekly": hourly * hours * (1 + dearer)}
    for measure, value in expected.items():
        found = true.bill(measure, "part_time", ["occupation", "industry_75"])[occupation, industry]
        assert found == pytest.approx((count * value).sum(), rel=1e-10)


def test_years_grow_by_the_growth_of_their_terms(uk: synthetic.SyntheticTruth, true: PayTruth) -> None:
    before = true_pay(uk, YEAR - 1)
    growth = np.log(true.means([])["weekly"].item() / before.means([])["weekly"].item())
    assert 0.015 < growth < 0.04
    ratio = [t.bill("weekly", "full_time", ["occupation"]) / t.bill("job_count", "full_time", ["occupation"])
             for t in (true, before)]  # fmt: skip
    assert np.corrcoef(np.log(ratio[0] / ratio[1]), true.terms.growth)[0, 1] > 0.9


def _jobs_frame(uk: synthetic.SyntheticTruth) -> pd.DataFrame:
    sample = job_sample(uk, YEAR)
    jobs, usual = sample.jobs, sample.usual
    columns = {
        "occupation": np.array(codes_of("occupation"))[jobs.occupation],
        "region_gss": np.array(codes_of("region_gss"))[jobs.region],
        "sex": np.array(codes_of("sex"))[jobs.sex],
        "qualification": np.array(codes_of("qualification"))[jobs.qualification],
        "industry_75": np.array(codes_of("industry_75"))[jobs.industry],
        "working_pattern": np.array(PATTERNS)[jobs.pattern],
        "weekly": sample.weekly,
        "hourly": sample.hourly,
        "hours": sample.basic + sample.overtime,
        "weight": sample.weight,
    }
    return pd.DataFrame({name: values[usual] for name, values in columns.items()})


@pytest.fixture(scope="module")
def jobs(uk: synthetic.SyntheticTruth) -> pd.DataFrame:
    return _jobs_frame(uk)


@pytest.mark.parametrize(
    "by", [["occupation", "working_pattern"], ["region_gss"], ["qualification", "sex"], ["industry_75"]], ids=str
)
@pytest.mark.parametrize("measure", ["weekly", "hourly", "hours"])
def test_sample_means_lie_around_the_truth(true: PayTruth, jobs: pd.DataFrame, by: list[str], measure: str) -> None:
    """Errors in units of their standard errors are about standard normal."""
    weighted = jobs.assign(total=jobs["weight"] * jobs[measure])
    sums = weighted.groupby(by)[["weight", "total"]].sum()
    mean = (sums["total"] / sums["weight"]).rename("mean")
    residual = weighted.merge(mean.reset_index(), on=by)
    squares = ((residual["weight"] * (residual[measure] - residual["mean"])) ** 2).groupby([residual[c] for c in by])
    error = np.sqrt(squares.sum()) / sums["weight"]
    z = (mean - true.means(by).set_index(by)[measure].reindex(mean.index)) / error
    z = z[(squares.size() >= FEW).to_numpy()]
    assert len(z) > 0.45 * len(mean)
    assert z.abs().max() < MANY_ERRORS
    assert 0.6 < np.sqrt((z**2).mean()) < 1.5


def test_quantiles_are_those_of_the_jobs(true: PayTruth, jobs: pd.DataFrame) -> None:
    """The share of jobs below a true quantile is its probability, over all occupations and within large ones."""
    asked = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    for measure in ("weekly", "hourly"):
        quantiles = true.quantiles(asked, measure)
        both = jobs.merge(quantiles, on=["occupation", "working_pattern"])
        both["below"] = both["weight"] * (both[measure] < both["value"])
        sums = both.groupby("probability")[["below", "weight"]].sum()
        off = sums["below"] / sums["weight"] - asked
        assert (off.abs() < MANY_ERRORS * np.sqrt(DESIGN_EFFECT * asked * (1 - asked) / len(jobs))).all()
        by_occupation = both.groupby(["occupation", "working_pattern", "probability"])
        share = by_occupation[["below", "weight"]].sum().assign(size=by_occupation.size())
        share = share[share["size"] > LARGE]
        p = share.index.get_level_values("probability")
        z = (share["below"] / share["weight"] - p) / np.sqrt(p * (1 - p) / share["size"])
        assert len(z) >= 5 * len(asked)
        assert z.abs().max() < MANY_ERRORS
        wide = quantiles.pivot(index=["occupation", "working_pattern"], columns="probability", values="value")
        assert (np.diff(wide.to_numpy(), axis=1) > 0).all()


def test_survey_pay_and_hours_follow_the_equation(uk: synthetic.SyntheticTruth) -> None:
    """Over a year of quarters, pay lies around that of the equation for the person's own job."""
    terms = pay_truth.true_terms(uk)
    errors: list[np.ndarray] = []
    for quarter in ("2019-07", "2019-10", "2020-01", "2020-04"):
        rows = lfs.respondents(uk, quarter)
        paid = (rows["GRSSWK"] > 0) & (rows["INECAC05"] == 1)
        assert (rows["HOURPAY"][paid] > 0).all()
        assert (rows["GRSSWK"][rows["STATR"] == NOT_ROUTED] == NOT_ROUTED).all()
        jobs = pay_terms.Jobs(
            pattern=rows["FTPTWK"][paid] - 1,
            occupation=np.searchsorted(job_chances.unit_groups().codes, rows["SOC10M"][paid]),
            sex=rows["sex"][paid],
            age=rows["age"][paid],
            region=rows["region"][paid],
            qualification=rows["level"][paid] - 1,
            industry=job_chances.industry_of_division()[rows["INDC07M"][paid] // 1000],
        )
        expected = pay_terms.log_hourly(terms, jobs, pay_terms.years_since_base(quarter))
        residual = np.log(rows["GRSSWK"][paid] / rows["TTUSHR"][paid]) - expected
        errors.append(residual / terms.spread[jobs.pattern, jobs.occupation])
    standard = np.concatenate(errors)
    # Overtime at a premium raises pay an hour by about one per cent, a few hundredths of a standard deviation.
    assert 0 < standard.mean() < 0.08
    assert standard.std() == pytest.approx(1, abs=0.03)


def test_persons_keep_their_place_in_pay_between_the_earnings_waves(uk: synthetic.SyntheticTruth) -> None:
    frames = []
    for quarter, wave in (("2019-01", 1), ("2020-01", 5)):
        rows = lfs.respondents(uk, quarter)
        chosen = (rows["wave"] == wave) & (rows["GRSSWK"] > 0)
        key = rows["intake"] * 10**7 + rows["household"] * 10 + rows["person"]
        frames.append(pd.Series(np.log(rows["HOURPAY"][chosen]), index=key[chosen]))
    both = pd.concat(frames, axis=1, join="inner")
    assert len(both) > 100
    assert both.corr().iloc[0, 1] > 0.6


def test_unknown_measures_and_dimensions_are_refused(true: PayTruth) -> None:
    with pytest.raises(MethodError, match="job_count, weekly"):
        true.bill("daily", "full_time")
    with pytest.raises(MethodError, match="occupation, region_gss"):
        true.means(["wave"])
    with pytest.raises(MethodError, match="weekly and hourly"):
        true.quantiles([0.5], "hours")
