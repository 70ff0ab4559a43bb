r"""What archives and documents hold, as JSON: the fields of the nouns are the schema.

`plain` writes a noun as an object with its fields, and `read` builds a noun from such an object. A
field that is added to a noun is exported and imported without a change here. Times are ISO 8601 in
UTC, hashes are hexadecimal, and what is ``None`` is left out.

A file may come from an attacker, so `read` checks each value by its type. What it lets through is
safe for every database and every time zone:

    texts     hold no lone surrogates; NUL, which PostgreSQL refuses, becomes ``\x00``
    numbers   are finite and at least 0, and whole ones fit 64 bits
    times     have a time zone and lie in the years 1970 to 2999
"""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from qiskit_job_manager import model
from qiskit_job_manager.errors import ArchiveError
from qiskit_job_manager.model import (
    AttemptRecord,
    Blob,
    EventRecord,
    ExperimentRecord,
    JobHistory,
    JobRecord,
    JobSetDraft,
    Limits,
    Observation,
    Snapshot,
    StoredResult,
)
from qiskit_job_manager.model.job_sets import LONGEST_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from qiskit_job_manager.model import JobSetRecord

VERSION = 1
"""Version of both formats; a file of a newer one is refused."""

_N = TypeVar("_N")
_JSON_NAMES = {"job_set_id": "id", "job_index": "job", "n_bytes": "bytes"}
# What these count is never 0.
_AT_LEAST_ONE = {
    *("n_experiments", "n_jobs", "stop", "shots", "shares", "max_attempts", "number"),
    *(field.name for field in fields(Limits)),
}
_LARGEST = 2**63 - 1
_YEARS = range(1970, 3000)
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 80


@dataclass(frozen=True)
class Head:
    """The head of an export: whether the job set had ended, and the job set."""

    ended: bool
    job_set: dict[str, Any]


@dataclass(frozen=True)
class JobSetSize:
    """How much must follow the head."""

    n_experiments: int
    n_jobs: int


@dataclass(frozen=True)
class BlobDescription:
    """What is known of bytes before they are read."""

    format: str
    n_bytes: int
    sha256: bytes

    def blob(self, data: Any, what: str) -> Blob:
        """Return bytes with their format.

        Raises:
            ArchiveError: They are not those that were written.
        """
        if hashlib.sha256(data).digest() != self.sha256:
            msg = f"{what} does not match its checksum: the file was damaged or changed"
            raise ArchiveError(msg)
        return Blob(self.format, data)


@dataclass(frozen=True)
class PayloadDescription(BlobDescription):
    """The encoded experiments from ``start`` to ``stop``."""

    start: int
    stop: int


@dataclass(frozen=True)
class ResultDescription(BlobDescription):
    """A raw result."""

    job_index: int
    attempt: int
    stored_at: datetime

    def result(self, data: Any) -> StoredResult:
        """Return the result with its bytes.

        Raises:
            ArchiveError: They are not those that were written.
        """
        blob = self.blob(data, f"the result of job {self.job_index}")
        return StoredResult(self.job_index, self.attempt, self.stored_at, blob)


@dataclass(frozen=True)
class SnapshotDescription(BlobDescription):
    """What was seen of a process or a backend; ``content`` is the hash that observations name."""

    content: bytes

    def snapshot(self, data: Any) -> Snapshot:
        """Return the snapshot with its bytes.

        Raises:
            ArchiveError: They are not those that were written.
        """
        what = f"the snapshot {self.content.hex()[:12]}"
        return Snapshot(self.content, self.blob(data, what))


@dataclass(frozen=True)
class _Format:
    format: str
    version: int | None = None


@dataclass(frozen=True)
class _Attempts:
    attempts: tuple[AttemptRecord, ...]


# -- writing --------------------------------------------------------------------------------------


def plain(value: Any, *, without: tuple[str, ...] = ()) -> Any:
    """Return a noun, or a value in one, as JSON values.

    Args:
        value: The noun.
        without: Names of fields that are not written.
    """
    if is_dataclass(value):
        noun = cast("Hashable", type(value))
        named = [(field, getattr(value, field.name)) for field in _fields_of(noun)]
        return {
            field.json_name: each if type(each) in _PLAIN else plain(each)
            for field, each in named
            if each is not None and field.name not in without
        }
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value.value if isinstance(value, StrEnum) else value


