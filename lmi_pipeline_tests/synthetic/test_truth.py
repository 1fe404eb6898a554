"""The population of the synthetic UK agrees with itself and with the figures it is set from."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.errors import MethodError
from lmi_pipeline.synthetic.population import quarterly_means

REGIONS = set(catalog.codes("region")) - {catalog.UNITED_KINGDOM}


@pytest.fixture(scope="module")
def true() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


def test_population_covers_every_quarter_region_and_group_once(true: synthetic.SyntheticTruth) -> None:
    population = true.population
    assert not population.duplicated(["quarter", "region_gss", "birth_group"]).any()
    assert len(population) == 38 * 12 * 3
    assert set(population["region_gss"]) <= REGIONS
    assert (population["population_count"] > 0).all()


def test_stocks_of_the_base_quarter_are_those_set(true: synthetic.SyntheticTruth) -> None:
    base = true.population[true.population["quarter"] == "2019-10"].groupby("birth_group")["population_count"].sum()
    assert base["eu"] == pytest.approx(3_600_000)
    assert base["non_eu"] == pytest.approx(5_900_000)


def test_employees_have_the_quarterly_means_of_the_control_file(true: synthetic.SyntheticTruth) -> None:
    path = catalog.ROOT / "controls" / "rti_quarterly_means.csv"
    published = pd.read_csv(path, comment="#").set_index("quarter")[["uk", "eu", "non_eu"]]
    means = quarterly_means(true.employee_array.sum(axis=1))[:, : len(published)]
    np.testing.assert_allclose(means.T, published.to_numpy(), atol=10)


def test_uk_born_move_by_natural_change_only(true: synthetic.SyntheticTruth) -> None:
    born = true.population[true.population["birth_group"] == "uk"].pivot(
        index="quarter", columns="region_gss", values="population_count"
    )
    change = true.natural_change.pivot(index="quarter", columns="area_code", values="natural_change_count")
    moved = born.diff(4).dropna()
    np.testing.assert_allclose(moved, change[moved.columns], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(moved.sum(axis=1), change[catalog.UNITED_KINGDOM], rtol=1e-9, atol=1e-5)


@pytest.mark.parametrize("seed", [1, 2010, 77])
def test_population_reacts_less_than_employees_and_in_the_same_direction(seed: int) -> None:
    true = synthetic.truth("small", seed)
    people = true.population_array.sum(axis=1)
    employees = quarterly_means(true.employee_array.sum(axis=1))
    growth = employees[:, 4:] / employees[:, :-4] - 1
    adjusted = growth[1:] - growth[:1]
    grown = people[1:, 4:] / people[1:, :-4] - 1
    base = 21 - 4
    at = slice(base + 1, base + 5)
    reaction = (grown[:, at] - grown[:, [base]]) / (adjusted[:, at] - adjusted[:, [base]])
    assert ((reaction > 0) & (reaction < 1)).all()
    assert 0.35 < reaction.mean() < 0.65


def test_age_structure_adds_up_to_the_population(true: synthetic.SyntheticTruth) -> None:
    structure = true.age_structure("2020-01")
    np.testing.assert_allclose(structure.sum(axis=(2, 3)), true.population_of("2020-01"))


def test_a_year_of_net_migration_is_the_change_of_the_stock(true: synthetic.SyntheticTruth) -> None:
    stock = true.population.groupby(["quarter", "birth_group"])["population_count"].sum()
    net = true.migration.set_index(["year_ending", "nationality_group"])["net_migration_count"]
    assert net["2021-12", "eu"] == pytest.approx(stock["2021-10", "eu"] - stock["2020-10", "eu"])


def test_other_seeds_are_other_countries_and_the_same_seed_the_same() -> None:
    first, second = synthetic.truth("small", 5), synthetic.truth("small", 6)
    assert not first.population["population_count"].equals(second.population["population_count"])
    assert first.population.equals(synthetic.truth("uk", 5).population)


def test_unknown_scale_quarter_and_source_are_refused(true: synthetic.SyntheticTruth, tmp_path) -> None:
    with pytest.raises(MethodError, match="no scale 'huge'"):
        synthetic.truth("huge")
    with pytest.raises(MethodError, match="2014-07 to 2023-10"):
        true.population_of("2030-01")
    with pytest.raises(MethodError, match="no synthetic generator for moon"):
        synthetic.generate(tmp_path, sources=["moon"])
