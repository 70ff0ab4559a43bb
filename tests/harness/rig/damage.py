"""Damaged bytes, on disk or on their way: they are refused, or make no difference."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing

from rig.ours import Ours
from rig.storm import CLBITS, SHOTS, Weather, result_of
from rig.world import World

from qiskit_job_manager.codec.containers import Container
from qiskit_job_manager.codec.results import RESULT_FORMAT, open_result
from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.engine import Spool
from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.model import RawResult
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.samples import expected_counts


class Sample:
    """A store with a finished job set, and one that was killed in the middle of a transaction."""

    def __init__(self, folder):
        self.folder = folder
        self.world = World(folder, 3, Weather(rate=0.0), Ours).begin(jobs=12, per_job=4)
        assert self.world.run().violations == []
        self.whole = folder / "store.db"
        self.torn = folder / "torn.db"
        self._tear()

    def _tear(self):
        """Keep what a kill in the middle of a transaction leaves: changed pages and a journal."""
        with closing(sqlite3.connect(self.whole, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA cache_size=1")
            connection.execute("BEGIN IMMEDIATE")
            for (table,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type='table' AND name LIKE '%job%'"
            ).fetchall():
                connection.execute(f"DELETE FROM {table}")
            shutil.copy(self.whole, self.torn)
            shutil.copy(f"{self.whole}-journal", f"{self.torn}-journal")
            connection.execute("ROLLBACK")

    def damaged(self, seed):
        """Damage a copy of one of the files, read it, and return what was wrong.

        Returns:
            How it was damaged; whether it was noticed; violations.
        """
        chance = random.Random(f"damage {seed}")
        copy = self.folder / "copy.db"
        source = chance.choice([self.whole, self.torn])
        for suffix in ("", "-journal"):
            (self.folder / f"copy.db{suffix}").unlink(missing_ok=True)
        shutil.copy(source, copy)
        victim = copy
        if source is self.torn:
            shutil.copy(f"{source}-journal", f"{copy}-journal")
            victim = chance.choice([copy, self.folder / "copy.db-journal"])
        victim.write_bytes(mutated(victim.read_bytes(), chance))
        noticed, wrong = self._read_all(copy)
        return victim.name, noticed, [f"damage {seed} of {victim.name}: {words}" for words in wrong]

    def read_torn(self, *, with_journal=True):
        """Read what a kill in the middle of a transaction left."""
        copy = self.folder / "torn-copy.db"
        shutil.copy(self.torn, copy)
        if with_journal:
            shutil.copy(f"{self.torn}-journal", f"{copy}-journal")
        return self._read_all(copy)

    def _read_all(self, path):
        names = [name for job in self.world.names for name in job]
        noticed, wrong = 0, []
        try:
            store = open_store(path)
        except JobManagerError:
            return 1, []
        try:
            record = store.job_set(self.world.id)
            if record is None:
                return 1, []
            for index, name in enumerate(names):
                try:
                    found = _counts(store, record.key, index)
                except JobManagerError:
                    noticed += 1
                    continue
                if found is None:
                    noticed += 1
                elif found != expected_counts(name, CLBITS, SHOTS):
                    wrong.append(f"wrong result of experiment {index}: {found}")
        except JobManagerError:
            noticed += 1
        finally:
            store.close()
        return noticed, wrong


def _counts(store, key, index):
    [job] = store.jobs_covering(key, index) or [None]
    blob = store.result(job.key) if job else None
    return None if blob is None else open_result(blob).counts(index - job.start)


def mutated(data, chance):
    """Return bytes with something wrong: flipped, cut, zeroed, doubled or moved."""
    changed = bytearray(data)
    place = chance.randrange(len(changed))
    span = min(chance.choice([1, 8, 512, 4096]), len(changed) - place)
    match chance.randrange(5):
        case 0:
            for _ in range(chance.choice([1, 1, 4, 64])):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        case 1:
            del changed[place:]
        case 2:
            changed[place : place + span] = bytes(span)
        case 3:
            other = chance.randrange(len(changed))
            part = changed[other : other + span]
            changed[place : place + len(part)] = part
        case _:
            changed[place : place + span] = chance.randbytes(span)
    return bytes(changed)


class Decoders:
    """Every decoder of bytes that were stored or spooled, with samples to mutate."""

    def __init__(self, folder):
        self._spool = Spool(folder / "spool")
        names = tuple(f"fuzz-{i}" for i in range(5))
        result = result_of(names, SHOTS, failed=(3,))
        with self._spool.reserved("tag") as part:
            self._spool.keep("tag", part, result)
        self._spooled = folder / "spool" / "tag.result"
        value = {"a": [1, 2.5, None, "ü", b"x"], "b": {"c": (1 + 2j, 10**30)}}
        self._samples = {
            "results": (result.data, self._read_result),
            "containers": (result.data, self._read_container),
            "values": (encode_value(value), decode_value),
            "spool": (self._spooled.read_bytes(), self._read_spooled),
        }
        self._right = [expected_counts(name, CLBITS, SHOTS) for name in names]

    def fuzz(self, seed):
        """Mutate one sample, decode it, and return the errors that are not ours.

        Returns:
            Whether it was refused; violations.
        """
        chance = random.Random(f"fuzz {seed}")
        name = chance.choice(list(self._samples))
        data, decode = self._samples[name]
        for _ in range(chance.choice([1, 1, 2, 5])):
            data = mutated(data, chance) or b"\0"
        try:
            decode(data)
        except JobManagerError:
            return True, []
        except Exception as error:  # noqa: BLE001  # this is what is looked for
            return False, [f"fuzz {seed} of {name}: {type(error).__name__}: {error}"]
        return False, []

    def _read_result(self, data):
        reader = open_result(RawResult(RESULT_FORMAT, data))
        reader.failures()
        reader.envelope()
        for offset in range(min(reader.n_experiments, 50)):
            reader.experiment(offset)
            reader.counts(offset)
        reader.each("shots")

    def _read_container(self, data):
        Container(data)

    def _read_spooled(self, data):
        self._spooled.write_bytes(data)
        taken = self._spool.take("tag")
        counts = [open_result(taken).counts(offset) or {} for offset in range(5)]
        if [c for i, c in enumerate(counts) if i != 3] != [
            c for i, c in enumerate(self._right) if i != 3
        ]:
            msg = f"the spool gave {counts}"
            raise AssertionError(msg)
