"""The models behind open pay: cells as arrays, the regression on relatives, its calibration on held-out means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.conformal import ConformalBands, IntArray, calibrate_bands, hold_out_folds, size_bands
from lmi_pipeline.methods.fay_herriot import FayHerriot, fit_fay_herriot
from lmi_pipeline.methods.open_pay_evidence import (
    complete_cvs,
    evidence_cvs,
    log_variance,
    nested_means,
    optional_column,
    parent_groups,
)
from lmi_pipeline.methods.open_pay_variances import moderated_cvs, sample_sizes
from lmi_pipeline.methods.tables import FloatArray, floats, require_columns, require_unique

BoolArray = NDArray[np.bool_]
Names = tuple[str, ...]

_FOLDS = 10
_FEWEST = 40
_CELLS_PER_COLUMN = 4
_DEPENDENT = 1e-8
_FIRST_COVARIATE = 4  # after the constant and the means of three levels
_TABLE = "open pay"
SIZE_COLUMN = "job_count_cv_percent"


@dataclass(frozen=True, slots=True, eq=False)
class PayCells:
    """Cells as arrays of length n.

    Attributes
    ----------
    occupations : list of str
    y : ndarray
        Log of the published mean; nan where there is none.
    variances : ndarray
        Sampling variance of y, from moderated coefficients of variation.
    cv_percent : ndarray
        As published or completed.
    cv_source : ndarray of str
    bands : ndarray of int64
        Size band.
    band_count : int
    covariates : dict of str to ndarray
        Logs; nan where missing.
    relatives : dict of str to ndarray
        Mean of each covariate over the other occupations of the minor group.
    evidence_errors : dict of str to ndarray
        Standard sampling error of each covariate's log, for those of the same sample.
    groups : ndarray of int64
        (n, 3) parent groups.
    """

    occupations: list[str]
    y: FloatArray
    variances: FloatArray
    cv_percent: FloatArray
    cv_source: NDArray[np.str_]
    bands: IntArray
    band_count: int
    covariates: dict[str, FloatArray]
    relatives: dict[str, FloatArray]
    evidence_errors: dict[str, FloatArray]
    groups: IntArray

    @classmethod
    def of(
        cls, cells: pd.DataFrame, names: Sequence[str], size_edges: Sequence[float], coverage: float = 0.8
    ) -> PayCells:
        """Check and convert a frame of cells; see `open_pay.estimate_open_pay` for its columns and the errors."""
        require_columns(cells, ["occupation", "mean", "job_count", *names], _TABLE)
        require_unique(cells, ["occupation"], _TABLE)
        occupations = cells["occupation"].astype(str).tolist()
        wrong = [code for code in occupations if not (len(code) == 4 and code.isdigit())]
        if wrong:
            raise MethodError(f"{_TABLE}: {len(wrong)} of {len(cells)} codes are not unit groups; first {wrong[0]}")
        y = _logs(cells, "mean")
        if np.isfinite(y).sum() < _FEWEST:
            raise MethodError(
                f"{_TABLE}: {int(np.isfinite(y).sum())} of {len(y)} means are published, at least {_FEWEST} are needed"
            )
        cvs, source = complete_cvs(cells)
        sizes = sample_sizes(optional_column(cells, SIZE_COLUMN))
        own = np.where(source == "published", moderated_cvs(optional_column(cells, "cv_percent"), sizes, coverage), cvs)
        errors = {name: evidence_cvs(cells, name, own, sizes, coverage) for name in names}
        groups = parent_groups(occupations)
        covariates = {name: _logs(cells, name) for name in names}
        return cls(
            occupations=occupations,
            y=y,
            variances=log_variance(own),
            cv_percent=cvs,
            cv_source=source,
            bands=size_bands(cells["job_count"].to_numpy(dtype=float, na_value=np.nan), size_edges),
            band_count=len(size_edges) + 1,
            covariates=covariates,
            relatives={name: nested_means(logs, groups)[:, -1] for name, logs in covariates.items()},
            evidence_errors={name: np.sqrt(log_variance(cv)) for name, cv in errors.items()},
            groups=groups,
        )

    def by_evidence(self, names: Sequence[str], wanted: BoolArray) -> list[tuple[Names, IntArray]]:
        """Rows of `wanted` grouped by the covariates they can use: those they have, less those too rare to fit."""
        groups: dict[Names, list[int]] = {}
        for row in np.flatnonzero(wanted):
            held = tuple(name for name in names if np.isfinite(self.covariates[name][row]))
            groups.setdefault(self.fitting(held), []).append(int(row))
        return [(held, np.array(rows, dtype=np.int64)) for held, rows in sorted(groups.items())]

    def fitting(self, names: Names) -> Names:
        """Return the covariates less the rarest, until enough published cells have all of them."""
        while names and self.published_with(names).sum() < max(
            _FEWEST, _CELLS_PER_COLUMN * (_FIRST_COVARIATE + 2 * len(names))
        ):
            rarest = min(names, key=lambda name: int(self.published_with((name,)).sum()))
            names = tuple(name for name in names if name != rarest)
        return names

    def published_with(self, names: Names) -> BoolArray:
        """Cells that have a mean and every one of the covariates."""
        complete: BoolArray = np.isfinite(self.y)
        for name in names:
            complete = complete & np.isfinite(self.covariates[name])
        return complete

    def design(self, names: Names, y: FloatArray) -> FloatArray:
        """Constant, nested means of the relatives, and for each covariate its departure from theirs and their mean."""
        columns = [np.ones(len(y)), *nested_means(y, self.groups).T]
        for name in names:
            columns += [self.covariates[name] - self.relatives[name], self.relatives[name]]
        return np.column_stack(columns)


@dataclass(frozen=True, slots=True, eq=False)
class FittedCells:
    """An area model of cells.

    Attributes
    ----------
    fit : FayHerriot
        Of the rows `used`.
    x : ndarray
        (n, p) covariates of every cell; nan where one is missing.
    used : ndarray of bool
        (n,)
    slopes : dict of str to float
        What a unit of a covariate's log adds to the predicted log.
    """

    fit: FayHerriot
    x: FloatArray
    used: BoolArray
    slopes: dict[str, float]

    @classmethod
    def of(cls, cells: PayCells, names: Names, y: FloatArray) -> FittedCells:
        """Fit to the cells whose `y` is known and that have every covariate."""
        used = cells.published_with(names) & np.isfinite(y)
        design = cells.design(names, y)
        kept = _independent(design, used)
        fit = fit_fay_herriot(y[used], cells.variances[used], design[used][:, kept])
        coefficients = dict(zip(kept, fit.coefficients, strict=True))
        slopes = {name: float(coefficients.get(_FIRST_COVARIATE + 2 * at, 0.0)) for at, name in enumerate(names)}
        return cls(fit, design[:, kept], used, slopes)


@dataclass(frozen=True, slots=True, eq=False)
class PayModels:
    """Models by the covariates they use, each fitted and calibrated once.

    Attributes
    ----------
    cells : PayCells
    coverage : float
    seed : int
        Of the folds.
    fitted : dict
        Covariates -> model.
    calibrated : dict
        Covariates -> quantiles by size band.
    half_widths : dict
        Covariates -> (B,) median half-width of the held-out means' intervals.
    """

    cells: PayCells
    coverage: float
    seed: int
    fitted: dict[Names, FittedCells] = field(default_factory=dict)
    calibrated: dict[Names, ConformalBands] = field(default_factory=dict)
    half_widths: dict[Names, FloatArray] = field(default_factory=dict)

    def model(self, names: Names) -> FittedCells:
        """Return the model with these covariates."""
        if names not in self.fitted:
            self.fitted[names] = FittedCells.of(self.cells, names, self.cells.y)
        return self.fitted[names]

    def predict(self, names: Names, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Predicted logs of cells without a mean and calibrated half-widths of their intervals."""
        model = self.model(names)
        new = model.fit.predict(model.x[rows])
        calibration = self._calibration(names)
        return new.mean, calibration.half_widths(np.sqrt(new.variance), self.cells.bands[rows])

    def shared_error(self, names: Names, same_sample: Names, rows: IntArray) -> FloatArray:
        """Sampling variance that predicted logs take over from the covariates of the same jobs.

        Their errors are one and the same, so they add up with the slopes: ``(sum slope_k error_k)^2``.
        """
        slopes = self.model(names).slopes
        total = np.zeros(len(rows))
        for name in same_sample:
            total += slopes[name] * self.cells.evidence_errors[name][rows]
        return total**2

    def _calibration(self, names: Names) -> ConformalBands:
        """Scores of published means, each predicted from the folds without it, and their quantiles by size band."""
        if names in self.calibrated:
            return self.calibrated[names]
        cells = self.cells
        known = np.flatnonzero(cells.published_with(names))
        folds = hold_out_folds(known, _FOLDS, seed=self.seed)
        scores, scales = np.empty(len(known)), np.empty(len(known))
        for fold in range(_FOLDS):
            out = folds == fold
            y = cells.y.copy()
            y[known[out]] = np.nan
            model = FittedCells.of(cells, names, y)
            new = model.fit.predict(model.x[known[out]])
            scales[out] = np.sqrt(new.variance)
            scores[out] = np.abs(cells.y[known[out]] - new.mean) / scales[out]
        bands = cells.bands[known]
        calibration = calibrate_bands(scores, bands, band_count=cells.band_count, coverage=self.coverage)
        widths = pd.Series(calibration.half_widths(scales, bands)).groupby(bands).median()
        self.half_widths[names] = floats(widths.reindex(range(cells.band_count)))
        self.calibrated[names] = calibration
        return calibration


def _independent(x: FloatArray, used: BoolArray) -> list[int]:
    """Positions of the columns of x that do not follow from earlier ones over the rows used."""
    kept: list[int] = []
    basis = np.empty((int(used.sum()), 0))
    for column in range(x.shape[1]):
        values = x[used, column]
        rest = values - basis @ (basis.T @ values)
        rest = rest - basis @ (basis.T @ rest)
        length = float(np.linalg.norm(rest))
        if length > _DEPENDENT * np.linalg.norm(values):
            kept.append(column)
            basis = np.column_stack([basis, rest / length])
    return kept


def _logs(cells: pd.DataFrame, name: str) -> FloatArray:
    values = cells[name].to_numpy(dtype=float, na_value=np.nan)
    bad = int(((values <= 0) | np.isinf(values)).sum())
    if bad:
        raise MethodError(f"{_TABLE}: {bad} of {len(values)} values of {name} are not above 0; leave them missing")
    logs: FloatArray = np.log(values)
    return logs
