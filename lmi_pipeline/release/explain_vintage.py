"""A weight vintage in plain English: what it is, what it was made to agree with, and where payroll records come in."""

from __future__ import annotations

from dataclasses import dataclass

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import GrowthModel, RtiInput, WeightVintage
from lmi_pipeline.release.explain_words import Row, month_words, period_words

_CONTROLS = {
    "area_total": "the number of people in each region",
    "age_sex": "age and sex",
    "region_age_sex": "age and sex within each region",
    "tenure_region": "housing tenure within each region",
    "birth_group": "country of birth (UK, EU, elsewhere)",
}
_SHARES = {0.0: "None", 0.5: "Half", 1.0: "All"}


@dataclass(frozen=True)
class VintageWords:
    """A weight vintage in words.

    Attributes
    ----------
    name, title : str
    sentences : tuple of str
        What it is, one thing a sentence.
    note : str
        What ONS published of it and what is this project's choice, from the catalogue.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    note: str


def vintage_words(row: Row) -> VintageWords | None:
    """The weight vintage of a row in words; None where the row has none, or one that is not in the catalogue."""
    vintage = catalog.weight_vintages().get(str(row.get("weight_vintage")))
    if vintage is None:
        return None
    sentences = [_origin(vintage)]
    quarter = str(row.get("quarter") or row.get("impact_period") or "")
    if quarter[:4].isdigit() and quarter < vintage.reweighted_from:
        sentences.append(
            f"It only reweights quarters from {period_words(vintage.reweighted_from)} on. {period_words(quarter)} is"
            " before that, so people in the survey keep the official weights of that quarter."
        )
    sentences.append(_controls(vintage))
    if vintage.rti is not None:
        sentences += _payroll(vintage.rti, row)
    if vintage.growth is not None:
        sentences += _growth(vintage.growth)
    if vintage.non_response_adjusted:
        sentences.append("Weights were first adjusted for households that could not be contacted.")
    return VintageWords(vintage.name, vintage.title, tuple(sentences), " ".join(vintage.note.split()))


def _origin(vintage: WeightVintage) -> str:
    issued = vintage.published_on
    when = f" on {issued.day} {month_words(f'{issued:%Y-%m}')}" if issued else ""
    return {
        "published": f"The Office for National Statistics issued these weights{when}; they are rebuilt here.",
        "reconstructed": (
            f"The Office for National Statistics issued weights like these{when}. Part of how it made them is not"
            " published, so this is a reconstruction."
        ),
        "ours": "The Office for National Statistics never issued these weights; they are made here for comparison.",
    }[vintage.origin]


def _controls(vintage: WeightVintage) -> str:
    named = [_CONTROLS.get(control, control.replace("_", " ")) for control in vintage.controls]
    return f"The weighted survey is made to agree with population totals by: {'; '.join(named)}."


def _payroll(rti: RtiInput, row: Row) -> list[str]:
    used = row.get("rti_release")
    text = f"Payroll records (HMRC Real Time Information) were to be those released in {month_words(rti.release)}"
    if used and str(used) != rti.release:
        text += (
            f"; those named were not at hand or do not reach this period, so those of {month_words(str(used))} stand in"
        )
    elif used:
        text += ", and were"
    lag = "The payroll months are those of the survey quarter itself (no lag)."
    if rti.month_lag:
        behind = "one month" if rti.month_lag == 1 else f"{rti.month_lag} months"
        lag = f"The payroll months run {behind} behind those of the survey quarter (a lag of {behind})."
    adjusted = "" if rti.seasonally_adjusted else "not "
    return [f"{text}. They are {adjusted}seasonally adjusted.", lag]


def _growth(growth: GrowthModel) -> list[str]:
    share = _SHARES.get(growth.coefficient, f"{100 * growth.coefficient:.12g} per cent")
    compared = ", compared with that of UK nationals," if growth.uk_adjusted else ""
    where = "in each region or group of regions" if growth.geography == "region_group" else "in the country as a whole"
    return [
        f"{share} of the change in payroll growth since {period_words(growth.base_quarter)}{compared} is carried over"
        f" to the growth of the population born outside the UK, {where} (the coefficient is"
        f" {growth.coefficient:.12g})."
    ]
