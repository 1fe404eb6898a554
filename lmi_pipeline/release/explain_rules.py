"""Which limits and rules a published number went through, as far as that is public."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmi_pipeline import catalog
from lmi_pipeline.release.explain_words import Row


@dataclass(frozen=True)
class Rule:
    """One published limit, with who set it and when."""

    name: str
    text: str
    source: str
    source_date: str


@dataclass(frozen=True)
class Disclosure:
    """Version of the rules, the audits they passed, and the published limits.

    Which of them withheld a number is nowhere in a release, and not here.
    """

    rule_version: str
    audits: tuple[str, ...]
    rules: tuple[Rule, ...]


def disclosure_of(
    row: Row, path: Sequence[str], manifest: Mapping[str, Any], rules: Sequence[str] | None
) -> Disclosure:
    """Rules behind a row.

    Parameters
    ----------
    row : mapping
        Row of a servable table, which may name its rules and its audit.
    path : sequence of str
        The tables behind the table, and last itself.
    manifest : mapping
        Manifest of the release: ``rules`` (with their version, and the thresholds of each table, or of all, unless
        those of the catalogue are meant) and ``audits`` (each with the tables it is of).
    rules : sequence of str or None
        Sections of the thresholds that apply if the manifest does not say; all that are public if that is not known.
    """
    said: Mapping[str, Any] = manifest.get("rules") or {}
    version = _first([row, said], ("rule_version", "rule_id", "version"))
    audits = [_first([row], ("audit_id",))] if row.get("audit_id") else _audits(row, path, manifest.get("audits") or ())
    own = (said.get("tables") or {}).get(path[-1])
    if own is not None:
        return Disclosure(version, tuple(audits), _rules(own, None))
    thresholds = said.get("thresholds") or {name: said[name] for name in _TEXTS if name in said}
    return Disclosure(version, tuple(audits), _rules(thresholds or catalog.thresholds(), rules))


def _first(places: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    return next((str(place[name]) for place in places for name in names if place.get(name)), "")


def _audits(row: Row, path: Sequence[str], audits: Sequence[Mapping[str, Any]]) -> list[str]:
    """Audits of a table of the path; of its own period, where some are by period."""
    mine = [audit for audit in audits if _named(audit) & set(path)]
    periods = {str(row[name]) for name in ("quarter", "period_code", "year") if row.get(name) is not None}
    periods |= {period[:4] for period in periods}
    near = [audit for audit in mine if _named(audit) & periods]
    return list(dict.fromkeys(_first([audit], ("audit_id", "audit", "id")) for audit in near or mine))


def _named(audit: Mapping[str, Any]) -> set[str]:
    """Every text or number an audit's entry holds, one level deep."""
    found: set[str] = set()
    for value in audit.values():
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
        found |= {str(each) for each in inner}
    return found


def _rules(thresholds: Mapping[str, Any], wanted: Sequence[str] | None) -> tuple[Rule, ...]:
    found = []
    for name, text in _TEXTS.items():
        entry = thresholds.get(name)
        if entry and (wanted is None or name in wanted):
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
        " shown with a warning or not at all."
    ),
    "rounding": "Weighted numbers of people are shown to the nearest {weighted_count_multiple:,}, after the limits.",
}
