"""Everything a release shows of a product, put together as equations; and the truth, to judge attacks by.

What an attacker has is read from the files of the release. From the lake come the true values and how far from them an
attacker's bounds must reach, and nothing of that goes into an attack, except cells the catalogue says everybody knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.protection import Product
from lmi_pipeline.release.pointer import current_release
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline_tests.privacy import attacker
from lmi_pipeline_tests.privacy.attacker import Knowledge, Verdict

SHOWN = ("ok", "small_sample")
DECIDED = ("status", "protect_down", "protect_up")
ACTIVITY = {"population": "all", "employment": "employed", "unemployment": "unemployed", "inactivity": "inactive"}
Marts = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Case:
    """One system of published figures, and the truth on its cells; cells of no product have none (nan, 0, 0).

    `withheld` are cells of that status, without those that may be told: of nobody, or given out by the publisher too.
    """

    name: str
    known: Knowledge
    value: np.ndarray
    down: np.ndarray
    up: np.ndarray
    withheld: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        """Cells that must be protected."""
        return np.flatnonzero(~self.known.shown & ((self.down > 0) | (self.up > 0)))

    def judge(self, low: np.ndarray, high: np.ndarray) -> Verdict:
        return attacker.judge(low, high, self.value, self.down, self.up)


def folder_in_force(releases: Path) -> Path:
    """Folder of the release that is served."""
    version = current_release(releases, datetime.now(UTC))
    assert version is not None
    return releases / version


def marts_of(folder: Path) -> Marts:
    """Tables of a release."""
    return {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def base() -> float:
    """Multiple that counts are rounded to."""
    return float(catalog.thresholds()["rounding"]["weighted_count_multiple"])


def between(number: pd.Series, step: float, least: float = 0.0) -> dict[str, pd.Series]:
    """What rounding to a multiple leaves of a count; nothing is known of what is not there.

    No number from nought to `least` is ever shown, so that a nought is one, and no other number is below.
    """
    nothing = number == 0
    return {
        "low": (number - step / 2).clip(lower=least).mask(nothing, 0.0),
        "high": (number + step / 2).mask(nothing & (least > 0), 0.0),
    }


def least_shown() -> float:
    """Least number that the reliability ladder lets through."""
    return float(catalog.thresholds()["reliability"]["withhold_below"])


def totals(product: Product) -> dict[str, str]:
    """The total of each dimension that has one."""
    return {c: catalog.hierarchy_nodes(h)["code"].iloc[-1] for c, h in product.dimensions.items() if h != "quarter"}


def assemble(name: str, product: Product, rows: pd.DataFrame, truth: pd.DataFrame) -> Case:
    """Put rows (codes, low, high) together, with cells everybody knows, and the truth beside them."""
    key = list(product.dimensions)
    for column, code in product.known.items():
        open_secret = truth.loc[truth[column] == code, [*key, "value"]]
        rows = pd.concat([rows, open_secret[key].assign(low=open_secret["value"], high=open_secret["value"])])
    met = rows.groupby(key, sort=False, as_index=False).agg(low=("low", "max"), high=("high", "min"))
    known = attacker.learn(
        met, met["low"].to_numpy(), met["high"].to_numpy(), attacker.sums_in(product.dimensions, met)
    )
    told = known.codes.merge(truth, on=key, how="left", validate="one_to_one")
    guarded = told["status"].eq("withheld") & told["value"].gt(0) & ~official(product, known.codes)
    withheld = ~known.shown & guarded.to_numpy()
    value, down, up = (told[column].to_numpy(float) for column in ("value", "down", "up"))
    return Case(name, known, value, np.nan_to_num(down), np.nan_to_num(up), withheld)


def official(product: Product, codes: pd.DataFrame) -> pd.Series:
    """Cells that the publisher of the survey gives out itself, by what the catalogue says of the product."""
    rest = {column: code for column, code in totals(product).items() if column not in product.official}
    return codes[list(rest)].eq(pd.Series(rest)).all(axis=1) & bool(product.official)


def truth_of(lake: Lake, product: Product, where: Mapping[str, object], value: str | None = None) -> pd.DataFrame:
    """True value and protection of the cells of one slice."""
    key = list(product.dimensions)
    cells = lake.read(product.cells, where=where)
    decision = lake.read(product.decision, where=where)[[*key, *DECIDED]]
    met = cells.merge(decision, on=key, validate="one_to_one")
    names = {"protect_down": "down", "protect_up": "up"}
    met = met.rename(columns=names).assign(value=met[value or product.value])
    return met[[*key, "value", "status", "down", "up"]]


def labour_force(marts: Marts, lake: Lake, year: int) -> Case:
    """A year's marts of employment and unemployment and its quarters with the newest weights, in one system."""
    product = catalog.product("labour_force")
    quarters = headline(marts, year, catalog.newest_vintage())
    count = quarters["period_code"].nunique()
    rows = [quarters]
    for name, status, column in (
        ("out_lfs__yearly_employment", "employed", "employed_count"),
        ("out_lfs__yearly_unemployment", "unemployed", "unemployment_count"),
    ):
        mart = marts[name][marts[name]["year"] == year]
        fixed = {c: code for c, code in totals(product).items() if c not in mart}
        bounds = {end: number * count for end, number in between(mart[column], base(), least_shown()).items()}
        rows.append(mart.assign(**fixed | {"labour_status": status, "period_code": str(year)}, **bounds))
    columns = [*product.dimensions, "low", "high"]
    found = pd.concat([each[columns] for each in rows], ignore_index=True)
    return assemble(f"labour force {year}", product, found, truth_of(lake, product, {"year": year}))


