"""Time and memory of the pay equation, beside every other package that is installed.

``python benchmarks/pay_equation.py`` makes one sample of 1,800,000 jobs and gives it to each package in a process of
its own. A package that is not installed is reported as absent. README.md has the installation commands.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pay_equation_problem

HERE = Path(__file__).parent
OURS = "this project"
KEPT = 4  # coefficients and errors of age and age² before the fitted values


@dataclass(frozen=True)
class Package:
    """A package: adapter script, the module or R package that must be there, most jobs it is given, kind of errors."""

    name: str
    script: str
    needs: str
    errors: str
    most: int = 10_000_000


PACKAGES = (
    Package(OURS, "our_pay_equation.py", "lmi_pipeline", "hc1"),
    Package(f"{OURS}, no errors", "our_pay_equation.py", "lmi_pipeline", "none"),
    Package("R fixest", "fixest.R", "fixest", "hc0"),
    Package("pyfixest", "pyfixest_adapter.py", "pyfixest", "hc0"),
    Package("scipy LSMR", "lsmr_adapter.py", "scipy", "none"),
    Package("statsmodels", "statsmodels_wls.py", "statsmodels", "hc1", most=5_000),
)


def interpreter(package: Package, peers: Path) -> str | None:
    """What runs the adapter: its own environment under `peers`, or this one, or Rscript; None if absent."""
    own = peers / package.needs / "bin" / "python"
    if package.script.endswith(".R"):
        command, probe = "Rscript", ["Rscript", "-e", f"library({package.needs})"]
    else:
        command = str(own) if own.exists() and not package.name.startswith(OURS) else sys.executable
        probe = [command, "-c", f"import {package.needs}"]
    try:
        found = subprocess.run(probe, capture_output=True, env=_environment(1), check=False)
    except FileNotFoundError:
        return None
    return command if found.returncode == 0 else None


def run(package: Package, command: str, folder: Path, repeats: int, threads: int, timeout: float) -> dict[str, Any]:
    """Figures of one package, or why there are none."""
    arguments = [str(folder), package.errors, str(repeats), str(folder / "found.f64")]
    try:
        done = subprocess.run(
            [command, str(HERE / "peers" / package.script), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=_environment(threads),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {timeout:.0f} s"}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return {"failed": lines[-1] if lines else f"exit status {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    found["total"] = [build + solve for build, solve in zip(found["build"], found["solve"], strict=True)]
    found |= {f"{kind}_s": statistics.median(found[kind]) for kind in ("total", "cpu")}
    found["least_cpu_s"] = min(found["cpu"])
    return found | {"all_mb": found["baseline_mb"] + found["peak_mb"]}


def differences(ours: np.ndarray, theirs: np.ndarray, rows: int, rank: int, errors: str) -> dict[str, float]:
    """Largest difference of a fitted value, and relative ones of the coefficients and errors of age and age²."""
    factor = np.sqrt((rows - rank) / rows) if errors == "hc0" else 1.0
    mine = np.concatenate([ours[:2], ours[2:KEPT] * factor])
    relative = np.abs(theirs[:KEPT] / mine - 1)
    return {
        "fitted": float(np.abs(theirs[KEPT:] - ours[KEPT:]).max()),
        "coefficients": float(relative[:2].max()),
        "errors": float(relative[2:].max()),
    }


def rank(folder: Path) -> int:
    """Number of coefficients that can be told apart."""
    from lmi_pipeline.methods.factor_columns import Factor
    from lmi_pipeline.methods.factor_design import NormalEquations, make_design

    data = pay_equation_problem.load(str(folder))
    factors = [Factor(name, data[name], levels) for name, levels in pay_equation_problem.LEVELS.items()]
    equations = NormalEquations.prepare(make_design(factors, data["age"][:, None], ["age"]))
    return int((~(equations.aliased | equations.empty)).sum()) + 1


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| package | jobs | time, s | CPU, s | x ours | peak, MB | process, MB | fitted | coefficients | errors |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    base = next((found["cpu_s"] for found in rows if found["package"] == OURS and "cpu_s" in found), np.nan)
    for found in rows:
        start = f"| {found['package']} | {found.get('jobs', 0):,} |"
        if "cpu_s" not in found:
            lines.append(f"{start} {found['failed'].replace('|', '/')[:80]} | | | | | | | |")
            continue
        off = [f"{found[kind]:.0e}" if kind in found else "" for kind in ("fitted", "coefficients", "errors")]
        figures = [f"{found['total_s']:.2f}", f"{found['cpu_s']:.2f}", f"{found['cpu_s'] / base:.1f}"]
        figures += [f"{found['peak_mb']:.0f}", f"{found['all_mb']:.0f}"]
        lines.append(f"{start} {' | '.join([*figures, *off])} |")
    return "\n".join(lines)


def _environment(threads: int) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
    }


def _for_r(folder: Path) -> None:
    for name, values in pay_equation_problem.load(str(folder)).items():
        values.astype(np.float64 if values.dtype.kind == "f" else np.int32).tofile(folder / f"{name}.bin")


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here, as JSON.")
@click.option(
    "--peers",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir()) / "peers",
    help="Folder of an environment each.",
)
@click.option("--only", multiple=True, help="Packages to run (default all).")
@click.option("--size", type=click.IntRange(2_000), default=1_800_000, show_default=True, help="Jobs.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each package.")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Seconds for a package.")
def main(
    out: Path | None, peers: Path, only: tuple[str, ...], size: int, repeats: int, threads: int, timeout: float
) -> None:
    """Run the regressions and print a table; --out for every figure.

    The peak is what the process took at most beyond its imports and the loaded columns; process is with them.
    """
    rows: list[dict[str, Any]] = []
    for jobs in sorted({size, *(package.most for package in PACKAGES if package.most < size)}, reverse=True):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pay_equation_problem.write(folder, jobs)
            _for_r(folder)
            ours, coefficients = None, rank(folder)
            for package in PACKAGES:
                wanted = not only or package.name in only or package.name == OURS
                if not wanted or (min(package.most, size) != jobs and not (package.name == OURS and jobs < size)):
                    continue
                command = interpreter(package, peers)
                figures = (
                    {"failed": "absent"}
                    if command is None
                    else run(package, command, folder, repeats, threads, timeout)
                )
                rows.append({"package": package.name, "jobs": jobs, "coefficients_found": coefficients} | figures)
                if "failed" in figures:
                    click.echo(f"{package.name}: {figures['failed']}", err=True)
                    continue
                found = np.fromfile(folder / "found.f64")
                if ours is None:
                    ours = found
                else:
                    rows[-1] |= differences(ours, found, jobs, coefficients, package.errors)
                click.echo(f"{package.name}, {jobs:,} jobs: {figures['cpu_s']:.2f} s", err=True)
    facts = {
        "processors": os.cpu_count(),
        "threads": threads,
        "load_after": os.getloadavg(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {found["package"]: found["version"] for found in rows if found.get("version")},
    }
    click.echo(table(rows))
    click.echo(json.dumps(facts, indent=1))
    if out is not None:
        out.write_text(json.dumps(facts | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
