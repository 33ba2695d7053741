"""Whose read comes next: fair between namespaces, bounded for each source, slow ones among themselves."""

from hypothesis import given
from hypothesis import strategies as st

from timoneiro_operator.sources.turns import SLOTS, SLOTS_OF_A_NAMESPACE, SLOTS_OF_A_SOURCE, Lane, Ticket, Turns


def tickets(namespace: str, number: int, *, lane: Lane = "Quick", shared: str | None = None) -> list[Ticket]:
    return [Ticket((namespace, f"md-{i}"), lane, shared) for i in range(number)]


def waiting(*groups: list[Ticket]) -> Turns:
    turns = Turns()
    for group in groups:
        for ticket in group:
            turns.add(ticket)
    return turns


def test_namespaces_take_turns_however_many_reads_one_of_them_has_waiting() -> None:
    turns = waiting(tickets("crowd", 500), tickets("small", 1))
    first_two = list(turns.admit())[:2]
    assert {ticket.namespace for ticket in first_two} == {"crowd", "small"}


def test_no_namespace_holds_more_than_its_part_of_the_slots() -> None:
    assert len(list(waiting(tickets("crowd", 500)).admit())) == SLOTS_OF_A_NAMESPACE


def test_a_source_that_many_share_is_not_asked_by_all_of_them_at_once() -> None:
    turns = waiting(*(tickets(f"ns-{i}", 5, shared="http://prometheus") for i in range(20)))
    assert len(list(turns.admit())) == SLOTS_OF_A_SOURCE


def test_reads_that_wait_for_a_shared_source_let_others_of_their_namespace_pass() -> None:
    turns = waiting(tickets("ns", 100, shared="http://prometheus"), [Ticket(("ns", "own"), "Quick")])
    assert Ticket(("ns", "own"), "Quick") in list(turns.admit())


def test_slow_reads_hold_no_slot_of_the_quick_ones() -> None:
    turns = waiting(*(tickets(f"ns-{i}", 10, lane="Slow") for i in range(40)), tickets("quick", 1))
    admitted = list(turns.admit())
    assert sum(ticket.lane == "Slow" for ticket in admitted) == SLOTS
    assert Ticket(("quick", "md-0"), "Quick") in admitted


def test_a_ticket_that_is_removed_while_it_waits_is_never_admitted() -> None:
    turns = waiting(tickets("ns", 1))
    turns.remove(tickets("ns", 1)[0])
    assert not list(turns.admit())
    assert not len(turns)


SOME = st.builds(
    Ticket,
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 60).map(str)),
    st.sampled_from(["Quick", "Slow"]),
    st.sampled_from([None, "http://one", "http://two"]),
)


@given(wanted=st.lists(SOME, unique=True, max_size=300), endings=st.randoms(use_true_random=False))
def test_every_ticket_is_admitted_once_in_the_end_and_every_slot_is_given_back(wanted: list[Ticket], endings) -> None:  # type: ignore[no-untyped-def]
    turns = waiting(wanted)
    running: list[Ticket] = []
    admitted: list[Ticket] = []
    while len(turns):
        new = list(turns.admit())
        running += new
        admitted += new
        assert sum(ticket.shared == "http://one" for ticket in running) <= SLOTS_OF_A_SOURCE
        turns.remove(running.pop(endings.randrange(len(running))))
    assert sorted(admitted, key=str) == sorted(wanted, key=str)
    assert not list(turns.admit())
