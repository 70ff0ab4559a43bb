"""The primitives that have names and run in this process: opens them, and finds their names.

    sampler:statevector?default_shots=100&seed=7     Qiskit's StatevectorSampler
    sampler:aer?method=statevector                   Aer's SamplerV2, with options of AerSimulator
    sampler:fake:torino                              BackendSamplerV2 over a snapshot of a device
    sampler:over:basic                               BackendSamplerV2 over any backend with a name

Names of estimators begin with ``estimator:``, and have ``default_precision`` for ``default_shots``.
The functions that open are our own entry points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.local.opening import uri_of
from qiskit_job_manager.backends.primitives.known import class_path, seed_of
from qiskit_job_manager.backends.registry import (
    OpenerInfo,
    Scalar,
    describes,
    open_backend,
    query_of,
    scalars_in,
)
from qiskit_job_manager.errors import InvalidArgumentError, UnknownBackendError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from qiskit_job_manager.backends.primitives.known import PrimitiveInfo
    from qiskit_job_manager.ports import Backend

_NAMES = "statevector, aer, fake:NAME and over:BACKEND"


@describes(OpenerInfo("sampler:statevector", network=False))
def open_sampler(argument: str | None) -> Backend:
    """Open a sampler, as in ``sampler:statevector`` or ``sampler:aer?seed=7&default_shots=100``.

    Raises:
        UnknownBackendError: There is none of that name, or a package that it needs is missing.
        InvalidArgumentError: It has no such option.
    """
    return _opened("sampler", argument, ExperimentKind.SAMPLER_PUB)


@describes(OpenerInfo("estimator:statevector", network=False))
def open_estimator(argument: str | None) -> Backend:
    """Open an estimator, as in ``estimator:aer?default_precision=0.1``.

    Raises:
        UnknownBackendError: There is none of that name, or a package that it needs is missing.
        InvalidArgumentError: It has no such option.
    """
    return _opened("estimator", argument, ExperimentKind.ESTIMATOR_PUB)


@dataclass(frozen=True, slots=True)
class _Name:
    """The parts of a name.

    Attributes:
        uri: The whole name.
        takes: Sampler or estimator.
        where: What it runs on: the name without options.
        own: Options of the primitive, by the names in its class.
        rest: All other options: those of what it runs on.
    """

    uri: str
    takes: ExperimentKind
    where: str
    own: dict[str, Scalar]
    rest: dict[str, Scalar]

    @property
    def samples(self) -> bool:
        """Whether it is a sampler."""
        return self.takes is ExperimentKind.SAMPLER_PUB


def _opened(word: str, argument: str | None, takes: ExperimentKind) -> Backend:
    where, _, query = (argument or "").partition("?")
    uri = f"{word}:{argument or ''}"
    try:
        options = scalars_in(query) if query else {}
        own = _own(options, takes)
    except ValueError as error:
        raise InvalidArgumentError(f"{uri!r} cannot be opened: {error}") from error
    name = _Name(uri, takes, where, own, options)
    return _adapted(_made(name), uri)


def _own(options: dict[str, Scalar], takes: ExperimentKind) -> dict[str, Scalar]:
    """Remove the primitive's own options from those of a name, and return them.

    Raises:
        ValueError: The value of one cannot be used.
    """
    own: dict[str, Scalar] = {}
    default = default_option(takes)
    if "seed" in options:
        own["seed"] = _whole("seed", options.pop("seed"), least=0)
    if default in options:
        value = options.pop(default)
        shots = takes is ExperimentKind.SAMPLER_PUB
        own[default] = _whole(default, value, least=1) if shots else _precision(default, value)
    return own


def _whole(name: str, value: Scalar, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it is a whole number of at least {least}")
    return value


def _precision(name: str, value: Scalar) -> float:
    if isinstance(value, bool | str) or not value >= 0:
        raise ValueError(f"{name} is {value!r}; it is a number of at least 0")
    return float(value)


def _made(name: _Name) -> Any:
    if name.where == "statevector":
        return _statevector(name)
    if name.where == "aer":
        return _aer(name)
    if name.where.startswith(("fake:", "over:")):
        return _over_backend(name)
    raise UnknownBackendError(
        f"there is no primitive called {name.uri!r}; after the colon known are: {_NAMES}, as in "
        "'sampler:statevector' or 'estimator:fake:torino'"
    )


def _statevector(name: _Name) -> Any:
    from qiskit.primitives import StatevectorEstimator, StatevectorSampler

    if name.rest:
        raise InvalidArgumentError(
            f"{name.uri!r} cannot be opened: it has no option {min(name.rest)!r}; known are "
            f"seed and {default_option(name.takes)}"
        )
    return (StatevectorSampler if name.samples else StatevectorEstimator)(**name.own)


def _aer(name: _Name) -> Any:
    try:
        from qiskit_aer.primitives import EstimatorV2, SamplerV2
    except ImportError as error:
        raise UnknownBackendError(
            f'{name.uri!r} needs Aer, which is not installed: pip install "qiskit-job-manager[aer]"'
        ) from error
    try:
        if name.samples:
            return SamplerV2(**name.own, options={"backend_options": name.rest})
        own = dict(name.own)
        of_run = {"seed_simulator": own.pop("seed")} if "seed" in own else {}
        return EstimatorV2(options={**own, "backend_options": name.rest, "run_options": of_run})
    except Exception as error:
        raise InvalidArgumentError(
            f"{name.uri!r} cannot be opened: {error}; beside seed and "
            f"{default_option(name.takes)}, options are those of AerSimulator"
        ) from error


def _over_backend(name: _Name) -> Any:
    from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2

    inner = name.where.removeprefix("over:")
    adapter = open_backend(f"{inner}?{query_of(name.rest)}" if name.rest else inner)
    backend = getattr(adapter, "qiskit_backend", None)
    if backend is None or adapter.takes is not ExperimentKind.CIRCUIT:
        raise InvalidArgumentError(
            f"{name.uri!r} cannot be opened: {inner!r} is no backend that Qiskit's primitives can "
            "run on"
        )
    own = dict(name.own)
    if "seed" in own:
        own["seed_simulator"] = own.pop("seed")
    return (BackendSamplerV2 if name.samples else BackendEstimatorV2)(backend=backend, options=own)


def _adapted(primitive: Any, uri: str) -> Backend:
    from qiskit_job_manager.backends.primitives.adapter import PrimitiveBackend

    return PrimitiveBackend(primitive, uri=uri)


# -- the name of an object -------------------------------------------------------------------------

_STATEVECTOR = (
    "qiskit.primitives.statevector_sampler.StatevectorSampler",
    "qiskit.primitives.statevector_estimator.StatevectorEstimator",
)
_AER = (
    "qiskit_aer.primitives.sampler_v2.SamplerV2",
    "qiskit_aer.primitives.estimator_v2.EstimatorV2",
)
_OVER = (
    "qiskit.primitives.backend_sampler_v2.BackendSamplerV2",
    "qiskit.primitives.backend_estimator_v2.BackendEstimatorV2",
)


def uri_of_primitive(primitive: Any, info: PrimitiveInfo) -> str | None:
    """Return the name that opens an equal primitive, or ``None`` if no name is sure to."""
    path = class_path(type(primitive))
    if path in _STATEVECTOR:
        return _named(primitive, info, "statevector", type(primitive)())
    inner = None if info.backend is None else uri_of(info.backend)
    if inner is None:
        return None
    if path in _AER and inner.partition("?")[0] == "aer":
        plain = set(primitive.options.run_options) <= {"seed_simulator"}
        return _named(primitive, info, inner, type(primitive)()) if plain else None
    if path in _OVER and _is_plain(primitive):
        return _named(primitive.options, info, over(inner), type(primitive.options)())
    return None


def over(backend_uri: str) -> str:
    """Return the part after the colon for Qiskit's primitives over a backend with a name."""
    return backend_uri if backend_uri.startswith("fake:") else f"over:{backend_uri}"


