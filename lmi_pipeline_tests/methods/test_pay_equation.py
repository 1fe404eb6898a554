"""The pay equation on frames: terms, factors, occupations without rows, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.pay_equation import PayEquation, fit_pay_equation, predict_rows
from lmi_pipeline.methods.pay_jobs import code_jobs
from lmi_pipeline.methods.pay_residuals import residual_bins, residual_quantiles
from lmi_pipeline_tests.methods.pay_sample import DEFLATOR, Drawn, draw


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    sample = draw(5, 6000)
    jobs = sample.jobs
    only_one = jobs["occupation"].eq("5112") & jobs.duplicated("occupation")
    no_women = jobs["occupation"].eq("5111") & jobs["sex"].eq("female")
    before = jobs["occupation"].eq("5121") & jobs["year"].eq(2020)
    gone = jobs["occupation"].eq("1111") | only_one | no_women | before
    return Drawn(**{**{name: getattr(sample, name) for name in sample.__dataclass_fields__}, "jobs": jobs[~gone]})


@pytest.fixture(scope="module")
def fitted(drawn: Drawn) -> PayEquation:
    return fit_pay_equation(drawn.jobs, codes=drawn.grid, year=2020, deflator=DEFLATOR)


def _term(fitted: PayEquation, term: str) -> pd.DataFrame:
    return fitted.terms[fitted.terms["term"] == term].set_index("level")


def _dense(jobs: pd.DataFrame) -> pd.DataFrame:
    """Every column of the design as a dummy, named as in the terms."""
    parts = {
        "occupation.sex": jobs["occupation"] + " | " + jobs["sex"],
        "occupation.time": jobs["occupation"] + " | " + jobs["year"].astype(str),
        "region": jobs["region_gss"],
        "industry.time": jobs["industry_75"] + " | " + jobs["year"].astype(str),
    }
    x = pd.concat(
        [pd.get_dummies(levels, dtype=float).add_prefix(f"{term}: ") for term, levels in parts.items()], axis=1
    )
    return x.assign(**{"age: age": jobs["age_years"], "age_squared: age_squared": jobs["age_years"] ** 2})


def test_coefficients_agree_with_statsmodels_on_the_kept_columns(drawn: Drawn, fitted: PayEquation) -> None:
    jobs = drawn.jobs
    x = _dense(jobs)
    kept = fitted.terms[fitted.terms["standard_error"] > 0]
    names = kept["term"] + ": " + kept["level"]
    logs = np.log(jobs["y"] * jobs["year"].map(DEFLATOR))
    model = sm.WLS(logs.to_numpy(), x[names].to_numpy(dtype=float), weights=jobs["weight"].to_numpy())
    np.testing.assert_allclose(kept["coefficient"], model.fit().params, rtol=1e-6, atol=1e-9)
    clustered = model.fit(cov_type="cluster", cov_kwds={"groups": jobs["cluster"].to_numpy()})
    age = _term(fitted, "age").iloc[0]
    assert age["clustered_error"] == pytest.approx(clustered.bse[list(names).index("age: age")], rel=1e-3)


def test_every_occupation_sex_region_and_industry_has_a_factor(drawn: Drawn, fitted: PayEquation) -> None:
    fitted.factors.require_grid(drawn.grid, "test")
    assert _term(fitted, "occupation.sex").loc["1111 | male", "row_count"] == 0
    assert np.isnan(_term(fitted, "occupation.sex").loc["1111 | male", "standard_error"])
    assert fitted.terms["shrunken_coefficient"].notna().all()
    at = drawn.grid.occupations.index
    assert fitted.levels.own_weight[at("1111")].tolist() == [0, 0]
    assert fitted.levels.own_weight[at("5111"), 1] == 0
    assert 0 < fitted.levels.own_weight[at("5112")].max() < 0.5
    women = fitted.factors.occupation_sex[:, 1] / drawn.mean[:, 1]
    assert 0.7 < women[at("5111")] < 1.4
    assert 0.7 < fitted.factors.occupation_sex[at("5121"), 0] / drawn.mean[at("5121"), 0] < 1.4


def test_region_and_industry_average_to_one_over_the_jobs_of_the_year(drawn: Drawn, fitted: PayEquation) -> None:
    now = drawn.jobs[drawn.jobs["year"] == 2020]
    for column, codes, factor in (
        ("region_gss", drawn.grid.regions, fitted.factors.region),
        ("industry_75", drawn.grid.industries, fitted.factors.industry),
    ):
        jobs = now.groupby(column)["weight"].sum().reindex(list(codes), fill_value=0)
        assert np.average(factor, weights=jobs) == pytest.approx(1, rel=1e-12)


def test_predicted_totals_are_near_those_of_the_records_and_of_the_poisson_regression(fitted: PayEquation) -> None:
    found = fitted.statistics.set_index("statistic")["value"]
    assert np.isfinite(found).all()
    assert found["total over records"] == pytest.approx(1, abs=0.01)
    assert found["total over poisson"] == pytest.approx(1, abs=0.01)
    majors = found[found.index.str.startswith("total over poisson, major")]
    assert len(majors) == 9
    assert majors.between(0.94, 1.06).all()
    assert found["region over poisson, least"] > 0.95
    assert found["region over poisson, most"] < 1.05


def test_the_deflator_scales_the_level_and_nothing_else(drawn: Drawn, fitted: PayEquation) -> None:
    doubled = fit_pay_equation(
        drawn.jobs, codes=drawn.grid, year=2020, deflator={2020: 2.0, 2019: 2 * DEFLATOR[2019]}, poisson=False
    )
    np.testing.assert_allclose(doubled.factors.occupation_sex, 2 * fitted.factors.occupation_sex, rtol=1e-4)
    np.testing.assert_allclose(doubled.factors.industry, fitted.factors.industry, rtol=1e-4)


def test_one_year_alone_and_without_clusters(drawn: Drawn) -> None:
    now = drawn.jobs[drawn.jobs["year"] == 2020].drop(columns="cluster")
    found = fit_pay_equation(now, codes=drawn.grid, year=2020, deflator={2020: 1.0}, poisson=False)
    found.factors.require_grid(drawn.grid, "test")
    assert found.terms["clustered_error"].isna().all()
    coded = code_jobs(now, drawn.grid, year=2020, deflator={2020: 1.0}, where="test")
    predicted = predict_rows(found.factors, coded)
    assert (coded.weight @ predicted) / (coded.weight @ coded.value) == pytest.approx(1, abs=0.02)


def test_given_factors_of_qualification_are_kept(drawn: Drawn) -> None:
    given = np.linspace(0.8, 1.2, 9) * np.ones((len(drawn.grid.occupations), 1))
    found = fit_pay_equation(
        drawn.jobs, codes=drawn.grid, year=2020, deflator=DEFLATOR, qualification=given, poisson=False
    )
    np.testing.assert_array_equal(found.factors.qualification, given)


def test_residuals_are_told_by_quantiles_of_ten_rows_or_more(fitted: PayEquation) -> None:
    bins = fitted.residual_bins
    assert bins["job_sample_count"].sum() == fitted.row_count
    assert bins["fitted"].is_monotonic_increasing
    assert (bins[["p10", "p25", "p50", "p75", "p90"]].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    few = residual_bins(np.arange(39.0), np.arange(39.0))
    assert few["job_sample_count"].tolist() == [13, 13, 13]
    assert residual_bins(np.arange(9.0), np.arange(9.0)).empty
    assert residual_quantiles(np.arange(100.0))["quantile_percent"].tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert residual_quantiles(np.arange(19.0)).empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": 0.0}, "50 of 50 values of weight are not positive"),
        ({"y": 0.0}, "50 of 50 values of y are not positive"),
        ({"y": np.nan}, "50 of 50 values of y are missing"),
        ({"occupation": "9999"}, "50 of 50 rows have a code of occupation that is not in the list of 144: 9999"),
        ({"year": 2018}, "no job of 2020 among 50 rows"),
        ({"cluster": None}, "50 of 50 rows have no cluster"),
    ],
)
def test_records_that_cannot_be_used_are_named(drawn: Drawn, change: dict[str, object], message: str) -> None:
    few = drawn.jobs.iloc[:50].assign(**change)
    with pytest.raises(MethodError, match=message):
        fit_pay_equation(few, codes=drawn.grid, year=2020, deflator=DEFLATOR)


def test_a_year_without_deflator_or_a_missing_column_is_named(drawn: Drawn) -> None:
    with pytest.raises(MethodError, match="no positive deflator to 2020 for 2019"):
        fit_pay_equation(drawn.jobs, codes=drawn.grid, year=2020, deflator={2020: 1.0})
    with pytest.raises(MethodError, match="no column industry_75"):
        fit_pay_equation(drawn.jobs.drop(columns="industry_75"), codes=drawn.grid, year=2020, deflator=DEFLATOR)


def test_gamma_when_asked_for_then_its_score_is_nil_and_there_is_no_smearing(drawn: Drawn) -> None:
    jobs = drawn.jobs
    fitted = fit_pay_equation(jobs, codes=drawn.grid, year=2020, deflator=DEFLATOR, gamma=True, poisson=False)
    kept = fitted.terms[fitted.terms["standard_error"] > 0]
    x = _dense(jobs)[kept["term"] + ": " + kept["level"]].to_numpy(dtype=float)
    values = (jobs["y"] * jobs["year"].map(DEFLATOR)).to_numpy()
    mean = np.exp(x @ kept["coefficient"].to_numpy())
    relative = jobs["weight"].to_numpy() * (values - mean) / mean
    assert np.abs(x.T @ relative / (x.T @ jobs["weight"].to_numpy())).max() < 1e-8
    np.testing.assert_array_equal(fitted.smearing, 1.0)
    total = dict(zip(fitted.statistics["statistic"], fitted.statistics["value"], strict=True))["total over records"]
    assert total == pytest.approx(1, abs=1e-12)
