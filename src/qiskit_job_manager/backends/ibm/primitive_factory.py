"""Makes the client's primitive for each job, with its options."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.uri import Execution, Primitive
from qiskit_job_manager.backends.job_pubs import PUB_OPTIONS
from qiskit_job_manager.errors import InvalidArgumentError, UnknownBackendError
from qiskit_job_manager.views.close_names import not_one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_CLIENT = "qiskit_ibm_runtime"
_MODES = (Execution.JOB, Execution.BATCH)
# Modules and names of each primitive and of its options. Newer clients may lack the first two.
_PLACES = {
    Primitive.SAMPLER: (_CLIENT, "SamplerV2", f"{_CLIENT}.options", "SamplerOptions"),
    Primitive.ESTIMATOR: (_CLIENT, "EstimatorV2", f"{_CLIENT}.options", "EstimatorOptions"),
    Primitive.EXECUTOR_SAMPLER: (
        f"{_CLIENT}.executor_sampler",
        "Sampler",
        f"{_CLIENT}.options_models",
        "SamplerOptions",
    ),
    Primitive.EXECUTOR_ESTIMATOR: (
        f"{_CLIENT}.executor_estimator",
        "Estimator",
        f"{_CLIENT}.options_models",
        "EstimatorOptions",
    ),
}
_REPLACED_BY = {
    Primitive.SAMPLER: Primitive.EXECUTOR_SAMPLER,
    Primitive.ESTIMATOR: Primitive.EXECUTOR_ESTIMATOR,
}


class PrimitiveFactory:
    """Makes equal primitives. Safe to use from any thread.

    Args:
        primitive: Which of the client's primitives.
        options: Its options, as an object of the client or as a mapping; copied, never changed.

    Raises:
        InvalidArgumentError: The options do not fit the primitive.
    """

    def __init__(self, primitive: Primitive, options: Any = None) -> None:
        self._primitive = primitive
        self._options = copy.deepcopy(options)

    def options(self, run_options: Mapping[str, Any], tags: Sequence[str] = ()) -> Any:
        """Return the options of one job, as an object of the client.

        Args:
            run_options: Options of the job set, by the primitive's own names.
            tags: Marks of the job, to be put before the user's own.

        Raises:
            InvalidArgumentError: The primitive has no such option, or not with such a value.
        """
        own = {k: v for k, v in run_options.items() if k not in PUB_OPTIONS and not _is_mode(k, v)}
        _options_class(self._primitive)  # a missing client is no error of the options
        try:
            options = self._plain()
            options.update(**copy.deepcopy(own))
            marks = [*tags, *(options.environment.job_tags or ())]
            options.update(environment={"job_tags": list(dict.fromkeys(marks))})
        except Exception as error:
            raise InvalidArgumentError(
                f"the options of the {self._primitive} cannot be used: {error}; they are named as "
                'in its options, as in twirling={"enable_gates": True}'
            ) from error
        return options

    def create(self, mode: Any, options: Any) -> Any:
        """Return a primitive.

        Args:
            mode: The client's backend, batch or session.
            options: As `options` gave them.
        """
        if self._primitive in _REPLACED_BY:
            _ignore_deprecation()
        else:
            mode = _without_look_up(mode)
        return _class_of(self._primitive)(mode=mode, options=options)

    def make_sendable(self, pubs: Iterable[Any]) -> None:
        """Leave out what the client cannot send, from PUBs that nobody else uses.

        The newer primitives send the metadata of circuits as JSON, and raise for other values. The
        store has all of it.
        """
        if self._primitive not in _REPLACED_BY:
            for circuit in (pub.circuit for pub in pubs):
                found = circuit.metadata.items()
                circuit.metadata = {key: value for key, value in found if _is_json({key: value})}

    @property
    def reads_once(self) -> bool:
        """Whether its jobs are private, so that a result can be read only once."""
        return bool(self._plain().environment.private)

    @property
    def has_times(self) -> bool:
        """Whether its results contain the times of execution: those of ``EstimatorV2`` do not."""
        return self._primitive is not Primitive.ESTIMATOR

    @property
    def json_options(self) -> dict[str, Any] | None:
        """The options that differ from the defaults; ``None`` if JSON cannot hold them."""
        plain = _as_json(self._plain(), _options_class(self._primitive)())
        if plain is None:
            return None
        again = PrimitiveFactory(self._primitive, plain)
        return plain if again.options({}) == self.options({}) else None

    def _plain(self) -> Any:
        options = copy.deepcopy(_options_class(self._primitive)())
        if isinstance(self._options, dict):
            options.update(**copy.deepcopy(self._options))
            return options
        return options if self._options is None else copy.deepcopy(self._options)


def check_run_options(factory: PrimitiveFactory, run_options: Mapping[str, Any]) -> None:
    """Check the run options of a job set, before anything is sent.

    Raises:
        InvalidArgumentError: One cannot be used.
    """
    options = factory.options(run_options)
    if bool(options.environment.private) != factory.reads_once:
        raise InvalidArgumentError(
            "environment={'private': ...} is no run option, as it decides how results are read: "
            "set it on the primitive, or name the backend as in 'ibm:ibm_fez?private=true'"
        )


def asked_execution(run_options: Mapping[str, Any]) -> Execution | None:
    """Return the execution mode among the run options, or ``None``.

    Raises:
        InvalidArgumentError: It is not ``"job"`` or ``"batch"``.
    """
    said = run_options.get("execution")
    if not isinstance(said, str):
        return None  # a mapping is the primitive's own option of the same name
    if said not in _MODES:
        raise InvalidArgumentError(
            f"{not_one_of('execution', said, _MODES)}. For a session, hand over a Session of "
            "the client in place of the backend"
        )
    return Execution(said)


def _ignore_deprecation() -> None:
    """Ignore the client's warning that a class is deprecated, if this module makes one.

    Where warnings are errors, no job could be sent otherwise. Catching warnings is not safe with
    several threads; a filter for one module is.
    """
    warnings.filterwarnings(
        "ignore",
        message=r"The (Sampler|Estimator)V2 class is deprecated",
        category=DeprecationWarning,
        module=re.escape(__name__),
    )


def _without_look_up(mode: Any) -> Any:
    """Return a mode with which the client sends each job to this very backend.

    With a backend, the newer primitives look it up again by its name for each job: that is one more
    request, and may find it in another instance. A session that was never opened is job mode, too.
    """
    from qiskit_ibm_runtime import IBMBackend, Session

    return Session(mode, create_new=False) if isinstance(mode, IBMBackend) else mode


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _is_json(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or type(value) in (str, int, float, bool)


def _is_mode(name: str, value: Any) -> bool:
    return name == "execution" and isinstance(value, str)


def _class_of(primitive: Primitive) -> Any:
    module, name, _, _ = _PLACES[primitive]
    found = getattr(import_module(module), name, None)
    if found is None:
        raise UnknownBackendError(
            f"the installed client of IBM has no {name} any more: take its newer primitive, "
            f"'ibm:NAME?primitive={_REPLACED_BY[primitive]}'"
        )
    return found


def _options_class(primitive: Primitive) -> Any:
    _class_of(primitive)
    _, _, module, name = _PLACES[primitive]
    return getattr(import_module(module), name)


def _as_json(options: Any, default: Any) -> dict[str, Any] | None:
    """Return what differs from the defaults; ``None`` if JSON cannot hold it."""
    if hasattr(options, "model_dump"):
        found, usual = options.model_dump(), default.model_dump()
    else:
        found, usual = dataclasses.asdict(options), dataclasses.asdict(default)
    differing = _differing(found, usual)
    try:
        plain: dict[str, Any] = json.loads(json.dumps(differing, allow_nan=False))
    except (TypeError, ValueError):
        return None
    return plain


def _differing(found: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name, value in found.items():
        before = usual.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            value = _differing(value, before)  # noqa: PLW2901  # only what is below differs
            if not value:
                continue
        elif name in usual and value == before:
            continue
        changed[name] = value
    return changed
