"""Pay of 2020 as the pipeline estimates it, against the one true pay equation of the synthetic UK.

The records, the tables and the survey are drawn from that equation, so every estimate can be held against what it
estimates: means, intervals, quantiles; and the sums against the published figures they are to meet.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, hstack
from scipy.sparse.linalg import lsmr
from scipy.stats import norm

from lmi_pipeline import synthetic
from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.synthetic.pay_truth import PayTruth, true_pay

pytestmark = pytest.mark.xdist_group("built")

YEAR = 2020
UNIT_GROUPS = 369
CELL = ["occupation", "pattern"]
NAMES = {
    "soc2010_code": "occupation",
    "occupation_code": "occupation",
    "work_region_gss": "region",
    "industry_75": "industry",
    "qualification_9": "qualification",
    "working_pattern": "pattern",
}
BEFORE, AFTER, NAIVE, DUAN, RAW = "before", "after", "naive exponentiation", "global Duan smearing", "raw means"
MARGINS = {
    "occupation": ["occupation"],
    "occupation_pattern": ["occupation", "pattern"],
    "region_sub_major": ["region", "sub_major"],
    "industry": ["industry"],
    "sex_pattern": ["sex", "pattern"],
}


@dataclass(frozen=True)
class PayTables:
    """Pay tables of the year, each read once, in short names, and the truth."""

    lake: Lake
    true: PayTruth

    def read(self, table: str, **where: object) -> pd.DataFrame:
        return self.lake.read(table, where={"year": YEAR, **where}).rename(columns=NAMES)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Cells with their jobs, pay bill, and the bill as it was predicted, before the reconciliation."""
        columns = ["soc2010_code", "work_region_gss", "sex", "qualification_9", "industry_75", "working_pattern"]
        columns += ["job_count", "pay_bill_gbp"]
        frame = self.lake.read("est_pay__yearly_cell", columns=columns, where={"year": YEAR}).rename(columns=NAMES)
        keys = [NAMES.get(name, name) for name in columns[:6]]
        frame = frame.astype(dict.fromkeys(keys, "category"))
        frame["predicted_bill"] = frame["job_count"] * self._predicted(frame)
        return frame

    def _predicted(self, cells: pd.DataFrame) -> np.ndarray:
        """Product of the factors of each cell."""
        factors = self.read("est_pay__yearly_factor", pay_basis="weekly").set_index(["pattern", "term", "term_level"])
        value = factors["factor_value"].sort_index()
        product = np.empty(len(cells))
        for pattern in ("full_time", "part_time"):
            rows = np.flatnonzero(cells["pattern"] == pattern)
            part = cells.iloc[rows]
            found = np.ones(len(rows))
            for term, columns in (
                ("occupation_sex", ("occupation", "sex")),
                ("qualification", ("occupation", "qualification")),
                ("region", ("region",)),
                ("industry", ("industry",)),
            ):
                levels = [part[name].cat.categories for name in columns]
                names = [" | ".join(codes) for codes in pd.MultiIndex.from_product(levels)] if levels[1:] else levels[0]
                table = value.loc[(pattern, term)].reindex(names).to_numpy().reshape([len(each) for each in levels])
                found *= table[tuple(part[name].cat.codes.to_numpy() for name in columns)]
            product[rows] = found
        return product

    @cached_property
    def truth(self) -> pd.DataFrame:
        """True jobs and means by occupation and working pattern."""
        frame = self.true.means(["occupation", "working_pattern"]).rename(columns=NAMES)
        return frame.set_index(CELL)

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """Estimates of unit groups of every sheet that has a truth, beside it: weekly pay and hours."""
        keys = ["occupation", "sex", "pattern"]
        parts = []
        for by in (
            ["occupation"],
            ["occupation", "sex"],
            ["occupation", "working_pattern"],
            [*keys[:2], "working_pattern"],
        ):
            means = self.true.means(by).rename(columns=NAMES)
            whole = {name: "all" for name in keys if name not in means}
            parts.append(
                means.assign(**whole).melt([*keys, "job_count"], ["weekly", "hours"], "pay_basis", "true_mean")
            )
        estimates = self.read("est_pay__yearly_unit_group", soc_edition="2010", pay_basis=["weekly", "hours"])
        found = estimates.merge(pd.concat(parts), on=[*keys, "pay_basis"], how="left", validate="one_to_one")
        return found.assign(inside=found["true_mean"].between(found["interval_low"], found["interval_high"]))

    @cached_property
    def quantiles(self) -> pd.DataFrame:
        """Quantiles of weekly pay of the nation, beside the true ones and those of a lognormal distribution.

        The lognormal one has the same mean and, for each pattern, one spread: that of the logs of all its records about
        the mean of their occupation.
        """
        frame = self.read("est_pay__yearly_quantile", area_code=UNITED_KINGDOM)
        frame["probability"] = frame["quantile_percent"] / 100
        true = self.true.quantiles(sorted(frame["probability"].unique())).rename(columns=NAMES)
        found = frame.merge(true, on=[*CELL, "probability"], how="left", validate="one_to_one")
        now = self.records.query("year == @YEAR")
        logs, weight = np.log(now["pay"]), now["calibration_weight"]
        keys = [now[name] for name in CELL]
        mean = (logs * weight).groupby(keys).transform("sum") / weight.groupby(keys).transform("sum")
        squares = ((logs - mean) ** 2 * weight).groupby(now["pattern"]).sum() / weight.groupby(now["pattern"]).sum()
        sigma = found["pattern"].map(np.sqrt(squares))
        means = _ratio(self.cells, CELL, "pay_bill_gbp").rename("mean").reset_index().astype(dict.fromkeys(CELL, "str"))
        found = found.merge(means, on=CELL, validate="many_to_one")
        found["lognormal"] = found["mean"] * np.exp(sigma * norm.ppf(found["probability"]) - sigma**2 / 2)
        return found

    @cached_property
    def records(self) -> pd.DataFrame:
        """Job records with usual pay of the year and the one before, that one at the prices of the year."""
        frame = self.lake.read("core_ashe__yearly_job", where={"year": [YEAR - 1, YEAR]}).rename(columns=NAMES)
        needed = ["weekly_pay_gbp", "occupation", "pattern", "region", "industry", "sex", "age_years"]
        frame = frame[frame["is_usual_pay"]].dropna(subset=needed).reset_index(drop=True)
        bill = (frame["weekly_pay_gbp"] * frame["calibration_weight"]).groupby(frame["year"]).sum()
        level = bill / frame.groupby("year")["calibration_weight"].sum()
        return frame.assign(pay=frame["weekly_pay_gbp"] * (level[YEAR] / frame["year"].map(level)))


