"""Attacks on the full release of the synthetic United Kingdom, by somebody who has its files and nothing else.

Every published figure of a product goes into one system of equations. What comes out is compared with the truth: no
withheld figure may be exact, none known more closely than its protection, and every bound must be right.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline_tests.privacy import attacker, crawl, toys
from lmi_pipeline_tests.privacy.crawl import SHOWN

pytestmark = pytest.mark.xdist_group("built")

SAMPLE, COMPONENT = 30, 40
SYSTEMS = ("labour force", "jobs", *crawl.BILLS)
INDICATOR = "out_lfs__quarterly_indicator"


class Release:
    """The release in force, the lake behind it, and its systems of figures, each made once."""

    def __init__(self, pipeline):
        self.folder = crawl.folder_in_force(pipeline.data / "releases")
        self.marts, self.lake = crawl.marts_of(self.folder), pipeline.lake
        self._make, self._made = crawl.everything(self.marts, self.lake), {}

    def names(self, *starts):
        return [name for name in self._make if name.startswith(starts)]

    def case(self, name):
        if name not in self._made:
            self._made[name] = self._make[name]()
        return self._made[name]

    def reasons(self, product, where):
        return self.lake.read(product.decision, where=where)


@pytest.fixture(scope="module")
def release(built):
    return Release(built)


def in_small_components(known):
    """Cells of whole components of a few unknown cells."""
    unknown = np.flatnonzero(~known.shown)
    blocks = [block for block in attacker.components(known.lines) if len(block) <= COMPONENT]
    return unknown[np.concatenate([*blocks, np.empty(0, int)]).astype(int)]


def attacked(case, sample=SAMPLE):
    """Bounds of every cell, by going over the lines, and by programmes for a sample and small components."""
    low, high = attacker.narrow(case.known)
    drawn = toys.rng().permutation(case.targets)[:sample]
    small = np.intersect1d(in_small_components(case.known), case.targets)[:sample]
    for cell in {*drawn.tolist(), *small.tolist()}:
        ends = attacker.interval(case.known, cell)
        low[cell], high[cell] = max(low[cell], ends[0]), min(high[cell], ends[1])
    return case.judge(low, high)


def test_crawl_when_all_lines_are_solved_together_then_no_withheld_figure_is_exact(release):
    """Line subtraction and hidden elimination over the whole release."""
    names = release.names(*SYSTEMS)
    assert {name.rpartition(" ")[0] for name in names} == {*SYSTEMS}
    for name in release.names("labour force", "jobs"):
        case = release.case(name)
        assert len(case.targets), name
        assert not (attacker.eliminate(case.known, toys.rng()) & case.withheld).any(), name


def test_crawl_when_means_times_counts_are_solved_for_then_the_same_bills_are_open_as_jobs(release):
    """The lines and the blanks are the same, so what cannot be told of jobs cannot be told of bills."""
    for name in release.names(*crawl.BILLS):
        jobs, bills = release.case(f"jobs {name.split()[-1]}"), release.case(name)
        assert (jobs.known.shown == bills.known.shown).all(), name
        assert not (abs(jobs.known.matrix - bills.known.matrix)).sum(), name


def test_crawl_when_bounds_are_solved_for_then_none_is_closer_than_the_protection(release):
    for name in release.names(*SYSTEMS):
        found = attacked(release.case(name))
        counts = {"exact": found.exact.sum(), "close": found.close.sum(), "wrong": found.wrong.sum()}
        assert found.failed, (name, counts)


@pytest.mark.parametrize(("product", "start"), [("labour_force", "labour force"), ("pay", "jobs")])
def test_crawl_when_cells_were_withheld_by_rule_alone_then_the_same_attack_tells_them(release, product, start):
    """The attack is no empty one: with the cells shown that are withheld for the sake of others, it succeeds."""
    entry, told = catalog.product(product), 0
    for name in release.names(start):
        case = release.case(name)
        where = {catalog.table(entry.cells).slice_by[0]: int(name.split()[-1])}
        reason = release.reasons(entry, where)[[*entry.dimensions, "withheld_reason"]]
        spared = case.known.codes.merge(reason, how="left")["withheld_reason"].eq("complementary").to_numpy()
        careless = replace(case.known, shown=case.known.shown | spared)
        told += attacker.eliminate(careless, toys.rng())[case.targets].sum()
    assert told > 0


def test_vintages_then_a_figure_is_withheld_with_all_weights_or_with_none(release):
    """Old and new weights of one figure, and the revision, never show one that is withheld elsewhere."""
    mart = release.marts[INDICATOR]
    key = [c for c in catalog.table(INDICATOR).key if c != "weight_vintage"]
    hidden = mart["status"].eq("withheld").groupby([mart[c] for c in key])
    assert (hidden.min() == hidden.max()).all()
    assert mart["weight_vintage"].nunique() > 1
    revision = release.marts["out_reweighting__quarterly_revision"]
    either = revision[["estimate_value", "compared_value"]].isna().any(axis=1)
    assert revision.loc[either, "revision"].isna().all()
    assert revision.loc[either, "status"].eq("withheld").all()
    assert either.any()
    met = revision.merge(mart[mart["status"] == "withheld"][[*key, "weight_vintage"]], on=[*key, "weight_vintage"])
    assert met[["estimate_value", "compared_value", "revision"]].isna().all(axis=None)


def test_vintages_when_old_weights_are_attacked_then_nothing_withheld_is_had(release):
    for name in toys.rng().permutation(release.names("20"))[:4]:
        case = release.case(name)
        assert not (attacker.eliminate(case.known, toys.rng()) & case.withheld).any(), name
        assert attacked(case, sample=8).failed, name


def test_vintages_when_population_by_birth_is_attacked_then_nothing_withheld_is_had(release):
    mart = release.marts["out_population__quarterly_birth_group"]
    blank = mart[mart["population_count"].isna()][["quarter", "weight_vintage"]].drop_duplicates()
    held = [f"population {quarter} {vintage}" for quarter, vintage in blank.itertuples(index=False)]
    for name in [*held, *release.names("population")[:3]]:
        case = release.case(name)
        assert not (attacker.eliminate(case.known, toys.rng()) & case.withheld).any(), name
        assert attacked(case).failed, name


def test_two_filters_when_they_differ_by_what_is_withheld_then_a_small_difference_is_not_told(release):
    """A sum less its published parts: of fewer than ten persons or 1,000, it must stay as open as a cell."""
    for product, start in (("labour_force", "labour force"), ("pay", "jobs")):
        entry = catalog.product(product)
        for name in release.names(start):
            case = release.case(name)
            where = {catalog.table(entry.cells).slice_by[0]: int(name.split()[-1])}
            cells = release.lake.read(entry.cells, where=where)[[*entry.dimensions, "respondent_count"]]
            persons = case.known.codes.merge(cells, how="left")["respondent_count"].to_numpy(float, na_value=np.nan)
            assert not told_differences(case, persons), name


def told_differences(case, persons):
    """Lines whose withheld members together are few and known too closely."""
    known, limits = case.known, catalog.thresholds()
    shown = known.shown.astype(float)
    lines = known.matrix.tocsr()
    rows = np.flatnonzero((abs(lines) @ (1 - shown) > 0) & (lines.minimum(0) @ shown < 0))
    parts = lines[rows].maximum(0)
    top = -lines[rows].minimum(0)
    lower, upper = np.where(known.shown, known.low, 0.0), np.where(known.shown, known.high, 0.0)
    low, high = top @ lower - parts @ upper, top @ upper - parts @ lower
    rest = parts @ np.where(known.shown, 0.0, case.value)
    count = parts @ np.where(known.shown, 0.0, persons)
    few = count < limits["contributors"]["withhold_below"]
    small = rest < limits["reliability"]["withhold_below"]
    reach = np.where(few, np.maximum(limits["protection"]["share"] * rest, 1.0), 1.0)
    close = (np.maximum(low, 0) > rest - np.minimum(reach, rest) + 1e-3) | (high < rest + reach - 1e-3)
    guarded = parts @ case.withheld.astype(float) > 0
    return int((close & (few | small) & (rest > 0) & guarded).sum())


def test_rates_then_shown_only_where_level_and_base_are(release):
    mart = release.marts[INDICATOR]
    key = [c for c in catalog.table(INDICATOR).key if c != "measure"]
    number = mart.assign(there=mart["estimate_value"].notna()).pivot(index=key, columns="measure", values="there")
    for rate in (name for name in number if name.endswith("_rate")):
        level = rate.replace("_rate", "_level")
        base = number[[level, "population_level"]] if rate != "unemployment_rate" else number[[level]]
        assert not (number[rate].eq(True) & ~base.eq(True).all(axis=1)).any(), rate
    people = release.marts["out_lfs__yearly_unemployment"]
    people = people[people["unemployment_rate"].notna()]
    assert people["unemployment_count"].notna().all()
    working = release.marts["out_lfs__yearly_employment"]
    product = catalog.product("labour_force")
    total = crawl.totals(product)
    at_total = working[(working["industry_group"] == total["industry_group"])]
    at_total = at_total[at_total["work_status"] == total["work_status"]]
    shared = ["year", "occupation_code", "area_code", "sex", "qualification_code"]
    met = people.merge(at_total, on=shared, how="left", suffixes=("", "_employed"))
    assert met["status_employed"].isin(SHOWN).all()


def test_quantiles_then_ten_records_stand_on_each_side_and_the_cell_is_shown(release):
    mart = release.marts["out_pay__yearly_quantile"]
    shown = mart[mart["weekly_pay_gbp"].notna()].rename(columns={"soc2010_code": "occupation_code"})
    assert len(shown)
    assert shown["quantile_percent"].between(0, 100, inclusive="neither").all()
    product = catalog.product("pay")
    fixed = {c: t for c, t in crawl.totals(product).items() if c not in shown}
    shown = shown.assign(**fixed)
    key = ["year", *product.dimensions]
    met = shown.merge(release.lake.read(product.cells)[[*key, "respondent_count"]], on=key, how="left")
    side = np.minimum(met["quantile_percent"], 100 - met["quantile_percent"]) / 100 * met["respondent_count"]
    assert not (side < catalog.thresholds()["contributors"]["withhold_below"]).any()
    cell = shown.merge(release.marts["out_pay__yearly_cell"], on=key, how="left", suffixes=("", "_cell"))
    assert cell["status_cell"].isin(SHOWN).all()


def test_means_then_none_of_too_few_records_and_none_where_the_count_is_withheld(release):
    product = catalog.product("pay")
    key = ["year", *product.dimensions]
    mart = release.marts["out_pay__yearly_cell"].merge(release.marts["out_hours__yearly_cell"], on=key, how="outer")
    assert (mart["status_x"] == mart["status_y"]).all()
    numbers = ["job_count", "mean_weekly_pay_gbp", "mean_hourly_pay_gbp", "paid_hours_per_week"]
    hidden = mart["status_x"] == "withheld"
    assert hidden.any()
    assert mart.loc[hidden, numbers].isna().all(axis=None)
    met = mart[~hidden].merge(release.lake.read(product.cells)[[*key, "respondent_count"]], on=key)
    few = met["respondent_count"] < catalog.thresholds()["contributors"]["withhold_below"]
    assert not (few & (met["job_count"] != 0)).any()


def test_growth_when_a_level_and_its_growth_are_shown_then_the_other_end_is_one_that_may_be_shown(release):
    mart = release.marts["out_population__quarterly_birth_group"]
    shown = mart[mart["yearly_change_count"].notna()]
    assert len(shown)
    assert shown["population_count"].notna().all()
    before = (shown["quarter"].str[:4].astype(int) - 1).astype(str) + shown["quarter"].str[4:]
    key = ["quarter", "area_code", "birth_group"]
    decision = release.lake.read(catalog.product("population").decision)[[*key, "status"]]
    ends = shown.assign(quarter=before)[key].merge(decision, on=key)
    assert ends["status"].isin(SHOWN).all()
    change = release.marts["out_pay__yearly_change"].rename(columns={"soc2010_code": "occupation_code"})
    change = change[change["change_percent"].notna()]
    cells = release.marts["out_pay__yearly_cell"].merge(
        pd.DataFrame([{c: t for c, t in crawl.totals(catalog.product("pay")).items() if c not in change}])
    )
    for back in (0, 1):
        ends = change.assign(year=change["year"] - back).merge(cells, on=["year", "occupation_code", "area_code"],
                                                              suffixes=("", "_cell"))  # fmt: skip
        assert ends["status_cell"].isin(SHOWN).all()


def test_limit_then_no_count_below_it_is_shown_and_what_is_shown_at_it_has_reached_it(release):
    for name in release.names("labour force", "jobs"):
        case = release.case(name)
        low, value = case.known.low[case.known.shown], case.value[case.known.shown]
        assert ((value == 0) | (value >= low - 1e-6))[~np.isnan(value)].all(), name
        assert not ((low > 0) & (low < crawl.least_shown() - 1e-6)).any(), name
    product = catalog.product("labour_force")
    key = ["year", *product.dimensions]
    met = release.lake.read(product.cells).merge(release.lake.read(product.decision)[[*key, "status"]], on=key)
    shown = met[met["status"].isin(SHOWN)]
    assert ((shown["least_count"] >= crawl.least_shown()) | (shown["weight_sum"] == 0)).all()


def test_zeros_then_shown_only_of_products_whose_zeros_tell_nothing(release):
    for name in ("labour_force", "pay"):
        product = catalog.product(name)
        key = [*catalog.table(product.cells).slice_by, *product.dimensions]
        met = release.lake.read(product.cells).merge(release.lake.read(product.decision)[[*key, "status"]], on=key)
        shown_zero = (met[product.value] == 0) & met["status"].isin(SHOWN)
        assert product.zeros_are_disclosive <= (not shown_zero.any())
