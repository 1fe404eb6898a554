"""Assets of the estimates: levels and rates with standard errors, one per weight vintage, partitioned by quarter."""

from dataclasses import dataclass, field

import dagster as dg
import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.cells import FIRST_QUARTER
from lmi_pipeline.assets.survey import Survey, fingerprint
from lmi_pipeline.assets.weights import TOLERANCE, Weigher, weight_name
from lmi_pipeline.assets.writing import Part, slices_result
from lmi_pipeline.catalog.models import ControlRule, WeightingDataset, WeightVintage
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.dataset_weights import mergings, rules_of, samples
from lmi_pipeline.methods.labour_estimates import LabourEstimates, estimate_changes, estimate_labour_market
from lmi_pipeline.methods.margins import margin_errors
from lmi_pipeline.methods.quarters import shift_quarter
from lmi_pipeline.methods.regression_residuals import ResidualMaker
from lmi_pipeline.methods.tables import FloatArray
from lmi_pipeline.methods.weighting import build_margins, codes_of
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.partitions import QUARTERS
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import slice_text

ESTIMATE = "est_lfs__quarterly_estimate"
DATASET = "lfs_person"
ESTIMATE_VERSION = "1"
_MORE = ("economic_activity", "nationality_group", "soc2010_code", "sic2007_section")
_KEPT = 6
_KEY = ["breakdown", "category", "age_range", "measure"]
_CHANGES = {"quarter": 1, "year": 4}
_OFFICIAL_MARGINS = (
    ControlRule(name="region_age_sex", dimensions=("region_gss", "sex", "age_band"), merge_along="age_band"),
)


def estimate_name(vintage: str) -> str:
    """Name of the asset that writes a vintage's estimates."""
    return f"{ESTIMATE}_{vintage}"


def own_cells(persons: pd.DataFrame, weights: FloatArray) -> pd.DataFrame:
    """Weighted persons as population cells: the controls that official weights meet by themselves."""
    dims = ["region_gss", "sex", "age_group"]
    counted = persons.assign(population_count=weights).groupby(dims)["population_count"].sum()
    grid = pd.MultiIndex.from_product([codes_of(column) for column in dims], names=dims)
    cells = counted.reindex(grid, fill_value=0.0).reset_index()
    return cells.assign(age_band=cells["age_group"].map(catalog.mapping("control_age", "control_age_band")))


