"""How good the growth estimator is: Tables 1 to 3, A1 to A3 of the ONS article and the slope behind one half.

Rows are those of ``est_reweighting__impact``.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.areas import NATIONAL_AREA
from lmi_pipeline.methods.birth_groups import NON_UK, STATED
from lmi_pipeline.methods.evaluation import evaluate_changes
from lmi_pipeline.methods.impact import ALL, NONE, PER_CENT, PERSONS, POINTS, impact_rows, melt_measures, synthetic_of
from lmi_pipeline.methods.impact_evidence import Evidence
from lmi_pipeline.methods.quarters import QUARTERS_IN_YEAR, shift_quarter
from lmi_pipeline.methods.ratios import tau
from lmi_pipeline.methods.sensitivity import least_squares_fit, ratio_fit
from lmi_pipeline.methods.tables import FloatArray, require_unique

COEFFICIENTS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
PUBLISHED_SLOPES = {"eu": 0.45, "non_eu": 0.42}
"""Quoted in the text of the article, for comparison only."""

_GROUPS = (*NON_UK, "non_uk")


def table_1(evidence: Evidence, *, vintage: str = NONE) -> pd.DataFrame:
    """Changes estimated with and without the adjustment for UK nationals against net migration: Table 1.

    Returns
    -------
    DataFrame
        Categories eu, non_eu, non_uk. Measures begin with ``adjusted_`` or ``unadjusted_``: for each quarter
        the estimated ``change``, ``deviation``, ``percentage_of_migration`` and ``percentage_of_population``;
        with quarter ``all`` the mean, mean absolute and largest absolute deviation and both mean percentages.
        Also ``net_migration`` and ``stock_years_away``. Article: mean 2 thousand, mean percentage -0.01, mean
        absolute about 20 thousand, largest about 50 thousand; the percentage's denominator is not stated, so
        both are given.
    """
    pieces = [
        _deviations(evidence, name, evidence.changes(adjusted=adjusted)[:, 0])
        for name, adjusted in (("adjusted", True), ("unadjusted", False))
    ]
    return _evaluated("table_1", pieces, evidence, vintage)


def table_3(evidence: Evidence, *, vintage: str = NONE) -> pd.DataFrame:
    """The model fitted on the nation against the sum of the models of its areas: Table 3.

    Measures as in `table_1`, beginning with ``national_`` and ``regional_``.

    Raises
    ------
    MethodError
        If the evidence has no areas.
    """
    if len(evidence.areas) < 2:
        raise MethodError("Table 3: no RTI growth and population by area; the regional model needs them")
    change = evidence.changes(adjusted=True)
    models = {"national": change[:, 0], "regional": change[:, 1:].sum(axis=1)}
    pieces = [_deviations(evidence, name, values) for name, values in models.items()]
    return _evaluated("table_3", pieces, evidence, vintage)


def table_2(controls: pd.DataFrame, *, vintage: str) -> pd.DataFrame:
    """Adjustments to the growth of the non-UK population by area and quarter: Table 2.

    Parameters
    ----------
    controls : DataFrame
        Rows of ``est_population__quarterly_control``.

    Returns
    -------
    DataFrame
        Categories eu, non_eu: ``growth_adjustment`` and ``base_growth`` (percentage points),
        ``adjustment_count`` (persons); non_uk: ``adjustment_count``.

    Raises
    ------
    MethodError
        If the vintage has no controls by country of birth.
    """
    own = controls[(controls["weight_vintage"] == vintage) & controls["birth_group"].isin(NON_UK)]
    own = own[own["growth_adjustment"].notna()]
    if own.empty:
        raise MethodError(f"Table 2: the weights {vintage} have no controls by country of birth, so no adjustment")
    wide = pd.DataFrame(
        {
            "quarter": own["quarter"],
            "area_code": own["area_code"],
            "category": own["birth_group"],
            "growth_adjustment": 100 * own["growth_adjustment"],
            "base_growth": 100 * own["base_growth_rate"],
            "adjustment_count": own["growth_adjustment"] * own["previous_year_count"],
        }
    )
    both = wide.groupby(["quarter", "area_code"], as_index=False)["adjustment_count"].sum().assign(category="non_uk")
    units = {"growth_adjustment": POINTS, "base_growth": POINTS, "adjustment_count": PERSONS}
    return melt_measures(
        pd.concat([wide, both], ignore_index=True), units, impact_table="table_2", weight_vintage=vintage,
        compared_with="base growth", synthetic=synthetic_of(own),
    )  # fmt: skip


def table_a1(evidence: Evidence, *, coefficients: Sequence[float] = COEFFICIENTS, vintage: str = NONE) -> pd.DataFrame:
    """Deviations of estimated from known growth with other coefficients than one half: Table A1.

    Rates not adjusted for UK nationals, equation (13). Measures ``deviation_0.45`` by quarter, and
    ``mean_deviation_``, ``mean_absolute_deviation_``, ``largest_absolute_deviation_`` over quarters; percentage
    points of growth.
    """
    known = evidence.population_growth()
    rows = []
    for coefficient in coefficients:
        change = evidence.changes(adjusted=False, coefficient=coefficient)[:, 0]
        points = 100 * (change / evidence.stocks[:, 0] - known)[1:]
        for group in evidence.groups:
            deviation = points[:, NON_UK.index(group)]
            numbers = {"mean": deviation.mean(), "mean_absolute": np.abs(deviation).mean()}
            numbers["largest_absolute"] = np.abs(deviation).max()
            cells = [(quarter, "", value) for quarter, value in zip(evidence.quarters[1:], deviation, strict=True)]
            cells += [(ALL, f"{name}_", value) for name, value in numbers.items()]
            rows += [
                {
                    "quarter": quarter, "category": group, "impact_measure": f"{name}deviation_{coefficient:.2f}",
                    "impact_value": value,
                }
                for quarter, name, value in cells
            ]  # fmt: skip
    return _of(evidence, rows, "table_a1", vintage, unit=POINTS)


def ratio_fit_rows(evidence: Evidence, *, confidence: float = 0.95, vintage: str = NONE) -> pd.DataFrame:
    """Slope of population growth on RTI growth, changes since the base quarter: the article's b of 0.45 and 0.42.

    Measures ``ratio_`` and ``least_squares_`` with slope, standard_error, lower, upper; ``published_slope``,
    quoted; and the points, ``rti_change`` and ``population_change`` by quarter, percentage points.
    """
    x, y = _changes_since_base(evidence, adjusted=False)
    rows: list[dict[str, object]] = []
    for group in evidence.groups:
        number = NON_UK.index(group)
        fits = {"ratio": ratio_fit(x[:, number], y[:, number], confidence=confidence)}
        fits["least_squares"] = least_squares_fit(x[:, number], y[:, number], confidence=confidence)
        for name, fit in fits.items():
            rows += [
                {"category": group, "impact_measure": f"{name}_{part}", "impact_value": value, "unit": "ratio"}
                for part, value in (
                    ("slope", fit.slope), ("standard_error", fit.standard_error), ("lower", fit.lower),
                    ("upper", fit.upper),
                )
            ]  # fmt: skip
        published = {"impact_measure": "published_slope", "impact_value": PUBLISHED_SLOPES[group], "unit": "ratio"}
        rows.append({"category": group, **published})
        for measure, values in (("rti_change", x[:, number]), ("population_change", y[:, number])):
            rows += [
                {
                    "quarter": quarter, "category": group, "impact_measure": measure, "impact_value": 100 * value,
                    "unit": POINTS,
                }
                for quarter, value in zip(evidence.quarters[1:], values, strict=True)
            ]  # fmt: skip
    return _of(evidence, [{"quarter": ALL, **row} for row in rows], "ratio_fit", vintage)


def table_a3(evidence: Evidence, *, vintage: str = NONE) -> pd.DataFrame:
    """Ratios of the changes, Delta_N / Delta_E, and tau: Tables A3.1 and A3.2.

    Measures begin with ``unadjusted_`` or ``adjusted_`` (for UK nationals): ``population_change``,
    ``rti_change`` (percentage points since the base quarter), ``ratio``, ``tau``; and over quarters
    ``tau_within_bounds``, the share from -1 to 0 in per cent. A quarter in which RTI growth did not change has
    no ratio.
    """
    rows: list[dict[str, object]] = []
    for name, adjusted in (("unadjusted", False), ("adjusted", True)):
        x, y = _changes_since_base(evidence, adjusted=adjusted)
        for group in evidence.groups:
            number = NON_UK.index(group)
            there = x[:, number] != 0
            taus = np.full(len(x), np.nan)
            taus[there] = tau(y[there, number], x[there, number])
            cells = [
                ("population_change", 100 * y[:, number], POINTS), ("rti_change", 100 * x[:, number], POINTS),
                ("ratio", 1 + taus, "ratio"), ("tau", taus, "ratio"),
            ]  # fmt: skip
            rows += [
                {"quarter": q, "category": group, "impact_measure": f"{name}_{m}", "impact_value": v, "unit": unit}
                for m, values, unit in cells
                for q, v in zip(evidence.quarters[1:], values, strict=True)
                if np.isfinite(v)
            ]
            if there.any():
                share = 100 * float(((taus[there] >= -1) & (taus[there] <= 0)).mean())
                measure = f"{name}_tau_within_bounds"
                rows.append({"quarter": ALL, "category": group, "impact_measure": measure, "impact_value": share,
                             "unit": PER_CENT})  # fmt: skip
    return _of(evidence, rows, "table_a3", vintage)


def levels_from_published(series: pd.DataFrame, *, releases: Sequence[str]) -> pd.DataFrame:
    """Employment of EMP06 by country of birth and nationality: ``quarter, basis, category, level``.

    Where several editions have a quarter the last of `releases` that has a number counts.
    """
    rows = series[(series["dataset"] == "emp06") & (series["measure"] == "level") & series["category"].isin(STATED)]
    rows = rows[rows["measure_value"].notna() & rows["release"].isin(list(releases))]
    rows = rows.assign(order=rows["release"].map(list(releases).index)).sort_values("order", kind="stable")
    rows = rows.drop_duplicates(["period", "basis", "category"], keep="last")
    names = {"period": "quarter", "measure_value": "level"}
    return rows.rename(columns=names)[["quarter", "basis", "category", "level", "synthetic"]].reset_index(drop=True)


def levels_from_estimates(estimates: pd.DataFrame, *, vintage: str) -> pd.DataFrame:
    """Employment of a weight vintage by country of birth and nationality: ``quarter, basis, category, level``."""
    bases = {"birth_group": "country_of_birth", "nationality_group": "nationality"}
    rows = estimates[(estimates["weight_vintage"] == vintage) & estimates["breakdown"].isin(list(bases))]
    rows = rows[(rows["measure"] == "employment_level") & (rows["age_range"] == "16+") & rows["category"].isin(STATED)]
    named = rows.rename(columns={"estimate_value": "level"}).assign(basis=rows["breakdown"].map(bases))
    return named[["quarter", "basis", "category", "level", "synthetic"]].reset_index(drop=True)


def table_a2(levels: pd.DataFrame, growth: pd.DataFrame, *, vintage: str) -> pd.DataFrame:
    """Growth of employment in the survey against growth of employees in RTI: Table A2.

    The article calls its survey column "EU born"; its numbers are by nationality, and RTI is by nationality,
    so both are given. Categories ``nationality/eu``, ``country_of_birth/eu``, ...; measures ``lfs_growth``,
    ``rti_growth`` (per cent), ``difference`` (percentage points, survey less RTI).

    Parameters
    ----------
    levels : DataFrame
        From `levels_from_published` or `levels_from_estimates`.
    growth : DataFrame
        Rows of ``est_rti__quarterly_growth`` of one release, lag and kind of adjustment.

    Raises
    ------
    MethodError
        If no quarter has its year before.
    """
    key = ["quarter", "basis", "category"]
    require_unique(levels, key, "LFS employment")
    known = levels.set_index(key)["level"]
    before = [(shift_quarter(quarter, -QUARTERS_IN_YEAR), *rest) for quarter, *rest in known.index]
    rate = 100 * (known / known.reindex(pd.MultiIndex.from_tuples(before, names=key)).to_numpy() - 1)
    wide = rate.dropna().rename("lfs_growth").reset_index()
    if wide.empty:
        raise MethodError("Table A2: no quarter of LFS employment by nationality or birth has its year before")
    nation = growth[(growth["area_code"] == NATIONAL_AREA) & growth["growth_rate"].notna()]
    require_unique(nation, ["quarter", "nationality_group"], "RTI growth")
    rti = 100 * nation.set_index(["quarter", "nationality_group"])["growth_rate"]
    wide["rti_growth"] = rti.reindex(pd.MultiIndex.from_frame(wide[["quarter", "category"]])).to_numpy()
    wide["difference"] = wide["lfs_growth"] - wide["rti_growth"]
    wide["category"] = wide["basis"] + "/" + wide["category"]
    units = {"lfs_growth": PER_CENT, "rti_growth": PER_CENT, "difference": POINTS}
    return melt_measures(
        wide.drop(columns="basis"), units, impact_table="table_a2", weight_vintage=vintage, compared_with="rti",
        synthetic=synthetic_of(levels, nation),
    )  # fmt: skip


def _deviations(evidence: Evidence, name: str, change: FloatArray) -> pd.DataFrame:
    """Rows of one estimator: by quarter and over quarters. `change` has the shape (Q, 2), persons."""
    cells = [_with_sum(values)[1:] for values in (change, evidence.migration, evidence.stocks[:, 0])]
    quarters = list(evidence.quarters[1:])
    pieces = []
    for group in _known_groups(evidence):
        number = _GROUPS.index(group)
        frame = pd.DataFrame(
            {"quarter": quarters, **dict(zip(("change", "migration", "population"),
             (values[:, number] for values in cells), strict=True))}
        )  # fmt: skip
        pieces.append(_one_group(frame, name).assign(category=group))
    return pd.concat(pieces, ignore_index=True)


def _one_group(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    evaluations = {
        whole: evaluate_changes(frame, estimate="change", reference="migration", relative_to=whole)
        for whole in ("migration", "population")
    }
    shares = {f"percentage_of_{whole}": found.frame["percentage_deviation"] for whole, found in evaluations.items()}
    wide = frame[["quarter", "change"]].assign(deviation=evaluations["migration"].frame["deviation"], **shares)
    summary = evaluations["migration"].summary
    over_all = {
        "mean_deviation": summary.mean,
        "mean_absolute_deviation": summary.mean_absolute,
        "largest_absolute_deviation": summary.largest_absolute,
        **{f"mean_percentage_of_{whole}": found.summary.mean_percentage for whole, found in evaluations.items()},
    }
    long = pd.concat([wide, pd.DataFrame([{"quarter": ALL, **over_all}])], ignore_index=True)
    rows = long.melt("quarter", var_name="impact_measure", value_name="impact_value").dropna()
    percent = rows["impact_measure"].str.contains("percentage")
    return rows.assign(
        unit=percent.map({True: PER_CENT, False: PERSONS}), impact_measure=name + "_" + rows["impact_measure"]
    )


def _evaluated(table: str, pieces: list[pd.DataFrame], evidence: Evidence, vintage: str) -> pd.DataFrame:
    known = _with_sum(evidence.migration)[1:]
    extra: list[dict[str, object]] = []
    for row, quarter in enumerate(evidence.quarters[1:]):
        extra += [
            {"quarter": quarter, "category": group, "impact_measure": "net_migration", "impact_value": value,
             "unit": PERSONS}
            for group, value in zip(_GROUPS, known[row], strict=True)
            if group in _known_groups(evidence)
        ]  # fmt: skip
        extra.append(
            {"quarter": quarter, "category": ALL, "impact_measure": "stock_years_away",
             "impact_value": evidence.stock_years_away[row + 1], "unit": "years"}
        )  # fmt: skip
    return _of(evidence, pd.concat([*pieces, pd.DataFrame(extra)], ignore_index=True), table, vintage)


def _known_groups(evidence: Evidence) -> tuple[str, ...]:
    """The groups, and their sum if both are known."""
    return _GROUPS if evidence.groups == NON_UK else evidence.groups


def _with_sum(groups: FloatArray) -> FloatArray:
    return np.concatenate([groups, groups.sum(axis=-1, keepdims=True)], axis=-1)


def _changes_since_base(evidence: Evidence, *, adjusted: bool) -> tuple[FloatArray, FloatArray]:
    """Changes of RTI growth (x) and of population growth (y) since the base quarter, shape (Q - 1, 2)."""
    rti = evidence.growth[:, 0]
    rti = rti - evidence.growth_uk[:, :1] if adjusted else rti
    known = evidence.population_growth()
    return rti[1:] - rti[0], known[1:] - known[0]


def _of(
    evidence: Evidence, rows: pd.DataFrame | list[dict[str, object]], table: str, vintage: str, **more: str
) -> pd.DataFrame:
    return impact_rows(
        rows, impact_table=table, weight_vintage=vintage, compared_with=evidence.reference,
        synthetic=evidence.synthetic, **more,
    )  # fmt: skip