_PLAIN = {bool, int, float, str}


def job_set_json(record: JobSetRecord) -> Any:
    """Return a job set as JSON values."""
    return plain(record, without=("key", "complete"))


def job_json(history: JobHistory, *, has_result: bool) -> dict[str, Any]:
    """Return a job and its attempts as JSON values."""
    job = plain(history.job, without=("key", "attempts", "tag", "remote_id"))
    return {**job, "attempts": plain(history.attempts), "has_result": has_result}


def blob_json(blob: Blob) -> dict[str, Any]:
    """Return the description of the bytes of a payload or a result."""
    digest = hashlib.sha256(blob.data).hexdigest()
    return {"format": blob.format, "bytes": len(blob.data), "sha256": digest}


# -- reading --------------------------------------------------------------------------------------


def read_head(value: Any, format_name: str, what: str) -> Head:
    """Return the head of an export.

    Raises:
        ArchiveError: It is of another format or version, or a value is not what it must be.
    """
    found = read(_Format, value, what)
    if found.format != format_name:
        raise wrong(what, "format", found.format, repr(format_name))
    if found.version != VERSION:
        wanted = f"{VERSION}: this program is too old, or the file damaged"
        raise wrong(what, "version", found.version, wanted)
    return read(Head, value, what)


def read_job_set(value: Any) -> JobSetDraft:
    """Return a job set.

    Raises:
        ArchiveError: A value is not what it must be.
    """
    draft = read(JobSetDraft, value, "the job set")
    if not re.fullmatch("[0-9a-f]{32}", draft.job_set_id):
        raise wrong("the job set", "id", draft.job_set_id, "32 hexadecimal digits")
    if not draft.name.strip():
        raise wrong("the job set", "name", draft.name, "a text that is not empty")
    if draft.note is not None and len(draft.note) > LONGEST_NOTE:
        wanted = f"a text of at most {LONGEST_NOTE:,} characters"
        raise wrong("the job set", "note", draft.note, wanted)
    return replace(draft, tags=tuple(dict.fromkeys(draft.tags)))


def read_experiment(value: Any, number: int) -> ExperimentRecord:
    """Return an experiment; ``number`` is its place in the file, for messages."""
    return read(ExperimentRecord, value, f"experiment {number}")


def read_job(value: Any, number: int) -> JobHistory:
    """Return a job and its attempts; ``number`` is its place in the file, for messages."""
    what = f"job {number}"
    attempts = read(_Attempts, value, what).attempts
    latest = attempts[-1] if attempts else None
    job = read(
        JobRecord,
        value if latest else {**value, "status": None},
        what,
        key=0,
        attempts=len(attempts),
        tag=latest and latest.tag,
        remote_id=latest and latest.remote_id,
    )
    return JobHistory(job, attempts)


def read_event(value: Any, number: int) -> EventRecord:
    """Return an event; ``number`` is its place in the file, for messages."""
    return read(EventRecord, value, f"event {number}")


def read_observation(value: Any, number: int) -> Observation:
    """Return an observation; ``number`` is its place in the file, for messages."""
    return read(Observation, value, f"observation {number}")


def read(noun: type[_N], value: Any, what: str, **known: Any) -> _N:
    """Return a noun with the fields of a JSON object, each checked by its type.

    Args:
        noun: Class of the noun.
        value: What `json.loads` returned.
        what: What the value is, for messages.
        **known: Fields that are not taken from the object.

    Raises:
        ArchiveError: A value is not what it must be; the message names it and what would be right.
    """
    if not isinstance(value, dict):
        raise ArchiveError(f"{what} is not a JSON object")
    found = dict(known)
    for field in _fields_of(cast("Hashable", noun)):
        name, each = field.json_name, value.get(field.json_name)
        if field.name in known or (each is None and field.has_default):
            continue
        try:
            found[field.name] = field.check(each, name, what)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            if isinstance(error, ArchiveError):  # of a value further in
                raise
            raise wrong(what, name, each, field.wanted) from None
    return noun(**found)


