"""What an audit of files found: with the true values a proof, without them what the publication gives away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.catalog.disclosure_spec import DisclosureSpec
from lmi_pipeline.console.disclosure_cells import FILE, LINE, TABLE, Cells, decide, floor_of, lay_out, singletons
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.methods.disclosure_attacker import attacker_intervals
from lmi_pipeline.methods.disclosure_audit import audit
from lmi_pipeline.methods.disclosure_insider import known_to_insiders
from lmi_pipeline.methods.disclosure_protect import system_of
from lmi_pipeline.methods.disclosure_published import infer
from lmi_pipeline.methods.disclosure_rounding import round_to_base
from lmi_pipeline.methods.disclosure_rules import WITHHELD
from lmi_pipeline.methods.disclosure_system import DisclosureSystem

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
_EXACT = 1e-9


@dataclass(frozen=True)
class Finding:
    """One cell: its codes, the attacker's interval (nan if not computed) and what is wrong."""

    codes: dict[str, str]
    why: str
    low: float
    high: float


@dataclass(frozen=True)
class Report:
    """Verdict of an audit; `close` is for information and does not fail it."""

    passed: bool
    basis: str
    tables: int
    cells: int
    withheld: int
    protected: int
    certified: int
    exposed: tuple[Finding, ...]
    close: tuple[Finding, ...]
    notes: tuple[str, ...]


def audit_true(
    cells: Cells, truth: Cells | None, spec: DisclosureSpec, folder: Path, *, has_status: bool, limit: int
) -> Report:
    """Audit with the true values: every cell a rule withholds must be proven safe.

    Without a status column everything is taken as published except what the rules withhold.
    """
    known, notes = _with_truth(cells, truth, spec)
    primary = decide(known, spec, markers=not has_status)
    withheld = (cells.marker == WITHHELD) & ~cells.shown if has_status else primary.withheld
    missing = np.isnan(known.value)
    if has_status and truth is None and (withheld & ~missing).any():
        notes.append("withheld cells have values in these files, taken as the true ones: keep these files inside")
    union = lay_out(known, spec, folder, unknown=np.zeros_like(missing), absent=missing, empty=missing & ~withheld)
    inside = np.flatnonzero(~missing)
    system = system_of(union.lattice, primary.take(inside), withheld[inside], links=union.links, floor=floor_of(spec))
    rng = np.random.default_rng(spec.seed)
    verdict = audit(system, rng=rng)
    insiders = known_to_insiders(system, singletons(known, spec)[inside] & system.hidden, rng=rng)
    bad = system.protected & (~verdict.certified | verdict.exposed | insiders)
    why = _reasons(system, verdict.certified, verdict.exposed, insiders)
    low, high = _intervals(system, bad, verdict.low, verdict.high, limit)
    why[system.hidden & (high - low <= _EXACT * np.maximum(1.0, np.abs(high)))] = "exact"
    found = [
        Finding(cells.label(int(inside[cell])), str(why[cell]), float(low[cell]), float(high[cell]))
        for cell in np.flatnonzero(bad)
    ]
    return Report(
        passed=not found,
        basis="the true values" if has_status else "the rules, everything else taken as published",
        tables=int(cells.rows[TABLE].nunique()),
        cells=len(cells.codes),
        withheld=int(withheld.sum()),
        protected=int(system.protected.sum()),
        certified=int((system.protected & ~bad).sum()),
        exposed=tuple(found),
        close=(),
        notes=tuple(notes),
    )


def _reasons(system: DisclosureSystem, certified: Flags, exposed: Flags, insiders: Flags) -> NDArray[np.object_]:
    why = np.full(len(certified), "not proven safe within the limits of the audit", dtype=object)
    why[exposed] = "narrower than its protection"
    why[insiders & certified & ~exposed] = "known to the only contributor of another cell"
    why[exposed & (system.protect_up > 0) & ~system.hidden] = "published, though a rule withholds it"
    return why


def _intervals(system: DisclosureSystem, bad: Flags, low: Floats, high: Floats, limit: int) -> tuple[Floats, Floats]:
    low, high = low.copy(), high.copy()
    asked = np.flatnonzero(bad & np.isnan(low))[:limit]
    if len(asked):
        low[asked], high[asked] = attacker_intervals(system, asked)
    return low, high


def _with_truth(cells: Cells, truth: Cells | None, spec: DisclosureSpec) -> tuple[Cells, list[str]]:
    """Put true values in place of published ones, after comparing the two."""
    if truth is None:
        return cells, []
    names = list(spec.dimensions)
    position = pd.MultiIndex.from_frame(truth.codes[names]).get_indexer(pd.MultiIndex.from_frame(cells.codes[names]))
    unknown = int((position < 0).sum())
    if unknown:
        raise SchemaError(f"--true lacks {unknown} of {len(position)} cells; give the file the tables were made from")
    value = truth.value[position]
    shown = value if spec.rounding_base is None else round_to_base(value, spec.rounding_base)
    gap = np.abs(cells.value - shown) > spec.additivity_tolerance * np.maximum(1.0, np.abs(shown))
    different = int((gap & cells.shown).sum())
    if different:
        raise SchemaError(
            f"{different} published values are not those of --true; give the file the tables were made from"
        )
    rows = cells.rows.copy()
    for column in truth.rows.columns.difference([*names, TABLE, FILE, LINE]):
        rows[column] = truth.first(column).to_numpy()[position][cells.cell]
    merged = replace(cells, rows=rows.fillna(""), value=value)
    left = len(truth.codes) - len(position)
    return merged, [f"{left} cells of --true are in none of the tables"] if left else []


def audit_published(cells: Cells, spec: DisclosureSpec, folder: Path, limit: int) -> Report:
    """Audit with nothing but the publication: what it determines, and how closely it tells the rest."""
    withheld = (cells.marker == WITHHELD) & ~cells.shown
    leaked = (cells.marker == WITHHELD) & (cells.shown | ~np.isnan(cells.value))
    missing = np.isnan(cells.value) & ~withheld
    unknown = withheld | (spec.rounding_base is not None)
    union = lay_out(cells, spec, folder, unknown=unknown, absent=missing, empty=missing)
    inside = np.flatnonzero(~missing)
    seen = infer(
        union.lattice,
        cells.value[inside],
        rng=np.random.default_rng(spec.seed),
        links=union.links,
        floor=floor_of(spec),
        base=spec.rounding_base,
        tolerance=spec.additivity_tolerance,
        limit=limit,
    )
    unit, share = spec.protection.unit, spec.protection.share if spec.disclosure_rules else 0.0
    tight = seen.closer_than(unit)
    exact = seen.exact if spec.rounding_base is None else seen.exact & tight
    close = seen.too_close_for(share, unit, floor_of(spec)) & ~tight & ~exact

    def found(flags: Flags, why: str) -> list[Finding]:
        return [
            Finding(cells.label(int(inside[cell])), why, float(seen.low[cell]), float(seen.high[cell]))
            for cell in np.flatnonzero(flags)
        ]

    open_cells = [
        Finding(cells.label(int(cell)), "withheld and shown", float(cells.value[cell]), float(cells.value[cell]))
        for cell in np.flatnonzero(leaked)
    ]
    exposed = open_cells + found(exact, "exact") + found(tight & ~exact, f"known within {unit:g}")
    left = int((withheld[inside] & ~seen.examined).sum())
    notes = [
        "without the true values nobody can tell which withheld cells break a rule, nor prove them safe; --true does"
    ]
    notes += [f"{left:,} withheld cells were looked at for exact values only; --limit has more"] if left else []
    notes += (
        ["close cells fail only if they break a rule themselves, not if they are withheld for others"]
        if close.any()
        else []
    )
    return Report(
        passed=not exposed,
        basis="the published cells alone",
        tables=int(cells.rows[TABLE].nunique()),
        cells=len(cells.codes),
        withheld=int(withheld.sum()),
        protected=0,
        certified=0,
        exposed=tuple(exposed),
        close=tuple(found(close, "narrow for its size")),
        notes=tuple(notes),
    )