def headline(marts: Marts, year: int, vintage: str) -> pd.DataFrame:
    """Published levels of the quarters of a year with one vintage of the weights, as cells of the lattice."""
    product = catalog.product("labour_force")
    mart = marts["out_lfs__quarterly_indicator"]
    mart = mart[(mart["weight_vintage"] == vintage) & mart["quarter"].str.startswith(str(year))]
    mart = mart[mart["measure"].str.endswith("_level")]
    cells = mart.assign(**totals(product), period_code=mart["quarter"])
    cells["labour_status"] = mart["measure"].str.removesuffix("_level").map(ACTIVITY)
    cells["age_code"] = mart["age_range"]
    for breakdown, column in (("region", "area_code"), ("sex", "sex"), ("age_band", "age_code"), ("birth_group",) * 2):
        cells[column] = cells[column].where(mart["breakdown"] != breakdown, mart["category"])
    return cells.assign(**between(mart["estimate_value"], base(), least_shown()))


def old_weights(marts: Marts, lake: Lake, year: int, vintage: str) -> Case:
    """The quarters of a year with weights that have been replaced: the same cells are withheld, of other values."""
    product = catalog.product("labour_force")
    key = list(product.dimensions)
    rows = headline(marts, year, vintage)
    estimate = lake.read("est_lfs__quarterly_estimate")
    true = headline({"out_lfs__quarterly_indicator": estimate}, year, vintage).drop_duplicates(key)
    newest = truth_of(lake, product, {"year": year})
    met = newest.merge(true[[*key, "estimate_value"]], on=key, validate="one_to_one")
    share = (met["estimate_value"] / met["value"]).where(met["value"] > 0, 0.0)
    truth = met.assign(value=met["estimate_value"], down=met["down"] * share, up=met["up"] * share)
    return assemble(f"{year} with {vintage}", product, rows[[*key, "low", "high"]], truth)


def pay(marts: Marts, lake: Lake, year: int) -> Case:
    """Jobs of a year by every cell of predicted pay."""
    product = catalog.product("pay")
    mart = marts["out_pay__yearly_cell"]
    mart = mart[mart["year"] == year]
    rows = mart[list(product.dimensions)].assign(**between(mart["job_count"], base(), least_shown()))
    return assemble(f"jobs {year}", product, rows, truth_of(lake, product, {"year": year}))


BILLS = {
    "pay_bill_gbp": ("out_pay__yearly_cell", "mean_weekly_pay_gbp", 1.0),
    "hours_bill": ("out_hours__yearly_cell", "paid_hours_per_week", 0.1),
}


def bill(marts: Marts, lake: Lake, year: int, column: str) -> Case:
    """Pay or hours bills of a year: mean x count, both rounded."""
    product = catalog.product("pay")
    key = list(product.dimensions)
    name, mean_column, step = BILLS[column]
    mart = marts["out_pay__yearly_cell"][["year", *key, "job_count"]].merge(
        marts[name][["year", *key, mean_column]], on=["year", *key]
    )
    mart = mart[mart["year"] == year]
    jobs, mean = between(mart["job_count"], base(), least_shown()), between(mart[mean_column], step)
    nobody = mart["job_count"] == 0
    ends = {end: (jobs[end] * mean[end]).mask(nobody, 0.0) for end in ("low", "high")}
    rows = mart[key].assign(**ends)
    truth = truth_of(lake, product, {"year": year}, column)
    unit = catalog.thresholds()["protection"]["unit"]
    asked = (truth["down"] > 0) | (truth["up"] > 0)
    truth = truth.assign(down=truth["value"].clip(upper=unit).where(asked, 0.0), up=asked * float(unit))
    return assemble(f"{column} {year}", product, rows, truth)


def population(marts: Marts, lake: Lake, quarter: str, vintage: str) -> Case:
    """People by country of birth and area in one quarter, with one vintage of the weights."""
    product = catalog.product("population")
    key = list(product.dimensions)
    mart = marts["out_population__quarterly_birth_group"]
    mart = mart[(mart["quarter"] == quarter) & (mart["weight_vintage"] == vintage)]
    rows = mart[key].assign(**between(mart["population_count"], base(), least_shown()))
    control = lake.read("est_population__quarterly_control", where={"weight_vintage": vintage})
    control = control[control["quarter"] == quarter][[*key, "population_count"]]
    truth = truth_of(lake, product, {"quarter": quarter}).drop(columns="value")
    truth = truth.merge(control, on=key).rename(columns={"population_count": "value"})
    return assemble(f"population {quarter} with {vintage}", product, rows, truth)


def everything(marts: Marts, lake: Lake) -> dict[str, Callable[[], Case]]:
    """Every system of figures the release holds, made when asked for."""
    found: dict[str, Callable[[], Case]] = {}
    indicator = marts["out_lfs__quarterly_indicator"]
    for year in sorted(marts["out_lfs__yearly_employment"]["year"].unique()):
        found[f"labour force {year}"] = lambda year=year: labour_force(marts, lake, int(year))
        vintages = indicator.loc[indicator["quarter"].str.startswith(str(year)), "weight_vintage"].unique()
        for vintage in sorted({*vintages} - {catalog.newest_vintage()}):
            found[f"{year} with {vintage}"] = lambda year=year, v=vintage: old_weights(marts, lake, int(year), v)
    for year in sorted(marts["out_pay__yearly_cell"]["year"].unique()):
        found[f"jobs {year}"] = lambda year=year: pay(marts, lake, int(year))
        for column in BILLS:
            found[f"{column} {year}"] = lambda year=year, column=column: bill(marts, lake, int(year), column)
    people = marts["out_population__quarterly_birth_group"]
    for quarter, vintage in people[["quarter", "weight_vintage"]].drop_duplicates().itertuples(index=False):
        found[f"population {quarter} {vintage}"] = lambda q=quarter, v=vintage: population(marts, lake, q, v)
    return found
