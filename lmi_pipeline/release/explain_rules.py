"""Which limits and rules a published number went through, as far as that is public."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmi_pipeline import catalog
from lmi_pipeline.release.explain_words import Row

_SUBJECTS = {"ashe": "pay", "lfs": "labour_force_survey"}


@dataclass(frozen=True)
class Rule:
    """One published limit, with who set it and when."""

    name: str
    text: str
    source: str
    source_date: str


@dataclass(frozen=True)
class Disclosure:
    """Version of the rules, the audit they passed, and the published limits.

    Which of them withheld a number is nowhere in a release, and not here.
    """

    rule_version: str
    audit_id: str
    rules: tuple[Rule, ...]


def disclosure_of(table: str, row: Row, manifest: Mapping[str, Any], sources: Sequence[str]) -> Disclosure:
    """Rules behind a table.

    Parameters
    ----------
    table : str
        Servable table.
    row : mapping
        Its row, which may name rule version and audit.
    manifest : mapping
        Manifest of the release; ``disclosure`` (by table, or for all) and ``thresholds`` are used where they are
        there, else the thresholds of the catalogue.
    sources : sequence of str
        Sources behind the row.
    """
    said = manifest.get("disclosure") or {}
    places = [row, said.get(table), (said.get("tables") or {}).get(table), said]
    known = [place for place in places if isinstance(place, Mapping)]

    def first(*names: str) -> str:
        return next((str(place[name]) for place in known for name in names if place.get(name)), "")

    thresholds = manifest.get("thresholds") or catalog.thresholds()
    return Disclosure(first("rule_version", "rule_id"), first("audit_id"), _rules(thresholds, sources))


def _rules(thresholds: Mapping[str, Any], sources: Sequence[str]) -> tuple[Rule, ...]:
    subjects = {_SUBJECTS[source] for source in sources if source in _SUBJECTS}
    found = []
    for name, text in _TEXTS.items():
        entry = thresholds.get(name)
        applies = set(entry.get("applies_to", ())) if entry else set()
        if entry and (not subjects or not applies or subjects & applies):
            source = " ".join(str(entry.get("source", "")).split())
            date = "" if entry.get("source_date") is None else str(entry["source_date"])
            found.append(Rule(name, text.format(**entry), source, date))
    return tuple(found)


# Limits that the project itself publishes. Rules whose parameters would help an attacker are not among them.
_TEXTS = {
    "reliability": (
        "Estimated numbers of people or jobs below {withhold_below:,} are withheld; those from {withhold_below:,} up to"
        " {flag_below:,} are shown with a warning (small_sample)."
    ),
    "contributors": "Figures that rest on fewer than {withhold_below} people or jobs in the survey are withheld.",
    "precision": (
        "Figures with a coefficient of variation of up to {precise_up_to} per cent are called precise, up to"
        " {reasonably_precise_up_to} reasonably precise, up to {acceptable_up_to} acceptable; less precise ones are"
        " not shown."
    ),
    "rounding": "Weighted numbers of people are shown to the nearest {weighted_count_multiple:,}, after the limits.",
}
