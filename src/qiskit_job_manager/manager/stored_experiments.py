"""The experiments of a job set as they are stored, compared with those that are handed over.

`StoredExperiments` reads and compares them by their index. `StoredContents` finds those that are
handed over again, by their content: each experiment of the job set answers one that is handed over,
so that equal ones are counted. One of the same name answers first. Memory grows by a byte an
experiment of the job set, and by the places of those with equal content.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import frames_in
from qiskit_job_manager.codec.differences import difference
from qiskit_job_manager.codec.experiments import (
    hash_experiment,
    is_hashed_as_now,
    metadata_differs,
    part_of,
    read_experiments,
)
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.results.lookup import jobs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from qiskit_job_manager.model import (
        Blob,
        ExperimentKind,
        JobRecord,
        JobSetRecord,
    )
    from qiskit_job_manager.ports import Store


class StoredExperiments:
    """Reads experiments of one job set in order, the payload of each job once.

    Args:
        store: Where they are.
        record: The job set.
        kind: What they are handed over as.
    """

    def __init__(self, store: Store, record: JobSetRecord, kind: ExperimentKind) -> None:
        self._store = store
        self._record = record
        self._kind = kind
        self._job: JobRecord | None = None
        self._payload: Blob | None = None
        self._frames: list[bytes] = []

    def difference(self, index: int, given: Any) -> str | None:
        """Return what differs between the stored experiment and one that was handed over.

        Returns:
            A sentence without a full stop; or ``None`` if they are the same.
        """
        try:
            stored = self.read(index)
        except CodecError as error:
            return f"what is stored cannot be compared: {error}"
        return difference(stored, given, self._kind)

    def read(self, index: int) -> Any:
        """Return an experiment as it is sent: a circuit or a PUB.

        Raises:
            CodecError: It cannot be read.
        """
        payload, offset = self._found(index)
        [stored] = read_experiments(part_of(payload, [offset]))
        if isinstance(stored, CodecError):
            raise stored
        return stored

    def metadata_differs(self, index: int, given: Any) -> bool:
        """Tell whether the stored experiment is known to have other metadata than one given."""
        _, offset = self._found(index)
        return metadata_differs(self._frames[offset], given, self._kind)

    def encoded(self, index: int) -> bytes:
        """Return an experiment as it is stored, and was sent."""
        _, offset = self._found(index)
        return self._frames[offset]

    def _found(self, index: int) -> tuple[Blob, int]:
        """Return the payload that holds an experiment, and its place there."""
        job, payload = self._job, self._payload
        if job is None or payload is None or not job.start <= index < job.stop:
            job, payload = self._read(index)
        return payload, index - job.start

    def _read(self, index: int) -> tuple[JobRecord, Blob]:
        """Read the job of an experiment, and its payload, whole before or after a division."""
        while True:
            job = jobs_of(self._store, self._record, index)[0]
            payload = self._store.payload(job.key)
            if jobs_of(self._store, self._record, index)[0].stop == job.stop:
                break  # else its driver has divided it meanwhile
        self._job, self._payload, self._frames = job, payload, frames_in(payload)
        return job, payload


# -- by content ------------------------------------------------------------------------------------

_PAGE = 500

Place = tuple[int, str]  # index and name of a stored experiment
Content = tuple[bytes, str]  # content hash and name of one that is handed over


class StoredContents:
    """Finds the experiments of one job set by their content, each once.

    Args:
        store: Where they are.
        record: The job set, which is complete.
        kind: What the experiments are.
    """

    def __init__(self, store: Store, record: JobSetRecord, kind: ExperimentKind) -> None:
        self._store = store
        self._record = record
        self._kind = kind
        self._is_taken = bytearray(record.n_experiments)
        self._several: dict[bytes, _Equals] = {}
        self._rehashed: Mapping[bytes, Sequence[Place]] | None = None

    def take(self, contents: Sequence[Content]) -> list[int | None]:
        """Return for each content the index of an experiment that has it; ``None``: none is left.

        Args:
            contents: Content hashes and names.
        """
        equals = self._equals({content for content, _ in contents})
        taken: list[int | None] = [None] * len(contents)
        for named in (True, False):
            for number, (content, name) in enumerate(contents):
                if taken[number] is None and content in equals:
                    taken[number] = self._taken(equals[content], name if named else None)
        return taken

    @property
    def n_left(self) -> int:
        """How many experiments of the job set are not taken."""
        return self._is_taken.count(0)

    @property
    def first_left(self) -> int:
        """Index of the first experiment that is not taken."""
        return self._is_taken.index(0)

    def grow(self, record: JobSetRecord, *, taken: bool) -> None:
        """Take note that experiments were added to the job set.

        Args:
            record: The job set, as it is now.
            taken: Whether they are taken, as they were added for what is handed over.
        """
        self._is_taken.extend(bytes([taken]) * (record.n_experiments - len(self._is_taken)))
        self._record = record
        if not taken:
            self._several.clear()

    def _taken(self, found: Place | _Equals, name: str | None) -> int | None:
        if isinstance(found, _Equals):
            return found.take(name, self._is_taken)
        index, its_name = found
        if self._is_taken[index] or name not in (None, its_name):
            return None
        self._is_taken[index] = True
        return index

    def _equals(self, contents: set[bytes]) -> dict[bytes, Place | _Equals]:
        """Return where contents are; what several experiments have is read once, and kept."""
        missing = contents - self._several.keys()
        stop = len(self._is_taken)
        read = self._store.places_of_contents(self._record.key, missing, stop)
        found: dict[bytes, Place | _Equals] = {e: self._several[e] for e in contents - missing}
        for each in missing:
            places = [*read.get(each, ()), *self._earlier_places(each, is_known=each in read)]
            if len(places) > 1:
                found[each] = self._several[each] = _Equals(places)
            elif places:
                found[each] = places[0]
        return found

    # -- what an earlier version hashed -----------------------------------------------------------

    def _earlier_places(self, content: bytes, *, is_known: bool) -> Sequence[Place]:
        """Return where a content is by the hash of an earlier version, which says nothing now.

        The circuit that was handed over is not stored where it was transpiled. Versions only get
        newer, so that the first and the last job tell whether there are any.
        """
        if self._rehashed is None and not is_known:
            self._rehashed = {}
            key, last = self._record.key, self._record.n_experiments - 1
            ends = [job for at in (0, last) for job in self._store.jobs_covering(key, at)[:1]]
            if self._record.transpile is None and any(map(self._is_of_earlier_version, ends)):
                self._rehashed = self._hashed_again()
        return (self._rehashed or {}).get(content, ())

    def _is_of_earlier_version(self, job: JobRecord) -> bool:
        first = self._store.experiment(self._record.key, job.start)
        frame = frames_in(self._store.payload(job.key))[0]
        return first is None or not is_hashed_as_now(frame, first.content_hash, self._kind)

    def _hashed_again(self) -> dict[bytes, list[Place]]:
        """Read all experiments whose hashes are of an earlier version, and hash them again."""
        found: defaultdict[bytes, list[Place]] = defaultdict(list)
        for job in self._blocks():
            payload = self._store.payload(job.key)
            members = self._store.experiments(self._record.key, start=job.start, stop=job.stop)
            each = zip(members, frames_in(payload), read_experiments(payload), strict=False)
            for member, frame, experiment in each:
                is_known = is_hashed_as_now(frame, member.content_hash, self._kind)
                if not is_known and not isinstance(experiment, CodecError):
                    content = hash_experiment(experiment, self._kind)
                    found[content].append((member.index, member.name))
        return dict(found)

    def _blocks(self) -> Iterator[JobRecord]:
        """Yield one job of each block."""
        after = -1
        while page := self._store.jobs(self._record.key, after=after, limit=_PAGE):
            yield from (job for job in page if job.share == 0)
            after = page[-1].index


class _Equals:
    """The places of experiments with one content, in order, until they are taken."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._by_name: defaultdict[str, deque[int]] = defaultdict(deque)
        self._all: deque[int] = deque()
        for index, name in places:
            self._by_name[name].append(index)
            self._all.append(index)

    def take(self, name: str | None, is_taken: bytearray) -> int | None:
        """Take the first that is left, and has the name if one is given; ``None``: there is none.

        Args:
            name: The name, or ``None`` for any.
            is_taken: For each experiment of the job set whether it is taken; changed here.
        """
        places = self._all if name is None else self._by_name.get(name, ())
        while places:
            index: int = places.popleft()
            if not is_taken[index]:
                is_taken[index] = True
                return index
        return None
