"""One job set, one backend in bad weather, one clock that stands still, and a judge.

All chance comes from one seed: the same seed gives the same story, call by call.
"""

from __future__ import annotations

import itertools
import random
from contextlib import nullcontext

from rig.gate import Crash, Gate
from rig.ours import Ours
from rig.storm import CLBITS, SHOTS, Storm, Weather, payload_of
from rig.tally import Tally

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.testing import FakeClock
from qiskit_job_manager.testing.ledger import digest
from qiskit_job_manager.testing.samples import expected_counts

MOST_TURNS = 5000
_numbers = itertools.count()


class World:
    """A case. `run` drives it to its end and judges it, whatever happens at the gate.

    Args:
        folder: Where its store is; other cases may have theirs in the same.
        seed: The seed of all chance.
        weather: How the backend behaves.
        subject: The manager under test.
        happen: What happens at the boundaries; see `Gate`.
        case: Its name among the cases of one seed, to find it again.
    """

    def __init__(self, folder, seed, weather=None, subject=Ours, happen=None, case=""):
        self.id = f"{next(_numbers):032x}"
        self.seed, self.case = seed, case
        self.chance = random.Random(seed)
        self.clock = FakeClock()
        self.gate = Gate(happen)
        self.weather = weather or Weather()
        self.storm = Storm(self.clock, self.weather, self.chance)
        self.subject = subject(self, folder)
        self.tally = Tally(cases=1)
        self.names = []
        self.max_attempts = 1
        self.retries = 0
        self.cancelled = False

    def begin(self, jobs=4, per_job=2, **how):
        count = iter(range(jobs * per_job))
        self.names = [[f"c{next(count)}" for _ in range(per_job)] for _ in range(jobs)]
        self.max_attempts = how.get("max_attempts", 1)
        self.subject.begin(self.names, **how)
        return self

    def run(self, during=None):
        with during or nullcontext():
            ended = self._drive()
        self.tally.calls = self.gate.count
        self.tally.violations += [
            f"seed {self.seed} {self.case}: {words}" for words in self._judge(ended)
        ]
        return self.tally

    def _drive(self):
        opened = False
        while self.tally.turns < MOST_TURNS:
            try:
                if not opened:
                    self.subject.open()
                    opened = True
                self.tally.turns += 1
                wait_s = self.subject.turn()
                if self.subject.is_finished:
                    self.subject.crash()
                    return True
                if self.subject.waits_for_the_user and not self.storm.late:
                    self.subject.give_up_doubtful()
                self.clock.advance(min(wait_s, 30.0))
                self.storm.move()
            except StoreError:
                # The program stops cleanly, with this as its message, and is started again.
                self.clock.advance(1.0)
            except Crash:
                self.tally.crashes += 1
                self.subject.crash()
                opened = False
        return False

    # -- the judge ------------------------------------------------------------------------------

    def _judge(self, ended):
        if not ended:
            yield f"it did not end within {MOST_TURNS} turns"
            return
        defect = self.subject.defect()
        if defect:
            yield defect
        ends = self.subject.ends()
        if len(ends) != len(self.names):
            yield f"{len(ends)} jobs instead of {len(self.names)}"
        for names, end in zip(self.names, ends, strict=False):
            self.tally.jobs += 1
            for words in self._judge_job(names, *end):
                yield f"job of {names[0]}: {words}"

    def _judge_job(self, names, state, reason, counts):
        ours = digest(payload_of(names))
        accepted = [s.remote_id for s in self.storm.ledger.accepted if s.payload_digest == ours]
        fates = [self.storm.fates[remote_id] for remote_id in accepted]
        may_precede = {"fails", "fails in part", *({"vanishes"} if self.retries else ())}
        if len(accepted) > self.max_attempts + self.retries or set(fates[:-1]) - may_precede:
            yield f"doubled: paid {len(accepted)} times, {fates}"
        if state not in ("done", "failed", "cancelled", "lost"):
            yield f"it ended as {state}"
        if state != "done" and not reason:
            yield f"{state} without a reason"
        yield from self._judge_end(accepted, fates, state)
        yield from _judge_counts(names, state, counts, fates)

    def _judge_end(self, accepted, fates, state):
        fate = fates[-1] if fates else "was never sent"
        expected = {
            "runs": {"done"},
            "fails": {"failed"},
            "fails in part": {"failed"},
            "vanishes": {"lost"},
            "is cancelled": {"cancelled"},
            "was never sent": set(),
        }[fate]
        was_read = bool(accepted) and accepted[-1] in self.storm.ledger.handed_out
        if self.weather.can.reads_once and was_read and state == "lost":
            self.tally.losses += 1
        elif self._is_blind and state == "cancelled":
            pass  # the user's word on what was in doubt
        elif self.cancelled and state in ("cancelled", "failed", "lost"):
            pass  # what was cancelled may have ended before, or is not sent again
        elif state not in expected:
            yield f"it {fate} and ended as {state}" + (", its result is lost" if was_read else "")

    @property
    def _is_blind(self):
        return not (self.weather.can.findable or self.weather.can.idempotent)


def _judge_counts(names, state, counts, fates):
    if counts is None:
        if state == "done":
            yield "done without a result"
        return
    if len(counts) != len(names):
        yield f"wrong result: {len(counts)} experiments instead of {len(names)}"
    # What a failed attempt did return stays readable until a later one brings more.
    in_part = state != "done" and "fails in part" in fates
    for offset, (name, found) in enumerate(zip(names, counts, strict=False)):
        if in_part and offset % 2 == 0:
            continue
        if found != expected_counts(name, CLBITS, SHOTS):
            yield f"wrong result of {name}: {found}"
