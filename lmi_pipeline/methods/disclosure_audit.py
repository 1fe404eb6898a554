"""The joint audit: every withheld cell of everything published together must be as uncertain as its protection asks.

Cheap steps first, each taking cells off the next: peeling and the random null-space test find cells that are known
exactly; stored witnesses, projected moves and witness programmes prove cells safe by showing other tables that fit
everything published; attacker programmes decide what is left. A cell passes by proof only: one that no step decided,
because a limit was met or a solver did not finish, has not passed.

Intervals are those of an attacker who treats cells as real numbers. Safe in that sense is not safe in integers: two
counts with sum 1, each withheld and protected by half a unit, are 0 and 1 in some order to an attacker who knows that
they are counts. Give counts a protection of at least one unit, and check small tables with integer programmes.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_attacker import attack, attacker_intervals, on_system
from lmi_pipeline.methods.disclosure_bounds import outer_bounds
from lmi_pipeline.methods.disclosure_interior import interior_moves
from lmi_pipeline.methods.disclosure_moves import MoveSpace, free_moves
from lmi_pipeline.methods.disclosure_nullspace import determined
from lmi_pipeline.methods.disclosure_opening import open_for
from lmi_pipeline.methods.disclosure_peel import peel
from lmi_pipeline.methods.disclosure_programme import reaching_move
from lmi_pipeline.methods.disclosure_search import Neighbourhoods, groups_of_targets, projected_moves
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline.methods.disclosure_witness import Rooms, proven_reach, verify_witnesses
from lmi_pipeline.methods.tables import FloatArray

__all__ = ["Audit", "AuditOptions", "AuditStep", "attacker_intervals", "audit", "verify_witnesses"]

_NEARLY = 1 - 1e-6
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How far an audit goes; limits make it leave cells undecided, never pass them.

    Attributes
    ----------
    null_vectors, null_tolerance, null_iterations
        Random vectors of the null-space test, component below which a cell is determined, iterations of each.
    bound_sweeps
        Rounds in which rows narrow the bounds of cells.
    projections, projection_iterations
        Rounds of projected moves and iterations of each; a round is made only if more than `whole_component` cells
        are connected, for programmes do better below.
    interior_rounds, interior_least, interior_rows
        Moves from the inside, undecided cells from which on they are tried, and rows up to which: they are factorised.
    witness_rounds, witness_limit, witness_batch, witness_branch
        Rounds of witness programmes, programmes in all, and in a large component cells asked for by one and cells
        taken from each of their rows in the first rounds.
    whole_component
        Withheld cells up to which a component is one programme.
    each_limit, each_depth
        Last cells of large components up to which each has programmes of its own, and neighbourhoods tried for it.
    attacker_limit, attacker_cells
        Cells decided by attacker programmes, and withheld cells of the largest component where that is tried.
    solver_seconds
        Time limit of one programme.
    """

    null_vectors: int = 2
    null_tolerance: float = 1e-6
    null_iterations: int = 2000
    bound_sweeps: int = 5
    projections: int = 1
    projection_iterations: int = 200
    interior_rounds: int = 16
    interior_least: int = 1000
    interior_rows: int = 100_000
    witness_rounds: int = 12
    witness_limit: int = 300
    witness_batch: int = 20
    witness_branch: int = 3
    whole_component: int = 3000
    each_limit: int = 64
    each_depth: int = 4
    attacker_limit: int = 500
    attacker_cells: int = 10_000
    solver_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class AuditStep:
    """One step: cells it looked at, cells it found exposed and certified, and protected cells it left undecided."""

    name: str
    examined: int
    exposed: int
    certified: int
    left: int


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """What an audit found.

    Attributes
    ----------
    exposed : ndarray of bool
        (cells,) cells known exactly or more closely than their protection allows: withheld cells, and published
        cells that should be protected. Cells without protection count only if known exactly, for information.
    certified : ndarray of bool
        (cells,) protected cells proven safe both ways.
    undecided : ndarray of bool
        (cells,) protected cells that are neither.
    low, high : ndarray
        (cells,) attacker's interval where it is known exactly; nan elsewhere.
    witnesses : csr_matrix
        (k, cells) verified moves that prove what is certified. They give hidden values away: never publish them.
    steps : tuple of AuditStep
        In the order of the steps.
    protected : ndarray of bool
        (cells,) cells that had to be certified.
    """

    exposed: NDArray[np.bool_]
    certified: NDArray[np.bool_]
    undecided: NDArray[np.bool_]
    low: FloatArray
    high: FloatArray
    witnesses: sp.csr_matrix
    steps: tuple[AuditStep, ...]

    protected: NDArray[np.bool_]

    @property
    def passed(self) -> bool:
        """Whether every protected cell is certified and none is exposed."""
        return bool((self.certified & ~self.exposed)[self.protected].all())


