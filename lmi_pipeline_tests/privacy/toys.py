"""Small tables whose truth is known, and what an attacker sees of them."""

import numpy as np
import pandas as pd

from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice, build_lattice
from lmi_pipeline.methods.disclosure_protect import Decision, protect
from lmi_pipeline.methods.disclosure_rules import PrimaryDecision, combine, contributor_counts
from lmi_pipeline_tests.privacy import attacker
from lmi_pipeline_tests.privacy.attacker import Knowledge, Sums

LEAST = 10


def table(leaves: np.ndarray, sums: dict[str, Sums]) -> Lattice:
    """A table of counts by the leaves of each dimension, summed up over all nodes."""
    values, codes = np.asarray(leaves, float), []
    for axis, tops in enumerate(sums.values()):
        inside = _inside(tops, values.shape[axis])
        values = np.moveaxis(np.tensordot(np.array(list(inside.values())), values, (1, axis)), 0, axis)
        codes.append(list(inside))
    cells = pd.MultiIndex.from_product(codes, names=list(sums)).to_frame(index=False).assign(value=values.ravel())
    dimensions = [Dimension.of(name, tops) for name, tops in sums.items()]
    return build_lattice(dimensions, cells[list(sums)].reset_index(drop=True), cells["value"].to_numpy())


def _inside(tops: Sums, leaves: int) -> dict[str, np.ndarray]:
    """Which leaves are in which node; leaves are the codes without children, in the order of their mention."""
    parts = {top: list(children) for top, children in tops}
    names = list(dict.fromkeys(c for _, children in tops for c in children if c not in parts))
    assert len(names) == leaves

    def under(node: str) -> set[str]:
        return {node} if node in names else set().union(*(under(child) for child in parts[node]))

    return {node: np.array([name in under(node) for name in names], float) for node in [*names, *parts]}


def by_count(lattice: Lattice, least: float = LEAST) -> PrimaryDecision:
    """Fewer than ten persons, who count one each, are withheld and must stay uncertain by a fifth and by one."""
    value = lattice.value
    return combine(value, [contributor_counts(value, minimum=least)], share=0.2)


def protected(lattice: Lattice, primary: PrimaryDecision | None = None, **more: object) -> Decision:
    """What the gate makes of a table."""
    return protect(lattice, primary or by_count(lattice), rng=np.random.default_rng(3), **more)


def naive(lattice: Lattice) -> np.ndarray:
    """Cells a careless publisher withholds: those the rule names and no other."""
    return by_count(lattice).withheld


def rows(lattice: Lattice, hidden: np.ndarray) -> pd.DataFrame:
    """What is published of a table: codes, and a number or nothing."""
    cells = lattice.labels(np.arange(len(lattice.value))).astype(str)
    return cells.assign(number=np.where(hidden, np.nan, lattice.value))


def see(*published: pd.DataFrame, sums: dict[str, Sums]) -> Knowledge:
    """Put publications together: a cell that one of them shows is known."""
    found = pd.concat(published, ignore_index=True)
    found = found.groupby(list(sums), sort=False, as_index=False)["number"].first()
    return attacker.learn(found, found["number"].to_numpy(), found["number"].to_numpy(), sums)


def intervals(known: Knowledge, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attacker's interval of each cell; nothing where it is shown."""
    low, high = known.low.copy(), known.high.copy()
    for cell in cells:
        low[cell], high[cell] = attacker.interval(known, int(cell), lines=10_000)
    return low, high


def gives_away(lattice: Lattice, known: Knowledge, primary: PrimaryDecision) -> np.ndarray:
    """Cells the rule names that programmes find to be exact, or closer than their protection; `known` has them all."""
    place = known.codes.reset_index().merge(lattice.labels(np.arange(len(lattice.value))).astype(str), how="right")
    cells = place["index"].to_numpy()
    low, high = intervals(known, cells[primary.withheld])
    verdict = attacker.judge(low[cells], high[cells], lattice.value, primary.protect_down, primary.protect_up)
    assert not verdict.wrong.any()
    return (verdict.exact | verdict.close) & primary.withheld


def skewed(seed: int, shape: tuple[int, ...], mean: float = 25.0) -> np.ndarray:
    """Counts as tables of people have them: few large ones, many small."""
    rng = np.random.default_rng(seed)
    return np.ceil(rng.lognormal(np.log(mean), 1.1, shape))


def rng() -> np.random.Generator:
    """The same random numbers in every test."""
    return np.random.default_rng(5)
