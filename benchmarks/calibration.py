"""Time and memory of calibration, beside every other package that is installed.

``python benchmarks/calibration.py`` makes one sample of 85,000 persons with 472 controls and gives it to each package
in a process of its own. A package that is not installed is reported as absent. README.md has the installation commands.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import calibration_problem
import click
import numpy as np

HERE = Path(__file__).parent
OURS = "this project"
MEMORY_LIMIT = 16 * 1024**3
SINGLE = ("linear", "raking", "logit")
OWN = ("raking_household", "linear_household", "raking_national", "quarters")
KINDS = ("solve", "cpu", "total")
REPLICATES = ("replicates_raking", "replicates_linear")


@dataclass(frozen=True)
class Package:
    """A package: adapter script, the module or R package that must be there, what it can do, what 1e-7 means to it."""

    name: str
    script: str
    needs: str
    methods: tuple[str, ...]
    tolerance: str


PACKAGES = (
    Package(OURS, "this_project.py", "lmi_pipeline", SINGLE + OWN + REPLICATES, "largest relative error of a control"),
    Package("R survey", "survey.R", "survey", SINGLE, "largest error over 1 + control; linear: none, one step"),
    Package(
        "svy",
        "svy_adapter.py",
        "svy",
        ("linear", "raking", *REPLICATES),
        "largest relative error of a control; linear: none, one step",
    ),
    Package("weightipy", "weightipy_adapter.py", "weightipy", ("raking",), "none: goes on until weights stop moving"),
    Package(
        "samplics",
        "samplics_adapter.py",
        "samplics",
        ("linear", "raking"),
        "largest relative error and change of a control; linear: none, one step",
    ),
    Package("balance", "balance_adapter.py", "balance", ("raking",), "largest change or error of a share of a margin"),
    Package("ipfn", "ipfn_adapter.py", "ipfn", ("raking",), "largest relative error of a control"),
)


def interpreter(package: Package, peers: Path) -> str | None:
    """What runs the adapter: its own environment under `peers`, or this one, or Rscript; None if absent."""
    own = peers / package.needs / "bin" / "python"
    if package.script.endswith(".R"):
        command, probe = "Rscript", ["Rscript", "-e", f"library({package.needs})"]
    else:
        command = str(own) if own.exists() and package.name != OURS else sys.executable
        probe = [command, "-c", f"import {package.needs}"]
    try:
        found = subprocess.run(probe, capture_output=True, env=_environment(), check=False)
    except FileNotFoundError:
        return None
    return command if found.returncode == 0 else None


def run(
    package: Package, command: str, method: str, folder: Path, repeats: int, replicates: int, timeout: float
) -> dict[str, Any]:
    """Figures of one package and method, or why there are none."""
    weights = folder / "weights.f64"
    weights.unlink(missing_ok=True)
    arguments = [str(folder), method, str(repeats), str(weights), str(replicates)]
    try:
        done = subprocess.run(
            [command, str(HERE / "peers" / package.script), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=_environment(),
            preexec_fn=_limit_memory,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {timeout:.0f} s"}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return {"failed": lines[-1] if lines else f"exit status {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def judge(weights: Path, margins: dict[str, tuple[np.ndarray, np.ndarray]]) -> float:
    """Largest relative error of a control, counted from the weights."""
    found = np.fromfile(weights)
    worst = [
        np.abs(np.bincount(codes, found, minlength=len(totals)) / totals - 1).max()
        for codes, totals in margins.values()
    ]
    return float(max(worst))


def row(package: Package, method: str, figures: dict[str, Any]) -> dict[str, Any]:
    """Medians of one package and method."""
    result: dict[str, Any] = {"package": package.name, "method": method, "tolerance_means": package.tolerance}
    if "failed" in figures:
        return result | figures
    total = [build + solve for build, solve in zip(figures["build"], figures["solve"], strict=True)]
    medians = {"solve_s": figures["solve"], "total_s": total, "cpu_s": figures["cpu"]}
    return result | figures | {name: statistics.median(values) for name, values in medians.items()}


def compare(rows: list[dict[str, Any]]) -> None:
    """Add to every row of a peer how many times as long it takes as this project."""
    own = {found["method"]: found for found in rows if found["package"] == OURS and "solve_s" in found}
    for found in rows:
        base = own.get(found["method"])
        if base is not None and "solve_s" in found:
            found |= {f"{kind}_ratio": found[f"{kind}_s"] / base[f"{kind}_s"] for kind in KINDS}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| method | package | solve, s | x ours | CPU of it, s | x ours | total, s | x ours | peak, MB | error |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for found in sorted(rows, key=lambda each: (each["method"], each.get("solve_s", np.inf))):
        start = f"| {found['method']} | {found['package']} |"
        if "solve_s" not in found:
            lines.append(f"{start} {found['failed'].replace('|', '/')[:80]} | | | | | | | |")
            continue
        times = [f"{found[f'{kind}_s']:.3f} | {found.get(f'{kind}_ratio', np.nan):.1f}" for kind in KINDS]
        error = f"{found['error']:.1e}" if "error" in found else ""
        lines.append(f"{start} {' | '.join(times)} | {found['peak_mb']:.0f} | {error} |")
    return "\n".join(lines)


def environment(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The machine and the versions of everything that ran."""
    versions = {found["package"]: found["version"] for found in rows if "version" in found}
    return {
        "processors": os.cpu_count(),
        "load_before": os.getloadavg(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(HERE.parent), "OPENBLAS_NUM_THREADS": "1"}


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here, as JSON.")
@click.option(
    "--peers",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir()) / "peers",
    help="Folder of an environment each.",
)
@click.option("--only", multiple=True, help="Packages to run (default all).")
@click.option("--method", "wanted", multiple=True, help="Methods to run (default all).")
@click.option("--size", type=click.IntRange(2_000), default=85_000, show_default=True, help="Persons.")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
@click.option("--replicates", type=click.IntRange(2), default=500, show_default=True)
@click.option("--timeout", type=float, default=900.0, show_default=True, help="Seconds for a package and method.")
def main(
    out: Path | None,
    peers: Path,
    only: tuple[str, ...],
    wanted: tuple[str, ...],
    size: int,
    repeats: int,
    replicates: int,
    timeout: float,
) -> None:
    """Run the calibrations and print a table; --out for every figure.

    Replicates of peers are run once, everything else REPEATS times; figures are medians. The peak is what the process
    took at most beyond its imports and the loaded problem.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        margins = calibration_problem.write(folder, size)
        for package in PACKAGES:
            if only and package.name not in only:
                continue
            command = interpreter(package, peers)
            if command is None:
                click.echo(f"{package.name}: absent", err=True)
                rows.append({"package": package.name, "method": "all", "failed": "absent"})
                continue
            for method in package.methods:
                if wanted and method not in wanted:
                    continue
                times = 1 if method.startswith("replicates") and package.name != OURS else repeats
                figures = run(package, command, method, folder, times, replicates, timeout)
                found = row(package, method, figures)
                if "failed" not in found and method in SINGLE:
                    found["error"] = judge(folder / "weights.f64", margins)
                rows.append(found)
                click.echo(f"{package.name} {method}: {found.get('solve_s', found.get('failed'))}", err=True)
    compare(rows)
    facts = environment(rows) | {"persons": size, "repeats": repeats, "replicates": replicates}
    click.echo(table(rows))
    click.echo(json.dumps(facts, indent=1))
    if out is not None:
        out.write_text(json.dumps(facts | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