def audit(
    system: DisclosureSystem,
    *,
    rng: np.random.Generator,
    witnesses: sp.csr_matrix | None = None,
    options: AuditOptions = AuditOptions(),
) -> Audit:
    """Audit everything published together.

    Parameters
    ----------
    system : DisclosureSystem
        All tables, joined, with what must be protected.
    rng : Generator
        Source of null-space vectors, signs and samples; a verdict of certified or exposed does not depend on it, only
        which cells are left undecided by limits may.
    witnesses : csr_matrix, optional
        (k, cells) moves kept from the suppression or an earlier audit; verified before use.
    options : AuditOptions
        Limits.

    Returns
    -------
    Audit
        Verdict for each cell.

    Raises
    ------
    MethodError
        For stored witnesses that are not feasible.
    """
    record = _Record(system)
    record.shown()
    record.exact("peel", peel(system))
    space = free_moves(system, record.known)
    found = np.zeros(len(system.value), dtype=bool)
    found[space.cells] = determined(
        space,
        rng=rng,
        vectors=options.null_vectors,
        tolerance=options.null_tolerance,
        iterations=options.null_iterations,
    )
    record.exact("null space", found)
    if witnesses is not None:
        record.stored(witnesses)
    _bound(record, space, options)
    space = free_moves(system, record.known)
    _project(record, space, rng, options)
    _from_inside(record, space, rng, options)
    _ask(record, space, rng, options)
    _ask_each(record, space, options)
    _attack(record, space, options)
    return record.verdict()


