"""Growth of the quarters a release of RTI does not reach, from the releases after it.

Every release restates its whole history, so a growth rate of a later release is not taken as it stands: the estimator
uses the change since the base quarter, and that change is computed inside one release.
"""

from dataclasses import dataclass

import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import require_columns, require_unique

_SERIES = ["area_code", "nationality_group"]


@dataclass(frozen=True, slots=True)
class RolledGrowth:
    """Growth by quarter with the release each quarter is from.

    Attributes
    ----------
    frame : DataFrame
        ``quarter, area_code, nationality_group, growth_rate``.
    release_of : dict of str to str
        Release of each quarter.
    """

    frame: pd.DataFrame
    release_of: dict[str, str]


def roll_forward(growth: pd.DataFrame, release: str, base_quarter: str) -> RolledGrowth:
    """Fill quarters that a release does not have from the earliest later release that has them.

    A filled rate is the rate of the base quarter in `release` plus the change since the base quarter in the later
    release, so the adjustment of the growth estimator rests on one release.

    Parameters
    ----------
    growth : DataFrame
        ``release, quarter, area_code, nationality_group, growth_rate``: year-on-year growth of every release.
    release : str
        The release to begin with.
    base_quarter : str
        Base quarter of the estimator.

    Raises
    ------
    MethodError
        The release is not there, a key is repeated, or a release used lacks the base quarter.
    """
    require_columns(growth, ["release", "quarter", *_SERIES, "growth_rate"], "RTI growth")
    require_unique(growth, ["release", "quarter", *_SERIES], "RTI growth")
    known = growth[(growth["release"] >= release) & growth["growth_rate"].notna()]
    if release not in set(known["release"]):
        raise MethodError(f"RTI growth: no release {release}")
    first = known.groupby("quarter")["release"].min()
    chosen = known[known["release"] == known["quarter"].map(first)]
    base = known[known["quarter"] == base_quarter].set_index(["release", *_SERIES])["growth_rate"]
    absent = sorted(set(chosen["release"]) - set(base.index.get_level_values("release")))
    if absent:
        raise MethodError(f"RTI growth: release {', '.join(absent)} has no growth for the base quarter {base_quarter}")
    own = base.reindex(pd.MultiIndex.from_frame(chosen[["release", *_SERIES]])).to_numpy()
    begin = base.reindex(pd.MultiIndex.from_frame(chosen[_SERIES].assign(release=release)[["release", *_SERIES]]))
    same = chosen["release"] == release
    rate = chosen["growth_rate"].where(same, chosen["growth_rate"] - own + begin.to_numpy())
    frame = chosen.assign(growth_rate=rate)[["quarter", *_SERIES, "growth_rate"]].reset_index(drop=True)
    return RolledGrowth(frame, {str(quarter): str(used) for quarter, used in first.items()})
