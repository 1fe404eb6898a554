"""Jobs, pay and hours that are true in the synthetic UK, for judging estimates by them.

Everything is an expectation over the chances the samples are drawn with; nothing here is drawn, but the quantiles,
which are of a fixed large set of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import norm, qmc

from lmi_pipeline import catalog
from lmi_pipeline.errors import MethodError
from lmi_pipeline.synthetic import job_chances, margins, pay_terms
from lmi_pipeline.synthetic.job_chances import QUALIFICATIONS, SEXES, unit_groups
from lmi_pipeline.synthetic.lfs_work import employment_chances
from lmi_pipeline.synthetic.margins import GROUPS, REGIONS
from lmi_pipeline.synthetic.pay_terms import PATTERNS, Jobs, PayTerms
from lmi_pipeline.synthetic.population import SyntheticTruth

MEASURES = ("job_count", "weekly", "hourly", "hours")
_LETTERS = {"occupation": "o", "region_gss": "r", "sex": "g", "qualification": "q", "industry_75": "i"}
_DRAWN = 2**14


@dataclass(frozen=True, eq=False)
class PayTruth:
    """What is true of employee jobs in April of one year.

    Attributes
    ----------
    year : int
    years : float
        Years since the base quarter of the equation.
    terms : PayTerms
        The equation.
    people : ndarray, shape (3, 12, 2, A, 7)
        Employees by nationality group, region, sex, single year of age from 0 and qualification.
    """

    year: int
    years: float
    terms: PayTerms
    people: np.ndarray

    def bill(self, measure: str, pattern: str, dims: Sequence[str] = ()) -> np.ndarray:
        """Sum over jobs of a measure, by any of the dimensions.

        Parameters
        ----------
        measure : {'job_count', 'weekly', 'hourly', 'hours'}
            Jobs; gross weekly pay with overtime; hourly pay without; paid hours with overtime.
        pattern : {'full_time', 'part_time'}
        dims : sequence of str
            In any order, of occupation, region_gss, sex, qualification, industry_75.

        Returns
        -------
        ndarray
            One axis a dimension, in the order given and in the orders of :func:`codes_of`.
        """
        self._require(measure, pattern, dims)
        at = PATTERNS.index(pattern)
        inside, region, industry, by_age = self._factors(measure, at)
        out = "".join(_LETTERS[name] for name in dims)
        total = 0.0
        for share, curve in self._shares(at):
            persons = np.einsum("nrgaq,a->nrgq", self.people, curve * by_age)
            factors = (
                inside * share[:, :, None],
                persons * region[:, None, None],
                job_chances.industry_chances() * industry,
            )
            total = total + np.einsum(f"ogq,nrgq,ni->{out}", *factors, optimize=True)
        return np.asarray(total)

    def means(self, by: Sequence[str]) -> pd.DataFrame:
        """True jobs and means by any of the dimensions and ``working_pattern``.

        Returns
        -------
        DataFrame
            The columns of ``by``, then ``job_count``, ``weekly`` (GBP), ``hourly`` (GBP, mean over jobs), ``hours``;
            one row for each combination that has jobs.
        """
        dims = [name for name in by if name != "working_pattern"]
        self._require("job_count", PATTERNS[0], dims)
        codes = [codes_of(name) if name != "working_pattern" else PATTERNS for name in by]
        values = {}
        for measure in MEASURES:
            parts = [self.bill(measure, pattern, dims) for pattern in PATTERNS]
            apart = "working_pattern" in by
            values[measure] = np.ravel(np.stack(parts, axis=list(by).index("working_pattern")) if apart else sum(parts))
        index = pd.MultiIndex.from_product(codes, names=list(by)) if by else pd.RangeIndex(1)
        frame = pd.DataFrame(values, index=index)
        frame = frame[frame["job_count"] > 0]
        for measure in MEASURES[1:]:
            frame[measure] /= frame["job_count"]
        return frame.reset_index(drop=not by)

    def quantiles(self, probabilities: Sequence[float], measure: str = "weekly") -> pd.DataFrame:
        """True quantiles of weekly or hourly pay by occupation and working pattern.

        Right to about half a per cent: quantiles of the same evenly spread jobs, weighted for each occupation.

        Returns
        -------
        DataFrame
            ``occupation, working_pattern, probability, value``.
        """
        if measure not in ("weekly", "hourly"):
            raise MethodError(f"no true quantiles of {measure}; there are those of weekly and hourly")
        asked = np.asarray(probabilities, dtype=float)
        found = np.stack([self._quantiles(asked, measure, at) for at in range(len(PATTERNS))], axis=1)
        index = pd.MultiIndex.from_product(
            [codes_of("occupation"), PATTERNS, asked], names=["occupation", "working_pattern", "probability"]
        )
        return pd.DataFrame({"value": found.ravel()}, index=index).reset_index()

    @staticmethod
    def _require(measure: str, pattern: str, dims: Sequence[str]) -> None:
        if measure not in MEASURES or pattern not in PATTERNS or set(dims) - set(_LETTERS):
            raise MethodError(
                f"no true {measure} of {pattern} jobs by {list(dims)}; there are {', '.join(MEASURES)} by"
                f" {', '.join(_LETTERS)}"
            )

    def _factors(self, measure: str, at: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Factors of a measure: (O, 2, 7), by region, by industry and by age."""
        terms, ages = self.terms, margins.AGES
        inside = job_chances.occupation_chances()
        region, industry, by_age = np.ones(len(REGIONS)), np.ones(len(terms.industry)), np.ones(len(ages))
        if measure in ("weekly", "hourly"):
            linear, square = pay_terms.AGE[at]
            level = terms.level[at] + terms.growth * self.years + terms.spread[at] ** 2 / 2
            inside = inside * np.exp(level[:, None] + np.outer(terms.sex, (0, 1)))[:, :, None]
            inside = inside * np.exp(terms.qualification)[:, None, :]
            region, by_age = np.exp(terms.region), np.exp(linear * ages + square * ages**2)
            industry = np.exp(terms.industry + terms.industry_growth * self.years)
        if measure in ("weekly", "hours"):
            inside = inside * np.exp(terms.hours_level[at][:, None] + terms.sex_hours)[:, :, None]
            region, industry = region * np.exp(terms.region_hours), industry * np.exp(terms.industry_hours)
        if measure == "weekly":
            dearer = 1 + (pay_terms.PREMIUM - 1) * pay_terms.OVERTIME_SHARE * terms.overtime
            inside = inside * dearer[:, None, None]
        return inside, region, industry, by_age

    @staticmethod
    def _shares(at: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Share of jobs in a pattern as a sum of factors by occupation and sex, and by age."""
        base = unit_groups().full_time.T
        curve = job_chances.full_time_curve(margins.AGES)
        return [(base, curve)] if at == 0 else [(np.ones_like(base), np.ones_like(curve)), (-base, curve)]

    def _quantiles(self, asked: np.ndarray, measure: str, at: int) -> np.ndarray:
        """Quantiles of each occupation, shape (O, asked): the jobs everyone might have, weighted by their chance."""
        jobs, spread, extra = _even_jobs(self)
        groups = unit_groups()
        chances = job_chances.occupation_chances()
        rows = []
        for occupation in range(len(groups.codes)):
            here = replace(jobs, occupation=np.full(_DRAWN, occupation), pattern=np.full(_DRAWN, at))
            pay = np.exp(
                pay_terms.log_hourly(self.terms, here, self.years) + self.terms.spread[at, occupation] * spread
            )
            if measure == "weekly":
                steps = 1 + np.floor(extra[2] * pay_terms.OVERTIME_STEPS)
                pay = pay_terms.weekly_pay(pay, *pay_terms.paid_hours(self.terms, here, extra[0], extra[1], steps))
            full = groups.full_time[jobs.sex, occupation] * job_chances.full_time_curve(jobs.age)
            weight = chances[occupation, jobs.sex, jobs.qualification] * (full if at == 0 else 1 - full)
            order = np.argsort(pay)
            place = weight[order].cumsum() - weight[order] / 2
            rows.append(np.interp(asked * weight.sum(), place, pay[order]))
        return np.stack(rows)


def codes_of(dimension: str) -> tuple[str, ...]:
    """Codes of a dimension, in the order of the arrays; qualification ends with those who do not know theirs."""
    if dimension == "occupation":
        return tuple(map(str, unit_groups().codes))
    fixed = {
        "region_gss": REGIONS,
        "sex": SEXES,
        "qualification": QUALIFICATIONS,
        "industry_75": catalog.codes("industry_75"),
    }
    return fixed[dimension]


@lru_cache(maxsize=8)
def employees(truth: SyntheticTruth, quarter: str) -> np.ndarray:
    """Expected employees by nationality group, region, sex, single year of age and qualification."""
    persons = truth.age_structure(quarter)
    nationality = np.array([margins.NATIONALITY_GIVEN_BIRTH[group] for group in GROUPS])
    employed = employment_chances(truth, quarter)[0] * (margins.AGES >= 16)
    level = job_chances.qualification_chances(margins.AGES)
    return np.einsum("brga,bn,na,baq->nrgaq", persons, nationality, employed, level, optimize=True)


@lru_cache(maxsize=4)
def true_terms(truth: SyntheticTruth) -> PayTerms:
    """The equation, its levels such that the means of occupations are those published for 2021, taken back a year."""
    terms = pay_terms.draw_terms(truth)
    published = job_chances.published_unit_groups()
    people = employees(truth, pay_terms.BASE_QUARTER)
    levels: dict[str, np.ndarray] = {}
    for name, measure, back in (("hours_level", "hours", 0.0), ("level", "weekly", pay_terms.GROWTH)):
        column = "hours" if measure == "hours" else "mean"
        base = PayTruth(0, 0.0, replace(terms, **levels), people)
        means = [base.bill(measure, p, ["occupation"]) / base.bill("job_count", p, ["occupation"]) for p in PATTERNS]
        wanted = published[[f"{pattern}_{column}" for pattern in PATTERNS]].to_numpy().T
        levels[name] = np.log(wanted / np.stack(means)) - back
    return replace(terms, **levels)


@lru_cache(maxsize=8)
def true_pay(truth: SyntheticTruth, year: int) -> PayTruth:
    """True jobs, pay and hours in April of a year.

    Parameters
    ----------
    truth : SyntheticTruth
    year : int
        2015 to 2023.
    """
    quarter = f"{year}-04"
    return PayTruth(year, pay_terms.years_since_base(quarter), true_terms(truth), employees(truth, quarter))


@lru_cache(maxsize=2)
def _even_jobs(true: PayTruth) -> tuple[Jobs, np.ndarray, np.ndarray]:
    """Evenly spread jobs of no occupation yet, their standard residuals, and three more even numbers each."""
    even = qmc.Sobol(6, scramble=True, rng=np.random.default_rng(2010)).random(_DRAWN).T
    flat = true.people.ravel().cumsum()
    place = np.minimum(np.searchsorted(flat, even[0] * flat[-1], side="right"), len(flat) - 1)
    nationality, region, sex, age, qualification = np.unravel_index(place, true.people.shape)
    edges = job_chances.industry_chances().cumsum(axis=1)[nationality]
    industry = (even[1][:, None] * edges[:, -1:] > edges[:, :-1]).sum(axis=1)
    nothing = np.zeros(_DRAWN, dtype=int)
    jobs = Jobs(nothing, nothing, sex, age, region, qualification, industry)
    return jobs, norm.ppf(even[2]), even[3:]