class _Record:
    """What is known so far of each cell."""

    def __init__(self, system: DisclosureSystem) -> None:
        cells = len(system.value)
        self.system = system
        self._rooms = Rooms(system)
        self._protected = system.protected
        self._enough_down, self._enough_up = system.protect_down * _NEARLY, system.protect_up * _NEARLY
        self.known = np.zeros(cells, dtype=bool)
        self.narrow = np.zeros(cells, dtype=bool)
        self.down, self.up = np.zeros(cells), np.zeros(cells)
        self.low, self.high = np.full(cells, np.nan), np.full(cells, np.nan)
        self.witnesses: list[sp.csr_matrix] = []
        self.steps: list[AuditStep] = []

    @property
    def certified(self) -> NDArray[np.bool_]:
        """(cells,) protected cells that witnesses prove safe."""
        enough = (self.down >= self._enough_down) & (self.up >= self._enough_up)
        proven: NDArray[np.bool_] = enough & self._protected & self.system.hidden
        return proven

    @property
    def left(self) -> NDArray[np.bool_]:
        """(cells,) protected cells that are undecided."""
        open_cells: NDArray[np.bool_] = self._protected & ~self.known & ~self.narrow & ~self.certified
        return open_cells

    def shown(self) -> None:
        """Enter protected cells that are published."""
        self.exact("published", self.system.protected & ~self.system.hidden)

    def exact(self, name: str, found: NDArray[np.bool_]) -> None:
        """Enter cells that are known exactly."""
        examined = int((~self.known & self.system.hidden).sum())
        new = int((found & ~self.known).sum())
        self.known |= found
        self.low[found] = self.high[found] = self.system.value[found]
        self.steps.append(AuditStep(name, examined, new, 0, int(self.left.sum())))

    def stored(self, witnesses: sp.csr_matrix) -> None:
        """Verify and enter witnesses that came with the system."""
        before = int(self.left.sum())
        down, up = verify_witnesses(self.system, witnesses, tolerance=_TOLERANCE)
        self._reach(down, up)
        self.witnesses.append(witnesses)
        self.step("stored witnesses", before, 0)

    def take(self, moves: sp.csr_matrix) -> None:
        """Enter the moves among `moves` that are feasible and prove something new."""
        violation, size = self._rooms.violations(moves)
        good = np.flatnonzero(violation <= _TOLERANCE * np.maximum(size, 1.0))
        moves, violation = moves[good], violation[good]
        wanted = self.left[moves.indices]
        reach = np.where(moves.data < 0, self.down[moves.indices], self.up[moves.indices])
        helps = sp.csr_matrix((wanted & (np.abs(moves.data) > reach), moves.indices, moves.indptr), moves.shape)
        useful = np.flatnonzero(helps @ np.ones(moves.shape[1]))
        self._reach(*proven_reach(moves[useful], violation[useful]))
        self.witnesses.append(moves[useful])

    def close(self, cells: NDArray[np.int64], down: FloatArray, up: FloatArray) -> None:
        """Enter cells that can move `down` and `up` at most, if that is less than they must; nan is no limit."""
        short = (down < self._enough_down[cells]) | (up < self._enough_up[cells])
        self.narrow[cells[short]] = True

    def step(self, name: str, examined: int, exposed: int) -> None:
        """Note a step that looked at `examined` undecided cells."""
        left = int(self.left.sum())
        self.steps.append(AuditStep(name, examined, exposed, examined - exposed - left, left))

    def verdict(self) -> Audit:
        """Return the audit; what a witness proves safe is not exposed, whatever the null-space test said."""
        protected, certified = self._protected, self.certified
        self.low[self.known & certified] = self.high[self.known & certified] = np.nan
        exposed = (self.known & ~certified) | self.narrow
        cells = len(self.system.value)
        witnesses = sp.vstack([sp.csr_matrix((0, cells)), *self.witnesses], format="csr")
        undecided = protected & ~certified & ~exposed
        return Audit(exposed, certified, undecided, self.low, self.high, witnesses, tuple(self.steps), protected)

    def _reach(self, down: FloatArray, up: FloatArray) -> None:
        np.maximum(self.down, down, out=self.down)
        np.maximum(self.up, up, out=self.up)


def _bound(record: _Record, space: MoveSpace, options: AuditOptions) -> None:
    examined = int(record.left.sum())
    lower, upper = outer_bounds(space, sweeps=options.bound_sweeps)
    record.close(space.cells, -lower, upper)
    record.step("bounds", examined, examined - int(record.left.sum()))


def _project(record: _Record, space: MoveSpace, rng: np.random.Generator, options: AuditOptions) -> None:
    targets = np.flatnonzero(record.left[space.cells])
    component = space.components()
    large = np.bincount(component, minlength=1)[component] > options.whole_component
    targets = targets[large[targets]]
    if not len(targets):
        return
    members = np.flatnonzero(np.isin(component, component[targets]))
    part = space.part(members)
    cap = 4 * float(_required(record.system).max())
    for _ in range(options.projections):
        wanted = np.flatnonzero(record.left[part.cells])
        if not len(wanted):
            break
        moves = projected_moves(part, wanted, cap=cap, rng=rng, iterations=options.projection_iterations)
        record.take(on_system(part, list(moves), len(record.system.value)))
    record.step("projected moves", len(targets), 0)


def _from_inside(record: _Record, space: MoveSpace, rng: np.random.Generator, options: AuditOptions) -> None:
    examined = int(record.left.sum())
    if examined < options.interior_least:
        return
    component = space.components()
    members = np.flatnonzero(np.isin(component, component[record.left[space.cells]]))
    part, system = space.part(members), record.system
    if len(part.row_lower) > options.interior_rows:
        return
    open_cells = record.left[part.cells]
    down, up = (np.where(open_cells, side[part.cells], 0.0) for side in (system.protect_down, system.protect_up))
    for move in interior_moves(part, down, up, rng=rng, rounds=options.interior_rounds):
        record.take(on_system(part, [move], len(system.value)))
    record.step("moves from the inside", examined, 0)


