"""Outcome and limits of the protection of tables."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_audit import Audit, AuditOptions
from lmi_pipeline.methods.disclosure_rules import PrimaryDecision
from lmi_pipeline.methods.disclosure_system import DisclosureSystem

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ProtectOptions:
    """Limits of :func:`protect`.

    Attributes
    ----------
    rounds : int
        Repairs after the first suppression.
    cube_cells : int
        Cells from which on tables are covered by cubes instead of demand, margins at several levels excepted.
    insiders : bool
        Guard against the only contributor of a cell, too.
    audit : AuditOptions
        Limits of each audit.
    named : int
        Cells an error names.
    """

    rounds: int = 12
    cube_cells: int = 5000
    insiders: bool = True
    audit: AuditOptions = field(default_factory=AuditOptions)
    named: int = 10


@dataclass(frozen=True, eq=False)
class Decision:
    """What is published of each cell, and the proof that the rest is safe.

    Attributes
    ----------
    status : ndarray of str
        (cells,) ok, small_sample, withheld or not_applicable: all that may be published.
    reason : ndarray of str
        (cells,) rule that decided, `complementary` for cells withheld for the sake of others, empty for cells that
        are shown. Internal.
    primary : PrimaryDecision
        Outcome of the rules, cells of several tables that are the same quantity brought into line. Internal.
    protect_down, protect_up : ndarray
        (cells,) protection of each cell, cut to what is possible.
    system : DisclosureSystem
        All tables together as audited.
    audit : Audit
        Verdict and witnesses. Internal.
    rounds : int
        Repairs it took.
    """

    status: NDArray[np.str_]
    reason: NDArray[np.str_]
    primary: PrimaryDecision
    protect_down: Floats
    protect_up: Floats
    system: DisclosureSystem
    audit: Audit
    rounds: int

    @property
    def hidden(self) -> Flags:
        """(cells,) cells without a published value."""
        return self.system.hidden
