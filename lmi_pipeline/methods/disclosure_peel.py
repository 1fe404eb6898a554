"""Peeling: an equation with one unknown cell gives that cell away, and then perhaps the next."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_system import DisclosureSystem


def peel(system: DisclosureSystem) -> NDArray[np.bool_]:
    """Find the withheld cells that subtraction along single equations reveals.

    Parameters
    ----------
    system : DisclosureSystem
        Rows that are not equations are left to the other steps of the audit.

    Returns
    -------
    ndarray of bool
        (cells,) withheld cells that are known exactly, those with equal bounds among them.
    """
    rows = system.matrix[np.flatnonzero(system.equations)]
    pattern = sp.csr_matrix(
        (np.ones(rows.nnz, dtype=np.int32) * (rows.data != 0), rows.indices, rows.indptr), rows.shape
    )
    numbered = sp.csr_matrix((pattern.data * (rows.indices + 1.0), rows.indices, rows.indptr), rows.shape)
    unknown = system.hidden & (system.floor < system.ceiling)
    while True:
        single = np.flatnonzero(pattern @ unknown.astype(np.int32) == 1)
        if not len(single):
            return system.hidden & ~unknown
        found = numbered[single] @ unknown.astype(np.float64)
        unknown[found.astype(np.int64) - 1] = False
        keep = np.setdiff1d(np.arange(pattern.shape[0]), single, assume_unique=True)
        pattern, numbered = pattern[keep], numbered[keep]
