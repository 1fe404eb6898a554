"""The search for certificates one cell at a time, and the clean-up that shows again what no certificate needs."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from lmi_pipeline.methods.disclosure_cube_corners import cheapest_corners
from lmi_pipeline.methods.disclosure_cube_space import BoolArray
from lmi_pipeline.methods.disclosure_cube_spread import cheapest_shares
from lmi_pipeline.methods.disclosure_cube_task import Certificate, Task, joined
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
    uses : Counter of int
        How many of those cells move each cell.
    """

    task: Task
    candidates: int
    held: dict[int, tuple[Certificate, ...]] = field(default_factory=dict)
    uses: Counter[int] = field(default_factory=Counter)

    def cover(self, cells: IntArray) -> IntArray:
        """Find certificates for the cells in their order, hiding what they need; return the cells without."""
        bare = []
        for cell in cells.tolist():
            found = self.certify(cell, self.task.price)
            if found is None:
                bare.append(cell)
                continue
            self.hold(cell, found[1])
            for certificate in found[1]:
                self.task.hide(certificate.cells)
        return np.array(bare, dtype=np.int64)

    def certify(self, cell: int, price: FloatArray, avoid: BoolArray | None = None) -> Found | None:
        """Return the cheapest certificates of one cell that no insider can undo, with their price; None without."""
        first = self._cheapest(cell, price, avoid)
        if first is None:
            return None
        insiders = first[1].cells[self.task.insider[first[1].cells] & (first[1].cells != cell)]
        if not len(insiders):
            return first[0], (first[1],)
        barred = np.zeros_like(self.task.hidden) if avoid is None else avoid.copy()
        clean = self._cheapest(cell, price, barred | self.task.insider)
        barred[insiders] = True
        other = self._cheapest(cell, price, barred)
        options: list[Found] = [(clean[0], (clean[1],))] if clean else []
        if other:
            cells = np.unique(np.concatenate([first[1].cells, other[1].cells]))
            options.append((float(price[cells].sum()), (first[1], other[1])))
        return min(options, key=lambda found: found[0], default=None)

    def _cheapest(self, cell: int, price: FloatArray, avoid: BoolArray | None) -> tuple[float, Certificate] | None:
        if self.task.simple[cell]:
            return cheapest_corners(self.task, price, avoid, cell, self.candidates)
        found = cheapest_shares(self.task, price, avoid, cell, self.candidates, _DEPTH)
        return found if found is not None and sound(self.task, found[1]).all() else None

    def refine(self, primary: BoolArray, passes: int) -> None:
        """Search again for each cell as if what only its own certificates need were not yet hidden."""
        for _ in range(passes):
            if not sum(self._refined(owner, primary) for owner in list(self.held)):
                break

    def _refined(self, owner: int, primary: BoolArray) -> bool:
        own = [cell for cell in _moved(self.held[owner]) if self.uses[cell] == 1 and not primary[cell]]
        if not own:
            return False
        cells = np.array(own)
        before = float(self.task.cost[cells].sum())
        self.task.show(cells)
        found = self.certify(owner, self.task.price)
        if found is None or found[0] >= before - _SOUND:
            self.task.hide(cells)
            return False
        self.hold(owner, found[1])
        for certificate in found[1]:
            self.task.hide(certificate.cells)
        return True

    def hold(self, owner: int, certificates: tuple[Certificate, ...]) -> None:
        """Keep the certificates of a cell in place of those it had."""
        self.uses.subtract(_moved(self.held.get(owner, ())))
        self.held[owner] = certificates
        self.uses.update(_moved(certificates))

    def tidy(self, extra: IntArray) -> None:
        """Show again each extra cell, dearest first, whose certificates can all do without it."""
        task = self.task
        strict = np.where(task.hidden, 0.0, np.inf)
        owners = self._owners(extra)
        for cell in extra[np.argsort(-task.cost[extra], kind="stable")].tolist():
            strict[cell] = np.inf
            changed = self._without(cell, owners.get(cell, []), strict)
            if changed is None:
                strict[cell] = 0.0
                continue
            task.show(np.array([cell]))
            for owner, certificates in changed.items():
                self.hold(owner, certificates)
                for moved in _moved(certificates):
                    if moved in owners:
                        owners[moved].append(owner)

    def _owners(self, extra: IntArray) -> dict[int, list[int]]:
        owners: dict[int, list[int]] = {cell: [] for cell in extra.tolist()}
        for owner, certificates in self.held.items():
            for cell in owners.keys() & _moved(certificates):
                owners[cell].append(owner)
        return owners

    def _without(self, cell: int, owners: list[int], strict: FloatArray) -> dict[int, tuple[Certificate, ...]] | None:
        """New certificates of the owners that do without a cell, or None if one of them cannot."""
        changed = {}
        for owner in dict.fromkeys(owners):
            if not any(cell in one.cells for one in self.held[owner]):
                continue
            found = self.certify(owner, strict)
            certificates = found[1] if found else self._around(owner, cell, strict)
            if certificates is None:
                return None
            changed[owner] = certificates
        return changed

    def _around(self, owner: int, cell: int, strict: FloatArray) -> tuple[Certificate, ...] | None:
        """Add to the certificate of the owner a cube through the cell that undoes its move; None if there is none."""
        task, (held, *others) = self.task, self.held[owner]
        if others or not task.simple[cell]:
            return None
        here = held.cells == cell
        most = max(abs(held.up[here].sum()), abs(held.down[here].sum()))
        avoid = task.insider.copy()
        avoid[owner] = True
        before = task.up[cell], task.down[cell]
        task.up[cell] = task.down[cell] = most
        found = self._cheapest(cell, strict, avoid) if task.room[cell] >= most else None
        task.up[cell], task.down[cell] = before
        if found is None:
            return None
        together = _cancelled(held, found[1], cell)
        return (together,) if sound(task, together)[owner] else None


def _cancelled(held: Certificate, other: Certificate, cell: int) -> Certificate:
    """The certificate plus as much of the other, upwards or downwards, as leaves the cell where it is."""
    at, there = held.cells == cell, other.cells == cell
    cells, place = np.unique(np.concatenate([held.cells, other.cells]), return_inverse=True)
    moves = []
    for amount in (held.up, held.down):
        step = amount[at].sum()
        counter = other.down if step > 0 else other.up
        share = -step / counter[there].sum() if step else 0.0
        moves.append(np.bincount(place, np.concatenate([amount, share * counter])))
    kept = (cells != cell) & ((np.abs(moves[0]) > _SOUND) | (np.abs(moves[1]) > _SOUND))
    return Certificate(np.full(int(kept.sum()), held.owner[0]), cells[kept], moves[0][kept], moves[1][kept])


def _moved(certificates: tuple[Certificate, ...]) -> list[int]:
    cells: list[int] = np.unique(joined(list(certificates)).cells).tolist()
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
