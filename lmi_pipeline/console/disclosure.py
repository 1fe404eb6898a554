"""``lmi protect`` and ``lmi audit``: any table, with the hierarchies and rules of its spec."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lmi_pipeline.catalog.disclosure_spec import DisclosureSpec, load_spec
from lmi_pipeline.console.common import bar
from lmi_pipeline.console.disclosure_audit import Finding, Report, audit_published, audit_true
from lmi_pipeline.console.disclosure_cells import (
    Cells,
    decide,
    floor_of,
    lay_out,
    read_cells,
    rules_can_be_asked,
    singletons,
    status_column,
)
from lmi_pipeline.errors import LmiError, MethodError, SchemaError
from lmi_pipeline.methods.disclosure_protect import Decision, protect
from lmi_pipeline.methods.disclosure_rounding import round_to_base
from lmi_pipeline.methods.disclosure_rules import NOT_APPLICABLE, WITHHELD, PrimaryDecision

if TYPE_CHECKING:
    from lmi_pipeline.cli import Context

_LISTED = 40


@dataclass(frozen=True, eq=False)
class _Protected:
    """Outcome for every distinct cell, those without a value among them."""

    cells: Cells
    primary: PrimaryDecision
    decision: Decision
    inside: np.ndarray
    status: np.ndarray
    reason: np.ndarray


def protect_table(context: Context, file: Path, *, spec_path: Path, out: Path, internal: Path | None) -> None:
    """Withhold what a table's rules say and what makes that safe; write what may be published."""
    spec, folder = load_spec(spec_path), spec_path.parent
    _require_endings(out, internal)
    cells = read_cells([file], spec, folder, with_status=spec.status is not None)
    done = _protect(cells, spec, folder, quiet=context.as_json)
    table = _published(done, spec)
    _write(table, out)
    if internal is not None:
        _write_internal(done, spec, internal)
    counts = table[status_column(spec)].value_counts()
    added = int((done.reason == "complementary").sum())
    payload = {
        "file": str(out),
        "rows": len(table),
        "status": {str(word): int(count) for word, count in counts.items()},
        "cells": len(done.status),
        "withheld_by_rule": int(done.primary.withheld.sum()),
        "withheld_for_others": added,
        "repairs": done.decision.rounds,
        "certified": int(done.decision.audit.certified.sum()),
        "internal": str(internal) if internal else None,
    }
    words = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    text = (
        f"{len(table):,} rows in {out}: {words}\n{done.primary.withheld.sum():,} cells withheld by a rule and"
        f" {added:,} more so that they cannot be worked out; every cell that needs it is certified safe"
    )
    context.say(payload, text + (f"\nreasons and certificates in {internal}: never publish them" if internal else ""))


def _protect(cells: Cells, spec: DisclosureSpec, folder: Path, *, quiet: bool) -> _Protected:
    primary = decide(cells, spec, markers=True)
    missing = np.isnan(cells.value)
    if missing.all():
        raise SchemaError(f"no row has a number in column '{spec.value}'; protection needs the true values")
    union = lay_out(
        cells, spec, folder, unknown=np.zeros_like(missing), absent=missing, empty=missing & ~primary.withheld
    )
    inside = np.flatnonzero(~missing)
    cost = None
    if spec.cost is not None:
        cost = cells.numbers(spec.cost)[inside]
        if not (cost >= 0).all():
            raise SchemaError(f"column '{spec.cost}': {int((~(cost >= 0)).sum())} cells have no cost from zero up")
    singleton = singletons(cells, spec)[inside]
    try:
        with bar("Protect", quiet=quiet) as tick:
            decision = protect(
                union.lattice,
                primary.take(inside),
                links=union.links,
                rng=np.random.default_rng(spec.seed),
                cost=cost,
                singleton=singleton,
                floor=floor_of(spec),
                progress=tick,
            )
            tick("done", 1, 1)
    except MethodError as error:
        raise LmiError(f"protection is not possible: {error}") from None
    status, reason = primary.status.astype(object), np.full(len(missing), "", dtype=object)
    reason[:] = np.where(primary.disclosure != "", primary.disclosure, primary.reliability)
    status[inside], reason[inside] = decision.status, decision.reason
    return _Protected(cells, primary, decision, inside, status, reason)


def _published(done: _Protected, spec: DisclosureSpec) -> pd.DataFrame:
    """Dimensions, value and status, one row for each row that came in."""
    rows = done.cells.rows
    value = done.cells.value
    if spec.rounding_base is not None:
        value = round_to_base(value, spec.rounding_base)
    blank = (done.status == WITHHELD) | (done.status == NOT_APPLICABLE)
    columns = [*([spec.table] if spec.table else []), *spec.dimensions]
    table = rows[columns].copy()
    table[spec.value] = pd.Series(np.where(blank, np.nan, value)[done.cells.cell]).map(_plain).to_numpy()
    table[status_column(spec)] = done.status[done.cells.cell]
    return table


def _plain(number: float) -> str:
    if np.isnan(number):
        return ""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _write(table: pd.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.part")
    table.to_csv(partial, index=False)
    partial.replace(out)


def _require_endings(out: Path, internal: Path | None) -> None:
    if out.suffix != ".csv":
        raise LmiError(f"--out ends in .csv, not '{out.suffix}'")
    if internal is not None and internal.suffix not in (".csv", ".npz"):
        raise LmiError(f"--internal ends in .csv (reasons) or .npz (certificates), not '{internal.suffix}'")


def _write_internal(done: _Protected, spec: DisclosureSpec, path: Path) -> None:
    codes = done.cells.codes.astype(str)
    system, verdict = done.decision.system, done.decision.audit
    if path.suffix == ".csv":
        table = codes.assign(
            value=done.cells.value,
            status=done.status,
            reason=done.reason,
            disclosure=done.primary.disclosure,
            reliability=done.primary.reliability,
        )
        for name, numbers in (
            ("protect_down", done.decision.protect_down),
            ("protect_up", done.decision.protect_up),
            ("certified", verdict.certified),
        ):
            column = np.full(len(table), np.nan, dtype=object)
            column[done.inside] = numbers
            table[name] = column
        _write(table, path)
        return
    parts = {"witnesses": verdict.witnesses.tocsr(), "matrix": sp.csr_matrix(system.matrix)}
    arrays = {f"{name}_{part}": getattr(m, part) for name, m in parts.items() for part in ("data", "indices", "indptr")}
    keys = ["\t".join(row) for row in codes.iloc[done.inside].itertuples(index=False)]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, **arrays, cells=np.array(keys), value=system.value, hidden=system.hidden, floor=system.floor,
        row_lower=system.row_lower, row_upper=system.row_upper, protect_down=system.protect_down,
        protect_up=system.protect_up, reason=done.decision.reason.astype(str),
        dimensions=np.array(list(spec.dimensions)),
    )  # fmt: skip


def audit_tables(
    context: Context, files: tuple[Path, ...], *, spec_path: Path, true: tuple[Path, ...], limit: int
) -> None:
    """Audit tables together; exit 1 and list the cells that are exposed or not proven safe."""
    spec, folder = load_spec(spec_path), spec_path.parent
    cells = read_cells(files, spec, folder, with_status=True)
    truth = read_cells(true, spec, folder, with_status=False) if true else None
    with bar("Audit", quiet=context.as_json) as tick:
        tick(f"{len(cells.codes):,} cells", 0, 1)
        try:
            report = _audit(cells, truth, spec, folder, limit)
        except MethodError as error:
            raise LmiError(f"the audit is not possible: {error}") from None
        tick(f"{len(cells.codes):,} cells", 1, 1)
    context.say(_payload(report), _text(report))
    if not report.passed:
        sys.exit(1)


def _audit(cells: Cells, truth: Cells | None, spec: DisclosureSpec, folder: Path, limit: int) -> Report:
    has_status = status_column(spec) in cells.rows
    withheld = (cells.marker == WITHHELD) & ~cells.shown
    blank = bool((withheld & np.isnan(cells.value)).any())
    published = not withheld.any() and (spec.rounding_base is not None or not rules_can_be_asked(cells, spec))
    if truth is None and has_status and (blank or published):
        return audit_published(cells, spec, folder, limit)
    return audit_true(cells, truth, spec, folder, has_status=has_status, limit=limit)


def _payload(report: Report) -> dict[str, Any]:
    def listed(found: tuple[Finding, ...]) -> list[dict[str, Any]]:
        return [{"cell": f.codes, "why": f.why, "low": _end(f.low), "high": _end(f.high)} for f in found]

    return {
        "passed": report.passed,
        "basis": report.basis,
        "tables": report.tables,
        "cells": report.cells,
        "withheld": report.withheld,
        "protected": report.protected,
        "certified": report.certified,
        "exposed": listed(report.exposed),
        "close": listed(report.close),
        "notes": list(report.notes),
    }


def _end(number: float) -> float | str | None:
    if np.isnan(number):
        return None
    return float(number) if np.isfinite(number) else ("infinity" if number > 0 else "-infinity")


def _text(report: Report) -> str:
    lines = [_line("exposed", each) for each in report.exposed[:_LISTED]]
    lines += [_line("close  ", each) for each in report.close[:_LISTED]]
    unlisted = max(len(report.exposed) - _LISTED, 0) + max(len(report.close) - _LISTED, 0)
    lines += [f"... {unlisted:,} more; --json lists all"] if unlisted else []
    lines += [f"note: {note}" for note in report.notes]
    verdict = "passed" if report.passed else f"NOT SAFE: {len(report.exposed):,} cells exposed or not proven safe"
    proof = f", {report.certified:,} of {report.protected:,} protected cells certified" if report.protected else ""
    tables = f"{report.tables} tables" if report.tables > 1 else "1 table"
    return "\n".join(
        [*lines, f"{verdict}: {tables}, {report.cells:,} cells, {report.withheld:,} withheld{proof}; by {report.basis}"]
    )


def _line(word: str, found: Finding) -> str:
    cell = ", ".join(f"{k}={v}" for k, v in found.codes.items())
    if np.isnan(found.low):
        return f"{word}  {cell}: {found.why}"
    return f"{word}  {cell}: attacker's interval {found.low:,.6g} to {found.high:,.6g} ({found.why})"
