"""Evaluation measures, and published tables that bear on the method."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.evaluation import evaluate_changes
from lmi_pipeline.methods.quarters import parse_labels, shift_quarter


def test_evaluation_then_has_the_measures_of_tables_1_and_3() -> None:
    cases = pd.DataFrame({"quarter": ["2016-10", "2017-10"], "rti": [110.0, 180.0], "ltim": [100.0, 200.0]})
    evaluation = evaluate_changes(cases, estimate="rti", reference="ltim", relative_to="ltim")
    assert evaluation.frame["deviation"].tolist() == [10, -20]
    assert evaluation.frame["percentage_deviation"].tolist() == [10, -10]
    summary = evaluation.summary
    assert (summary.mean, summary.mean_percentage, summary.mean_absolute) == (-5, 0, 15)
    assert (summary.largest_absolute, summary.cases) == (20, 2)
    assert evaluation.within(20)
    assert not evaluation.within(19.9)


def test_evaluation_when_relative_to_population_then_percentages_are_of_it() -> None:
    cases = pd.DataFrame({"rti": [110.0], "ltim": [0.0], "stock": [1100.0]})
    evaluation = evaluate_changes(cases, estimate="rti", reference="ltim", relative_to="stock")
    assert evaluation.summary.mean_percentage == pytest.approx(10)
    with pytest.raises(MethodError, match="ltim is zero in 1 cases"):
        evaluate_changes(cases, estimate="rti", reference="ltim", relative_to="ltim")


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        (pd.DataFrame({"rti": [1.0]}), "no column ltim"),
        (pd.DataFrame({"rti": [1.0], "ltim": [np.nan]}), "1 of 1 values of ltim"),
        (pd.DataFrame({"rti": [], "ltim": []}, dtype=float), "no cases"),
    ],
)
def test_evaluation_when_cases_are_impossible_then_refused(cases: pd.DataFrame, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        evaluate_changes(cases, estimate="rti", reference="ltim", relative_to="ltim")


def test_published_growth_of_table_a2_then_follows_from_employment_by_nationality(
    real_data: Path, reference: Callable[[str], pd.DataFrame]
) -> None:
    """The table's heading says born in the EU; its numbers are those of EU nationals."""
    sheet = pd.read_excel(
        real_data / "lfs/emp06nsanov2020.xls", sheet_name="Nationality Levels", header=None, engine="calamine"
    )
    periods = sheet[sheet[0].astype("str").str.fullmatch(r"\w{3}-\w{3} 20\d\d( r)?")]
    quarters = parse_labels(periods[0].astype("str").str.removesuffix(" r"))
    levels = periods[[4, 5]].astype(float).set_axis(["eu", "non_eu"], axis=1).set_axis(quarters.to_list(), axis=0)
    table = reference("employment_growth_table_a2").set_index("quarter")
    year_before = levels.loc[[shift_quarter(quarter, -4) for quarter in table.index]].to_numpy()
    growth = 100 * (levels.loc[table.index] / year_before - 1)
    np.testing.assert_allclose(growth, table[["eu", "non_eu"]], rtol=0, atol=0.005)
    quoted = table[["article_eu", "article_non_eu"]].dropna()
    np.testing.assert_allclose(growth.loc[quoted.index], quoted, rtol=0, atol=0.05)


def test_published_parts_of_table_4_then_add_up(reference: Callable[[str], pd.DataFrame]) -> None:
    table = reference("population_change_table_4")
    for source in ("lfs", "rti"):
        assert (table[f"{source}_uk"] + table[f"{source}_non_uk"] == table[f"{source}_all"]).all()


@pytest.mark.parametrize("month_lag", [0, 1])
def test_published_changes_of_the_non_uk_born_then_are_half_of_adjusted_rti_growth(
    reference: Callable[[str], pd.DataFrame], month_lag: int
) -> None:
    """Regress Table 4 on the adjusted RTI change weighted by stock: slope 1/2, intercept the base migration.

    The tolerances allow for the later RTI release and for rounded stocks.
    """
    population = reference("population_inputs_2019").set_index("birth_group")
    rti = reference("rti_growth_by_lag").query("month_lag == @month_lag").set_index("quarter")
    net = rti[["eu", "non_eu"]].sub(rti["uk"], axis=0) / 100
    change = (net - net.loc["2019-10"]).drop(index="2019-10") @ (population["stock"] / 1000)
    non_uk = reference("population_change_table_4").set_index("quarter")["rti_non_uk"]
    slope, intercept = np.polyfit(change, non_uk.loc[change.index], 1)
    assert slope == pytest.approx(0.5, abs=0.1)
    assert intercept == pytest.approx(population["net_migration"].sum() / 1000, abs=40)
    assert np.corrcoef(change, non_uk.loc[change.index])[0, 1] ** 2 > 0.9
