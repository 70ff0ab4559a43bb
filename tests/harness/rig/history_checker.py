"""Says whether a history of calls is one that a store may have, by the contract in `ports` alone.

A store is right when its calls can be put into one order, each at one moment between its begin and
its end, in which every answer is the one that the contract gives. A call that raised was done as a
whole or not at all, before it ended. A call that is unknown was done at any time after it began, or
never.

The order is searched as the calls end: all that may have been done by then is kept as a set of
possibilities (G. Lowe, "Testing for linearizability", 2017). None left is a violation.

What the contract says, and what is checked:

    create_job_set   takes the lease as well
    claim    raises the fence above all earlier ones; it gives no token only while another has one
    renew    is true for the newest token, and false when another driver has claimed
    advance  lands a step when its token is the newest and the job is in its expected state; may
             give the lease back when all steps land
    finish_request, append_event, store_usage   are done for the newest token, refused for others
    add_blocks, complete_job_set, delete_job_set   are done for the owner of the newest token
    jobs     gives what was committed: state, tag and remote id
    driver   gives the owner of the newest token, or nobody
"""

from __future__ import annotations

from typing import NamedTuple

PLANNED = "planned"
UNKNOWN = "?"
REFUSED = "LeaseLostError"
MOST_POSSIBILITIES = 20_000


class Row(NamedTuple):
    """A job in the store."""

    state: str = PLANNED
    tag: str | None = None
    remote_id: str | None = None


class Store(NamedTuple):
    """What a store is by its contract; of one job set.

    Attributes:
        fence: That of the newest claim; with a half, of one whose token nobody learnt.
        owner: Of the newest claim; ``None``: it was released; `UNKNOWN`: who made the set died.
        rows: The jobs that differ from a new one, by key.
    """

    fence: float = 0
    owner: str | None = UNKNOWN
    rows: frozenset[tuple[int, Row]] = frozenset()


def violations(calls):
    """Yield what no right store can have answered, for each job set the first."""
    for job_set in sorted({call.asked["set"] for call in calls}):
        mine = [call for call in calls if call.asked["set"] == job_set]
        found = _first_violation(mine)
        if found is not None:
            yield f"job set {job_set}: {found}"


def _first_violation(calls):
    possible = {(Store(), frozenset())}
    moments = [(call.begun_ns, 0, place) for place, call in enumerate(calls)]
    moments += [(c.ended_ns, 1, place) for place, c in enumerate(calls) if c.ended_ns is not None]
    pending = set()
    for _, is_end, place in sorted(moments):
        if not is_end:
            if calls[place].ended_ns is not None or calls[place].name in _WRITES:
                pending.add(place)
            continue
        before = possible
        possible = _after_end(calls, pending, possible, place)
        pending.discard(place)
        if not possible:
            return _words(calls[place], before)
        assert len(possible) <= MOST_POSSIBILITIES, "too many calls at once to be judged"
    return None


def _after_end(calls, pending, possible, place):
    """Return the possibilities in which a call that ends now was done, each without it."""
    found, seen, waiting = set(), set(possible), list(possible)
    is_sure = calls[place].error in (None, REFUSED)
    while waiting:
        store, done = waiting.pop()
        if place in done:
            found.add((store, done - {place}))
            continue
        if not is_sure:
            found.add((store, done))  # it raised, and may not have been done
        for other in pending - done:
            for after in _done(store, calls[other]):
                option = (after, done | {other})
                if option not in seen:
                    seen.add(option)
                    waiting.append(option)
    return found


def _done(store, call):
    """Yield what a store is after a call, if the contract allows its answer there."""
    if call.name in _WRITES:
        yield from _WRITES[call.name](store, call)
    elif call.error is not None or _READS[call.name](store, call):
        yield store


def _knows(call):
    return call.ended_ns is not None and call.error is None


def _is_newest(store, call):
    _, owner, fence = call.asked["token"]
    return (store.fence, store.owner) == (fence, owner)


# -- the contract -------------------------------------------------------------------------------


def _create(store, call):
    if store == Store():
        _, owner, fence = call.answer
        yield Store(fence, owner)


def _claim(store, call):
    owner = call.asked["owner"]
    if not _knows(call):
        yield store._replace(fence=int(store.fence) + 0.5, owner=owner)
    elif call.answer is None:
        if store.owner is not None:
            yield store
    elif call.answer[2] > store.fence:
        yield store._replace(fence=call.answer[2], owner=owner)


def _renew(store, call):
    if not _knows(call) or call.answer is _is_newest(store, call):
        yield store


def _release(store, call):
    yield store._replace(owner=None) if _is_newest(store, call) else store


def _advance(store, call):
    steps = call.asked["steps"]
    rows, landed = dict(store.rows), []
    for step in steps:
        row = rows.get(step["job"], Row())
        lands = _is_newest(store, call) and row.state == step["expected"]
        landed.append(lands)
        if lands:
            rows[step["job"]] = _stepped(row, step)
    owner = None if call.asked.get("releases") and all(landed) else store.owner
    if not _knows(call) or call.answer == landed:
        yield store._replace(rows=frozenset(rows.items()), owner=owner)


def _stepped(row, step):
    if step["new_tag"] is not None:
        row = Row(tag=step["new_tag"])  # an attempt begins clean
    remote_id = row.remote_id if step["remote_id"] is None else step["remote_id"]
    return row._replace(state=step["after"], remote_id=remote_id)


def _if_newest(store, call):
    if not _knows(call) or call.answer is _is_newest(store, call):
        yield store


def _unless_refused(store, call):
    is_newest = _is_newest(store, call)
    is_refused = call.error == REFUSED
    if is_refused is not is_newest or not (_knows(call) or is_refused):
        yield store


def _delete(store, call):
    for after in _unless_refused(store, call):
        yield after if call.error == REFUSED else after._replace(fence=float("inf"), owner=None)


def _jobs_are(store, call):
    rows = dict(store.rows)
    return all(Row(*facts) == rows.get(key, Row()) for key, *facts in call.answer)


def _driver_is(store, call):
    return call.answer in (None, store.owner)


_WRITES = {
    "create_job_set": _create,
    "add_blocks": _unless_refused,
    "complete_job_set": _unless_refused,
    "delete_job_set": _delete,
    "claim": _claim,
    "renew": _renew,
    "release": _release,
    "advance": _advance,
    "finish_request": _if_newest,
    "append_event": _if_newest,
    "store_usage": _if_newest,
}
_READS = {"jobs": _jobs_are, "driver": _driver_is}


def _words(call, before):
    """Say what cannot be, and what could have been there."""
    stores = sorted({(store.fence, str(store.owner)) for store, _ in before})
    asked = {name: value for name, value in call.asked.items() if name != "set"}
    return f"{call.name} with {asked} gave {call.answer!r}; newest claims may be {stores[:4]}"
