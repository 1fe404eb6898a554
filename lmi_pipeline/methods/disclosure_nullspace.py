"""Random null-space test: which withheld cells the equations determine, however many of them it takes.

A cell is determined by the equations A x = b if and only if every vector of the null space of A is zero there, and a
random vector of the null space is zero at a cell with probability one only then. A vector is made by projecting
normal noise on the null space by least squares (LSMR, Fong and Saunders 2011), which needs products with A only.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import lsmr

from lmi_pipeline.methods.disclosure_moves import MoveSpace

_PRECISION = 1e-12


def determined(
    space: MoveSpace, *, rng: np.random.Generator, vectors: int, tolerance: float, iterations: int
) -> NDArray[np.bool_]:
    """Find the free cells that the equations alone determine.

    Bounds and rows with room are left out, so a cell that is not found may still be known closely. A projection that
    stops early leaves components too large, hence finds too few cells and never too many.

    Parameters
    ----------
    space : MoveSpace
        Free cells and their rows.
    rng : Generator
        Source of the noise.
    vectors : int
        Number of random vectors; a cell is determined if all of them are below `tolerance` there.
    tolerance : float
        Largest component of a determined cell, for noise of variance one.
    iterations : int
        Most iterations of each projection.

    Returns
    -------
    ndarray of bool
        (n,) determined cells.
    """
    rows = unit_rows(space.matrix[np.flatnonzero(space.equations)])
    largest = np.zeros(len(space.cells))
    for _ in range(vectors):
        noise = rng.standard_normal(len(space.cells))
        np.maximum(largest, np.abs(on_null_space(rows, noise, iterations)), out=largest)
    found: NDArray[np.bool_] = largest < tolerance
    return found


def on_null_space(rows: sp.csr_matrix, vector: NDArray[np.float64], iterations: int) -> NDArray[np.float64]:
    """Project a vector on the null space of `rows`, whose norms should be near one."""
    if not rows.shape[0]:
        return vector
    transposed = rows.T.tocsr()
    solution = lsmr(transposed, vector, atol=_PRECISION, btol=_PRECISION, conlim=0.0, maxiter=iterations)[0]
    projected: NDArray[np.float64] = vector - transposed @ solution
    return projected


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale each row to Euclidean norm one; a row of zeros stays."""
    norm = np.sqrt(matrix.multiply(matrix) @ np.ones(matrix.shape[1]))
    return sp.csr_matrix(sp.diags_array(1 / np.where(norm > 0, norm, 1.0)) @ matrix)
