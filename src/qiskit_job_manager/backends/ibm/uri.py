"""Reads and writes names such as ``ibm:ibm_fez?execution=batch``."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from qiskit_job_manager.backends.registry import Scalar, query_of, scalars_in
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.views.close_names import not_one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTING_LAG_S = 30.0
"""How late an accepted job may appear in the listing. IBM does not say; this is generous."""

_RIGHT = "ibm:ibm_fez?execution=batch&account=my-account"


class Primitive(StrEnum):
    """The primitives of IBM's client, by their names in our URIs.

    Attributes:
        SAMPLER: ``SamplerV2``, prepared on the service; deprecated by the client since 0.50.
        ESTIMATOR: ``EstimatorV2``, likewise.
        EXECUTOR_SAMPLER: ``executor_sampler.Sampler``, prepared in the client; the default.
        EXECUTOR_ESTIMATOR: ``executor_estimator.Estimator``, likewise prepared in the client.
    """

    SAMPLER = "sampler"
    ESTIMATOR = "estimator"
    EXECUTOR_SAMPLER = "executor-sampler"
    EXECUTOR_ESTIMATOR = "executor-estimator"

    @property
    def takes(self) -> ExperimentKind:
        """The kind of its experiments."""
        if self in (Primitive.SAMPLER, Primitive.EXECUTOR_SAMPLER):
            return ExperimentKind.SAMPLER_PUB
        return ExperimentKind.ESTIMATOR_PUB


class Execution(StrEnum):
    """IBM's execution modes.

    Attributes:
        JOB: Each job alone.
        BATCH: The jobs of a job set in one ``Batch``.
        SESSION: In a ``Session``. Only the user opens one, because its whole duration is charged.
    """

    JOB = "job"
    BATCH = "batch"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class IBMUri:
    """All that another process needs to open the same backend in the same way.

    Attributes:
        backend: Name of the backend, such as ``"ibm_fez"``.
        account: Name of the saved account; ``None``: the default one.
        instance: Name or CRN of the instance; ``None``: that of the account.
        channel: Channel of the account; ``None``: that of the account.
        primitive: The primitive that runs the experiments.
        execution: The execution mode.
        session: Id of the `Batch` or `Session` to use, or ``None``.
        fractional_gates: Whether the backend has its fractional gates.
        listing_lag_s: Seconds after which an accepted job is surely listed.
        options: Options of the primitive, as the text of a JSON object.
    """

    backend: str
    account: str | None = None
    instance: str | None = None
    channel: str | None = None
    primitive: Primitive = Primitive.EXECUTOR_SAMPLER
    execution: Execution = Execution.JOB
    session: str | None = None
    fractional_gates: bool = False
    listing_lag_s: float = LISTING_LAG_S
    options: str = "{}"

    @property
    def text(self) -> str:
        """The name that `parse` reads, without defaults."""
        said: dict[str, Scalar] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name not in ("backend", "options") and value != each.default:
                said[each.name] = value
        options = self.primitive_options
        if self.reads_once:
            said["private"] = True
            environment = {k: v for k, v in options.pop("environment").items() if k != "private"}
            options |= {"environment": environment} if environment else {}
        parts = [query_of(said)] if said else []
        if options:
            parts.append(f"options={quote(_compact(options), safe='')}")
        query = f"?{'&'.join(parts)}" if parts else ""
        return f"ibm:{self.backend}{query}"

    @property
    def reads_once(self) -> bool:
        """Whether the options make the jobs private, so that a result can be read only once."""
        environment = self.primitive_options.get("environment")
        return isinstance(environment, dict) and environment.get("private") is True

    @property
    def primitive_options(self) -> dict[str, Any]:
        """The options of the primitive."""
        found: dict[str, Any] = json.loads(self.options)
        return found


def with_options(uri: IBMUri, options: Mapping[str, Any]) -> IBMUri:
    """Return a URI with other options of its primitive, which are plain JSON."""
    return replace(uri, options=_compact(options))


def parse(argument: str | None) -> IBMUri:
    """Read what follows ``ibm:``.

    ``options`` is a JSON object of options of the primitive, as in
    ``options={"twirling":{"enable_gates":true}}``; ``private=true`` is short for that option.

    Raises:
        InvalidArgumentError: It cannot be used.
    """
    text = f"ibm:{argument or ''}"
    name, _, query = (argument or "").partition("?")
    try:
        if not name:
            raise ValueError("it names no backend")
        options, rest = _split(query)
        said = dict(scalars_in(rest)) if rest else {}
        private = said.pop("private", None)
        uri = IBMUri(backend=name, **{key: _read(key, value) for key, value in said.items()})
        uri = with_options(uri, options)
        return uri if private is None else _made_private(uri, private)
    except ValueError as error:
        raise InvalidArgumentError(
            f"{text!r} cannot be opened: {error}; right would be {_RIGHT!r}"
        ) from error


def _split(query: str) -> tuple[dict[str, Any], str]:
    """Return the options of the primitive in a query, and the rest of it."""
    parts = query.split("&")
    own = [part for part in parts if part.startswith("options=")]
    rest = "&".join(part for part in parts if not part.startswith("options="))
    if not own:
        return {}, rest
    options = json.loads(unquote(own[-1].removeprefix("options=")))
    if not isinstance(options, dict):
        raise ValueError("options is no JSON object")  # noqa: TRY004  # of a text
    return options, rest


def _compact(options: Mapping[str, Any]) -> str:
    return json.dumps(options, sort_keys=True, separators=(",", ":"))


def _read(key: str, value: Scalar) -> Any:
    match key, value:
        case ("account" | "instance" | "channel" | "session", str()):
            return value
        case ("fractional_gates", bool()):
            return value
        case ("listing_lag_s", int() | float()) if not isinstance(value, bool) and value >= 0:
            return float(value)
        case ("primitive", str()):
            return _one_of(Primitive, key, value)
        case ("execution", str()):
            return _one_of(Execution, key, value)
    raise ValueError(f"{key}={value} is not known")


def _one_of(kind: type[StrEnum], key: str, value: str) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(not_one_of(key, value, kind)) from None


def _made_private(uri: IBMUri, private: Scalar) -> IBMUri:
    if not isinstance(private, bool):
        raise ValueError(f"private={private} is not known")  # noqa: TRY004  # of a text
    options = uri.primitive_options
    options["environment"] = {**options.get("environment", {}), "private": private}
    return with_options(uri, options)
