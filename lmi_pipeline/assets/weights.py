"""Assets of the weights: one per weighted dataset and weight vintage, partitioned by quarter.

Quarters before the vintage's reweighting keep the official weights; later ones are calibrated here.
"""

from dataclasses import dataclass

import dagster as dg
import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.cells import FIRST_QUARTER, first_controlled
from lmi_pipeline.assets.inputs import newest_edition
from lmi_pipeline.assets.survey import BOOST, FACTOR, PERSON, Survey
from lmi_pipeline.assets.writing import Part, slices_result
from lmi_pipeline.catalog.models import WeightingDataset, WeightVintage
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.dataset_weights import WEEK, DatasetWeights, weigh
from lmi_pipeline.methods.weight_report import weight_histogram, weight_report
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.partitions import QUARTERS
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.release.impact_charts import chart_weight_distribution
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake

WEIGHTING = "est_lfs__quarterly_weighting"
PUBLISHED, DATASET_FILE = "core_lfs__quarterly_published_weight", "core_lfs__quarterly_dataset_weight"
REPRODUCED = "reproduces_every_control"
TOLERANCE = 1e-6
_REPORT_COUNTS = ("maximum_relative_error", "iteration_count", "control_count", "redundant_count", "collapsed_count")


def weight_name(dataset: WeightingDataset, vintage: str) -> str:
    """Name of the asset that writes a vintage's weights of a dataset."""
    return f"{dataset.table}_{vintage}"


@dataclass
class Weigher:
    """Makes the weights of one dataset and vintage, quarter by quarter."""

    survey: Survey

    @property
    def lake(self) -> Lake:
        """The lake everything is read from."""
        return self.survey.lake

    def is_official(self, quarter: str) -> bool:
        """Whether a quarter keeps its official weights.

        It is before the reweighting, or some of its interviews are before the first quarter with controls.
        """
        first = self.survey.periods(quarter)[0]
        return quarter < self.survey.vintage.reweighted_from or first < first_controlled(self.survey.vintage)

    def ends_before(self, quarter: str) -> bool:
        """Whether the vintage was no longer made for a quarter."""
        last = self.survey.vintage.to_quarter
        return last is not None and quarter > last

    def part(self, quarter: str) -> Part:
        """What to write for a quarter, and a hash of what it is made from."""
        if self.is_official(quarter):
            table = DATASET_FILE if self.survey.dataset.official == "dataset_file" else PUBLISHED
            made_from = self.survey.fingerprint_of(quarter, [table], ["official", self.survey.vintage.name])
            return Part(quarter, made_from, self.official)
        try:
            population = self.survey.population(quarter)
        except MethodError:
            return Part(quarter, "", self.calibrated)
        return Part(quarter, self.survey.fingerprint(quarter, population), self.calibrated)

    def calibrated(self, quarter: str) -> pd.DataFrame:
        """Weights calibrated to the controls of the vintage."""
        survey = self.survey
        persons, population = survey.persons(quarter), survey.population(quarter)
        factors, status = survey.factors(quarter, persons)
        made = weigh(persons, factors, population.cells, population.tenure, survey.dataset, survey.vintage.controls)
        frame = persons[["person_id", "household_id", WEEK, "region_gss"]].assign(
            weight=made.weights, base_weight=made.base_weights, non_response_factor=factors, weight_source="calibrated"
        )
        flag = combine_synthetic(persons["synthetic"], population.synthetic)
        self._report(quarter, frame, status, flag, made)
        return frame.assign(quarter=quarter, weight_vintage=survey.vintage.name, synthetic=flag)

    def official(self, quarter: str) -> pd.DataFrame:
        """Official weights, passed through.

        Raises
        ------
        MethodError
            There is no official weight of a suffix the vintage may have.
        """
        survey = self.survey
        issued = self._issued(quarter)
        if issued.empty:
            raise MethodError(
                f"{survey.dataset.name} {quarter}: no official weight up to that of {survey.vintage.name} in the lake"
            )
        persons = survey.persons(quarter)
        weights = newest_edition(issued)[["person_id", "analysis_weight", "synthetic"]]
        frame = persons[["person_id", "household_id", WEEK, "region_gss"]].merge(weights, on="person_id")
        frame["weight"] = frame["analysis_weight"]
        if survey.dataset.by_week:
            frame["weight"] *= frame["weight"].sum() / frame.groupby(WEEK)["weight"].transform("sum")
        source = "official_scaled" if survey.dataset.official == "quarter_scaled" else "official"
        flag = combine_synthetic(frame["synthetic"], persons["synthetic"])
        frame = frame.assign(base_weight=np.nan, non_response_factor=np.nan, weight_source=source)
        self._report(quarter, frame, "official", flag, None)
        return frame.assign(quarter=quarter, weight_vintage=survey.vintage.name, synthetic=flag)

    def _issued(self, quarter: str) -> pd.DataFrame:
        """Official weights of a quarter that the vintage may have; empty where none was delivered."""
        dataset = self.survey.dataset
        table, where = PUBLISHED, {"quarter": quarter}
        if dataset.official == "dataset_file":
            table, where = DATASET_FILE, {**where, "dataset_name": dataset.name}
        if not self.lake.exists(table):
            return pd.DataFrame()
        issued = self.lake.read(table, where=where)
        return issued[issued["analysis_weight_year"] <= self.survey.vintage.suffix]

    def lacks_official(self, quarter: str) -> bool:
        """Whether a quarter would keep its official weights and there is no file of them."""
        official = self.is_official(quarter) and self.survey.dataset.official == "dataset_file"
        return official and self._issued(quarter).empty

    def _report(self, quarter: str, frame: pd.DataFrame, status: str, flag: str, made: DatasetWeights | None) -> None:
        """Write the quality of the weights, before the weights themselves."""
        keys = {
            "quarter": quarter,
            "weight_vintage": self.survey.vintage.name,
            "dataset_name": self.survey.dataset.name,
        }
        base = None if made is None else made.base_weights
        areas = weight_report(frame["weight"].to_numpy(), frame["region_gss"].to_numpy(), base_weights=base)
        report = areas.assign(**keys, non_response_status=status, synthetic=flag)
        counts = dict.fromkeys(_REPORT_COUNTS, np.nan)
        not_stated = np.nan
        if made is not None:
            not_stated = made.not_stated_share
            values = (
                made.maximum_relative_error, made.iterations, made.control_count, made.redundant_count,
                made.collapsed_count,
            )  # fmt: skip
            counts = dict(zip(_REPORT_COUNTS, map(float, values), strict=True))
        report = report.assign(**counts, not_stated_share=not_stated)
        self.lake.write(WEIGHTING, report[list(catalog.table(WEIGHTING).columns)], keys)


def _reproduced(lake: Lake, weigher: Weigher, quarters: list[str], key: dg.AssetKey) -> dg.AssetCheckResult:
    """The blocking check: what the weights give against every control, from the quality table."""
    where = {
        "quarter": quarters,
        "weight_vintage": weigher.survey.vintage.name,
        "dataset_name": weigher.survey.dataset.name,
    }
    found = lake.read(WEIGHTING, where=where) if lake.exists(WEIGHTING) else pd.DataFrame()
    errors = pd.Series(dtype="float64") if found.empty else found.groupby("quarter")["maximum_relative_error"].max()
    calibrated = errors.dropna()
    off = calibrated[~(calibrated <= TOLERANCE)]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=REPRODUCED,
        passed=off.empty,
        metadata={
            "quarters_calibrated": len(calibrated),
            "quarters_off": ", ".join(off.index) or "none",
            "largest_relative_error": float(calibrated.max()) if len(calibrated) else 0.0,
            "tolerance": TOLERANCE,
        },
    )


def _quality(lake: Lake, weigher: Weigher, quarters: list[str]) -> dg.MetadataValue:
    """Markdown table of the quality of the weights by quarter."""
    names = [
        "quarter", "respondent_count", "g_minimum", "g_maximum", "design_effect", "effective_size",
        "control_count", "collapsed_count", "not_stated_share", "non_response_status",
    ]  # fmt: skip
    where = {"weight_vintage": weigher.survey.vintage.name, "dataset_name": weigher.survey.dataset.name}
    frame = lake.read(WEIGHTING, where={**where, "quarter": quarters, "area_code": catalog.UNITED_KINGDOM})
    shown = frame.sort_values("quarter")[names].round(3).astype("object")
    shown = shown.where(shown.notna(), "")
    head = "| " + " | ".join(names) + " |\n|" + "---|" * len(names) + "\n"
    rows = ["| " + " | ".join(map(str, row)) + " |" for row in shown.itertuples(index=False)]
    return dg.MetadataValue.md(head + "\n".join(rows))


