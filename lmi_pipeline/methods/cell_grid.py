"""The grid of cells that pay and hours are predicted for: its codes, the jobs in it and the factors of a prediction.

Dense arrays have the axes (occupation, region, sex, qualification, industry), one array for each working pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray

IntArray = NDArray[np.int64]

AXES = ("occupation", "region", "sex", "qualification", "industry")
_OCCUPATION_DIGITS = {"major": 1, "sub_major": 2, "minor": 3, "occupation": 4}


@dataclass(frozen=True, slots=True, eq=False)
class GridCodes:
    """Codes of every axis of the grid, in the order of the arrays.

    Attributes
    ----------
    occupations : tuple of str
        SOC 2010 unit groups, e.g. ``1115``.
    regions : tuple of str
        GSS codes.
    sexes : tuple of str
        ``male`` and ``female``.
    qualifications : tuple of str
        The nine levels, ``1`` (doctorate) to ``9`` (none).
    industries : tuple of str
        The 75 industries.

    Raises
    ------
    MethodError
        An axis without codes, or with a code twice.
    """

    occupations: tuple[str, ...]
    regions: tuple[str, ...]
    sexes: tuple[str, ...]
    qualifications: tuple[str, ...]
    industries: tuple[str, ...]

    def __post_init__(self) -> None:
        for axis in fields(self):
            codes = getattr(self, axis.name)
            if not codes or len(set(codes)) < len(codes):
                raise MethodError(
                    f"grid: {axis.name} has {len(codes)} codes, {len(set(codes))} of them different; "
                    "give every code once"
                )

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Length of each axis."""
        return (
            len(self.occupations),
            len(self.regions),
            len(self.sexes),
            len(self.qualifications),
            len(self.industries),
        )

    def axis(self, name: str) -> tuple[str, ...]:
        """Codes of an axis by its name in `AXES`."""
        return dict(zip(AXES, self._codes(), strict=True))[name]

    def occupation_groups(self, level: str) -> tuple[tuple[str, ...], IntArray]:
        """Group of every occupation at a level of the classification.

        Parameters
        ----------
        level : str
            ``major``, ``sub_major``, ``minor`` or ``occupation`` (1 to 4 leading digits).

        Returns
        -------
        tuple of str
            (G,) the groups' codes, sorted (at ``occupation``: in the order of the grid).
        ndarray of int64
            (O,) position of each occupation's group.
        """
        if level == "occupation":
            return self.occupations, np.arange(len(self.occupations))
        codes = [code[: _OCCUPATION_DIGITS[level]] for code in self.occupations]
        groups = tuple(sorted(set(codes)))
        place = {code: at for at, code in enumerate(groups)}
        return groups, np.array([place[code] for code in codes], dtype=np.int64)

    def _codes(self) -> tuple[tuple[str, ...], ...]:
        return (self.occupations, self.regions, self.sexes, self.qualifications, self.industries)


@dataclass(frozen=True, slots=True, eq=False)
class PredictedFactors:
    """Prediction of a cell's mean as a product, in pounds a week or an hour, or hours a week.

    ``mean[o, r, s, q, i] = occupation_sex[o, s] region[r] qualification[o, q] industry[i]``

    Attributes
    ----------
    occupation_sex : ndarray
        (O, 2) mean of the occupation's men and women, the level of the prediction.
    region : ndarray
        (R,)
    industry : ndarray
        (I,)
    qualification : ndarray
        (O, Q)
    """

    occupation_sex: FloatArray
    region: FloatArray
    industry: FloatArray
    qualification: FloatArray

    def require_grid(self, grid: GridCodes, where: str) -> None:
        """Raise MethodError, naming `where`, unless every factor fits the grid and is positive and finite."""
        occupations, regions, sexes, qualifications, industries = grid.shape
        expected = {
            "occupation_sex": (occupations, sexes),
            "region": (regions,),
            "industry": (industries,),
            "qualification": (occupations, qualifications),
        }
        for name, shape in expected.items():
            values = getattr(self, name)
            if np.shape(values) != shape:
                raise MethodError(f"{where}: factor {name} has shape {np.shape(values)}, the grid needs {shape}")
            bad = int((~(np.isfinite(values) & (values > 0))).sum())
            if bad:
                raise MethodError(
                    f"{where}: {bad} of {values.size} factors of {name} are not positive and finite; "
                    "every level needs a prediction, from its parent group if it has no rows"
                )


@dataclass(frozen=True, slots=True, eq=False)
class JobsCube:
    """Jobs in every cell of the grid.

    Attributes
    ----------
    grid : GridCodes
    jobs : mapping of str to ndarray
        Working pattern -> array of the grid's shape, jobs (not thousands), finite and not negative.

    Raises
    ------
    MethodError
        No pattern, an array of another shape, or jobs that are negative or not finite.
    """

    grid: GridCodes
    jobs: Mapping[str, FloatArray]

    def __post_init__(self) -> None:
        if not self.jobs:
            raise MethodError("jobs: no working pattern; give at least one array of jobs")
        for pattern, values in self.jobs.items():
            if np.shape(values) != self.grid.shape:
                raise MethodError(f"jobs, {pattern}: shape {np.shape(values)}, the grid needs {self.grid.shape}")
            low, high = float(values.min()), float(values.max())
            if not (low >= 0 and np.isfinite(high)):
                bad = int((~(np.isfinite(values) & (values >= 0))).sum())
                raise MethodError(f"jobs, {pattern}: {bad} of {values.size} cells are negative or not finite")
            if high == 0:
                raise MethodError(f"jobs, {pattern}: no jobs at all; leave the pattern out")

    @property
    def patterns(self) -> tuple[str, ...]:
        """Working patterns, in the order of the arrays."""
        return tuple(self.jobs)
