"""Full table of pay and hours by cell: jobs estimated, both predicted and reconciled, laid out; time and memory."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.methods.cell_constraints import RakingMargin
from lmi_pipeline.methods.cell_grid import GridCodes, JobsCube, PredictedFactors
from lmi_pipeline.methods.cell_raking import rake
from lmi_pipeline.methods.cell_system import CellSystem
from lmi_pipeline.methods.job_weights import estimate_jobs
from lmi_pipeline.methods.pay_cells import aggregate, cell_frame
from lmi_pipeline.methods.pay_reconciliation import PublishedMargin, predict_bills, reconcile

PATTERNS = ("full_time", "part_time")
SPLIT = {
    "degree": {"1": 0.03, "2": 0.27, "3": 0.7},
    "higher_education": {"4": 0.6, "5": 0.4},
    "a_level": {"6": 1.0},
    "gcse": {"7": 1.0},
    "other": {"8": 1.0},
    "none": {"9": 1.0},
}
MARGINS = (
    ("occupation",),
    ("occupation", "pattern"),
    ("region", "sub_major"),
    ("industry",),
    ("sex", "pattern"),
)
LEVELS = {"pay": (700.0, 260.0), "hours": (39.0, 18.0)}


def grid() -> GridCodes:
    """The whole grid of the catalogue."""
    return GridCodes(
        catalog.codes("soc2010_unit_group"),
        catalog.codes("region"),
        ("male", "female"),
        catalog.codes("qualification_9"),
        catalog.codes("industry_75"),
    )


def persons(codes: GridCodes, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Employees of a survey: occupations of unequal size, each in some industries of its sub-major group."""
    occupations, _, _, _, industries = codes.shape
    size = rng.gamma(0.7, size=occupations)
    occupation = rng.choice(occupations, count, p=size / size.sum())
    groups, place = codes.occupation_groups("sub_major")
    shares = rng.dirichlet(np.full(industries, 0.1), len(groups))
    own = np.array([rng.dirichlet(shares[at] * 20 + 0.002) for at in place])
    industry = (rng.random(count)[:, None] >= own[occupation].cumsum(axis=1)[:, :-1]).sum(axis=1)
    return pd.DataFrame(
        {
            "occupation": np.array(codes.occupations)[occupation],
            "region_gss": rng.choice(codes.regions, count),
            "sex": rng.choice(codes.sexes, count),
            "qualification": rng.choice(list(SPLIT), count),
            "industry_75": np.array(codes.industries)[industry],
            "working_pattern": rng.choice(PATTERNS, count, p=(0.72, 0.28)),
            "weight": rng.gamma(4.0, 110.0, count),
        }
    )


def factors(codes: GridCodes, level: float, rng: np.random.Generator, noise: float = 1.0) -> PredictedFactors:
    """Factors of a prediction around a level."""
    occupations, regions, sexes, qualifications, industries = codes.shape

    def drawn(spread: float, *shape: int) -> np.ndarray:
        return np.exp(rng.normal(0, spread * noise, shape))

    return PredictedFactors(
        level * drawn(0.35, occupations, 1) * drawn(0.08, occupations, sexes),
        drawn(0.08, regions),
        drawn(0.1, industries),
        drawn(0.02, occupations, qualifications) * np.linspace(1.2, 0.85, qualifications),
    )


def near(true: PredictedFactors, rng: np.random.Generator) -> PredictedFactors:
    """An estimate of the factors: off by 8 per cent for occupations, 3 for regions and industries."""
    return PredictedFactors(
        true.occupation_sex * np.exp(rng.normal(0, 0.08, true.occupation_sex.shape)),
        true.region * np.exp(rng.normal(0, 0.03, true.region.shape)),
        true.industry * np.exp(rng.normal(0, 0.03, true.industry.shape)),
        true.qualification,
    )


def published(
    jobs: JobsCube, true: dict[str, PredictedFactors], rng: np.random.Generator, hidden: float, noise: float
) -> list[PublishedMargin]:
    """Margins of the true means with sampling error, some of them suppressed."""
    bill = np.stack(list(predict_bills(jobs, true).values()))
    held = np.stack([jobs.jobs[pattern] for pattern in jobs.patterns])
    system = CellSystem.of(held, jobs.grid, jobs.patterns)
    found = []
    for dims in MARGINS:
        index, _ = system.cells(dims)
        labels = [label.split(", ") for label in system.labels(dims)]
        sums = [np.bincount(index, each[system.places], minlength=len(labels)) for each in (bill, held)]
        there = sums[1] > 0
        mean = sums[0][there] / sums[1][there] * np.exp(rng.normal(0, noise, there.sum()))
        mean[rng.random(len(mean)) < hidden] = np.nan
        frame = pd.DataFrame(labels, columns=list(dims))[there]
        cv = rng.uniform(0.5, 15.0, len(frame))
        found.append(PublishedMargin("/".join(dims), dims, frame.assign(mean=mean, cv=cv)))
    return found