def _distribution(lake: Lake, weigher: Weigher, quarters: list[str]) -> dict[str, dg.MetadataValue]:
    """Chart of the weights before and after, newest calibrated quarter of the run."""
    calibrated = [quarter for quarter in quarters if not weigher.is_official(quarter)]
    if not calibrated:
        return {}
    vintage = weigher.survey.vintage.name
    where = {"weight_vintage": vintage, "quarter": max(calibrated)}
    columns = ["base_weight", "weight", "synthetic"]
    held = lake.read(weigher.survey.dataset.table, columns=columns, where=where)
    histogram = weight_histogram(held["base_weight"].to_numpy(), held["weight"].to_numpy())
    chart = chart_weight_distribution(histogram, vintage=vintage, synthetic=combine_synthetic(held["synthetic"]))
    return {"chart": dg.MetadataValue.md(chart.markdown())}


def _deps(dataset: WeightingDataset, vintage: WeightVintage) -> list[str]:
    deps = [PERSON, PUBLISHED, f"est_population__quarterly_cell_{vintage.name}"]
    deps += [f"est_population__quarterly_tenure_{vintage.name}"] if "tenure_region" in vintage.controls else []
    deps += [FACTOR] if vintage.non_response_adjusted else []
    deps += [BOOST] if dataset.boost else []
    deps += [DATASET_FILE] if dataset.official == "dataset_file" else []
    return deps


def _weight_asset(dataset: WeightingDataset, vintage: WeightVintage) -> dg.AssetsDefinition:
    name = weight_name(dataset, vintage.name)
    rules = ", ".join(rule.name for rule in dataset.controls if rule.name in vintage.controls)

    @dg.asset(
        **asset_arguments(
            dataset.table,
            suffix=f"_{vintage.name}",
            slice_={"weight_vintage": vintage.name},
            tags={"vintage": vintage.name, "dataset": dataset.name, "from_quarter": FIRST_QUARTER},
            note=(
                f"**{dataset.title}, vintage {vintage.name}: {vintage.title}.** {dataset.note}\n\n"
                f"Reweighted from {vintage.reweighted_from}; official weights before. Controls: {rules}."
            ),
        ),
        deps=_deps(dataset, vintage),
        partitions_def=QUARTERS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            *check_specs(dataset.table, name),
            dg.AssetCheckSpec(
                REPRODUCED,
                asset=name,
                blocking=True,
                description=f"the weights give every control to a relative {TOLERANCE:g}, computed without the solver",
            ),
        ],
    )
    def weights(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        weigher = Weigher(Survey(workspace.lake, vintage, dataset))
        in_time = [quarter for quarter in context.partition_keys if not weigher.ends_before(quarter)]
        wanted = [quarter for quarter in in_time if not weigher.lacks_official(quarter)]
        result = slices_result(
            context,
            dataset.table,
            (weigher.part(quarter) for quarter in wanted),
            fixed={"weight_vintage": vintage.name},
            keep_going=True,
            quarters_after_the_vintage=len(context.partition_keys) - len(in_time),
            quarters_without_official_file=len(in_time) - len(wanted),
        )
        if not wanted:
            return result._replace(check_results=[*result.check_results, _none_checked(context.asset_key)])
        quality = {
            "quality": _quality(workspace.lake, weigher, wanted),
            **_distribution(workspace.lake, weigher, wanted),
        }
        checked = _reproduced(workspace.lake, weigher, wanted, context.asset_key)
        return result._replace(
            metadata={**quality, **(result.metadata or {})}, check_results=[*result.check_results, checked]
        )

    return weights


def _none_checked(key: dg.AssetKey) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key=key, check_name=REPRODUCED, passed=True, metadata={"quarters_calibrated": 0})


def weight_assets() -> list[dg.AssetsDefinition]:
    """Weights of every dataset a vintage is made for."""
    return [
        _weight_asset(catalog.weighting_dataset(name), vintage)
        for vintage in catalog.weight_vintages().values()
        for name in vintage.datasets
    ]
