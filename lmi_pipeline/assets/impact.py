"""Assets of the evaluation: one per table of the ONS reweighting article, over all weight vintages."""

from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.estimates import ESTIMATE, estimate_name
from lmi_pipeline.assets.inputs import areas_of, choose_release, editions_for
from lmi_pipeline.assets.reweighting import CONTROL, GROWTH, control_name, control_vintages
from lmi_pipeline.assets.survey import fingerprint, frame_hash
from lmi_pipeline.assets.writing import Part, slices_result
from lmi_pipeline.catalog.models import WeightVintage
from lmi_pipeline.errors import MethodError, ReleaseError
from lmi_pipeline.methods import impact, impact_editions, impact_growth
from lmi_pipeline.methods.impact_evidence import Evidence, gather_evidence
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.release.impact_charts import impact_chart
from lmi_pipeline.release.impact_text import impact_sentence
from lmi_pipeline.storage.lake import Lake

IMPACT = "est_reweighting__impact"
# A figure over several quarters has the period "all", which is no quarter.
PERIOD = "impact_period"
IDENTITY = "groups_make_up_the_population"
# Thousand persons: the published table is in whole thousands, and its parts do sum.
IDENTITY_TOLERANCE = 1e-6
STOCK, MIGRATION = "est_population__quarterly_stock", "core_migration__yearly_net"
SERIES = "core_lfs__quarterly_published_series"
_PUBLISHED_FOR = "pwt20"
_PUBLISHED_TABLE_4 = catalog.ROOT / "controls" / "population_change_table_4.csv"


def impact_name(table: str) -> str:
    """Name of the asset of one table of the evaluation."""
    return f"{IMPACT}_{table}"


@dataclass
class ImpactInputs:
    """Tables the evaluation reads, each once; an absent one is a MethodError that says which.

    Attributes
    ----------
    lake : Lake
    later_editions : dict of str to tuple of str
        By vintage, editions of the stocks used that are later than the vintage, as a quarter has no other.
    """

    lake: Lake
    later_editions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _held: dict[str, pd.DataFrame] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame:
        """A table of the lake."""
        if name not in self._held:
            if not self.lake.exists(name):
                raise MethodError(f"table {name} has not been written")
            self._held[name] = self.lake.read(name)
        return self._held[name]

    def growth(self, vintage: WeightVintage) -> pd.DataFrame:
        """RTI growth of the release a vintage begins with, at its lag."""
        rti = vintage.rti
        if rti is None:
            raise MethodError(f"weight vintage {vintage.name} takes nothing from RTI")
        frame = self.table(GROWTH)
        release = choose_release(rti.release, frame["release"].unique(), rti.if_absent, "RTI")
        return frame[
            (frame["release"] == release)
            & (frame["month_lag"] == rti.month_lag)
            & (frame["is_seasonally_adjusted"] == rti.seasonally_adjusted)
        ]

    def evidence(self, vintage: WeightVintage) -> Evidence:
        """Known growth beside RTI growth, at the vintage's geography."""
        if vintage.growth is None:
            raise MethodError(f"weight vintage {vintage.name} does not control for country of birth")
        group_of = areas_of(vintage.growth)
        chosen = editions_for(self.table(STOCK), vintage)
        stock = chosen.frame
        nation = stock[stock["area_code"] == catalog.UNITED_KINGDOM]
        regional = stock[stock["area_code"].isin(group_of)]
        grouped = regional.assign(area_code=regional["area_code"].map(group_of))
        keys = ["quarter", "area_code", "birth_group", "synthetic"]
        summed = grouped.groupby(keys)["population_count"].sum().reset_index()
        stocks = pd.concat([nation[summed.columns], summed], ignore_index=True)
        areas = sorted(set(group_of.values()) - {catalog.UNITED_KINGDOM})
        evidence = gather_evidence(self.growth(vintage), stocks, self.table(MIGRATION), areas=areas)
        reached = set(stock.loc[stock["quarter"] <= max(evidence.quarters), "edition"])
        self.later_editions[vintage.name] = tuple(edition for edition in chosen.later if edition in reached)
        return evidence

    def estimates(self) -> pd.DataFrame:
        """Labour market estimates of every vintage."""
        return self.table(ESTIMATE)


