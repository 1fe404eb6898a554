"""Plain sentences about rows of ``est_reweighting__impact``."""

from __future__ import annotations

import pandas as pd

from lmi_pipeline.release.chart_style import quarter_name, synthetic_text

GROUPS = {
    "uk": "born in the UK", "eu": "born in the EU", "non_eu": "born outside the UK and EU",
    "non_uk": "born outside the UK", "all": "of the United Kingdom",
}  # fmt: skip


def impact_sentence(rows: pd.DataFrame) -> str:
    """Say what one table of the impact found, in a sentence or two; says when data are synthetic.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``est_reweighting__impact`` of one table and one weight vintage, at least one.
    """
    words = _SENTENCES[str(rows["impact_table"].iloc[0])](rows)
    return words + synthetic_text(rows["synthetic"])


def _table_1(rows: pd.DataFrame) -> str:
    return _against_migration(rows, {"adjusted": "with the adjustment for UK nationals", "unadjusted": "without it"})


def _table_3(rows: pd.DataFrame) -> str:
    return _against_migration(
        rows, {"national": "with the national model", "regional": "with regional models added up"}
    )


def _against_migration(rows: pd.DataFrame, models: dict[str, str]) -> str:
    category = next(group for group in ("non_uk", "eu", "non_eu") if (rows["category"] == group).any())
    who = {"non_uk": "non-UK", "eu": "EU", "non_eu": "non-EU"}[category]
    parts = []
    for model, words in models.items():
        size = value(rows, f"{model}_mean_absolute_deviation", category=category)
        worst = value(rows, f"{model}_largest_absolute_deviation", category=category)
        parts.append(f"{persons(size)} {words} (largest {persons(worst)})")
    return f"Estimated changes of the {who} population are off net migration by {', and by '.join(parts)} on average."


def _table_2(rows: pd.DataFrame) -> str:
    both = rows[(rows["category"] == "non_uk") & (rows["impact_measure"] == "adjustment_count")]
    nation = both[both["area_code"].str.startswith("K")]
    quarter = both["quarter"].max()
    shown = nation if not nation.empty else both
    total = shown.loc[shown["quarter"] == quarter, "impact_value"].sum()
    return (
        f"RTI {'lowers' if total < 0 else 'raises'} the estimated non-UK population in {period(quarter)} by "
        f"{persons(abs(total))} against growth as in the base quarter."
    )


def _table_4(rows: pd.DataFrame) -> str:
    if not (rows["impact_measure"] == "level_difference").any():
        return _published_table_4(rows)
    quarter = rows.loc[rows["impact_measure"] == "level_difference", "quarter"].max()
    gap = 1000 * value(rows, "level_difference", category="eu", quarter=quarter)
    change = [1000 * value(rows, f"yearly_change_{s}", category="non_uk", quarter=quarter) for s in ("before", "after")]
    return (
        f"With the new weights the population born in the EU in {period(quarter)} is {compared(gap)} with the old "
        f"ones. Over the year the population born outside the UK {_moved(change[1])}; with the old weights it "
        f"{_moved(change[0])}."
    )


def _published_table_4(rows: pd.DataFrame) -> str:
    quarter = rows["quarter"].max()
    before, after = (
        1000 * value(rows, f"published_yearly_change_{side}", category="non_uk", quarter=quarter)
        for side in ("before", "after")
    )
    return (
        f"As ONS published it: with the new weights the population born outside the UK {_moved(after)} over the year to"
        f" {period(quarter)}; with the old weights it {_moved(before)}. No estimate of this project stands beside it."
    )


def _table_5(rows: pd.DataFrame) -> str:
    measures = {"employment_rate": "employment", "unemployment_rate": "unemployment", "inactivity_rate": "inactivity"}
    whole = rows[rows["category"].str.startswith("all/all/")]
    moves = whole[whole["impact_measure"].isin([f"{m}_difference" for m in measures])]
    if moves.empty:
        return "No rate of the whole population has an estimate with both weights."
    quarter = moves["quarter"].max()
    newest = moves[moves["quarter"] == quarter].drop_duplicates("impact_measure").set_index("impact_measure")
    parts = [
        f"the {words} rate {_points(float(newest.loc[f'{m}_difference', 'impact_value']))}"
        for m, words in measures.items()
        if f"{m}_difference" in newest.index
    ]
    return (
        f"With the new weights, in {period(quarter)}, {', '.join(parts[:-1])}{' and ' * (len(parts) > 1)}{parts[-1]}."
    )


def _table_a1(rows: pd.DataFrame) -> str:
    parts = []
    for group, name in (("eu", "EU"), ("non_eu", "non-EU")):
        found = rows[(rows["category"] == group) & rows["impact_measure"].str.startswith("mean_absolute_deviation_")]
        if not found.empty:
            best = str(found.sort_values("impact_value")["impact_measure"].iloc[0]).rsplit("_", 1)[1]
            parts.append(f"{best} for the {name} population")
    return f"The coefficient with the smallest mean absolute deviation is {' and '.join(parts)}; ONS uses 0.50."


