"""Finds the name that opens a primitive like a given object.

    sampler:statevector?default_shots=100&seed=7     Qiskit's StatevectorSampler
    sampler:aer?method=statevector                   Aer's SamplerV2, with options of AerSimulator
    sampler:fake:torino                              BackendSamplerV2 over a snapshot of a device
    sampler:over:basic                               BackendSamplerV2 over any backend with a name

Names of estimators begin with ``estimator:``, and have ``default_precision`` for ``default_shots``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.primitives.known import class_path, seed_of
from qiskit_job_manager.backends.uris import Scalar, query_of, scalars_in, uri_of
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from qiskit_job_manager.backends.primitives.known import PrimitiveInfo

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
