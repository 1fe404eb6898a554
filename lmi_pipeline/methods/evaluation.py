"""How close estimated changes are to a reference: the measures of Tables 1 and 3 of the ONS article."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import require_columns, require_finite


@dataclass(frozen=True, slots=True)
class DeviationSummary:
    """Measures of the deviations, in the unit of the changes; the percentage in per cent.

    Attributes
    ----------
    mean, mean_percentage, mean_absolute, largest_absolute : float
    cases : int
        Number of deviations.
    """

    mean: float
    mean_percentage: float
    mean_absolute: float
    largest_absolute: float
    cases: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Deviations of estimates from a reference.

    Attributes
    ----------
    frame : DataFrame
        The input with ``deviation`` and ``percentage_deviation``.
    summary : DeviationSummary
    """

    frame: pd.DataFrame
    summary: DeviationSummary

    def within(self, sampling_error: float) -> bool:
        """Whether no deviation exceeds the sampling error of the survey's own estimate of the change."""
        return self.summary.largest_absolute <= sampling_error


def evaluate_changes(frame: pd.DataFrame, *, estimate: str, reference: str, relative_to: str) -> Evaluation:
    """Deviation of estimated changes from reference changes, such as net long-term migration.

    Parameters
    ----------
    frame : DataFrame
        One row for each case (quarter; group, area), with the columns named next.
    estimate, reference : str
        Columns of the estimated and the reference year-on-year change (both in persons, or both in
        thousands).
    relative_to : str
        Column that percentages are of: `reference` itself or a population. The article does not say which.

    Raises
    ------
    MethodError
        For no cases, numbers not finite, or a percentage of zero.
    """
    columns = list(dict.fromkeys([estimate, reference, relative_to]))
    require_columns(frame, columns, "evaluation")
    require_finite(frame, columns, "evaluation")
    if frame.empty:
        raise MethodError("evaluation: no cases")
    whole = frame[relative_to].to_numpy(dtype=float)
    if (whole == 0).any():
        raise MethodError(f"evaluation: {relative_to} is zero in {int((whole == 0).sum())} cases")
    deviation = frame[estimate].to_numpy(dtype=float) - frame[reference].to_numpy(dtype=float)
    percentage = 100 * deviation / whole
    summary = DeviationSummary(
        mean=float(deviation.mean()),
        mean_percentage=float(percentage.mean()),
        mean_absolute=float(np.abs(deviation).mean()),
        largest_absolute=float(np.abs(deviation).max()),
        cases=len(frame),
    )
    return Evaluation(frame.assign(deviation=deviation, percentage_deviation=percentage), summary)