def wrong(what: str, name: str, value: Any, wanted: str) -> ArchiveError:
    """Return the error that says what a value must be."""
    return ArchiveError(f"{what} has {name} {_SHORT.repr(value)}; it must be {wanted}")


_Check: TypeAlias = "Callable[[Any, str, str], Any]"


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a noun.

    Attributes:
        name: Its name.
        json_name: Its name in JSON.
        check: Takes a value, the name, and what has it; returns the value as the noun has it, or
            raises.
        wanted: What the value must be, for messages.
        has_default: Whether it may be left out.
    """

    name: str
    json_name: str
    check: _Check
    wanted: str
    has_default: bool


@cache
def _fields_of(noun: Hashable) -> list[_Field]:
    """Return the fields of the class of a noun."""
    names = {**vars(model), "datetime": datetime, "Mapping": Mapping}
    hints = get_type_hints(noun, localns=names)
    return [_field(field, hints[field.name]) for field in fields(cast("Any", noun))]


def _field(field: Any, hint: Any) -> _Field:
    check, wanted = _rule(hint)
    if field.name in _AT_LEAST_ONE:
        check, wanted = _at_least_one(check), "a whole number of at least 1, below 2**63"
    has_default = field.default is not MISSING or field.default_factory is not MISSING
    json_name = _JSON_NAMES.get(field.name, field.name)
    return _Field(field.name, json_name, check, wanted, has_default)


def _rule(hint: Any) -> tuple[_Check, str]:
    """Return how a value of a type is checked, and what it must be in words."""
    if isinstance(hint, UnionType):
        check, wanted = _rule(get_args(hint)[0])  # the other is None
        return (lambda value, *place: None if value is None else check(value, *place)), wanted
    if get_origin(hint) is tuple:
        check, wanted = _rule(get_args(hint)[0])
        return partial(_items, check), f"a list; each item is {wanted}"
    if isinstance(hint, type) and is_dataclass(hint):
        return (lambda value, name, what: read(hint, value, f"{name} of {what}")), "an object"
    if issubclass(get_origin(hint) or hint, StrEnum):
        wanted = "one of " + ", ".join(map(repr, map(str, hint)))
        return (lambda value, *_: hint(value)), wanted
    return _RULES[hint]


def _at_least_one(check: _Check) -> _Check:
    def checked(value: Any, *place: str) -> Any:
        if value == 0:
            raise ValueError
        return check(value, *place)

    return checked


def _items(check: _Check, value: Any, name: str, what: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(check(each, f"{name}[{index}]", what) for index, each in enumerate(value))


def _text(value: Any, *_: str) -> str:
    return str.encode(value).decode().replace("\0", "\\x00")


def _whole(value: Any, *_: str) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise ValueError
    return value


def _number(value: Any, *_: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= sys.float_info.max:
        raise ValueError
    return float(value)


def _boolean(value: Any, *_: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _time(value: Any, *_: str) -> datetime:
    time = datetime.fromisoformat(value)
    utc = time.astimezone(UTC)
    if time.tzinfo is None or utc.year not in _YEARS:
        raise ValueError
    return utc


def _sha256(value: Any, *_: str) -> bytes:
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError
    return bytes.fromhex(value)


def _object(value: Any, *_: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _options(value: Any, *_: str) -> dict[str, Any]:
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return _object(value)


_RULES: dict[Any, tuple[_Check, str]] = {
    str: (_text, "a text without lone surrogates"),
    int: (_whole, "a whole number of at least 0, below 2**63"),
    float: (_number, "a number of at least 0"),
    bool: (_boolean, "true or false"),
    datetime: (_time, "a time such as 2026-01-31T12:00:00+00:00, in the years 1970 to 2999"),
    bytes: (_sha256, "64 hexadecimal digits"),
    dict[str, Any]: (_object, "an object"),
    Mapping[str, Any]: (
        _options,
        "an object of finite numbers, texts without lone surrogates, lists and objects",
    ),
}