Maker = Callable[[ImpactInputs, WeightVintage], list[pd.DataFrame]]


def _table_4(inputs: ImpactInputs, vintage: WeightVintage) -> list[pd.DataFrame]:
    """Table 4 of a vintage; ONS's own figures stand beside the vintage they were published for, or alone."""
    published = pd.read_csv(_PUBLISHED_TABLE_4, comment="#") if vintage.name == _PUBLISHED_FOR else None
    try:
        return [
            impact.table_4(inputs.estimates(), old=old, new=vintage.name, published=published)
            for old in vintage.compare_with
        ]
    except MethodError:
        if published is None:
            raise
        return [impact.published_table_4(published, old=vintage.compare_with[-1], new=vintage.name)]


def _table_5(inputs: ImpactInputs, vintage: WeightVintage) -> list[pd.DataFrame]:
    return [impact.table_5(inputs.estimates(), old=old, new=vintage.name) for old in vintage.compare_with]


def _table_a2(inputs: ImpactInputs, vintage: WeightVintage) -> list[pd.DataFrame]:
    levels = impact_growth.levels_from_estimates(inputs.estimates(), vintage=vintage.name)
    return [impact_growth.table_a2(levels, inputs.growth(vintage), vintage=vintage.name)]


def published_dates() -> dict[str, str]:
    """Date each vintage was first published, of those ONS issued."""
    return {
        vintage.name: vintage.published_on.isoformat()
        for vintage in catalog.weight_vintages().values()
        if vintage.published_on is not None and vintage.origin != "ours"
    }


def _of_evidence(function: Callable[..., pd.DataFrame]) -> Maker:
    return lambda inputs, vintage: [function(inputs.evidence(vintage), vintage=vintage.name)]


@dataclass(frozen=True)
class ImpactTable:
    """One table: the assets it needs, the vintages it is made for, and how."""

    deps: tuple[str, ...]
    vintages: tuple[WeightVintage, ...]
    make: Maker


def impact_tables() -> dict[str, ImpactTable]:
    """Tables of the evaluation by code."""
    modelled = tuple(control_vintages())
    compared = tuple(vintage for vintage in catalog.weight_vintages().values() if vintage.compare_with)
    growth = (GROWTH, STOCK, MIGRATION)
    estimates = tuple(estimate_name(name) for name in catalog.weight_vintages())
    makers = {
        "table_1": impact_growth.table_1,
        "table_3": impact_growth.table_3,
        "table_a1": impact_growth.table_a1,
        "ratio_fit": impact_growth.ratio_fit_rows,
        "table_a3": impact_growth.table_a3,
    }
    made = {code: ImpactTable(growth, modelled, _of_evidence(function)) for code, function in makers.items()}
    controls = tuple(control_name(vintage.name) for vintage in modelled)
    made["table_2"] = ImpactTable(
        controls, modelled, lambda inputs, v: [impact_growth.table_2(inputs.table(CONTROL), vintage=v.name)]
    )
    made["table_4"] = ImpactTable(estimates, compared, _table_4)
    made["table_5"] = ImpactTable(estimates, compared, _table_5)
    made["table_a2"] = ImpactTable((*estimates, GROWTH), modelled, _table_a2)
    return made


def rows_of(inputs: ImpactInputs, table: ImpactTable) -> tuple[pd.DataFrame, dict[str, str]]:
    """Rows of a table over its vintages, and why a vintage has none."""
    frames, absent = [], {}
    for vintage in table.vintages:
        try:
            frames += table.make(inputs, vintage)
        except MethodError as error:
            absent[vintage.name] = str(error)
    empty = pd.DataFrame(columns=list(impact.IMPACT_COLUMNS))
    return (pd.concat(frames, ignore_index=True) if frames else empty), absent


