"""What a check found: counts and catalogue text, never a value of the table.

Only the shapes of findings live here; the checks are in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from lmi_pipeline.catalog.models import Severity


@dataclass(frozen=True)
class CheckOutcome:
    """Outcome of one check of one table.

    Attributes
    ----------
    table, name : str
        Catalogued table and name of the check.
    severity : {'block', 'warn'}
        Whether a failure stops what is downstream.
    passed : bool
        Whether the table has what the check asks for.
    failing_count : int or None
        Rows (or groups of rows) that fail; None where the check could not be run.
    total_count : int or None
        Rows (or groups of rows) looked at.
    description : str
        What the check asks for.
    next_step : str
        What to do about a failure; empty if there is none.
    """

    table: str
    name: str
    severity: Severity
    passed: bool
    failing_count: int | None
    total_count: int | None
    description: str
    next_step: str = ""

    def to_metadata(self) -> dict[str, str | int | bool | None]:
        """Counts and texts of the outcome, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class SuiteResult:
    """Outcome of a Great Expectations suite, one entry per expectation."""

    table: str
    outcomes: tuple[CheckOutcome, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return all(outcome.passed for outcome in self.outcomes)


def counted(
    table: str,
    name: str,
    failing: int,
    total: int,
    *,
    description: str,
    next_step: str,
    severity: Severity = "block",
) -> CheckOutcome:
    """Outcome of a check that counts failures: passed when there are none."""
    passed = int(failing) == 0
    return CheckOutcome(
        table=table,
        name=name,
        severity=severity,
        passed=passed,
        failing_count=int(failing),
        total_count=int(total),
        description=description,
        next_step="" if passed else next_step,
    )


def combine(outcomes: Iterable[CheckOutcome]) -> list[CheckOutcome]:
    """One outcome per table and check, counts added up over the slices of the table."""
    merged: dict[tuple[str, str], CheckOutcome] = {}
    for outcome in outcomes:
        place = (outcome.table, outcome.name)
        merged[place] = _added(merged[place], outcome) if place in merged else outcome
    return list(merged.values())


def _added(first: CheckOutcome, second: CheckOutcome) -> CheckOutcome:
    return replace(
        first,
        passed=first.passed and second.passed,
        failing_count=_sum(first.failing_count, second.failing_count),
        total_count=_sum(first.total_count, second.total_count),
        next_step=first.next_step or second.next_step,
    )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
