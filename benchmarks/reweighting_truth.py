"""Old and revised weights against the known truth of the synthetic UK.

``python benchmarks/reweighting_truth.py --data FOLDER`` reads a built lake; without ``--data`` the lake it needs is
built in a temporary folder through the command line (some minutes at scale uk).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import click
import pandas as pd

from lmi_pipeline import synthetic
from lmi_pipeline.cli import main as lmi
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.synthetic.truth_comparison import LEVELS, compare_with_truth, summarise_errors

TABLE = "est_lfs__quarterly_estimate"
OLD, NEW = "pwt18", ("pwt20", "pwt22")
FIRST, LAST = "2018-10", "2020-10"
QUARTERS = ("2020-01", "2020-04", "2020-07", "2020-10")
_THOUSAND = 1_000


def build(folder: Path, scale: str, seed: int) -> None:
    """Build the estimates of all vintages compared, with the command line, in a folder of its own."""
    wanted = " or ".join(f"+{TABLE}_{vintage}" for vintage in (OLD, *NEW))
    os.environ |= {
        "LMI_DATA": str(folder),
        "DAGSTER_HOME": str(folder / "dagster"),
        "LMI_SOURCES": "synthetic",
        "LMI_SCALE": scale,
        "LMI_SEED": str(seed),
    }
    with redirect_stdout(sys.stderr):
        lmi(["run", "--select", wanted, "--from", FIRST, "--to", LAST], standalone_mode=False)


def errors(folder: Path, scale: str, seed: int) -> pd.DataFrame:
    """Errors with old and new weights by new vintage, indicator, country of birth and quarter."""
    estimates = Lake(folder / "lake").read(TABLE, where={"quarter": QUARTERS, "weight_vintage": (OLD, *NEW)})
    true = synthetic.truth(scale, seed)
    return pd.concat(
        {vintage: compare_with_truth(true, estimates, QUARTERS, OLD, vintage) for vintage in NEW}, names=["new"]
    ).reset_index(level="new")


def report(comparison: pd.DataFrame) -> str:
    """One block for each new vintage: a table by quarter, and a line for each indicator."""
    lines = []
    for vintage, part in comparison.groupby("new"):
        ratio = part.assign(ratio=(part["new_error"] / part["old_error"]).abs())
        table = ratio.pivot(index=["indicator", "birth_group"], columns="quarter", values="ratio")
        lines += [f"\nabsolute error with {vintage} over that with {OLD}", table.round(2).to_string()]
        lines.append(f"\nroot mean square error over the quarters, {OLD} -> {vintage} (thousands, or points)")
        lines += [_line(row) for row in summarise_errors(part).itertuples()]
    return "\n".join(lines)


def _line(row: tuple) -> str:
    unit, form = (_THOUSAND, ",.0f") if row.indicator in LEVELS else (1, ".2f")
    old, new, move = (format(value / unit, form) for value in (row.old_rmse, row.new_rmse, row.mean_move))
    return f"{row.indicator:18} {row.birth_group:7} {old:>8} -> {new:>8}  ratio {row.ratio:6.2f}  mean move {move:>8}"


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Data folder with a built lake.")
@click.option("--scale", type=click.Choice(["small", "uk"]), default="small", show_default=True)
@click.option("--seed", type=int, default=2010, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the errors and their summary as JSON.")
def main(data: Path | None, scale: str, seed: int, as_json: bool) -> None:
    """Compare estimates of 2020 with the truth; --scale and --seed are those the data was made with."""
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            build(Path(folder), scale, seed)
        comparison = errors(data or Path(folder), scale, seed)
    if as_json:
        summary = pd.concat({v: summarise_errors(part) for v, part in comparison.groupby("new")}, names=["new"])
        tables = {"errors": comparison, "summary": summary.reset_index(level="new")}
        click.echo(json.dumps({name: table.to_dict("records") for name, table in tables.items()}, indent=1))
    else:
        click.echo(report(comparison))


if __name__ == "__main__":
    main()
