"""Attacks by figures that are tied to each other: vintages, rates, quantiles, means, growth and rounding at a limit.

The careless version is made by hand and is broken; the other is what the gate and the marts make of the same cells.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from lmi_pipeline import catalog
from lmi_pipeline.methods.disclosure_audit import audit
from lmi_pipeline.methods.disclosure_protect import protect, system_of
from lmi_pipeline.methods.disclosure_rules import PrimaryDecision, combine, contributor_counts, p_percent_rule
from lmi_pipeline.methods.disclosure_system import Link
from lmi_pipeline.release.protection import decide
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.sql import parse, run_model
from lmi_pipeline_tests.privacy import attacker, toys

MARTS = Path(__file__).parents[2] / "dbt_like_sql" / "models" / "out"
UK, LONDON, WALES = catalog.UNITED_KINGDOM, "E12000007", "W92000004"
LFS, PAY = (catalog.product(name) for name in ("labour_force", "pay"))
FACTORS = {"uk": 1.0, "eu": 1.18, "non_eu": 1.31}
STRATA = {
    "region": [("UK", [f"r{n}" for n in range(12)])],
    "job": [("all", [f"j{n}" for n in range(30)])],
    "birth": [("total", list(FACTORS))],
}


def mart(tmp_path, name, **frames):
    """What a mart makes of these rows of the tables before the gate."""
    return run_model(parse(MARTS / f"{name}.sql"), Lake(tmp_path), replace=frames)


def totals(product):
    """The total of each dimension."""
    return {c: catalog.hierarchy_nodes(h)["code"].iloc[-1] for c, h in product.dimensions.items() if h != "quarter"}


def with_decision(rows, status):
    """Rows of a lattice, and of its decisions."""
    decision = rows.assign(status=status, withheld_reason=None, protect_down=0.0, protect_up=0.0, audit_id="a")
    return rows, decision


class Vintages:
    """Old and new weights of one table: each stratum has one factor, and everybody knows it."""

    def __init__(self, seed=4):
        leaves = toys.skewed(seed, (12, 30, 3), mean=60) * np.array([6.0, 1.0, 1.0])
        self.tables = [toys.table(leaves * g, STRATA) for g in (1.0, np.array([*FACTORS.values()]))]
        counts = contributor_counts(self.tables[0].value, minimum=10)
        decided = [combine(table.value, [counts]) for table in self.tables]
        names = ("status", "disclosure", "reliability", "protect_down", "protect_up")
        self.each = decided
        self.primary = PrimaryDecision(*(np.concatenate([getattr(d, name) for d in decided]) for name in names))
        self.size = len(self.tables[0].value)
        birth = self.tables[0].labels(np.arange(self.size))["birth"].astype(str)
        self.factor = birth.map(FACTORS).to_numpy()
        self.tied = np.flatnonzero(birth != "total")

    def links(self):
        return [Link(np.array([i, self.size + i]), np.array([self.factor[i], -1.0]), 0.0, 0.0) for i in self.tied]

    def attack(self, hidden):
        """What somebody with both vintages and the factors knows."""
        both = np.split(hidden, 2)
        sums = {**STRATA, "vintage": []}
        shown = [toys.rows(t, h).assign(vintage=str(n)) for n, (t, h) in enumerate(zip(self.tables, both, strict=True))]
        known = toys.see(*shown, sums=sums)
        rows = np.arange(len(self.tied))
        old, new = sp.csr_matrix((self.factor[self.tied], (rows, self.tied))), (rows, self.size + self.tied)
        old.resize(len(rows), len(known.shown))
        ties = old - sp.csr_matrix((np.ones(len(rows)), new), shape=old.shape)
        return attacker.also(known, ties)


def test_vintages_when_each_is_safe_alone_then_the_factors_tell_both_and_protected_together_they_do_not():
    case = Vintages()
    alone = np.concatenate([toys.protected(t, p).hidden for t, p in zip(case.tables, case.each, strict=True)])
    for table, hidden in zip(case.tables, np.split(alone, 2), strict=True):
        assert not attacker.eliminate(toys.see(toys.rows(table, hidden), sums=STRATA), toys.rng()).any()
    assert (attacker.eliminate(case.attack(alone), toys.rng()) & case.primary.withheld).sum() > 20
    assert not audit(system_of(case.tables, case.primary, alone, links=case.links()), rng=toys.rng()).passed

    together = protect(case.tables, case.primary, links=case.links(), rng=toys.rng())
    old, new = np.split(together.hidden, 2)
    assert (old == new)[case.each[0].withheld | case.each[1].withheld].all()
    known = case.attack(together.hidden)
    assert not (attacker.eliminate(known, toys.rng()) & case.primary.withheld).any()
    some = toys.rng().choice(np.flatnonzero(case.primary.withheld), 25, replace=False)
    low, high = toys.intervals(known, some)
    truth = np.concatenate([table.value for table in case.tables])
    found = attacker.judge(low, high, truth, case.primary.protect_down, case.primary.protect_up)
    assert not (found.exact | found.close | found.wrong)[some].any()


LABOUR = [("unemployed", LONDON, 800.0, 8), ("employed", LONDON, 20_000.0, 200), ("unemployed", WALES, 2_000.0, 20),
          ("employed", WALES, 900.0, 9), ("unemployed", UK, 60_000.0, 600), ("employed", UK, 1e6, 9999)]  # fmt: skip


def unemployment(tmp_path):
    rows = pd.DataFrame(LABOUR, columns=["labour_status", "area_code", "person_count", "respondent_count"])
    rows = rows.assign(**{k: v for k, v in totals(LFS).items() if k not in ("labour_status", "area_code")})
    rows = rows.assign(year=2020, period_code="2020", weight_sum=rows["person_count"] * 4,
                       least_count=rows["person_count"], synthetic="true")  # fmt: skip
    cells, decision = with_decision(rows, np.where(rows["respondent_count"] < 10, "withheld", "ok"))
    found = mart(
        tmp_path, "out_lfs__yearly_unemployment",
        est_lfs__yearly_lattice=cells, est_lfs__yearly_lattice_decision=decision,
    )  # fmt: skip
    return found.set_index("area_code")


def from_rate(rate, employed):
    """Least and most unemployed there can be, by a rate to one decimal and employed people to the nearest 1,000."""
    low, high = (rate - 0.05) / 100, (rate + 0.05) / 100
    return (employed - 500) * low / (1 - low), (employed + 500) * high / (1 - high)


def test_rate_times_base_when_the_rate_of_a_withheld_level_is_shown_then_it_is_told_and_the_mart_shows_none(tmp_path):
    low, high = from_rate(round(100 * 800 / 20_800, 1), 20_000)
    careless = attacker.judge(*(np.array([x]) for x in (low, high, 800.0, 160.0, 160.0)))
    assert careless.close.all()
    assert not careless.wrong.any()
    found = unemployment(tmp_path)
    assert found.loc[LONDON, ["unemployment_count", "unemployment_rate"]].isna().all()
    assert np.isnan(found.loc[WALES, "unemployment_rate"])
    assert found.loc[UK, ["unemployment_count", "unemployment_rate"]].tolist() == [60_000.0, 5.7]


def pay_rows(**columns):
    rows = pd.DataFrame(columns)
    fixed = {k: v for k, v in totals(PAY).items() if k not in rows}
    return rows.assign(**fixed, hours_bill=rows["job_count"] * 37.0, synthetic="true")


SIDES = [(50.0, 2, 1), (50.0, 4, 2), (50.0, 18, 9), (50.0, 20, 10), (50.0, 22, 11), (10.0, 10, 1), (10.0, 20, 2),
         (10.0, 90, 9), (10.0, 100, 10), (10.0, 110, 11), (90.0, 90, 9), (90.0, 100, 10), (75.0, 36, 9),
         (75.0, 40, 10), (0.0, 10**6, 0), (100.0, 10**6, 0)]  # fmt: skip


@pytest.mark.parametrize(("percent", "records", "side"), SIDES)
def test_quantile_when_too_few_stand_on_a_side_then_withheld(tmp_path, percent, records, side):
    """Least and greatest pay have nobody on one side, however many records there are."""
    rows = pay_rows(year=[2020], occupation_code=["1115"], area_code=[UK], job_count=[5e4], pay_bill_gbp=[3e7],
                    respondent_count=[records])  # fmt: skip
    cells, decision = with_decision(rows, "ok")
    quantile = pd.DataFrame(
        {"year": [2020], "working_pattern": [rows["working_pattern"][0]], "soc2010_code": ["1115"], "area_code": [UK],
         "quantile_percent": [percent], "job_count": [5e4], "weekly_pay_gbp": [612.4], "synthetic": ["true"]}
    )  # fmt: skip
    found = mart(
        tmp_path, "out_pay__yearly_quantile", est_pay__yearly_quantile=quantile,
        est_pay__yearly_lattice=cells, est_pay__yearly_lattice_decision=decision,
    )  # fmt: skip
    assert (found["status"].item() == "ok") == found["weekly_pay_gbp"].notna().item() == (side >= 10)


@pytest.mark.parametrize(("records", "told"), [(2, True), (3, False), (20, False)])
def test_quantile_when_of_two_records_then_one_earner_has_the_other_s_pay(records, told):
    """Why a median of few is withheld: who is one of two has the pay of the other from it."""
    pay = np.random.default_rng(1).lognormal(6.3, 0.5, records).round(2)
    other = 2 * np.median(pay) - pay[0]
    assert (np.abs(pay[1:] - other) < 0.01).any() == told


def test_mean_times_count_when_to_the_penny_then_the_largest_is_told_and_the_mart_gives_no_such_sum(tmp_path):
    """The second largest of three subtracts their own from mean x count."""
    largest, second, rest = 5000.0, 300.0, 100.0
    bill = largest + second + rest
    guess = round(bill / 3, 2) * 3 - second
    assert 0 <= guess - largest <= 0.1 * largest
    rule = p_percent_rule([bill], [[largest, second]], p=10)
    primary = combine([bill], [rule, contributor_counts([3.0], minimum=10)])
    assert primary.withheld.all()
    rows = pay_rows(year=[2020] * 2, occupation_code=["1115", "1116"], area_code=[UK] * 2, job_count=[3.0, 40_400.0],
                    pay_bill_gbp=[bill, 40_400 * 612.4], respondent_count=[3, 400])  # fmt: skip
    cells, decision = with_decision(rows, [primary.status[0], "ok"])
    found = mart(
        tmp_path, "out_pay__yearly_cell", est_pay__yearly_lattice=cells, est_pay__yearly_lattice_decision=decision
    ).set_index("occupation_code")
    numbers = ["job_count", "mean_weekly_pay_gbp", "mean_hourly_pay_gbp"]
    assert found.loc["1115", numbers].isna().all()
    assert found.loc["1116", numbers].tolist() == [40_000.0, 612.0, 16.55]
    least, most = 39_500 * 611.5, 40_500 * 612.5
    assert least < 40_400 * 612.4 - largest < 40_400 * 612.4 + largest < most


@pytest.mark.parametrize("this_year", ["ok", "small_sample", "withheld"])
@pytest.mark.parametrize("year_before", ["ok", "small_sample", "withheld"])
def test_growth_when_either_end_is_withheld_then_it_would_tell_that_end_and_is_withheld(
    tmp_path, this_year, year_before
):
    level, growth = 500.0, 3.1
    told = level * (1 + (growth - 0.05) / 100), level * (1 + (growth + 0.05) / 100)
    assert told[1] - told[0] < 0.2 * level
    rows = pay_rows(year=[2019, 2020], occupation_code=["1115"] * 2, area_code=[UK] * 2, job_count=[5e4] * 2,
                    pay_bill_gbp=[level * 5e4, level * 5e4 * 1.031], respondent_count=[300] * 2)  # fmt: skip
    _, decision = with_decision(rows, [year_before, this_year])
    change = pd.DataFrame(
        {"year": [2020], "soc2010_code": ["1115"], "area_code": [UK], "change_percent": [growth],
         "change_error": [0.4], "shrinkage_weight": [0.5], "pay_mode": ["open"], "status": ["ok"],
         "synthetic": ["true"]}
    )  # fmt: skip
    found = mart(
        tmp_path, "out_pay__yearly_change", est_pay__yearly_change=change, est_pay__yearly_lattice_decision=decision
    )
    shown = "withheld" not in (this_year, year_before)
    assert found[["change_percent", "change_error"]].notna().all(axis=None) == shown
    assert (found["status"].item() == "withheld") != shown


def population(values):
    """Controls of one quarter by group of regions and country of birth: the first areas' EU-born as given."""
    nodes = catalog.hierarchy_nodes("region_group")["code"].tolist()
    counts = pd.DataFrame(5e5 + 1e4 * np.arange(33.0).reshape(11, 3), nodes[:-1], ["uk", "eu", "non_eu"])
    counts.iloc[: len(values), 1] = values
    counts.loc[nodes[-1]] = counts.sum()
    counts["total"] = counts.sum(axis=1)
    long = counts.stack().rename("population_count").rename_axis(["area_code", "birth_group"]).reset_index()
    return long.assign(quarter="2022-10", least_count=long["population_count"], synthetic="true")


