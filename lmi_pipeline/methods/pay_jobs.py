"""Jobs as the pay equation reads them: codes looked up on the grid, pay in the prices of one year, logs taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes
from lmi_pipeline.methods.factor_design import Design, Factor
from lmi_pipeline.methods.tables import FloatArray, require_columns, require_finite

IntArray = NDArray[np.int64]

_NEEDED = ("year", "age_years", "sex", "region_gss", "occupation", "industry_75", "y", "weight")
_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class CodedJobs:
    """Records of jobs as arrays, one row a job.

    Attributes
    ----------
    grid : GridCodes
    years : tuple of int
        The year that is predicted, then the others, newest first; `time` is the position.
    occupation, sex, region, industry, time : ndarray of int64
        (n,) positions on the grid, and in `years`.
    age, value, weight : ndarray
        (n,) years of age; pay or hours in terms of the first year; survey weight.
    """

    grid: GridCodes
    years: tuple[int, ...]
    occupation: IntArray
    sex: IntArray
    region: IntArray
    industry: IntArray
    time: IntArray
    age: FloatArray
    value: FloatArray
    weight: FloatArray

    @property
    def occupation_sex(self) -> IntArray:
        """Position of occupation and sex together, sex fastest."""
        return self.occupation * len(self.grid.sexes) + self.sex

    @property
    def occupation_time(self) -> IntArray:
        """Position of occupation and year together, year fastest."""
        return self.occupation * len(self.years) + self.time

    @property
    def industry_time(self) -> IntArray:
        """Position of industry and year together, year fastest."""
        return self.industry * len(self.years) + self.time

    def groups(self, level: str) -> IntArray:
        """(O,) position of every occupation's group at a level of the classification."""
        return self.grid.occupation_groups(level)[1]

    def design(self, extra: Sequence[Factor] = ()) -> Design:
        """Regressors: age, age squared, occupation by sex and by year, region, `extra` factors, industry by year.

        The main effects of sex and year are within those of occupation by sex and by year.
        """
        occupations, regions, sexes, _, industries = self.grid.shape
        years = len(self.years)
        factors = (
            _factor("occupation.sex", self.occupation_sex, occupations * sexes),
            _factor("occupation.time", self.occupation_time, occupations * years),
            _factor("region", self.region, regions),
            *extra,
            _factor("industry.time", self.industry_time, industries * years),
        )
        return Design(factors, np.column_stack([self.age, self.age**2]), ("age", "age_squared"))


def code_jobs(
    jobs: pd.DataFrame, grid: GridCodes, *, year: int, deflator: Mapping[int, float], where: str
) -> CodedJobs:
    """Look the codes of jobs up and bring their pay to one year.

    Parameters
    ----------
    jobs : DataFrame
        One row a job: `year`, `age_years`, `sex`, `region_gss`, `occupation`, `industry_75`, `y` (pay or hours) and
        `weight`.
    grid : GridCodes
    year : int
        The year that is predicted.
    deflator : mapping of int to float
        Year -> what `y` is multiplied by.
    where : str
        What is fitted, for errors.

    Returns
    -------
    CodedJobs

    Raises
    ------
    MethodError
        A missing column, a code that the grid does not have, `y` or a weight that is not positive and finite, an age
        that is missing, a year without deflator, or no job of `year`.
    """
    require_columns(jobs, _NEEDED, where)
    require_finite(jobs, ["year", "age_years", "y", "weight"], where)
    for column in ("y", "weight"):
        bad = int((jobs[column] <= 0).sum())
        if bad:
            raise MethodError(
                f"{where}: {bad} of {len(jobs)} values of {column} are not positive; a log needs pay and weights above"
                " 0. Leave these rows out before the fit"
            )
    years = _years(jobs["year"], year, deflator, where)
    factor = pd.Series(deflator)[jobs["year"].to_numpy()].to_numpy(dtype=float)
    return CodedJobs(
        grid,
        years,
        occupation=_positions(jobs, "occupation", grid.occupations, where),
        sex=_positions(jobs, "sex", grid.sexes, where),
        region=_positions(jobs, "region_gss", grid.regions, where),
        industry=_positions(jobs, "industry_75", grid.industries, where),
        time=pd.Index(years).get_indexer(pd.Index(jobs["year"])).astype(np.int64),
        age=jobs["age_years"].to_numpy(dtype=np.float64),
        value=jobs["y"].to_numpy(dtype=np.float64) * factor,
        weight=jobs["weight"].to_numpy(dtype=np.float64),
    )


def _years(found: pd.Series, year: int, deflator: Mapping[int, float], where: str) -> tuple[int, ...]:
    there = sorted({int(one) for one in found.unique()}, reverse=True)
    if year not in there:
        raise MethodError(f"{where}: no job of {year} among {len(found)} rows; read the records of that year")
    absent = [one for one in there if not (np.isfinite(deflator.get(one, np.nan)) and deflator[one] > 0)]
    if absent:
        raise MethodError(
            f"{where}: no positive deflator to {year} for {', '.join(map(str, absent))}; give one for every year, "
            "1 where nothing is deflated"
        )
    return (year, *(one for one in there if one != year))


def _positions(jobs: pd.DataFrame, column: str, codes: Sequence[str], where: str) -> IntArray:
    found = pd.Index(codes).get_indexer(pd.Index(jobs[column]))
    unknown = found < 0
    if unknown.any():
        names = sorted({str(code) for code in jobs[column][unknown].unique()})
        shown = ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
        raise MethodError(
            f"{where}: {int(unknown.sum())} of {len(jobs)} rows have a code of {column} that is not in the list of "
            f"{len(codes)}: {shown}; recode them or leave them out"
        )
    return found.astype(np.int64)


def _factor(name: str, codes: IntArray, levels: int) -> Factor:
    return Factor(name, codes.astype(np.int32), levels)
