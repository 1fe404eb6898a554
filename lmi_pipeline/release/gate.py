"""The gate before a release: every check of the catalogue on the tables as they stand, then publish.

A blocking asset check stops what is downstream of a run; publishing does not trust that it ran, and
checks the very versions it publishes.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.protection import Product
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.quality.page import render_validation_page
from lmi_pipeline.quality.results import CheckOutcome, combine
from lmi_pipeline.quality.rules import run_rules
from lmi_pipeline.quality.schema_checks import check_schema
from lmi_pipeline.quality.suites import validate
from lmi_pipeline.release.explain_ladder import products_behind
from lmi_pipeline.release.explain_path import path_to
from lmi_pipeline.release.pointer import home_time, waiting
from lmi_pipeline.release.protection import CERTIFIED, rules_of
from lmi_pipeline.release.protection import verify as verify_decision
from lmi_pipeline.release.publish import publish, versions_of
from lmi_pipeline.settings import Settings
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.sql import SqlModel, SqlTest, load_models, load_tests, run_test
from lmi_pipeline.storage.vault import Vault


def examine_lake(lake: Lake, sql_root: Path, *, microdata: bool = True) -> list[CheckOutcome]:
    """Outcomes of every catalogued check on the tables of the lake, added up over slices.

    Expectation suites are run on core tables that are not partitioned; on the others :func:`check_schema` asks the
    same in less time.

    Parameters
    ----------
    microdata : bool
        False leaves out tables of individual records, which the run that writes them has checked.
    """
    outcomes: list[CheckOutcome] = []
    for name in lake.tables():
        entry = catalog.table(name)
        if entry.microdata and not microdata:
            continue
        pieces = [{entry.slice_by[0]: value} for value in lake.slices(name)] if entry.partitioned else [None]
        for where in pieces:
            frame = lake.read(name, where=where)
            outcomes += [*check_schema(frame, entry), *run_rules(frame, entry)]
            if entry.layer == "core" and not entry.partitioned:
                outcomes += validate(frame, entry).outcomes
    for test in load_tests(sql_root / "tests"):
        if lake.exists(test.table):
            outcomes.append(_sql_outcome(test, lake))
    outcomes += [_gate_outcome(product, lake) for product in catalog.products().values() if lake.exists(product.cells)]
    return combine(outcomes)


def _gate_outcome(product: Product, lake: Lake) -> CheckOutcome:
    """Whether every decision of the disclosure gate is proven by its own certificates, on the cells as they stand."""
    column, faults, cells = catalog.table(product.cells).slice_by[0], [], lake.read(product.cells)
    for value, frame in cells.groupby(column):
        where = {column: value}
        held = [
            lake.read(name, where=where) if lake.exists(name) else None for name in (product.decision, product.witness)
        ]
        if held[0] is None or held[1] is None or held[0].empty:
            faults.append(f"{value}: no decision")
        else:
            faults += [f"{value}: {fault}" for fault in verify_decision(product, frame, held[0], held[1])]
    return CheckOutcome(
        table=product.decision,
        name=CERTIFIED,
        severity="block",
        passed=not faults,
        failing_count=len(faults),
        total_count=None,
        description="every withheld cell is proven safe by a certificate that keeps every sum",
        next_step=f"{'; '.join(faults[:5])}: run {product.decision} again" if faults else "",
    )


def audits_in_force(lake: Lake) -> list[dict[str, Any]]:
    """Audit of each product and slice, with numbers of cells by status: never why a cell is withheld."""
    found = []
    for product in catalog.products().values():
        if not lake.exists(product.decision):
            continue
        column = catalog.table(product.cells).slice_by[0]
        told = lake.read(product.decision, columns=[column, "audit_id", "status"])
        for (value, audit), rows in told.groupby([column, "audit_id"]):
            counts = {str(status): int(count) for status, count in rows["status"].value_counts().items()}
            told_of = {"product": product.name, "table": product.decision, "slice": str(value)}
            found.append({"audit_id": audit, **told_of, "cells": counts})
    return found


def rules_in_force(models: Mapping[str, SqlModel], lineage: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Rules that the numbers of each mart went through, with their numbers and sources, and their version: a hash.

    How far withheld cells are protected is in the version only: it would help an attacker.
    """
    products = {name: rules_of(product) for name, product in catalog.products().items()}
    tables = {
        name: {section: catalog.thresholds()[section] for section in _sections(model, lineage)}
        for name, model in models.items()
        if catalog.table(name).layer == "out"
    }
    said = json.dumps([products, tables], sort_keys=True, default=str)
    return {"version": hashlib.sha256(said.encode()).hexdigest()[:12], "tables": tables}


def _sections(model: SqlModel, lineage: Mapping[str, Sequence[str]]) -> list[str]:
    """Sections of the thresholds behind a mart: those of its products, and those its SQL asks for."""
    decided = [rule for product in products_behind(path_to(model.name, lineage)) for rule in product.rules]
    return sorted({*decided, *model.thresholds})


def inputs_in_force(lake: Lake, vault: Vault) -> pd.DataFrame:
    """Ledger rows of the files that the core tables were read from, one per source and content."""
    used: set[str] = set()
    for name in lake.tables():
        entry = catalog.table(name)
        if entry.layer == "core" and "sha256" in entry.columns:
            used.update(lake.read(name, columns=["sha256"])["sha256"].unique())
    ledger = vault.ledger()
    in_force = ledger[ledger["sha256"].isin(used)]
    return in_force.drop_duplicates(["source", "sha256", "synthetic"], ignore_index=True)


def _sql_outcome(test: SqlTest, lake: Lake) -> CheckOutcome:
    absent = [name for name in test.model.refs if not lake.exists(name)]
    failing = None if absent else run_test(test, lake)
    step = f"it reads {', '.join(absent)}, not written yet: run `lmi run`" if absent else f"see {test.model.path.name}"
    return CheckOutcome(
        table=test.table,
        name=test.rule,
        severity="block",
        passed=failing == 0,
        failing_count=failing,
        total_count=None,
        description="SQL test; it must select no row",
        next_step="" if failing == 0 else step,
    )


def publish_checked(
    lake: Lake,
    vault: Vault,
    settings: Settings,
    *,
    made_at: datetime,
    now: datetime,
    lineage: Mapping[str, Sequence[str]],
    embargo: datetime | None = None,
    notes: str | None = None,
) -> Path:
    """Check everything, and publish a release if nothing blocking failed.

    Parameters
    ----------
    made_at, now : datetime
        When the tables were made and when they are published, UTC.
    lineage : mapping of str to sequence of str
        Tables that each table is made from.
    embargo : datetime, optional
        When the release comes into force; at once if not given.
    notes : str, optional
        What people should know of it; what changed, if not given.

    Raises
    ------
    ReleaseError
        A blocking check fails (the message names the checks), or a table was written during the checks.
    """
    _require_no_embargo(settings.releases, now, embargo)
    versions = versions_of(lake)
    outcomes = examine_lake(lake, settings.project_root / "dbt_like_sql", microdata=False)
    failed = [f"{o.table}: {o.name}" for o in outcomes if not o.passed and o.severity == "block"]
    if failed:
        raise ReleaseError(
            f"{len(failed)} blocking checks fail, nothing is published: {', '.join(failed[:10])};"
            " run `lmi check` for counts and what to do"
        )
    moved = [name for name, version in versions_of(lake).items() if versions.get(name) != version]
    if moved:
        raise ReleaseError(f"{', '.join(moved)} changed during the checks; publish again when no run is writing")
    return publish(
        lake,
        settings.releases,
        database_url=settings.database_url,
        checks=[o.to_metadata() for o in outcomes],
        git_revision=git_revision(settings.project_root),
        inputs=inputs_in_force(lake, vault),
        made_at=made_at,
        lake_versions=versions,
        validation_page=lambda version: render_validation_page(outcomes, f"Checks of release {version}"),
        now=now,
        embargo=embargo,
        notes=notes,
        lineage=lineage,
        rules=rules_in_force(load_models(settings.project_root / "dbt_like_sql" / "models"), lineage),
        audits=audits_in_force(lake),
        database_reader=settings.database_reader,
    )


def _require_no_embargo(root: Path, now: datetime, embargo: datetime | None) -> None:
    """A release that comes into force at once would show what one that waits is to show later."""
    later = waiting(root, now)
    if later and embargo is None:
        version, instant = max(later.items(), key=lambda item: item[1])
        raise ReleaseError(
            f"release {version} is under embargo until {home_time(instant)}, and one that comes into force now would"
            " break it; publish with --embargo, or roll back to take it off"
        )


def git_revision(root: Path) -> str:
    """Commit of the checkout, with ``-dirty`` if it has changes; 'unknown' outside a checkout."""
    described = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"],
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"
