"""Time, memory and withheld cells of protection with joint audit, alone at full size and beside other packages.

``python benchmarks/disclosure.py`` protects and audits the table of 365,560 cells and two with roll-ups, then gives
smaller tables to every package that is installed, each run in a process of its own. README.md has the commands that
install the packages.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from disclosure_problem import FULL, MOVE, TOTAL, make_table, primary_cells, write_problem

from lmi_pipeline.methods.disclosure_audit import audit
from lmi_pipeline.methods.disclosure_lattice import Lattice, build_lattice
from lmi_pipeline.methods.disclosure_system import DisclosureSystem

HERE = Path(__file__).parent
OURS = "this project"
MEMORY_LIMIT = 16 * 1024**3
SMALL = {1_617: (10, 6, 20), 13_923: (20, 12, 50), 43_173: (40, 12, 80)}
LARGE = ("none", "occupation", "every")
SOURCE = "GAUSS_SUPPRESSION_SOURCE"
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Package:
    """A package: adapter script, module or R package that must be there."""

    name: str
    script: str
    needs: str


PEERS = (
    Package("R GaussSuppression", "gauss_suppression.R", "SSBtools"),
    Package("gconfid", "gconfid_adapter.py", "gconfid"),
    Package("tau-ARGUS modular", "tau_argus_adapter.py", "pytauargus"),
)


@dataclass(frozen=True)
class Case:
    """One table and one threshold."""

    shape: Shape
    rollups: str
    threshold: int
    seed: int

    def lattice(self) -> Lattice:
        """The table with its equations."""
        table = make_table(self.shape, rollups=self.rollups, seed=self.seed)
        return build_lattice(table.dimensions, table.codes, table.value)


def interpreter(package: Package, folder: Path) -> str | None:
    """What runs the adapter: Rscript, or the Python of the package's own environment; None if it is absent."""
    if package.script.endswith(".R"):
        probe = ["Rscript", "-e", "NULL" if os.environ.get(SOURCE) else f"library({package.needs})"]
    else:
        probe = [str(folder / package.needs / "bin" / "python"), "-c", f"import {package.needs}"]
    try:
        found = subprocess.run(probe, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return probe[0] if found.returncode == 0 else None


def run(command: list[str], timeout: float) -> dict[str, Any]:
    """Figures of one process, its peak among them, or why there are none."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), preexec_fn=limit_memory
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"failed": f"stopped at {timeout:.0f} s"}
    if process.returncode:
        lines = err.strip().splitlines()
        return {"failed": lines[-1] if lines else f"exit status {process.returncode}"}
    figures: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return figures


def ours(case: Case, folder: Path, timeout: float) -> dict[str, Any]:
    """Figures of our own run."""
    output = folder / "ours.txt"
    shape = "x".join(map(str, case.shape))
    arguments = [shape, case.rollups, str(case.threshold), str(case.seed), str(output)]
    figures = run([sys.executable, str(HERE / "peers" / "our_disclosure.py"), *arguments], timeout)
    return figures | {"hidden": read(output)} if "failed" not in figures else figures


def peer(package: Package, command: str, folder: Path, timeout: float) -> dict[str, Any]:
    """Another package's figures."""
    output = folder / f"{package.needs}.txt"
    figures = run([command, str(HERE / "peers" / package.script), str(folder), str(output)], timeout)
    return figures | {"hidden": read(output)} if "failed" not in figures else figures


def read(output: Path) -> np.ndarray:
    """Complementary cells that a run wrote."""
    text = output.read_text().split()
    return np.array(text, dtype=int)


def judge(lattice: Lattice, primary: np.ndarray, extra: np.ndarray) -> dict[str, Any]:
    """Count and value of the complementary cells, where they are, and what our audit says of the pattern."""
    hidden = primary.copy()
    hidden[extra] = True
    room = np.where(primary, MOVE, 0.0)
    system = DisclosureSystem.of_equations(
        lattice.matrix, lattice.value, hidden, protect_down=np.minimum(room, lattice.value), protect_up=room
    )
    verdict = audit(system, rng=np.random.default_rng(1))
    last = [each.codes.index(TOTAL) for each in lattice.dimensions]
    return {
        "complementary": len(extra),
        "complementary_value": float(lattice.value[extra].sum()),
        "by_totals": np.bincount((lattice.nodes[extra] == last).sum(axis=1), minlength=len(last) + 1).tolist(),
        "exposed": int((verdict.exposed & verdict.protected).sum()),
        "undecided": int(verdict.undecided.sum()),
    }


def large(case: Case, folder: Path, timeout: float) -> dict[str, Any]:
    """Our protection and audit of a large table; the audit is that of the protection itself."""
    figures = ours(case, folder, timeout)
    lattice = case.lattice()
    primary = primary_cells(lattice.value, case.threshold)
    extra = figures.pop("hidden", np.empty(0, dtype=int))
    return {
        "cells": len(lattice.value),
        "rollups": case.rollups,
        "threshold": case.threshold,
        "primary": int(primary.sum()),
        "complementary": len(extra),
        "complementary_value": float(lattice.value[extra].sum()),
        **figures,
    }


def small(case: Case, peers: dict[Package, str], folder: Path, timeout: float) -> list[dict[str, Any]]:
    """One small table by everybody."""
    lattice = case.lattice()
    primary = primary_cells(lattice.value, case.threshold)
    write_problem(folder, lattice, primary)
    facts = {"cells": len(lattice.value), "threshold": case.threshold, "primary": int(primary.sum())}
    found = [(OURS, ours(case, folder, timeout))]
    found += [(package.name, peer(package, command, folder, timeout)) for package, command in peers.items()]
    rows = []
    for name, figures in found:
        extra = figures.pop("hidden", None)
        figures |= {} if extra is None else judge(lattice, primary, extra)
        rows.append({**facts, "package": name, **figures})
        click.echo(f"{facts['cells']} / {facts['threshold']} {name}: {rows[-1]}", err=True)
    return rows


def large_table(rows: list[dict[str, Any]]) -> str:
    """Our own figures in Markdown."""
    lines = [
        "| cells | equations | below | primary | complementary | their value | uncertified | repairs | s | CPU | MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in rows:
        start = f"| {each['cells']:,} | {each.get('equations', 0):,} | {each['threshold']:,} | {each['primary']:,} |"
        if "failed" in each:
            lines.append(f"{start} {each['failed'][:160]} | | | | | | |")
            continue
        lines.append(
            f"{start} {each['complementary']:,} | {each['complementary_value']:,.0f} | {each['uncertified']} | "
            f"{each['rounds']} | {each['solve_s']:.1f} | {each['cpu_s']:.1f} | {each['peak_mb']:.0f} |"
        )
    return "\n".join(lines)


def small_table(rows: list[dict[str, Any]]) -> str:
    """Everybody's figures in Markdown."""
    lines = [
        "| cells | below | primary | package | complementary | their value | exposed | undecided | s | CPU s |",
        "|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in rows:
        start = f"| {each['cells']:,} | {each['threshold']:,} | {each['primary']:,} | {each['package']} |"
        if "failed" in each:
            lines.append(f"{start} {each['failed'].replace('|', '/')[:160]} | | | | | |")
            continue
        lines.append(
            f"{start} {each['complementary']:,} | {each['complementary_value']:,.0f} | {each['exposed']} | "
            f"{each['undecided']} | {each['solve_s']:.1f} | {each['cpu_s']:.1f} |"
        )
    return "\n".join(lines)


def environment() -> dict[str, str]:
    """One thread for linear algebra, and this repository on the path."""
    return os.environ | {"PYTHONPATH": str(HERE.parent), "OPENBLAS_NUM_THREADS": "1"}


def limit_memory() -> None:
    """Keep a run from taking the machine down."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here, as JSON.")
@click.option(
    "--peers",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir()) / "peers",
    help="Folder of an environment each.",
)
@click.option("--only", multiple=True, help="Other packages to run (default all).")
@click.option("--size", "sizes", type=click.Choice([*map(str, SMALL), "large"]), multiple=True, help="Default all.")
@click.option("--rollups", type=click.Choice(LARGE), multiple=True, default=LARGE, help="Of the large table.")
@click.option("--threshold", "thresholds", type=int, multiple=True, default=(1_000, 6), show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--timeout", type=float, default=1_200.0, show_default=True, help="Seconds for one run.")
def main(
    out: Path | None,
    folder: Path,
    only: tuple[str, ...],
    sizes: tuple[str, ...],
    rollups: tuple[str, ...],
    thresholds: tuple[int, ...],
    seed: int,
    timeout: float,
) -> None:
    """Run the protections and print two tables; --out for every figure."""
    chosen = sizes or (*map(str, SMALL), "large")
    peers = {}
    for package in (each for each in PEERS if not only or each.name in only):
        command = interpreter(package, folder)
        click.echo(f"{package.name}: {command or 'absent'}", err=True)
        peers |= {} if command is None else {package: command}
    own: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for threshold in thresholds:
            for each in rollups if "large" in chosen else ():
                own.append(large(Case(FULL, each, threshold, seed), Path(name), timeout))
                click.echo(str(own[-1]), err=True)
            for size in (size for size in SMALL if str(size) in chosen):
                rows += small(Case(SMALL[size], "none", threshold, seed), peers, Path(name), timeout)
    click.echo(f"{large_table(own)}\n\n{small_table(rows)}")
    facts = {
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "seed": seed,
        "timeout": timeout,
    }
    click.echo(json.dumps(facts))
    if out is not None:
        out.write_text(json.dumps(facts | {"large": own, "small": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
