"""The search for certificates one cell at a time, and the clean-up that shows again what no certificate needs."""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from lmi_pipeline.methods.disclosure_cube_corners import cheapest_corners
from lmi_pipeline.methods.disclosure_cube_space import BoolArray
from lmi_pipeline.methods.disclosure_cube_spread import cheapest_shares
from lmi_pipeline.methods.disclosure_cube_task import Certificate, Task
from lmi_pipeline.methods.disclosure_lattice import IntArray
from lmi_pipeline.methods.tables import FloatArray

_DEPTH = 16
_SOUND = 1e-7

Found = tuple[float, tuple[Certificate, ...]]


@dataclass(slots=True)
class Search:
    """Certificates found one at a time.

    Attributes
    ----------
    task : Task
        The state of the search; its hidden cells change.
    candidates : int
        Siblings compared in each dimension.
    held : dict of int to tuple of Certificate
        The certificates of each cell.
    """

    task: Task
    candidates: int
    held: dict[int, tuple[Certificate, ...]] = field(default_factory=dict)

    def cover(self, cells: IntArray) -> IntArray:
        """Find certificates for the cells in their order, hiding what they need; return the cells without."""
        bare = []
        for cell in cells.tolist():
            found = self.certify(cell, self.task.price)
            if found is None:
                bare.append(cell)
                continue
            self.held[cell] = found[1]
            for certificate in found[1]:
                self.task.hide(certificate.cells)
        return np.array(bare, dtype=np.int64)

    def certify(self, cell: int, price: FloatArray, avoid: BoolArray | None = None) -> Found | None:
        """Return the cheapest certificates of one cell that no insider can undo, with their price; None without."""
        barred = np.zeros_like(self.task.hidden) if avoid is None else avoid
        first = self._cheapest(cell, price, barred)
        if first is None or not self._insiders(first[1], cell).any():
            return None if first is None else (first[0], (first[1],))
        clean = self._cheapest(cell, price, barred | self.task.insider)
        other = self._cheapest(cell, price, barred | self._insiders(first[1], cell))
        options: list[Found] = [(clean[0], (clean[1],))] if clean else []
        if other:
            cells = np.unique(np.concatenate([first[1].cells, other[1].cells]))
            options.append((float(price[cells].sum()), (first[1], other[1])))
        return min(options, key=lambda found: found[0], default=None)

    def _insiders(self, certificate: Certificate, cell: int) -> BoolArray:
        """Cells of one contributor that move with the cell."""
        mask = np.zeros_like(self.task.hidden)
        mask[certificate.cells] = self.task.insider[certificate.cells]
        mask[cell] = False
        return mask

    def _cheapest(self, cell: int, price: FloatArray, avoid: BoolArray) -> tuple[float, Certificate] | None:
        if self.task.simple[cell]:
            found = cheapest_corners(self.task, price, avoid, cell, self.candidates)
        else:
            found = cheapest_shares(self.task, price, avoid, cell, self.candidates, _DEPTH)
        return found if found is not None and sound(self.task, found[1]).all() else None

    def tidy(self, extra: IntArray) -> None:
        """Show again each extra cell, dearest first, whose certificates can all do without it."""
        task = self.task
        strict = np.where(task.hidden, 0.0, np.inf)
        users: dict[int, set[int]] = {}
        for owner, certificates in self.held.items():
            for cell in _moved(certificates):
                users.setdefault(cell, set()).add(owner)
        for cell in extra[np.argsort(-task.cost[extra], kind="stable")].tolist():
            strict[cell] = np.inf
            changed = self._without(users.get(cell, set()), strict)
            if changed is None:
                strict[cell] = 0.0
                continue
            task.show(np.array([cell]))
            for owner, certificates in changed.items():
                for moved in _moved(self.held[owner]):
                    users[moved].discard(owner)
                self.held[owner] = certificates
                for moved in _moved(certificates):
                    users.setdefault(moved, set()).add(owner)

    def _without(self, owners: set[int], strict: FloatArray) -> dict[int, tuple[Certificate, ...]] | None:
        changed = {}
        for owner in sorted(owners):
            found = self.certify(owner, strict)
            if found is None:
                return None
            changed[owner] = found[1]
        return changed


def _moved(certificates: tuple[Certificate, ...]) -> list[int]:
    cells: list[int] = np.unique(np.concatenate([certificate.cells for certificate in certificates])).tolist()
    return cells


def sound(task: Task, certificate: Certificate) -> BoolArray:
    """Return for each cell of the table whether its certificate keeps every equation and lets no cell fall too far.

    True for a cell without a certificate.
    """
    owners, row = np.unique(certificate.owner, return_inverse=True)
    cells, column = np.unique(certificate.cells, return_inverse=True)
    fine = np.ones(len(task.up), dtype=bool)
    if not len(owners):
        return fine
    lines = task.lines[cells]
    for amount in (certificate.up, certificate.down):
        moves = sp.csr_matrix((amount, (row, column)), shape=(len(owners), len(cells)))
        residual = (moves @ lines).tocoo()
        entry = moves.tocoo()
        fine[owners[residual.row[np.abs(residual.data) > _SOUND]]] = False
        fine[owners[entry.row[-entry.data - task.room[cells[entry.col]] > _SOUND]]] = False
    return fine