@pytest.fixture(scope="module")
def tables(built) -> PayTables:
    return PayTables(built.lake, true_pay(synthetic.truth("small"), YEAR))


def _table(title: str, frame: pd.DataFrame) -> None:
    print(f"\n{title}\n{frame.to_string()}")


def _ratio(frame: pd.DataFrame, by: list[str], bill: str) -> pd.Series:
    sums = frame.groupby(by, observed=True)[["job_count", bill]].sum()
    return sums[bill] / sums["job_count"]


def _fitted(records: pd.DataFrame) -> np.ndarray:
    """Weighted least squares of log pay on the terms of the equation, nothing shrunk: log pay as fitted."""
    age = records["age_years"].to_numpy(dtype=float) / 40
    time = records["year"].astype(str)
    factors = [
        records["occupation"] + records["sex"],
        records["occupation"] + time,
        records["industry"] + time,
        records["region"],
    ]
    codes = [pd.factorize(factor)[0] for factor in factors]
    rows = np.arange(len(records))
    design = hstack(
        [csr_array(np.column_stack([age, age**2])), *(csr_array((np.ones(len(rows)), (rows, c))) for c in codes)]
    )
    root = np.sqrt(records["calibration_weight"].to_numpy())
    logs = np.log(records["pay"].to_numpy())
    found = lsmr(design.multiply(root[:, None]).tocsr(), root * logs, atol=1e-10, btol=1e-10, maxiter=5000)[0]
    return design @ found


