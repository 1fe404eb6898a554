"""``lmi export``, ``lmi check`` and ``lmi synthesise``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.console.common import load_settings, parse_where
from lmi_pipeline.errors import DisclosureError, LmiError

if TYPE_CHECKING:
    from lmi_pipeline.cli import Context

SHOWN_ROWS = 50


def export(
    context: Context,
    table: str,
    *,
    where: tuple[str, ...],
    version: int | None,
    as_of: str | None,
    out: Path | None,
    internal: bool,
) -> None:
    """Write a table to a file or print its first rows; microdata never to a terminal."""
    from lmi_pipeline.storage.lake import Lake

    entry = catalog.table(table)
    if entry.layer != "out" and not internal:
        raise DisclosureError(f"'{table}' is not servable; add --internal if you may see it, and keep it inside")
    if entry.microdata and out is None:
        raise DisclosureError(f"'{table}' holds individual records and is never printed; name a file with --out")
    frame = Lake(load_settings().lake).read(
        table, where=typed_where(table, parse_where(where)), version=version, as_of=_time(as_of)
    )
    frame = frame.sort_values(list(entry.key), ignore_index=True)
    if out is not None:
        _write(frame, out)
        context.say({"table": table, "rows": len(frame), "file": str(out)}, f"{len(frame):,} rows of {table} in {out}")
    elif context.as_json:
        context.say({"table": table, "rows": frame.astype("object").where(frame.notna(), None).to_dict("records")}, "")
    else:
        more = (
            f"\n... {len(frame) - SHOWN_ROWS:,} more rows; --out FILE.csv has them all"
            if len(frame) > SHOWN_ROWS
            else ""
        )
        context.say({}, frame.head(SHOWN_ROWS).to_string(index=False, na_rep="") + more)


def typed_where(table: str, where: dict[str, str]) -> dict[str, object] | None:
    """Give ``COL=VALUE`` texts the type of their column."""
    casts: dict[str, Callable[[str], object]] = {
        "integer": int,
        "float": float,
        "boolean": lambda v: v.lower() in ("true", "1", "yes"),
    }
    found: dict[str, object] = {}
    for name, value in where.items():
        if name not in catalog.table(table).columns:
            raise LmiError(f"table '{table}' has no column '{name}'; it has {', '.join(catalog.table(table).columns)}")
        try:
            found[name] = casts.get(catalog.column(name).type, str)(value)
        except ValueError:
            raise LmiError(f"--where {name}: '{value}' is not of type {catalog.column(name).type}") from None
    return found or None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise LmiError(f"--as-of takes a date or time such as 2026-01-31T09:00, not '{text}'") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write(frame: pd.DataFrame, out: Path) -> None:
    if out.suffix not in (".csv", ".parquet"):
        raise LmiError(f"--out ends in .csv or .parquet, not '{out.suffix}'")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.part")
    if out.suffix == ".csv":
        frame.to_csv(partial, index=False)
    else:
        frame.to_parquet(partial, index=False)
    partial.replace(out)


def check(context: Context) -> None:
    """Run the catalogue's checks and the SQL tests on every table of the lake."""
    from lmi_pipeline.release.gate import examine_lake
    from lmi_pipeline.storage.lake import Lake

    settings = load_settings()
    outcomes = examine_lake(Lake(settings.lake), settings.project_root / "dbt_like_sql")
    if not outcomes:
        raise LmiError(f"there are no tables in {settings.lake} yet; run `lmi run`")
    failed = [o for o in outcomes if not o.passed]
    blocking = [o for o in failed if o.severity == "block"]
    tables = len({o.table for o in outcomes})
    lines = [
        f"{o.severity.upper():5} {o.table}: {o.name}: {o.failing_count} of {o.total_count}. {o.next_step}"
        for o in failed
    ]
    lines.append(
        f"{len(outcomes) - len(failed)} of {len(outcomes)} checks passed on {tables} tables,"
        f" {len(blocking)} blocking failures"
    )
    context.say({"passed": not blocking, "outcomes": [o.to_metadata() for o in outcomes]}, "\n".join(lines))
    if blocking:
        sys.exit(1)


def synthesise(context: Context, *, scale: str, seed: int, out: Path, sources: tuple[str, ...]) -> None:
    """Write the synthetic UK to a folder."""
    from lmi_pipeline import synthetic
    from lmi_pipeline.console.common import bar

    with bar("Synthetic UK", quiet=context.as_json) as tick:
        files = synthetic.generate(out, scale=scale, seed=seed, sources=list(sources) or None, progress=tick)
    names = [str(path) for path in files]
    context.say({"files": names}, f"{len(names)} files in {out}, every one synthetic")
