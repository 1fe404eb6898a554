"""Names of controls and groups of controls, short enough for people to read in an error."""

from collections.abc import Sequence

import numpy as np

from lmi_pipeline.methods.margins import IntArray, Margin, control_labels

_SEPARATOR = ", "
_FEW = 3


class Names:
    """Names of the controls of some margins.

    Parameters
    ----------
    margins : sequence of Margin
    """

    def __init__(self, margins: Sequence[Margin]) -> None:
        self.labels = control_labels(margins)
        self._margins = list(margins)
        sizes = [len(margin.labels) for margin in margins]
        self._margin_of = np.repeat(np.arange(len(sizes)), sizes)
        self._first = np.cumsum([0, *sizes])

    def summary(self, controls: IntArray) -> str:
        """Name controls given by position: one name for each margin."""
        told = []
        for number in np.unique(self._margin_of[controls]):
            own = controls[self._margin_of[controls] == number] - self._first[number]
            told.append(name_cells(self._margins[number], np.sort(own)))
        return " and ".join(told)


def name_cells(margin: Margin, cells: IntArray) -> str:
    """Name cells of a margin: ``region_age_sex summed over E12000007``.

    Parameters
    ----------
    margin : Margin
        Labels of several parts are separated by a comma and a blank.
    cells : ndarray of int
        Positions, ascending.
    """
    if len(cells) == len(margin.labels) > 1:
        return f"{margin.name} in all"
    chosen = [margin.labels[cell] for cell in cells]
    if len(cells) == 1:
        return f"{margin.name}: {chosen[0]}"
    common = _common_codes(margin.labels, chosen)
    if common:
        return f"{margin.name} summed over {common}"
    shown = "; ".join(chosen[:_FEW])
    more = f" and {len(cells) - _FEW} more" if len(cells) > _FEW else ""
    return f"{margin.name} summed over {len(cells)} cells ({shown}{more})"


def describe_conflict(first: str, first_sum: float, second: str, second_sum: float) -> tuple[str, float]:
    """Sentence for two sums that should be equal, and their difference relative to the second."""
    if second_sum == 0:
        return f"{first} is {first_sum:.6g} where {second} is zero", float(np.inf if first_sum > 0 else -np.inf)
    relative = (first_sum - second_sum) / abs(second_sum)
    side = "above" if relative > 0 else "below"
    return f"{first} is {100 * abs(relative):.3g} % ({abs(first_sum - second_sum):.6g}) {side} {second}", float(
        relative
    )


def _common_codes(labels: Sequence[str], chosen: Sequence[str]) -> str:
    """Return the few codes in one place of the label that the chosen cells, and no others, have; or nothing."""
    parts = [label.split(_SEPARATOR) for label in labels]
    own = [label.split(_SEPARATOR) for label in chosen]
    if len({len(codes) for codes in parts}) != 1:
        return ""
    for place in range(len(parts[0])):
        codes = list(dict.fromkeys(label[place] for label in own))
        if len(codes) <= _FEW and sum(label[place] in codes for label in parts) == len(own):
            return " and ".join(codes)
    return ""