def test_limit_when_an_estimate_rounds_up_to_it_then_it_is_withheld_all_the_same(tmp_path):
    """999.6 is never shown as 1,000, and 9,999.6 is flagged although 10,000 is what is shown."""
    cells = population([999.6, 1000.0, 999.999, 9999.6, 10_000.0])
    gate = decide(catalog.product("population"), cells)
    control = cells.assign(weight_vintage="pwt24", previous_year_count=cells["population_count"], growth_rate=0.0,
                           base_growth_rate=0.0, growth_adjustment=0.0, rti_growth_rate=0.0, rti_release="2023-03",
                           month_lag=0)  # fmt: skip
    found = mart(
        tmp_path, "out_population__quarterly_birth_group", est_population__quarterly_control=control,
        est_population__quarterly_lattice_decision=gate.decision,
    )  # fmt: skip
    shown = found[found["birth_group"] == "eu"].set_index("area_code")
    first = shown.loc[cells.loc[cells["birth_group"] == "eu", "area_code"].iloc[:5]]
    assert first["status"].iloc[[0, 2]].eq("withheld").all()
    assert first["population_count"].iloc[[0, 2]].isna().all()
    at_limit = gate.decision.set_index(["area_code", "birth_group"])["withheld_reason"]
    assert at_limit[[(area, "eu") for area in first.index[[0, 2]]]].eq("reliability").all()
    assert at_limit[[(area, "eu") for area in first.index[[1, 3, 4]]]].ne("reliability").all()
    flagged = first[first["status"] == "small_sample"]["population_count"]
    assert set(flagged) <= {1000.0, 10_000.0}
    assert first["status"].iloc[4] in ("ok", "withheld")
