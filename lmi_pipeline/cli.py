"""The command line, thin: it reads options, calls the project, and prints a plain account."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from lmi_pipeline.errors import LmiError


class Context:
    """What every command shares: settings, and definitions made when first asked for."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, payload: dict[str, Any], text: str) -> None:
        """Print a result for a machine or for a person."""
        click.echo(json.dumps(payload, indent=2, default=str) if self.as_json else text)


def _command(function: Callable[..., None]) -> Callable[..., None]:
    """Turn the project's errors into one line on standard error and exit code 1."""

    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @wraps(function)
    def wrapped(*, as_json: bool, **options: Any) -> None:
        try:
            function(Context(as_json), **options)
        except LmiError as error:
            click.echo(f"lmi: {' '.join(str(error).split())}", err=True)
            sys.exit(1)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lmi-pipeline")
def main() -> None:
    """Open labour market information for the UK: build, check, export and publish.

    Settings come from LMI_ variables: LMI_DATA, LMI_SOURCES, LMI_SCALE, LMI_SEED, LMI_PAY_MODE,
    LMI_DATABASE_URL, LMI_DATABASE_READER, LMI_AUTOMATION.
    """


@main.command()
@click.option("--select", help="Assets to build, in Dagster's selection syntax, e.g. '+est_rti__quarterly_growth'.")
@click.option("--all", "publish", is_flag=True, help="Everything, a release included (the default without --select).")
@click.option("--partition", help="One quarter or year for the partitioned assets, e.g. 2020-01.")
@click.option("--from", "first", help="First quarter or year for the partitioned assets.")
@click.option("--to", "last", help="Last quarter or year for the partitioned assets.")
@click.option("--vintage", help="Only this weight vintage's assets and what they need.")
@click.option("--scale", type=click.Choice(["small", "uk"]), help="Size of the synthetic UK.")
@click.option("--list", "show", is_flag=True, help="List the assets and stop.")
@_command
def run(
    context: Context,
    select: str | None,
    publish: bool,
    partition: str | None,
    first: str | None,
    last: str | None,
    vintage: str | None,
    scale: str | None,
    show: bool,
) -> None:
    """Materialise assets through Dagster, with progress; exit 1 if an asset or a blocking check failed."""
    from lmi_pipeline.console import run as flow

    if publish and select:
        raise LmiError("--all and --select exclude each other; leave one out")
    if scale:
        os.environ["LMI_SCALE"] = scale
    if partition and (first or last):
        raise LmiError("--partition and --from/--to exclude each other; leave one out")
    flow.run(context, select=select, first=partition or first, last=partition or last, vintage=vintage, show=show)


@main.command()
@click.option("--vintage", required=True, help="Weight vintage, e.g. pwt22.")
@click.option("--from", "first", required=True, help="First quarter, e.g. 2020-01.")
@click.option("--to", "last", help="Last quarter (default: the last one the vault has).")
@click.option("--dry-run", is_flag=True, help="Say what would run, and stop.")
@_command
def backfill(context: Context, vintage: str, first: str, last: str | None, dry_run: bool) -> None:
    """Rebuild a weight vintage over a range of quarters; all other vintages stay as they are."""
    from lmi_pipeline.console import run as flow

    flow.backfill(context, vintage=vintage, first=first, last=last, dry_run=dry_run)


@main.command()
@click.argument("table")
@click.option("--where", multiple=True, metavar="COL=VALUE", help="Keep rows with this value; may be repeated.")
@click.option("--version", type=int, help="Version of the table.")
@click.option("--as-of", help="As it was at this time, e.g. 2026-01-31 or 2026-01-31T09:00.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write: .csv or .parquet.")
@click.option("--internal", is_flag=True, help="Allow core_ and est_ tables, which are never served.")
@_command
def export(
    context: Context,
    table: str,
    where: tuple[str, ...],
    version: int | None,
    as_of: str | None,
    out: Path | None,
    internal: bool,
) -> None:
    """Write a table of the lake to a file, or print it."""
    from lmi_pipeline.console import data as flow

    flow.export(context, table, where=where, version=version, as_of=as_of, out=out, internal=internal)


@main.command()
@_command
def check(context: Context) -> None:
    """Run every check of the catalogue on the tables as they stand; exit 1 if a blocking one fails."""
    from lmi_pipeline.console import data as flow

    flow.check(context)