def uri_over(backend_uri: str, takes: ExperimentKind) -> str:
    """Return the name of Qiskit's primitive over a backend that has a name."""
    return f"{_word(takes)}:{over(backend_uri)}"


def default_option(takes: ExperimentKind) -> str:
    """Return the name of the option for PUBs without their own shots or precision."""
    return "default_shots" if takes is ExperimentKind.SAMPLER_PUB else "default_precision"


def _word(takes: ExperimentKind) -> str:
    return "sampler" if takes is ExperimentKind.SAMPLER_PUB else "estimator"


def _is_plain(primitive: Any) -> bool:
    """Say whether a primitive over a backend has only options that fit into a name."""
    usual = getattr(primitive.options, "abelian_grouping", True) is True
    return usual and not getattr(primitive.options, "run_options", None)


def _named(source: Any, info: PrimitiveInfo, inner: str, plain: Any) -> str | None:
    """Return a name with the primitive's own options beside those of its backend.

    Args:
        source: What has the primitive's own options.
        info: What is known of the primitive.
        inner: The name of what it runs on.
        plain: The same object without any option.
    """
    path, _, query = inner.partition("?")
    options: dict[str, Scalar] = scalars_in(query) if query else {}
    name = default_option(info.takes)
    default = _option(source, name)
    if default != _option(plain, name):
        options[name] = default
    if info.seed is not None and info.seed != options.get("seed_simulator"):
        options["seed"] = info.seed
    elif info.seed is None and seed_of(source) is not None:
        return None  # a random generator, whose state fits into no name
    found = f"{_word(info.takes)}:{path}"
    return f"{found}?{query_of(options)}" if options else found


def _option(source: Any, name: str) -> Any:
    return getattr(source, name) if hasattr(source, name) else getattr(source.options, name)