def _peers(records: pd.DataFrame) -> pd.DataFrame:
    """Means of the year by occupation and pattern from the records: exponentiated, with one factor for all, and raw."""
    parts = []
    for _, rows in records.groupby("pattern"):
        exp, pay = np.exp(_fitted(rows)), rows["pay"].to_numpy()
        smear = np.average(pay / exp, weights=rows["calibration_weight"])
        parts.append(rows.assign(**{NAIVE: exp, DUAN: smear * exp, RAW: pay}))
    now = pd.concat(parts).query("year == @YEAR")
    weight = now["calibration_weight"]
    sums = now[[NAIVE, DUAN, RAW]].mul(weight, axis=0).groupby([now[name] for name in CELL]).sum()
    return sums.div(weight.groupby([now[name] for name in CELL]).sum(), axis=0)


def test_error_by_occupation_and_pattern_is_least(tables) -> None:
    """Before the reconciliation and after it, below what the records give by simpler ways."""
    found = _peers(tables.records).assign(
        **{BEFORE: _ratio(tables.cells, CELL, "predicted_bill"), AFTER: _ratio(tables.cells, CELL, "pay_bill_gbp")}
    )
    truth = tables.truth.reindex(found.index)
    weight = truth["job_count"] / truth["job_count"].sum()
    errors = found.sub(truth["weekly"], axis=0)
    pattern = found.index.get_level_values("pattern")

    def squares(distance: pd.DataFrame) -> pd.DataFrame:
        rows = {"all": pattern != "", **{name: pattern == name for name in ("full_time", "part_time")}}
        return pd.DataFrame(
            {
                name: np.sqrt((distance[at] ** 2).mul(weight[at], axis=0).sum() / weight[at].sum())
                for name, at in rows.items()
            }
        )

    pounds, share = squares(errors), 100 * squares(errors.div(truth["weekly"], axis=0))
    shown = pd.concat({"GBP a week": pounds, "per cent": share}, axis=1).round(2)
    _table(
        f"Root mean square error, weighted by jobs, {len(found)} cells", shown.loc[[BEFORE, AFTER, NAIVE, DUAN, RAW]]
    )
    assert found.notna().all().all()
    for frame in (pounds, share):
        assert (frame.loc[[BEFORE, AFTER], "all"].max() < frame.loc[[NAIVE, DUAN, RAW], "all"]).all()


def test_intervals_hold_the_true_mean_as_often_as_they_say(tables) -> None:
    """80 per cent intervals of weekly pay and hours, every sheet; each cell counts once, for each has an interval."""
    frame = tables.intervals
    sheets = frame.groupby(["pay_basis", "sex", "pattern"])
    assert len(sheets) == 18
    assert (sheets.size() == UNIT_GROUPS).all()
    assert frame["true_mean"].notna().all()
    keys = ["pay_basis", "sex", "pattern", "is_published"]
    by_sheet = frame.groupby(keys)["inside"].agg(["mean", "size"]).unstack().round(3)
    parts = frame.groupby(["pay_basis", "is_published"])["inside"].agg(["mean", "size"]).unstack().round(3)
    pooled = frame["inside"].mean()
    by_jobs = np.average(frame["inside"], weights=frame["job_count"])
    _table("Share of true means inside, by sheet; suppressed (False) and published (True) apart", by_sheet)
    _table(f"Pooled: {pooled:.3f} of {len(frame):,} cells; weighted by jobs {by_jobs:.3f}", parts)
    assert 0.78 <= pooled <= 0.82


def test_quantiles_rise_everywhere(tables) -> None:
    frame = tables.read("est_pay__yearly_quantile")
    wide = frame.pivot(index=[*CELL, "area_code"], columns="quantile_percent", values="weekly_pay_gbp")
    assert wide.notna().all().all()
    assert (wide.diff(axis=1).iloc[:, 1:] > 0).all().all()


def test_quantiles_are_nearer_the_truth_than_a_lognormal_of_one_spread(tables) -> None:
    frame = tables.quantiles
    deciles = frame[frame["quantile_percent"] % 10 == 0]
    weight = deciles["job_count"]
    errors = {
        name: 100 * (deciles[column] / deciles["value"] - 1)
        for name, column in (("ours", "weekly_pay_gbp"), ("lognormal", "lognormal"))
    }
    shown = pd.DataFrame(
        {
            (name, pattern): np.sqrt(
                (error**2 * weight)[at].groupby(deciles["quantile_percent"]).sum()
                / weight[at].groupby(deciles["quantile_percent"]).sum()
            )
            for name, error in errors.items()
            for pattern in ("full_time", "part_time")
            for at in [deciles["pattern"] == pattern]
        }
    )
    total = pd.Series({name: np.sqrt(np.average(error**2, weights=weight)) for name, error in errors.items()})
    _table("Root mean square error of deciles, weighted by jobs, per cent", shown.round(2))
    _table("All deciles", total.round(2))
    assert deciles["value"].notna().all()
    assert total["ours"] < total["lognormal"]


def test_sums_of_cells_meet_the_published_means(tables) -> None:
    """Added up from the cells: hard cells of the first margin meet the published mean, all others their target."""
    report = tables.read("est_pay__yearly_reconciliation", pay_basis="weekly")
    assert list(report["margin_name"].drop_duplicates()) == list(MARGINS)
    cells = tables.cells.assign(sub_major=tables.cells["occupation"].astype("str").str[:2])
    distances = {}
    for margin, rows in report.groupby("margin_name", sort=False):
        means = _ratio(cells, MARGINS[margin], "pay_bill_gbp").rename("mean").reset_index()
        means["margin_cell"] = means[MARGINS[margin]].astype("str").agg(", ".join, axis=1)
        both = rows.merge(means[["margin_cell", "mean"]], on="margin_cell", how="left", validate="one_to_one")
        assert both["mean"].notna().all()
        constrained = both[both["constraint_kind"] != "suppressed"]
        assert constrained["target_mean"].notna().all()
        hard = both[both["constraint_kind"] == "hard"]
        distances[margin] = {
            "cells": len(both),
            "hard": len(hard),
            "to target": (constrained["mean"] / constrained["target_mean"] - 1).abs().max(),
            "to published, hard": (hard["mean"] / hard["published_mean"] - 1).abs().max(),
        }
    shown = pd.DataFrame(distances).T
    _table("Largest relative distance of the sums of cells", shown)
    assert (shown["hard"] > 0).all()
    assert (shown["to target"] < 1e-6).all()
    assert shown.loc["occupation", "to published, hard"] < 1e-6


def test_every_unit_group_has_pay_and_quantiles(tables) -> None:
    true = set(tables.truth.index.get_level_values("occupation"))
    assert len(true) == UNIT_GROUPS
    pay = _ratio(tables.cells, ["occupation"], "pay_bill_gbp")
    assert set(pay.index.astype("str")) == true
    assert (np.isfinite(pay) & (pay > 0)).all()
    nation = tables.quantiles
    assert set(nation["occupation"]) == true
    assert (np.isfinite(nation["weekly_pay_gbp"]) & (nation["weekly_pay_gbp"] > 0)).all()


def test_age_ratios_average_to_one(tables) -> None:
    frame = tables.read("est_pay__age_ratio")
    groups = frame.groupby(["occupation_group", "sex", "pattern", "qualification_group"])
    shares, mean = groups["job_share"].sum(), (frame["age_ratio"] * frame["job_share"]).groupby(groups.ngroup()).sum()
    assert len(shares) == 360
    np.testing.assert_allclose(shares, 1, rtol=1e-9)
    np.testing.assert_allclose(mean, 1, rtol=1e-9)
