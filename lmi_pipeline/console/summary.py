"""The short account at the end of a run: what was built, checks, headline numbers, where to look."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from lmi_pipeline import catalog
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.release.pointer import current_release

LAYERS = ("vault", "raw", "core", "est", "out", "publication")


def headlines(workspace: Workspace) -> list[tuple[str, str]]:
    """Headline figures of the tables as they stand, as label and text."""
    return [*_growth_lines(workspace), *_control_lines(workspace)]


def _growth_lines(workspace: Workspace) -> list[tuple[str, str]]:
    if not workspace.lake.exists("est_rti__quarterly_growth"):
        return []
    frame = workspace.lake.read(
        "est_rti__quarterly_growth",
        where={"area_code": catalog.UNITED_KINGDOM, "month_lag": 0, "is_seasonally_adjusted": False,
               "quarter": ["2019-10", "2020-07"], "nationality_group": ["eu", "non_eu"]},
    )  # fmt: skip
    frame = frame[frame["release"] == frame["release"].max()]
    rates = frame.set_index(["nationality_group", "quarter"])["growth_rate"]
    names = catalog.mapping("nationality_group", "name")
    lines = []
    for group in ("eu", "non_eu"):
        if (group, "2019-10") in rates.index and (group, "2020-07") in rates.index:
            before, after = 100 * rates[(group, "2019-10")], 100 * rates[(group, "2020-07")]
            lines.append(
                (
                    f"RTI employees, {names[group]}, growth on the year",
                    f"{before:+.1f} % Oct-Dec 2019, {after:+.1f} % Jul-Sep 2020",
                )
            )
    return lines


def _control_lines(workspace: Workspace) -> list[tuple[str, str]]:
    table = "est_population__quarterly_control"
    if not workspace.lake.exists(table):
        return []
    frame = workspace.lake.read(
        table, where={"area_code": catalog.UNITED_KINGDOM, "quarter": "2020-07", "birth_group": ["eu", "non_eu"]}
    )
    wide = frame.pivot(index="weight_vintage", columns="birth_group", values="population_count")
    return [
        (
            f"Population Jul-Sep 2020, {name}",
            f"EU-born {row['eu'] / 1e6:.2f} m, non-EU-born {row['non_eu'] / 1e6:.2f} m",
        )
        for name, row in wide.iterrows()
    ]


def run_payload(workspace: Workspace, accounts: list[Any]) -> dict[str, Any]:
    """Account of some runs for a machine."""
    return {
        "success": all(a.success for a in accounts),
        "runs": [a.run_id for a in accounts],
        "assets": [name for a in accounts for name in a.materialised],
        "rows": {name: rows for a in accounts for name, rows in a.rows.items()},
        "checks_passed": sum(a.checks_passed for a in accounts),
        "checks_failed": [name for a in accounts for name in a.checks_failed],
        "warnings": [name for a in accounts for name in a.warnings],
        "errors": [text for a in accounts for text in a.errors],
        "release": current_release(workspace.settings.releases, datetime.now(UTC)),
        "headlines": dict(headlines(workspace)),
    }


def run_text(workspace: Workspace, accounts: list[Any]) -> str:
    """Account of some runs for a person."""
    from rich.console import Console
    from rich.table import Table as Grid

    payload = run_payload(workspace, accounts)
    by_layer: dict[str, list[str]] = defaultdict(list)
    for name in payload["assets"]:
        by_layer[name.split("_", 1)[0]].append(name)
    grid = Grid(title="What was built", title_justify="left", box=None, pad_edge=False)
    grid.add_column("layer")
    grid.add_column("assets", justify="right")
    grid.add_column("rows", justify="right")
    for layer in LAYERS:
        names = by_layer.get(layer, [])
        if names:
            rows = sum(payload["rows"].get(name, 0) for name in names)
            grid.add_row(layer, str(len(names)), f"{rows:,}" if rows else "")
    failed = len(payload["checks_failed"])
    facts = Grid(box=None, show_header=False, pad_edge=False)
    facts.add_row("Checks", f"{payload['checks_passed']} passed, {failed} failed, {len(payload['warnings'])} warnings")
    for label, text in payload["headlines"].items():
        facts.add_row(label, text)
    facts.add_row("Data", _origin(workspace))
    facts.add_row("Release", _release_text(workspace, payload["release"]))
    text_out = StringIO()
    out = Console(file=text_out, width=110, highlight=False, markup=False)
    out.print(grid)
    out.print()
    out.print(facts)
    for kind, marker in (("errors", "error"), ("checks_failed", "check failed"), ("warnings", "warning")):
        for text in payload[kind]:
            out.print(f"{marker}: {text}", soft_wrap=True)
    if failed or payload["errors"]:
        out.print("Look at the run in the Dagster UI (`lmi serve`), mend it, then run the same command again.")
    return text_out.getvalue().rstrip()


def _origin(workspace: Workspace) -> str:
    settings = workspace.settings
    exceptions = ", ".join(f"{s} {m}" for s, m in settings.source_modes.items())
    text = "SYNTHETIC, not real figures" if settings.default_mode == "synthetic" else settings.default_mode
    return f"{text}; but {exceptions}" if exceptions else text


def _release_text(workspace: Workspace, version: str | None) -> str:
    return f"{version} in {workspace.settings.releases / version}" if version else "none yet"