def _described(rows: pd.DataFrame, absent: dict[str, str]) -> dict[str, dg.MetadataValue]:
    """Chart of the newest comparison, a sentence for each, and what could not be made."""
    told, charted = [], None
    for (vintage, other), part in rows.groupby(["weight_vintage", "compared_with"], sort=False):
        told.append(f"- **{vintage}** against {other}: {impact_sentence(part)}")
        charted = part
    told += [f"- **{vintage}**: not made. {reason}" for vintage, reason in absent.items()]
    metadata: dict[str, dg.MetadataValue] = {"in_words": dg.MetadataValue.md("\n".join(told))}
    if charted is not None:
        try:
            metadata["chart"] = dg.MetadataValue.md(impact_chart(charted).markdown())
        except ReleaseError as error:
            metadata["chart"] = dg.MetadataValue.text(f"no chart: {error}")
    return metadata


def _write(context: dg.AssetExecutionContext, code: str, rows: pd.DataFrame, absent: dict[str, str]):
    stored = rows.rename(columns={"quarter": PERIOD})
    parts = [Part(code, fingerprint([frame_hash(stored)]), lambda _: stored)] if len(rows) else []
    result = slices_result(context, IMPACT, parts)
    return result._replace(metadata={**_described(rows, absent), **(result.metadata or {})})


def _identity(rows: pd.DataFrame, key: dg.AssetKey) -> dg.AssetCheckResult:
    """UK-born and others make up the whole population, in Table 4 as published and as estimated."""
    pairs = rows.groupby(["weight_vintage", "compared_with"], sort=False)
    gaps = [impact.identity_gap(part) for _, part in pairs]
    largest = max(gaps, default=0.0)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=IDENTITY,
        passed=largest <= IDENTITY_TOLERANCE,
        metadata={"comparisons": len(gaps), "largest_gap_thousand_persons": largest, "tolerance": IDENTITY_TOLERANCE},
    )


def _identity_specs(code: str, name: str) -> list[dg.AssetCheckSpec]:
    if code != "table_4":
        return []
    description = "UK-born plus non-UK-born is the whole population in every quarter"
    return [dg.AssetCheckSpec(IDENTITY, asset=name, blocking=True, description=description)]


def _impact_asset(code: str, table: ImpactTable) -> dg.AssetsDefinition:
    name, title = impact_name(code), catalog.mapping("impact_table", "name")[code]
    specs = _identity_specs(code, name)

    @dg.asset(
        **asset_arguments(IMPACT, suffix=f"_{code}", slice_={"impact_table": code}, note=f"**{title}.**"),
        deps=list(table.deps),
        check_specs=[*check_specs(IMPACT, name), *specs],
    )
    def evaluated(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        inputs = ImpactInputs(workspace.lake)
        rows, absent = rows_of(inputs, table)
        result = _write(context, code, rows, absent)
        checked = [_identity(rows, context.asset_key)] if specs else []
        later = [f"{vintage}: {', '.join(editions)}" for vintage, editions in inputs.later_editions.items() if editions]
        return result._replace(
            metadata={**(result.metadata or {}), "editions_later_than_vintage": "; ".join(later) or "none"},
            check_results=[*result.check_results, *checked],
        )

    return evaluated


def _editions_asset() -> dg.AssetsDefinition:
    code = "published_editions"
    name, title = impact_name(code), catalog.mapping("impact_table", "name")[code]

    @dg.asset(
        **asset_arguments(IMPACT, suffix=f"_{code}", slice_={"impact_table": code}, note=f"**{title}.**"),
        deps=[SERIES],
        check_specs=check_specs(IMPACT, name),
    )
    def editions(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        series = ImpactInputs(workspace.lake).table(SERIES)
        rows = impact_editions.published_editions(series, published_on=published_dates())
        return _write(context, code, rows, {})

    return editions


def impact_assets() -> list[dg.AssetsDefinition]:
    """One asset per table of the evaluation."""
    return [*(_impact_asset(code, table) for code, table in impact_tables().items()), _editions_asset()]