def _ask(record: _Record, space: MoveSpace, rng: np.random.Generator, options: AuditOptions) -> None:
    examined = int(record.left.sum())
    if not examined:
        return
    component, near = space.components(), Neighbourhoods(space.matrix)
    programmes = 0
    for attempt in range(options.witness_rounds):
        branch = options.witness_branch + attempt // 3
        targets = rng.permutation(np.flatnonzero(record.left[space.cells]))
        targets = targets[: len(targets) // (1 + attempt % 2)]
        groups = groups_of_targets(component, targets, whole=options.whole_component, batch=options.witness_batch)
        for group, whole in groups:
            if programmes >= options.witness_limit:
                break
            programmes += 1
            members = near.around(group, branch, rng.random(len(space.cells))) if whole is None else whole
            part = space.part(members)
            _ask_group(record, part if attempt else part.both_ways(), space.cells[group], rng, options)
    record.step("witness programmes", examined, 0)


def _ask_each(record: _Record, space: MoveSpace, options: AuditOptions) -> None:
    component, system = space.components(), record.system
    large = np.bincount(component, minlength=1)[component] > options.whole_component
    cells = space.cells[np.flatnonzero(record.left[space.cells] & large)]
    if not 0 < len(cells) <= options.each_limit * (options.witness_rounds > 0):
        return
    shown, examined = ~system.hidden | record.known, int(record.left.sum())
    kept = system.with_hidden(~shown)
    nobody, price = np.zeros(len(shown), dtype=bool), np.ones(len(shown))
    record.take(open_for(kept, cells, price=price, fixed=shown, still=nobody, depth=options.each_depth)[1])
    record.step("programmes of one cell", examined, 0)


def _ask_group(
    record: _Record,
    part: MoveSpace,
    cells: NDArray[np.int64],
    rng: np.random.Generator,
    options: AuditOptions,
) -> None:
    system = record.system
    cells = cells[record.left[cells]]
    if not len(cells):
        return
    missing_down = record.down[cells] < system.protect_down[cells] * _NEARLY
    missing_up = record.up[cells] < system.protect_up[cells] * _NEARLY
    upwards = np.where(missing_down & missing_up, rng.random(len(cells)) < 1 / 2, missing_up)
    wanted = np.where(upwards, system.protect_up[cells], -system.protect_down[cells])
    unit = float(np.median(np.abs(wanted)))
    positions = np.searchsorted(part.cells, cells)
    move = reaching_move(part, positions, wanted, unit=unit, seconds=options.solver_seconds)
    if move is not None:
        record.take(on_system(part, [move, -move], len(system.value)))


def _attack(record: _Record, space: MoveSpace, options: AuditOptions) -> None:
    system = record.system
    component = space.components()
    size = np.bincount(component, minlength=1)
    open_cells, close = record.left[space.cells], record.narrow[space.cells]
    targets = np.concatenate([np.flatnonzero(open_cells), np.flatnonzero(close & ~open_cells)])
    targets = targets[size[component[targets]] <= options.attacker_cells][: options.attacker_limit]
    if not len(targets):
        return
    examined, before = int(open_cells.sum()), int(record.narrow.sum())
    enough = 2 * _required(system)
    for number in np.unique(component[targets]):
        part = space.part(np.flatnonzero(component == number))
        cells = space.cells[targets[component[targets] == number]]
        found = attack(part, cells, len(system.value), seconds=options.solver_seconds, enough=enough[cells])
        record.low[cells], record.high[cells] = system.value[cells] - found.down, system.value[cells] + found.up
        record.close(cells, found.down, found.up)
        record.take(found.moves)
    record.step("attacker programmes", examined, int(record.narrow.sum()) - before)


def _required(system: DisclosureSystem) -> FloatArray:
    """(cells,) the larger of the two protections."""
    return np.maximum(system.protect_down, system.protect_up)