@main.command()
@click.option("--scale", type=click.Choice(["small", "uk"]), default="small", show_default=True)
@click.option("--seed", type=int, default=2010, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write the files to.")
@click.option("--source", "sources", multiple=True, help="Only this source; may be repeated.")
@_command
def synthesise(context: Context, scale: str, seed: int, out: Path, sources: tuple[str, ...]) -> None:
    """Write the synthetic UK as files in the publishers' own layouts."""
    from lmi_pipeline.console import data as flow

    flow.synthesise(context, scale=scale, seed=seed, out=out, sources=sources)


@main.command()
@click.argument("cells", type=click.Path(path_type=Path), metavar="CELLS.csv")
@click.option("--spec", type=click.Path(path_type=Path), required=True, help="SPEC.json: columns, hierarchies, rules.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV to write: codes, value, status.")
@click.option("--internal", type=click.Path(path_type=Path), help="Reasons (.csv) or certificates (.npz); stay inside.")
@_command
def protect(context: Context, cells: Path, spec: Path, out: Path, internal: Path | None) -> None:
    """Withhold what a table's rules say, and what else makes that safe; fails if it cannot be made safe.

    CELLS.csv has one row per cell, totals too: a column of codes for each dimension, the value, and what the rules
    need. An example of SPEC.json, which the README explains key by key:

    \b
      {"dimensions": {"region": {"tree": {"UK": {"England": ["North", "South"], "Wales": []}}},
                      "industry": {"total": "all"}},
       "value": "turnover", "contributors": "firms", "largest": ["largest_1", "largest_2"],
       "rules": {"minimum_contributors": 10, "p_percent": 10},
       "protection": {"share": 0.2}, "rounding_base": 5}

    \b
      lmi protect cells.csv --spec spec.json --out safe.csv
    """  # noqa: D301
    from lmi_pipeline.console import disclosure as flow

    flow.protect_table(context, cells, spec_path=spec, out=out, internal=internal)


@main.command()
@click.argument("cells", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="CELLS.csv...")
@click.option("--spec", type=click.Path(path_type=Path), required=True, help="SPEC.json: columns, hierarchies, rules.")
@click.option(
    "--true", "truth", type=click.Path(path_type=Path), multiple=True, help="Cells with true values; may be repeated."
)
@click.option("--limit", type=click.IntRange(min=0), default=500, show_default=True, help="Intervals to compute.")
@_command
def audit(context: Context, cells: tuple[Path, ...], spec: Path, truth: tuple[Path, ...], limit: int) -> None:
    """Try to work out what tables withhold; exit 1 and list the cells that are exposed, with attackers' intervals.

    Several files are audited as published together. Without a status column everything counts as published except what
    the rules withhold. With --true every cell that a rule withholds must be proven safe; without, an audit finds what
    the published cells alone give away.

    \b
      lmi audit safe.csv --spec spec.json --true cells.csv
      lmi audit by_region.csv by_size.csv --spec spec.json
    """  # noqa: D301
    from lmi_pipeline.console import disclosure as flow

    flow.audit_tables(context, cells, spec_path=spec, true=truth, limit=limit)


@main.group()
def release() -> None:
    """List, publish, verify and roll back releases."""


@release.command("list")
@_command
def release_list(context: Context) -> None:
    """List the releases, newest first; the current one is marked, and those under embargo have their time."""
    from lmi_pipeline.console import releases as flow

    flow.show(context)


@release.command("publish")
@click.option("--embargo", metavar="INSTANT", help="In force from then, e.g. 2026-12-01T09:30 (UK time, or an offset).")
@click.option("--note", help="Note to readers, in Markdown (default: a summary of what changed).")
@click.option("--notes", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File with the note.")
@_command
def release_publish(context: Context, embargo: str | None, note: str | None, notes: Path | None) -> None:
    """Publish the servable tables as they stand, if every blocking check passes."""
    from lmi_pipeline.console import releases as flow

    if note and notes:
        raise LmiError("--note and --notes exclude each other; leave one out")
    flow.publish(context, embargo=embargo, note=notes.read_text(encoding="utf-8") if notes else note)


@release.command("rollback")
@click.argument("version")
@_command
def release_rollback(context: Context, version: str) -> None:
    """Make an earlier release the current one."""
    from lmi_pipeline.console import releases as flow

    flow.rollback(context, version)


@release.command("verify")
@click.argument("version", required=False)
@_command
def release_verify(context: Context, version: str | None) -> None:
    """Hash a release's files again and compare with its manifest."""
    from lmi_pipeline.console import releases as flow

    flow.verify(context, version)


@main.command()
@click.argument("table")
@click.argument("where", nargs=-1, metavar="[COL=VALUE]...")
@click.option("--release", help="Version of the release, or its folder (default: the current one).")
@_command
def explain(context: Context, table: str, where: tuple[str, ...], release: str | None) -> None:
    """Say where a published number comes from: files, method, weights, checks and releases.

    Conditions name one row, by codes or names: region=London quarter=2020-01.
    """
    from lmi_pipeline.console import explain as flow

    flow.explain(context, table, where, release)


@main.command()
@click.argument("before", metavar="RELEASE_A")
@click.argument("after", metavar="RELEASE_B")
@click.option("--table", "tables", multiple=True, help="Only this table; may be repeated.")
@_command
def diff(context: Context, before: str, after: str, tables: tuple[str, ...]) -> None:
    """What changed from one release to another: rows, cells, the largest changes, statuses."""
    from lmi_pipeline.console import releases as flow

    flow.diff(context, before, after, tables=tables)


@main.command()
@click.option("--port", type=int, default=3000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@_command
def serve(context: Context, port: int, host: str) -> None:
    """Serve the Dagster UI until Ctrl-C."""
    from lmi_pipeline.console.common import dagster_home

    dagster_home()
    click.echo(f"Dagster UI: http://{host}:{port}  (Ctrl-C to stop)")
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-m", "lmi_pipeline.definitions"]
    sys.stdout.flush()
    arguments = [*command, "-h", host, "-p", str(port), "--log-level", "warning"]
    os.execv(arguments[0], arguments)  # noqa: S606 signals reach Dagster itself, which stops its daemon


if __name__ == "__main__":
    main()
