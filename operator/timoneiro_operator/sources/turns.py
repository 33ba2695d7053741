"""Whose read comes next, where more are due than may run at once. Pure.

Guarantees: namespaces take turns; no namespace and no shared source holds more than its part of the slots; reads that
were slow the last time wait in a lane of their own, so that sources that hang never keep those that answer waiting.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from typing import Literal, NamedTuple

Lane = Literal["Quick", "Slow"]

# Of each lane. A read is one task and a socket for each pod: some ten kilobytes while it waits.
SLOTS = 64
SLOTS_OF_A_NAMESPACE = 32
SLOTS_OF_A_SOURCE = 8


class Ticket(NamedTuple):
    """A read that is due. `shared`: address of a source that others use too; None where the pods are asked."""

    key: tuple[str, str]
    lane: Lane
    shared: str | None = None

    @property
    def namespace(self) -> str:
        return self.key[0]


class Turns:
    """Tickets that wait, and those whose read runs."""

    def __init__(self) -> None:
        # By lane and namespace; the namespace whose turn it is comes first.
        self._waiting: dict[Lane, OrderedDict[str, deque[Ticket]]] = {"Quick": OrderedDict(), "Slow": OrderedDict()}
        self._running: set[Ticket] = set()
        self._held: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._running) + sum(len(line) for lines in self._waiting.values() for line in lines.values())

    def add(self, ticket: Ticket) -> None:
        """`ticket` waits for its turn."""
        self._waiting[ticket.lane].setdefault(ticket.namespace, deque()).append(ticket)

    def admit(self) -> Iterator[Ticket]:
        """The tickets whose read may begin now; each holds its slot until it is removed."""
        for lane in self._waiting:
            while (ticket := self._next(lane)) is not None:
                self._running.add(ticket)
                self._held.update(_slots(ticket))
                yield ticket

    def remove(self, ticket: Ticket) -> None:
        """The read of `ticket` is over, or nobody wants it any more."""
        if ticket in self._running:
            self._running.discard(ticket)
            self._held.subtract(_slots(ticket))
            self._held += Counter()
            return
        lines = self._waiting[ticket.lane]
        if ticket in lines.get(ticket.namespace, ()):
            lines[ticket.namespace].remove(ticket)
            if not lines[ticket.namespace]:
                del lines[ticket.namespace]

    def _next(self, lane: Lane) -> Ticket | None:
        lines = self._waiting[lane]
        if self._held["lane", lane] >= SLOTS:
            return None
        for namespace in list(lines):
            line = lines[namespace]
            ticket = next((ticket for ticket in line if self._may_run(ticket)), None)
            if ticket is None:
                continue
            line.remove(ticket)
            lines.move_to_end(namespace)
            if not line:
                del lines[namespace]
            return ticket
        return None

    def _may_run(self, ticket: Ticket) -> bool:
        if ticket.shared is not None and self._held["source", ticket.shared] >= SLOTS_OF_A_SOURCE:
            return False
        return self._held[f"{ticket.lane} of", ticket.namespace] < SLOTS_OF_A_NAMESPACE


def _slots(ticket: Ticket) -> list[tuple[str, str]]:
    """What a running read holds one of."""
    held = [("lane", ticket.lane), (f"{ticket.lane} of", ticket.namespace)]
    return held if ticket.shared is None else [*held, ("source", ticket.shared)]