@contextmanager
def timed(name: str, figures: dict[str, float]) -> Iterator[None]:
    """Wall and processor seconds of what is inside."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    figures[f"{name}, s"] = time.perf_counter() - wall
    figures[f"{name}, CPU s"] = time.process_time() - cpu


def full_table(every_pair: bool, count: int, hidden: float, noise: float) -> dict[str, float]:
    """All steps on the whole grid."""
    figures: dict[str, float] = {}
    rng, codes = np.random.default_rng(11), grid()
    sample = persons(codes, count, rng)
    pairs = pd.MultiIndex.from_product([codes.occupations, codes.industries], names=["occupation", "industry"])
    with timed("jobs", figures):
        jobs = estimate_jobs(
            sample, codes, qualification_split=SPLIT, pairs=pairs.to_frame(index=False) if every_pair else None
        )
    bills = {}
    for name, levels in LEVELS.items():
        true = {pattern: factors(codes, level, rng) for pattern, level in zip(PATTERNS, levels, strict=True)}
        guess = {pattern: near(each, rng) for pattern, each in true.items()}
        margins = published(jobs, true, rng, hidden, noise)
        with timed(name, figures):
            found = reconcile(jobs, guess, margins)
        figures |= {
            f"{name}, passes": found.passes,
            f"{name}, largest miss": float(found.summary["largest_miss"].max()),
            f"{name}, factors outside": int(found.summary["outside"].sum()),
        }
        bills[name] = found.bills
    with timed("tables", figures):
        cells = pd.concat([cell_frame(jobs, bills["pay"], bills["hours"], pattern) for pattern in PATTERNS])
    with timed("means by occupation and region", figures):
        aggregate(cells, ["occupation", "region_gss"])
    figures["cells"] = len(cells)
    figures["peak, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def beside_ipfn(interpreter: Path) -> dict[str, float]:
    """The same table of occupation, region and industry to its three margins, by ours and by ipfn."""
    figures: dict[str, float] = {}
    rng = np.random.default_rng(5)
    codes = grid()
    shape = (len(codes.occupations), len(codes.regions), len(codes.industries))
    table = rng.gamma(0.5, 100.0, shape)
    true = table * np.exp(rng.normal(0, 0.3, shape))
    sums = [true.sum(tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    places = np.indices(shape).reshape(3, -1)
    margins = [
        RakingMargin(str(axis), places[axis], each, tuple(map(str, range(len(each))))) for axis, each in enumerate(sums)
    ]
    with timed("ours", figures):
        ours = rake(table.ravel(), margins, tolerance=1e-9, max_passes=500).values
    with tempfile.TemporaryDirectory() as name:
        problem, answer = Path(name) / "problem.npz", Path(name) / "answer.npz"
        np.savez(problem, table=table, **{f"sums{axis}": each for axis, each in enumerate(sums)})
        adapter = Path(__file__).parent / "peers" / "ipfn_pay_cells.py"
        subprocess.run([interpreter, adapter, problem, answer], check=True)
        with np.load(answer) as found:
            figures["ipfn, s"] = float(found["seconds"])
            figures["largest relative difference"] = float(np.abs(found["table"].ravel() / ours - 1).max())
    return figures


@click.command()
@click.option("--persons", "count", type=click.IntRange(1000), default=60_000, show_default=True)
@click.option("--hidden", type=float, default=0.1, show_default=True, help="Share of published means suppressed.")
@click.option("--noise", type=float, default=0.02, show_default=True, help="Sampling error of published means.")
@click.option("--every-pair", is_flag=True, help="Jobs in every occupation and industry: no structural zeros.")
@click.option("--ipfn", type=click.Path(path_type=Path, exists=True), help="Python of an environment with ipfn.")
def main(count: int, hidden: float, noise: float, every_pair: bool, ipfn: Path | None) -> None:
    """Run the whole table and print its figures."""
    found: dict[str, dict[str, float]] = {"full table": full_table(every_pair, count, hidden, noise)}
    if ipfn is not None:
        found["beside ipfn"] = beside_ipfn(ipfn)
    facts: dict[str, object] = {
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
    }
    click.echo(json.dumps(found | {"machine": facts}, indent=1))


if __name__ == "__main__":
    main()
