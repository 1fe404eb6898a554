"""What calibration did to the weights: the figures a survey's quality report gives, by area."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray

_FEW, _MANY = 0.5, 2.0
_EXTREME = 4.0


def weight_report(
    weights: FloatArray, areas: NDArray[Any], *, base_weights: FloatArray | None = None, whole: str = "K02000001"
) -> pd.DataFrame:
    """Quality of weights by area and for all of them.

    Parameters
    ----------
    weights : ndarray
        (n,) final weights.
    areas : ndarray
        (n,) area of each respondent.
    base_weights : ndarray, optional
        (n,) weights before calibration; without them the columns of the g-weights are empty. Respondents whose base
        weight is zero have no g-weight.
    whole : str
        Area code of the row for all respondents.

    Returns
    -------
    DataFrame
        ``area_code, respondent_count, weighted_count`` (persons), ``g_minimum, g_mean, g_maximum,
        share_g_below_half, share_g_above_two, share_extreme_weight`` (above four times the median),
        ``weights_not_positive, design_effect_before, design_effect`` (Kish, 1 + squared coefficient of variation),
        ``effective_size``.

    Raises
    ------
    MethodError
        Lengths that do not agree, or no weights.
    """
    if len(weights) != len(areas) or not len(weights):
        raise MethodError(f"weight report: {len(weights)} weights and {len(areas)} areas")
    names = [whole, *sorted(map(str, np.unique(areas)))]
    rows = [_row(name, weights, base_weights, np.ones(len(areas), bool) if name == whole else areas == name)
            for name in names]  # fmt: skip
    return pd.DataFrame(rows)


def largest_weights(weights: FloatArray, count: int = 10) -> tuple[float, ...]:
    """The largest weights, descending: values only, nothing that says whose they are."""
    return tuple(map(float, np.sort(weights)[::-1][:count]))


def kish(weights: FloatArray) -> float:
    """Design effect of unequal weights: n sum w^2 / (sum w)^2 (Kish 1965); not a number where they sum to zero."""
    square = float(weights.sum()) ** 2
    return len(weights) * float(np.square(weights).sum()) / square if square else float("nan")


def _row(
    name: str, weights: FloatArray, base_weights: FloatArray | None, inside: NDArray[np.bool_]
) -> dict[str, object]:
    own = weights[inside]
    effect = kish(own)
    row: dict[str, object] = {
        "area_code": name,
        "respondent_count": len(own),
        "weighted_count": float(own.sum()),
        "share_extreme_weight": float((own > _EXTREME * np.median(own)).mean()),
        "weights_not_positive": int((own <= 0).sum()),
        "design_effect": effect,
        "effective_size": len(own) / effect,
    }
    return row | _factors(own, None if base_weights is None else base_weights[inside])


def _factors(weights: FloatArray, base_weights: FloatArray | None) -> dict[str, object]:
    if base_weights is None or not base_weights.any():
        names = ("g_minimum", "g_mean", "g_maximum", "share_g_below_half", "share_g_above_two", "design_effect_before")
        return dict.fromkeys(names, np.nan)
    g = weights[base_weights != 0] / base_weights[base_weights != 0]
    return {
        "g_minimum": float(g.min()),
        "g_mean": float(g.mean()),
        "g_maximum": float(g.max()),
        "share_g_below_half": float((g < _FEW).mean()),
        "share_g_above_two": float((g > _MANY).mean()),
        "design_effect_before": kish(base_weights),
    }


def weight_histogram(
    base_weights: FloatArray, weights: FloatArray, *, bins: int = 30, fewest: int = 10
) -> pd.DataFrame:
    """Distribution of weights before and after calibration, in bins that show nobody.

    Parameters
    ----------
    base_weights, weights : ndarray
        (n,) weights before and after.
    bins : int
        Bins of equal width between the 1st and 99th percentile of both; what lies beyond is in the end bins.
    fewest : int
        Bins are joined until either series has this many respondents in a bin, or none; all are one bin where there
        are fewer.

    Returns
    -------
    DataFrame
        ``bin_start, bin_end`` (persons), ``share_before, share_after`` (proportions of respondents).
    """
    both = np.concatenate([base_weights, weights])
    low, high = np.quantile(both, [0.01, 0.99])
    edges = np.linspace(low, max(high, low * (1 + 1e-9) + 1e-9), bins + 1)
    counts = np.stack([np.bincount(_bin(values, edges), minlength=bins) for values in (base_weights, weights)])
    first = _first_bins(counts, fewest)
    joined = np.add.reduceat(counts, first, axis=1)
    starts = edges[:-1][first]
    return pd.DataFrame(
        {
            "bin_start": starts,
            "bin_end": [*starts[1:], edges[-1]],
            "share_before": joined[0] / len(base_weights),
            "share_after": joined[1] / len(weights),
        }
    )


def _first_bins(counts: NDArray[np.int64], fewest: int) -> list[int]:
    """First bin of each group of bins that may be shown, for counts of shape (series, bins)."""

    def showable(start: int, end: int) -> bool:
        held = counts[:, start:end].sum(axis=1)
        return bool(held.sum() >= fewest and ((held == 0) | (held >= fewest)).all())

    first = [0]
    for at in range(1, counts.shape[1]):
        if showable(first[-1], at):
            first.append(at)
    while len(first) > 1 and not showable(first[-1], counts.shape[1]):
        first.pop()
    return first


def _bin(values: FloatArray, edges: FloatArray) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return found
