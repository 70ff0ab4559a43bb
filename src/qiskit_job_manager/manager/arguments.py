"""Checks the arguments of `JobManager` before anything is stored or sent."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind, Limits, RetryPolicy
from qiskit_job_manager.views.close_names import not_one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.backends import OptionNames
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Backend, Capabilities

_CLOSE = 0.65


def as_experiments(experiments: Any) -> tuple[Iterable[Any], ExperimentKind]:
    """Return the experiments as an iterable, and the kind that a backend must take.

    Circuits alone run on any backend; PUBs need at least a sampler. A single circuit, `SamplerPub`
    or `EstimatorPub` is one experiment. Of an iterator only the first experiment decides.

    Raises:
        InvalidArgumentError: It is empty, cannot be iterated over, or is a PUB without a list
            around it.
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
    """Return whether something is a PUB rather than a circuit or a list of circuits."""
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


@cache
def _parameters(method: Callable[..., object]) -> list[str]:
    """Return the names of the parameters of a method, without that of its further options."""
    parameters = inspect.signature(method).parameters.values()
    return [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]


def checked_options(
    options: Mapping[str, Any], method: Callable[..., object], theirs: OptionNames
) -> dict[str, Any]:
    """Return run options as plain JSON values, as the store keeps them.

    Args:
        options: The options that are not parameters of the method.
        method: The method.
        theirs: Names of the options of the backend.

    Raises:
        InvalidArgumentError: One of them cannot be stored, or its name is most likely misspelt.
    """
    for name in options:
        _check_option_name(name, _parameters(method), theirs)
    return {
        name: plain_value(
            f"run option {name!r}",
            value,
            f"Set it on the backend instead, as in AerSimulator({name}=...)",
        )
        for name, value in options.items()
    }


def _check_option_name(name: str, own: Iterable[str], theirs: OptionNames) -> None:
    """Refuse a name that the backend does not have, or that is close to one that there is."""
    if name == "parameter_binds":
        msg = (
            "parameter_binds is given: hand the values over with their circuit, as a PUB, "
            "run([(circuit, values)], ...), or bind them before, "
            "run([circuit.assign_parameters(point) for point in points], ...)"
        )
        raise InvalidArgumentError(msg)
    if name in theirs.known:
        return
    near = get_close_matches(name, [*own, *theirs.known], n=1, cutoff=_CLOSE)
    msg = f"{name!r} is no argument of this call and no option of the backend"
    if near:
        raise InvalidArgumentError(f"{msg}; did you mean {near[0]!r}?")
    if not theirs.may_have_more:
        raise InvalidArgumentError(f"{msg}, which has {', '.join(sorted(theirs.known))}")


def chosen_limits(backend: Backend, max_experiments_per_job: Any, limits: Any) -> Limits:
    """Return the backend's limits, overridden by those that the user gives.

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


_IF_EXISTS = ("error", "resume", "extend")


def check_if_exists(value: object, name: str | None) -> None:
    """Check what to do where the name of a job set is in use.

    Raises:
        InvalidArgumentError: It is none of the words, or means a job set that has no name.
    """
    if value == "extend" and name is None:
        msg = "if_exists is 'extend' and name is missing: give the name of the job set to add to"
        raise InvalidArgumentError(msg)
    if value not in _IF_EXISTS:
        raise InvalidArgumentError(not_one_of("if_exists", value, _IF_EXISTS))


def checked_retry(retry: Any) -> RetryPolicy:
    """Return the retry policy.

    Raises:
        InvalidArgumentError: It is no retry policy, or an impossible one.
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


def same_backend(record: JobSetRecord, backend: Any) -> Backend:
    """Return the adapter to the backend of a job set.

    Raises:
        InvalidArgumentError: The job set runs on a backend of another name, or with another seed.
    """
    from qiskit_job_manager import backends

    volatile = True if record.volatile else None
    adapter = backends.adapt(backend, volatile=volatile)
    if adapter.name != record.backend_name:  # what has PUBs may have got a sampler around it
        pubs = ExperimentKind.SAMPLER_PUB
        adapter = backends.adapt(backend, volatile=volatile, takes=pubs)
    if adapter.name != record.backend_name:
        msg = (
            f"job set {record.name!r} runs on {record.backend_name!r}, and backend is "
            f"{adapter.name!r}: give the backend that has its jobs"
        )
        raise InvalidArgumentError(msg)
    backends.compare_seeds(adapter, record.options)
    return adapter


def is_blind(can: Capabilities) -> bool:
    """Return whether only the user can decide about a job whose submission had no answer."""
    return not (can.volatile or can.findable or can.idempotent)


def plain_value(what: str, value: Any, advice: str = "") -> Any:
    """Return a value as plain JSON gives it back, NumPy's numbers and arrays unpacked.

    Args:
        what: What it is, for the message.
        value: The value.
        advice: What to do where it cannot be stored.

    Raises:
        InvalidArgumentError: JSON cannot hold it.
    """
    try:
        return json.loads(json.dumps(value, default=_unpacked, allow_nan=False))
    except (TypeError, ValueError):
        msg = (
            f"{what} is a {type(value).__name__} that cannot be stored: options are numbers, "
            f"strings, booleans, and lists and dicts of these"
        )
        raise InvalidArgumentError(f"{msg}. {advice}" if advice else msg) from None


def _unpacked(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError
