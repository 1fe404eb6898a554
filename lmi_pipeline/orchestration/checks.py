"""Asset checks from the catalogue: schema, key and codes, the table's own rules, expectation suites.

The decisions are in :mod:`lmi_pipeline.quality`; this module only gives them to Dagster. Counts
leave, values never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table
from lmi_pipeline.quality.results import CheckOutcome
from lmi_pipeline.quality.rules import run_rules
from lmi_pipeline.quality.schema_checks import check_schema
from lmi_pipeline.quality.suites import validate

SCHEMA, SUITE = "schema", "expectations"
SUITE_ROWS = 150_000


def has_suite(table: Table) -> bool:
    """Core tables carry a Great Expectations suite."""
    return table.layer == "core"


def check_specs(table_name: str, asset: str, extra: Iterable[str] = ()) -> list[dg.AssetCheckSpec]:
    """Asset checks of a table, blocking where the catalogue says so."""
    table = catalog.table(table_name)
    specs = [
        dg.AssetCheckSpec(
            SCHEMA,
            asset=asset,
            blocking=True,
            description="columns, types, key, codes and ranges agree with the catalogue",
        )
    ]
    if has_suite(table):
        specs.append(
            dg.AssetCheckSpec(
                SUITE,
                asset=asset,
                blocking=True,
                description="Great Expectations suite made from the catalogue; counts only",
            )
        )
    specs += [
        dg.AssetCheckSpec(c.name, asset=asset, blocking=c.severity == "block", description=c.description)
        for c in table.checks
    ]
    specs += [
        dg.AssetCheckSpec(name, asset=asset, blocking=True, description="SQL test: selects no row") for name in extra
    ]
    return specs


@dataclass
class Findings:
    """Outcomes of a table's checks, collected over the slices of a run.

    Suites cost a fixed time per expectation, so small slices are validated together.
    """

    table: Table
    outcomes: dict[str, list[tuple[str, CheckOutcome]]] = field(default_factory=lambda: defaultdict(list))
    waiting: list[tuple[str, pd.DataFrame]] = field(default_factory=list)

    def examine(self, frame: pd.DataFrame, slice_name: str = "") -> None:
        """Check one frame and remember what was found."""
        for outcome in check_schema(frame, self.table):
            self.outcomes[SCHEMA].append((slice_name, outcome))
        for outcome in run_rules(frame, self.table):
            self.outcomes[outcome.name].append((slice_name, outcome))
        if has_suite(self.table):
            self.waiting.append((slice_name, frame))
            if sum(len(held) for _, held in self.waiting) >= SUITE_ROWS:
                self._validate()

    def _validate(self) -> None:
        if not self.waiting:
            return
        names = [name for name, _ in self.waiting]
        span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        frame = pd.concat([held for _, held in self.waiting], ignore_index=True)
        self.waiting.clear()
        for outcome in validate(frame, self.table).outcomes:
            self.outcomes[SUITE].append((span, outcome))

    def results(self, asset_key: dg.AssetKey) -> list[dg.AssetCheckResult]:
        """One asset-check result per check, with counts per failed expectation and slice."""
        self._validate()
        severities = {c.name: c.severity for c in self.table.checks}
        names = [SCHEMA, *([SUITE] if has_suite(self.table) else []), *severities]
        return [_result(asset_key, name, self.outcomes.get(name, []), severities.get(name, "block")) for name in names]


def _examined(found: Sequence[tuple[str, CheckOutcome]]) -> int:
    """Rows (or groups of rows) behind the outcomes: the most of any expectation, added over slices."""
    most: dict[str, int] = defaultdict(int)
    for part, outcome in found:
        most[part] = max(most[part], outcome.total_count or 0)
    return sum(most.values())


def _result(
    key: dg.AssetKey, name: str, found: Sequence[tuple[str, CheckOutcome]], severity: str
) -> dg.AssetCheckResult:
    failed = [(part, outcome) for part, outcome in found if not outcome.passed]
    metadata: dict[str, dg.MetadataValue] = {
        "expectations": dg.MetadataValue.int(len(found)),
        "failed": dg.MetadataValue.int(len(failed)),
        "rows_examined": dg.MetadataValue.int(_examined(found)),
    }
    if failed:
        rows = [
            f"| {part or 'all'} | {o.name} | {o.failing_count} | {o.total_count} | {o.next_step} |"
            for part, o in failed[:50]
        ]
        head = "| slice | expectation | rows failing | rows | what to do next |\n|---|---|---|---|---|\n"
        metadata["failures"] = dg.MetadataValue.md(head + "\n".join(rows))
    level = dg.AssetCheckSeverity.ERROR if severity == "block" else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(asset_key=key, check_name=name, passed=not failed, severity=level, metadata=metadata)
