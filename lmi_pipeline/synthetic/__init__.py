"""The synthetic UK: one population with known truth, and the sources drawn from it in their publishers' layouts.

>>> from lmi_pipeline import synthetic
>>> synthetic.truth().employees  # what is true
>>> synthetic.generate(folder)  # the files, one folder a source
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from lmi_pipeline.errors import MethodError
from lmi_pipeline.synthetic.ashe import generate_ashe
from lmi_pipeline.synthetic.census import generate_census
from lmi_pipeline.synthetic.demography import generate_population
from lmi_pipeline.synthetic.lfs import generate_lfs_quarter, generate_person_files
from lmi_pipeline.synthetic.lfs_boost import generate_boost_files
from lmi_pipeline.synthetic.lfs_dataset_weights import generate_dataset_weight_files
from lmi_pipeline.synthetic.lfs_sample import generate_sample_files
from lmi_pipeline.synthetic.lfs_tables import generate_lfs_tables
from lmi_pipeline.synthetic.pay_truth import true_pay
from lmi_pipeline.synthetic.population import SyntheticTruth, truth
from lmi_pipeline.synthetic.rti import generate_rti
from lmi_pipeline.synthetic.truth_employment import true_employment

__all__ = ["GENERATORS", "SyntheticTruth", "generate", "generate_lfs_quarter", "true_employment", "true_pay", "truth"]


def _generate_lfs(true: SyntheticTruth, folder: Path) -> Iterator[Path]:
    yield from generate_person_files(true, folder)
    yield from generate_sample_files(true, folder)
    yield from generate_boost_files(true, folder)
    yield from generate_dataset_weight_files(true, folder)
    yield from generate_lfs_tables(true, folder)


GENERATORS: dict[str, Callable[[SyntheticTruth, Path], Iterator[Path]]] = {
    "rti": generate_rti,
    "lfs": _generate_lfs,
    "population": generate_population,
    "census": generate_census,
    "ashe": generate_ashe,
}


def generate(
    out: Path,
    *,
    scale: str = "small",
    seed: int = 2010,
    sources: Collection[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Path]:
    """Write the files of the synthetic UK to ``out/<source>/<publisher's file name>``.

    Parameters
    ----------
    out : Path
        Folder to write to; made if absent.
    scale : {'small', 'uk'}
        Sample sizes: about 9,000 or 85,000 persons a quarter in the Labour Force Survey, 60,000 or 180,000 jobs a
        year in the Annual Survey of Hours and Earnings.
    seed : int
        Same seed, same bytes.
    sources : collection of str, optional
        Names from :data:`GENERATORS`; all by default.
    progress : callable, optional
        Called with source, number of sources done and number of sources.

    Returns
    -------
    list of Path
        The files written.
    """
    chosen = list(GENERATORS) if sources is None else [name for name in GENERATORS if name in sources]
    unknown = sorted(set(sources or ()) - set(GENERATORS))
    if unknown:
        raise MethodError(f"no synthetic generator for {', '.join(unknown)}; there are {', '.join(GENERATORS)}")
    true = truth(scale, seed)
    files: list[Path] = []
    for done, name in enumerate(chosen):
        if progress:
            progress(name, done, len(chosen))
        files += GENERATORS[name](true, out / name)
    if progress and chosen:
        progress(chosen[-1], len(chosen), len(chosen))
    return files