def _ratio_fit(rows: pd.DataFrame) -> str:
    parts = []
    for group, name in (("eu", "EU"), ("non_eu", "non-EU")):
        if (rows["category"] == group).any():
            slope, low, high, published = (
                value(rows, measure, category=group)
                for measure in ("ratio_slope", "ratio_lower", "ratio_upper", "published_slope")
            )
            parts.append(
                f"for the {name} population it is {slope:.2f} (95 per cent interval {low:.2f} to {high:.2f}; ONS "
                f"published {published:.2f})".replace("-", "−").replace("non−EU", "non-EU")
            )
    return f"Slope of population growth on RTI growth: {'; '.join(parts)}."


def _table_a2(rows: pd.DataFrame) -> str:
    eu = rows[rows["category"] == "nationality/eu"]
    eu = eu if not eu.empty else rows[rows["category"] == rows["category"].iloc[0]]
    gaps = eu[eu["impact_measure"] == "difference"]
    quarter = (gaps if not gaps.empty else eu)["quarter"].max()
    lfs = value(eu, "lfs_growth", quarter=quarter)
    text = f"Employment of {_nationals(eu)} in the survey {_grew(lfs)} over the year to {period(quarter)}"
    return f"{text}; in RTI it {_grew(value(eu, 'rti_growth', quarter=quarter))}." if not gaps.empty else f"{text}."


def _table_a3(rows: pd.DataFrame) -> str:
    taus = rows[rows["impact_measure"] == "unadjusted_tau"]["impact_value"]
    inside = int(taus.between(-1, 0).sum())
    return (
        f"Tau lies between −1 and 0, as the method assumes, in {inside} "
        f"of {len(taus)} cases; its mean is {_number(taus.mean())}."
    )


def _editions(rows: pd.DataFrame) -> str:
    switch = rows[(rows["quarter"] == "all") & (rows["impact_measure"] == "level_changed")]
    pair = switch.sort_values("impact_value")["compared_with"].iloc[-1]
    changed, compared_ = (value(rows, f"level_{what}", compared_with=pair) for what in ("changed", "compared"))
    largest = value(rows, "level_largest_absolute_difference", compared_with=pair) if changed else 0.0
    dataset, rest = str(pair).split(" ", 1)
    return (
        f"From one edition of {dataset.upper()} to the next ({rest}) {changed:,.0f} of {compared_:,.0f} published "
        f"levels changed; the largest change is {persons(largest)}."
    )


_SENTENCES = {
    "table_1": _table_1, "table_2": _table_2, "table_3": _table_3, "table_4": _table_4, "table_5": _table_5,
    "table_a1": _table_a1, "ratio_fit": _ratio_fit, "table_a2": _table_a2, "table_a3": _table_a3,
    "published_editions": _editions,
}  # fmt: skip


def value(rows: pd.DataFrame, measure: str, **where: object) -> float:
    """The one value of a measure; for all quarters, unless a quarter is named."""
    wanted = {"quarter": "all", **where, "impact_measure": measure}
    found = rows
    for column, text in wanted.items():
        found = found[found[column] == text]
    return float(found["impact_value"].iloc[0])


def period(quarter: str) -> str:
    """``2020-10`` as October to December 2020."""
    months = {"01": "January to March", "04": "April to June", "07": "July to September", "10": "October to December"}
    year, month = quarter.split("-")
    return f"{months[month]} {year}" if month in months else quarter_name(quarter)


def persons(count: float) -> str:
    """A number of people, to the nearest thousand."""
    return f"{round(count / 1000) * 1000:,}" if abs(count) >= 500 else "fewer than 500"


def compared(gap: float) -> str:
    """A difference of levels: 112,000 higher than."""
    if abs(gap) < 500:
        return "the same, to the nearest thousand, as"
    return f"{persons(abs(gap))} {'higher' if gap > 0 else 'lower'} than"


def _moved(change: float) -> str:
    if abs(change) < 500:
        return "hardly changes"
    return f"{'rises' if change > 0 else 'falls'} by {persons(abs(change))}"


def _points(gap: float) -> str:
    size = round(abs(gap), 1)
    if size == 0:
        return "moves by less than 0.1 percentage points"
    return f"is {size:.1f} percentage points {'higher' if gap > 0 else 'lower'}"


def _grew(rate: float) -> str:
    return f"{'fell' if rate < 0 else 'rose'} by {abs(rate):.1f} per cent"


def _nationals(rows: pd.DataFrame) -> str:
    basis, group = str(rows["category"].iloc[0]).split("/")
    name = {"uk": "UK", "eu": "EU", "non_eu": "non-EU"}[group]
    return f"{name} nationals" if basis == "nationality" else f"persons {GROUPS[group]}"


def _number(number: float) -> str:
    return f"{number:.2f}".replace("-", "−")
