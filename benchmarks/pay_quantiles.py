"""Time and memory of nine conditional deciles of pay, beside R quantreg and statsmodels where they are installed.

``python benchmarks/pay_quantiles.py`` makes 180,000 jobs with 465 effects and gives them to each package in a process
of its own; then a sample that statsmodels can hold, which is dense. README.md has the installation commands.
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
import pay_quantiles_problem
import scipy.sparse

HERE = Path(__file__).parent
OURS = "this project"


@dataclass(frozen=True)
class Package:
    """A package, its adapter, what must be there to run it, and whether it is given the large sample."""

    name: str
    script: str
    probe: tuple[str, ...]
    is_sparse: bool


PACKAGES = (
    Package(OURS, "our_quantiles.py", (sys.executable, "-c", "import lmi_pipeline"), True),
    Package("R quantreg, sparse", "quantreg_sparse.R", ("Rscript", "-e", "library(quantreg)"), True),
    Package("statsmodels", "statsmodels_quantiles.py", (sys.executable, "-c", "import statsmodels"), False),
)


def is_there(package: Package) -> bool:
    """Whether the package can be run."""
    try:
        return subprocess.run(package.probe, capture_output=True, env=_environment(), check=False).returncode == 0
    except FileNotFoundError:
        return False


def run(package: Package, folder: Path, repeats: int, timeout: float) -> dict[str, Any]:
    """Figures of one package, or why there are none."""
    output = folder / "coefficients.raw"
    output.unlink(missing_ok=True)
    command = [
        package.probe[0],
        str(HERE / "peers" / package.script),
        str(folder),
        "deciles",
        str(repeats),
        str(output),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=_environment(), check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {timeout:.0f} s"}
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    medians = {f"{kind}_s": statistics.median(found[kind]) for kind in ("build", "solve", "cpu")}
    return found | medians | {"coefficients": np.fromfile(output).reshape(len(pay_quantiles_problem.PROBABILITIES), -1)}


def losses(problem: dict[str, np.ndarray], coefficients: np.ndarray) -> np.ndarray:
    """Weighted sum of the check function at each decile, counted from the coefficients."""
    parts = (problem["value"], problem["column"] - 1, problem["start"] - 1)
    x = scipy.sparse.csr_array(parts, shape=(len(problem["y"]), len(problem["kept"])))
    residuals = problem["y"][:, None] - x @ coefficients.T
    check = residuals * (np.array(pay_quantiles_problem.PROBABILITIES) - (residuals < 0))
    return np.asarray(problem["weight"] @ check)


def compare(rows: list[dict[str, Any]], problem: dict[str, np.ndarray]) -> None:
    """Replace coefficients by the largest excess over the least loss found, and add times over ours."""
    done = [row for row in rows if "coefficients" in row]
    found = [losses(problem, row.pop("coefficients")) for row in done]
    least = np.min(found, axis=0)
    own = next((row for row in done if row["package"] == OURS), None)
    for row, loss in zip(done, found, strict=True):
        row["excess"] = float((loss / least - 1).max())
        if own is not None:
            row |= {f"{kind}_ratio": row[f"{kind}_s"] / own[f"{kind}_s"] for kind in ("solve", "cpu")}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| rows | effects | package | nine deciles, s | x ours | CPU of it, s | x ours | peak, MB | excess loss |",
        "|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        start = f"| {row['rows']:,} | {row['effects']} | {row['package']} |"
        if "failed" in row:
            lines.append(f"{start} {row['failed'].replace('|', '/')[:80]} | | | | | |")
            continue
        times = " | ".join(
            f"{row[f'{kind}_s']:.2f} | {row.get(f'{kind}_ratio', np.nan):.1f}" for kind in ("solve", "cpu")
        )
        lines.append(f"{start} {times} | {row['peak_mb']:.0f} | {row['excess']:.0e} |")
    return "\n".join(lines)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(HERE.parent), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here, as JSON.")
@click.option("--only", multiple=True, help="Packages to run (default all).")
@click.option("--size", type=click.IntRange(2_000), default=180_000, show_default=True, help="Jobs.")
@click.option("--small", type=click.IntRange(2_000), default=4_000, show_default=True, help="Jobs for dense packages.")
@click.option("--occupations", type=click.IntRange(2), default=90, show_default=True, help="Of the small sample.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--timeout", type=float, default=600.0, show_default=True, help="Seconds for a package and sample.")
def main(
    out: Path | None, only: tuple[str, ...], size: int, small: int, occupations: int, repeats: int, timeout: float
) -> None:
    """Fit the deciles and print a table; --out for every figure.

    Figures are medians of REPEATS. The peak is what the process took at most beyond its imports and the loaded problem.
    The excess loss is that of the worst decile over the least that any package found.
    """
    rows: list[dict[str, Any]] = []
    chosen = [package for package in PACKAGES if not only or package.name in only]
    present = {package.name for package in chosen if is_there(package)}
    samples = ((size, pay_quantiles_problem.LEVELS["occupation"], False), (small, occupations, True))
    for count, levels, takes_dense in samples:
        with tempfile.TemporaryDirectory() as name:
            problem = pay_quantiles_problem.write(Path(name), count, levels)
            found = []
            for package in chosen:
                facts = {"rows": count, "effects": len(problem["kept"]), "package": package.name}
                if not package.is_sparse and not takes_dense:
                    continue
                figures = {"failed": "absent"}
                if package.name in present:
                    figures = run(package, Path(name), repeats if package.is_sparse else 1, timeout)
                found.append(facts | figures)
                click.echo(f"{count} rows, {package.name}: {figures.get('solve_s', figures.get('failed'))}", err=True)
            compare(found, problem)
            rows += found
    versions = {row["package"]: row["version"] for row in rows if row.get("version")}
    facts = {"processors": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()}
    click.echo(table(rows))
    click.echo(json.dumps(facts | {"versions": versions, "repeats": repeats}, indent=1))
    if out is not None:
        out.write_text(json.dumps(facts | {"versions": versions, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