@dataclass
class Estimator:
    """Estimates of one vintage, quarter by quarter; a few earlier quarters are kept for the changes."""

    survey: Survey
    weights: Weigher
    _kept: dict[str, tuple[LabourEstimates, str]] = field(default_factory=dict)

    def part(self, quarter: str) -> Part:
        """What to write for a quarter, and a hash of what it is made from."""
        prints = self.survey.prints(self.survey.dataset.table)
        vintage = self.survey.vintage.name
        made_from = [
            prints.get(slice_text({"quarter": period, "weight_vintage": vintage}), "")
            for period in (quarter, *(shift_quarter(quarter, -back) for back in _CHANGES.values()))
        ]
        return Part(quarter, fingerprint([ESTIMATE_VERSION, *made_from]), self.frame)

    def frame(self, quarter: str) -> pd.DataFrame:
        """Rows of the estimate table for a quarter."""
        now, flag = self.estimates(quarter)
        frame = now.frame
        for name, back in _CHANGES.items():
            before = shift_quarter(quarter, -back)
            columns = {"change": f"change_on_{name}", "standard_error": f"change_on_{name}_error"}
            earlier = self._earlier(before)
            if earlier is not None:
                changes = estimate_changes(now, earlier)
                frame = frame.merge(changes[[*_KEY, *columns]].rename(columns=columns), on=_KEY, how="left")
            else:
                frame = frame.assign(**dict.fromkeys(columns.values(), np.nan))
        return frame.assign(quarter=quarter, weight_vintage=self.survey.vintage.name, synthetic=flag)

    def _earlier(self, quarter: str) -> LabourEstimates | None:
        """Estimates of an earlier quarter to compare with; None where it has no weights, or has old ones."""
        if not self._has_weights(quarter):
            return None
        try:
            return self.estimates(quarter)[0]
        except MethodError:
            return None

    def _has_weights(self, quarter: str) -> bool:
        slice_ = {"quarter": quarter, "weight_vintage": self.survey.vintage.name}
        return slice_text(slice_) in self.survey.prints(self.survey.dataset.table)

    def estimates(self, quarter: str) -> tuple[LabourEstimates, str]:
        """Estimates of a quarter, made once."""
        if quarter not in self._kept:
            while len(self._kept) >= _KEPT:
                self._kept.pop(min(self._kept))
            self._kept[quarter] = self._make(quarter)
        return self._kept[quarter]

    def _make(self, quarter: str) -> tuple[LabourEstimates, str]:
        survey = self.survey
        where = {"quarter": quarter, "weight_vintage": survey.vintage.name}
        held = survey.lake.read(survey.dataset.table, where=where)
        if held.empty:
            raise MethodError(f"{survey.vintage.name} has no weights for {quarter}; run {survey.dataset.table} first")
        held = held[held["weight"] > 0]
        persons = survey.persons(quarter)
        persons = persons[persons["person_id"].isin(held["person_id"])].reset_index(drop=True)
        order = held.set_index("person_id")["weight"].reindex(persons["person_id"])
        weights = order.to_numpy(dtype=float)
        estimates = estimate_labour_market(
            persons,
            weights,
            residual_of=self._residual_maker(quarter, persons, weights).residuals,
            clusters=persons["household_id"].to_numpy(),
            strata=persons["region_gss"].to_numpy(),
        )
        return estimates, combine_synthetic(held["synthetic"], persons["synthetic"])

    def _residual_maker(self, quarter: str, persons: pd.DataFrame, weights: FloatArray) -> ResidualMaker:
        if self.weights.is_official(quarter):
            fewest = self.survey.dataset.fewest_respondents
            made = build_margins(persons, weights, own_cells(persons, weights), None, _OFFICIAL_MARGINS, fewest=fewest)
            return ResidualMaker.prepare(weights, made.margins)
        # The calibration took every respondent, so the margins are built on all of them.
        population = self.survey.population(quarter)
        factors, _ = self.survey.factors(quarter, persons)
        dataset, rules = self.survey.dataset, rules_of(self.survey.dataset, self.survey.vintage.controls)
        for merging in mergings(dataset):
            (sample,) = samples(persons, factors, population.cells, population.tenure, dataset, rules, merging)
            if margin_errors(weights, sample.margins)["relative_error"].max() <= TOLERANCE:
                return ResidualMaker.prepare(sample.base_weights, sample.margins)
        raise MethodError(
            f"{self.survey.vintage.name} {quarter}: the weights do not meet the controls as they are now;"
            f" run {weight_name(dataset, self.survey.vintage.name)} for it again"
        )


def _estimate_asset(dataset: WeightingDataset, vintage: WeightVintage) -> dg.AssetsDefinition:
    name = estimate_name(vintage.name)

    @dg.asset(
        **asset_arguments(
            ESTIMATE,
            suffix=f"_{vintage.name}",
            slice_={"weight_vintage": vintage.name},
            tags={"vintage": vintage.name, "dataset": dataset.name, "from_quarter": FIRST_QUARTER},
            note=(
                f"**Vintage {vintage.name}: {vintage.title}.** Standard errors by linearisation: calibration residuals,"
                " the household as cluster, the region as stratum. Quarters with official weights take region, sex and"
                " age as their calibration, because the margins ONS used are not published."
            ),
        ),
        deps=[weight_name(dataset, vintage.name), "core_lfs__quarterly_person"],
        partitions_def=QUARTERS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=check_specs(ESTIMATE, name),
    )
    def estimates(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        survey = Survey(workspace.lake, vintage, dataset, _MORE)
        estimator = Estimator(survey, Weigher(survey))
        wanted = [quarter for quarter in context.partition_keys if not estimator.weights.ends_before(quarter)]
        return slices_result(
            context,
            ESTIMATE,
            (estimator.part(quarter) for quarter in wanted),
            fixed={"weight_vintage": vintage.name},
            keep_going=True,
            quarters_after_the_vintage=len(context.partition_keys) - len(wanted),
        )

    return estimates


def estimate_assets() -> list[dg.AssetsDefinition]:
    """Estimates of every vintage."""
    dataset = catalog.weighting_dataset(DATASET)
    return [_estimate_asset(dataset, vintage) for vintage in catalog.weight_vintages().values()]
