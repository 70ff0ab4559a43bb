"""Checks the arguments of `JobManager.run` before anything is stored or sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind, Limits, RetryPolicy

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Backend, Capabilities


def as_experiments(experiments: Any) -> tuple[Iterable[Any], ExperimentKind]:
    """Return what was handed over as something to iterate over, and what a backend must take.

    Circuits alone run on anything that runs circuits; where there are PUBs, it must be a sampler at
    least. A single circuit, `SamplerPub` or `EstimatorPub` is one experiment. Of what comes from an
    iterator only the first is looked at.

    Raises:
        InvalidArgumentError: It is empty, or nothing that can be iterated over, or a PUB that is to
            stand in a list.
    """
    if _is_circuit(experiments) or _is_pub_object(experiments):
        # Iterating over a circuit would give its instructions.
        return [experiments], _kind([experiments])
    if isinstance(experiments, (str, bytes, Mapping)) or not isinstance(experiments, Iterable):
        msg = (
            f"experiments is a {type(experiments).__name__}; it is a list of circuits or PUBs, or "
            "one circuit"
        )
        raise InvalidArgumentError(msg)
    if not isinstance(experiments, Sequence):
        rest = iter(experiments)
        first = list(islice(rest, 1))
        return chain(first, rest), _kind(first)
    if not experiments:
        msg = "experiments is empty; hand over at least one circuit"
        raise InvalidArgumentError(msg)
    if isinstance(experiments, tuple) and _is_pub(experiments):
        msg = (
            "experiments is a tuple of a circuit and something else: a single PUB is handed over "
            "in a list, as in run([(circuit, values)], ...)"
        )
        raise InvalidArgumentError(msg)
    return experiments, _kind(experiments)


def _kind(experiments: Sequence[Any]) -> ExperimentKind:
    pubs = any(map(_is_pub, experiments))
    return ExperimentKind.SAMPLER_PUB if pubs else ExperimentKind.CIRCUIT


def _is_circuit(one: Any) -> bool:
    return hasattr(one, "num_clbits")


def _is_pub_object(one: Any) -> bool:
    return hasattr(one, "circuit") and hasattr(one, "parameter_values")


def _is_pub(one: Any) -> bool:
    """Say whether something is a PUB rather than a circuit or a list of circuits."""
    if not isinstance(one, tuple | list):
        return _is_pub_object(one)
    alone = len(one) > 1 or isinstance(one, tuple)
    return bool(one) and alone and _is_circuit(one[0]) and not any(map(_is_member, one[1:]))


def _is_member(one: Any) -> bool:
    return _is_circuit(one) or _is_pub(one)


def checked_count(name: str, value: Any) -> int | None:
    """Return a whole number of at least 1, or ``None``.

    Raises:
        InvalidArgumentError: It is neither.
    """
    if value is None:
        return None
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or int(value) < 1:
        msg = f"{name} is {value!r}; it is a whole number of at least 1, or None"
        raise InvalidArgumentError(msg)
    return int(value)


def checked_shots(shots: Any, backend: Backend) -> int | None:
    """Return the shots of experiments without their own, or ``None``.

    Raises:
        InvalidArgumentError: They cannot be used, or not with an estimator.
    """
    if shots is not None and backend.takes is ExperimentKind.ESTIMATOR_PUB:
        msg = f"shots is {shots!r}, and {backend.name} is an estimator: it takes precision=..."
        raise InvalidArgumentError(msg)
    return checked_count("shots", shots)


def checked_name(name: Any) -> str:
    """Return the name of a job set.

    Raises:
        InvalidArgumentError: It is not a string, or empty.
    """
    if not isinstance(name, str) or not name.strip():
        msg = f"name is {name!r}; it is a string that is not empty, or None for the time of day"
        raise InvalidArgumentError(msg)
    return name


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return run options as plain JSON values, as the store keeps them.

    Raises:
        InvalidArgumentError: One of them cannot be stored.
    """
    return {name: _plain(name, value) for name, value in options.items()}


def chosen_limits(backend: Backend, max_experiments_per_job: Any, limits: Any) -> Limits:
    """Return the backend's limits, with those that the user gave in their place.

    `max_experiments_per_job` only lowers a limit, as in the original.

    Raises:
        InvalidArgumentError: A limit is not a whole number of at least 1.
    """
    if limits is not None and not isinstance(limits, Limits):
        msg = f"limits is {limits!r}; it is a qiskit_job_manager.Limits"
        raise InvalidArgumentError(msg)
    most = checked_count("max_experiments_per_job", max_experiments_per_job)
    chosen = backend.limits().overridden_by(limits or Limits())
    lower = [each for each in (most, chosen.experiments_per_job) if each is not None]
    if lower:
        chosen = chosen.overridden_by(Limits(experiments_per_job=min(lower)))
    fields = Limits.__dataclass_fields__
    return Limits(**{f: checked_count(f"limits.{f}", getattr(chosen, f)) for f in fields})


def checked_retry(retry: Any) -> RetryPolicy:
    """Return the retry policy.

    Raises:
        InvalidArgumentError: It is none, or cannot be kept to.
    """
    if retry is None:
        return RetryPolicy()
    if not isinstance(retry, RetryPolicy):
        msg = f"retry is {retry!r}; it is a qiskit_job_manager.RetryPolicy"
        raise InvalidArgumentError(msg)
    if checked_count("retry.max_attempts", retry.max_attempts) is None:
        msg = "retry.max_attempts is None; it is a whole number of at least 1"
        raise InvalidArgumentError(msg)
    if not 0 < retry.first_wait_s <= retry.longest_wait_s:
        msg = (
            f"retry waits from {retry.first_wait_s} s to {retry.longest_wait_s} s; "
            "first_wait_s is greater than 0 and at most longest_wait_s"
        )
        raise InvalidArgumentError(msg)
    return retry


def is_blind(can: Capabilities) -> bool:
    """Say whether only the user can decide about a job of which the answer was lost."""
    return not (can.volatile or can.findable or can.idempotent)


def _plain(name: str, value: Any) -> Any:
    """Return a value as plain JSON gives it back, NumPy's numbers and arrays unpacked."""
    try:
        return json.loads(json.dumps(value, default=_unpacked, allow_nan=False))
    except (TypeError, ValueError):
        msg = (
            f"run option {name!r} is a {type(value).__name__}, which cannot be stored; options "
            "are numbers, strings, booleans, lists and dicts of these. Set it on the backend "
            f"instead, as in AerSimulator({name}=...)"
        )
        raise InvalidArgumentError(msg) from None


def _unpacked(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError
