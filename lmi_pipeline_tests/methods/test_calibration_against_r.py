"""Calibration and its variance against R's survey package (Lumley), from its stored answers.

`reference/calibration_r` holds the invented sample and controls, the R script, its answers and its versions.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.methods.calibration import Calibration, calibrate
from lmi_pipeline.methods.distances import Linear, Logit, Raking
from lmi_pipeline.methods.margins import Margin, margin_from_codes
from lmi_pipeline.methods.regression_residuals import ResidualMaker
from lmi_pipeline.methods.variance import estimate_ratios, estimate_totals, linearised_covariance, ratio_variable

REFERENCE = Path(__file__).parent / "reference" / "calibration_r"
DISTANCES = {"linear": Linear(), "raking": Raking(), "logit": Logit(0.75, 1.5)}
MARGINS = {"region": ["region"], "sex_age": ["sex", "age"], "birth_group": ["birth_group"], "tenure": ["tenure"]}
WEIGHT_TOLERANCE = 1e-8
VARIANCE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Case:
    method: str
    household: bool
    persons: pd.DataFrame
    calibration: Calibration
    maker: ResidualMaker

    def expected(self, statistic: str) -> "pd.Series[float]":
        answers = pd.read_csv(REFERENCE / "estimates.csv")
        row = answers[
            (answers["method"] == self.method)
            & (answers["household"] == self.household)
            & (answers["statistic"] == statistic)
        ]
        return row.iloc[0][["value", "variance", "design_effect"]].astype(float)

    def columns(self, *names: str) -> np.ndarray:
        return self.persons[list(names)].to_numpy(dtype=float)

    def design(self) -> tuple[np.ndarray, np.ndarray]:
        return self.persons["household"].to_numpy(), self.persons["region"].to_numpy()


def _persons() -> pd.DataFrame:
    persons = pd.read_csv(REFERENCE / "persons.csv.gz")
    persons["active"] = persons["employed"] + persons["unemployed"]
    for group in ("uk", "eu", "non_eu"):
        persons[f"employed_{group}"] = persons["employed"] * (persons["birth_group"] == group)
    for sex in ("f", "m"):
        persons[f"unemployed_{sex}"] = persons["unemployed"] * (persons["sex"] == sex)
        persons[f"active_{sex}"] = persons["active"] * (persons["sex"] == sex)
    return persons


def _margins(persons: pd.DataFrame) -> list[Margin]:
    controls = pd.read_csv(REFERENCE / "controls.csv")
    margins = []
    for name, keys in MARGINS.items():
        own = controls[controls["control"] == name]
        codes = own["cell"].str.split(".", n=len(keys) - 1, expand=True).set_axis(keys, axis=1)
        margins.append(margin_from_codes(name, persons[keys], codes.assign(total=own["total"]), value="total"))
    total = controls.loc[controls["control"] == "distance", "total"].to_numpy(dtype=float)
    everyone = np.zeros(len(persons), dtype=np.int64)
    margins.append(Margin("distance", ("all",), total, everyone, persons["distance"].to_numpy(dtype=float)))
    return margins


@pytest.fixture(
    scope="module",
    params=[(method, household) for method in DISTANCES for household in (False, True)],
    ids=lambda param: f"{param[0]}-{'household' if param[1] else 'person'}",
)
def case(request: pytest.FixtureRequest) -> Case:
    method, household = request.param
    persons = _persons()
    margins = _margins(persons)
    base = persons["base_weight"].to_numpy(dtype=float)
    homes = persons["household"].to_numpy() if household else None
    calibration = calibrate(base, margins, distance=DISTANCES[method], household=homes, tolerance=1e-12)
    maker = ResidualMaker.prepare(base, margins, household=homes)
    return Case(method, household, persons, calibration, maker)


def test_weights_agree(case: Case) -> None:
    column = f"{case.method}_{'household' if case.household else 'person'}"
    expected = pd.read_csv(REFERENCE / "weights.csv.gz")[column].to_numpy()
    np.testing.assert_allclose(case.calibration.weights, expected, rtol=WEIGHT_TOLERANCE)


def test_totals_their_variances_and_design_effects_agree(case: Case) -> None:
    names = ["employed", "employed_uk", "employed_eu", "employed_non_eu", "unemployed", "hours"]
    estimate = estimate_totals(case.columns(*names), case.calibration.weights, case.maker, *case.design())
    expected = pd.DataFrame([case.expected(f"total_{name}") for name in names])
    np.testing.assert_allclose(estimate.value, expected["value"], rtol=WEIGHT_TOLERANCE)
    np.testing.assert_allclose(estimate.standard_error**2, expected["variance"], rtol=VARIANCE_TOLERANCE)
    np.testing.assert_allclose(estimate.design_effect, expected["design_effect"], rtol=VARIANCE_TOLERANCE)


def test_means_and_ratios_agree(case: Case) -> None:
    names = ["mean_employed", "mean_hours", "ratio_unemployed_active"]
    y = case.columns("employed", "hours", "unemployed")
    x = np.column_stack([np.ones((len(y), 2)), case.columns("active")])
    estimate = estimate_ratios(y, x, case.calibration.weights, case.maker, *case.design())
    expected = pd.DataFrame([case.expected(name) for name in names])
    np.testing.assert_allclose(estimate.value, expected["value"], rtol=WEIGHT_TOLERANCE)
    np.testing.assert_allclose(estimate.standard_error**2, expected["variance"], rtol=VARIANCE_TOLERANCE)


def test_differences_between_domains_agree(case: Case) -> None:
    weights = case.calibration.weights
    levels = case.columns("employed_non_eu", "employed_eu")
    rates = ratio_variable(case.columns("unemployed_m", "unemployed_f"), case.columns("active_m", "active_f"), weights)
    for statistic, parts in (("difference_employed_non_eu_eu", levels), ("difference_rate_m_f", rates)):
        residuals = case.maker.residuals(parts) * weights[:, None]
        covariance = linearised_covariance(residuals, *case.design()).covariance
        variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
        assert variance == pytest.approx(case.expected(statistic)["variance"], rel=VARIANCE_TOLERANCE)
