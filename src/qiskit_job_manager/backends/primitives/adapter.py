"""The adapter to any V2 primitive: a `BaseSamplerV2` or a `BaseEstimatorV2`."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qiskit.primitives import BitArray

from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.backends.checks.pubs import PubCheck
from qiskit_job_manager.backends.job_follower import JobFollower
from qiskit_job_manager.backends.job_pubs import PUB_OPTIONS, job_pubs
from qiskit_job_manager.backends.job_results import job_in_answer
from qiskit_job_manager.backends.limits import LOCAL_PENDING_JOBS, limits_of
from qiskit_job_manager.backends.primitives.known import primitive_info
from qiskit_job_manager.backends.primitives.opening import uri_of_primitive
from qiskit_job_manager.backends.provider_facts import check_bits, facts_of
from qiskit_job_manager.backends.run_lock import run_lock_of
from qiskit_job_manager.backends.run_options import argument_names
from qiskit_job_manager.codec.experiments import circuit_of
from qiskit_job_manager.codec.primitive_results import encode_primitive_result
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
)
from qiskit_job_manager.model import ExperimentKind, Limits
from qiskit_job_manager.planning import SEED_OPTIONS
from qiskit_job_manager.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.backends.primitives.known import PrimitiveInfo
    from qiskit_job_manager.model import Blob, RawResult


class PrimitiveBackend(JobFollower):
    """Runs PUBs on a V2 primitive.

    Args:
        primitive: The sampler or estimator; it may be shared with others, and is not changed.
        volatile: Whether jobs die with this process; ``None``: only if it is known to be local.
        uri: The name by which it was opened; ``None``: found from the object, if possible.
        concurrent: Whether ``run()`` may be called from several threads at once; ``None``: only if
            it is known to bear that.
        refusals: Exceptions that ``run()`` raises only for jobs that were not accepted.

    Attributes:
        primitive: The sampler or estimator.

    Raises:
        InvalidArgumentError: It is no V2 primitive.
    """

    def __init__(
        self,
        primitive: Any,
        *,
        volatile: bool | None = None,
        uri: str | None = None,
        concurrent: bool | None = None,
        refusals: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.primitive = primitive
        self._info = primitive_info(primitive)
        super().__init__(primitive, volatile=_is_local(self._info, primitive, volatile))
        self._uri = uri_of_primitive(primitive, self._info) if uri is None else uri
        self._refusals = refusals
        self._checked = _checked_backend(self._info, concurrent=bool(concurrent))
        bears_more = self._info.reentrant or self._checked is not None
        concurrent = bears_more if concurrent is None else concurrent
        self._run_lock = None if concurrent else run_lock_of(self._info.backend or primitive)
        self._check = PubCheck(self._info)
        self._registers: WeakKeyDictionary[Any, list[dict[str, int]]] = WeakKeyDictionary()
        self._known = argument_names(primitive.run)

    @property
    def name(self) -> str:
        """Name of the class, and of its backend where it has one: ``"SamplerV2(fake_torino)"``."""
        return f"{type(self.primitive).__name__}{self._where}"

    @property
    def uri(self) -> str | None:
        """The name that opens it again, or ``None`` if only an object can be handed over."""
        return self._uri

    @property
    def account(self) -> str:
        """The name of its Qiskit backend, or its own: a primitive does not name its account."""
        return self._where.strip("()") or self.name

    @property
    def takes(self) -> ExperimentKind:
        """The PUBs of a sampler, or those of an estimator."""
        return self._info.takes

    @property
    def capabilities(self) -> Capabilities:
        """Qiskit's interface has no tags by which jobs are found, and asks about single jobs.

        Asking a local job costs almost nothing, so all local jobs are asked about together.
        """
        return Capabilities(
            volatile=self._volatile,
            bulk_status=self._info.local,
            concurrent_submissions=self._run_lock is None,
            reports_ends=self._results.can_wait,
        )

    @property
    def qiskit_backend(self) -> Any:
        """The Qiskit backend that it runs on, to transpile for, or ``None``."""
        return self._info.backend

    @property
    def kept_options(self) -> Mapping[str, Any]:
        """The seed of the primitive or of its backend; each job gets one derived from it."""
        if self._info.seed is None or self._info.seeded is None:
            return {}
        return {"seed": self._info.seed}

    def limits(self) -> Limits:
        """Return the limits of its Qiskit backend; a local one gets a limit on pending jobs.

        Primitives themselves divide circuits beyond a backend's ``max_circuits`` among calls.
        """
        pending = None
        if self._info.local:
            pending = LOCAL_PENDING_JOBS if self._run_lock is None else 1
        if self._info.backend is None:
            return Limits(pending_jobs=pending)
        known = limits_of(self._info.backend, local=self._info.local)
        divides = facts_of(self._info.backend).circuits_per_job
        most = None if divides is None else divides(self._info.backend)
        return known.overridden_by(Limits(pending_jobs=pending, experiments_per_job=most))

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check that one PUB can run on this primitive; see `PubCheck`.

        Raises:
            InvalidArgumentError: The primitive has no such option.
        """
        self._check_options(options)
        self._check(experiment, index, options)
        if self.takes is ExperimentKind.SAMPLER_PUB:
            facts = facts_of(self._info.backend)
            check_bits(circuit_of(experiment), index, facts, self.name)

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # part of the port
    ) -> str:
        """Send one job; the tag is not sent, because Qiskit's interface has no place for it."""
        pubs = job_pubs(payload, self._info.takes, options, self.name)
        return self._keep(self._begin(pubs, options), tag)

    @property
    def is_simulated_here(self) -> bool:
        """Whether it is known to compute in this process alone."""
        return self._info.local and self._volatile

    def compute(
        self, payload: Blob, options: Mapping[str, Any], look: Callable[[Sequence[Any]], None]
    ) -> RawResult:
        """Run one job to its end, and return the encoded result; see `LocalAdapter.compute`."""
        pubs = job_pubs(payload, self._info.takes, options, self.name)
        look([pub.circuit for pub in pubs])
        return self._read("", self._begin(pubs, options))

    def _begin(self, pubs: list[Any], options: Mapping[str, Any]) -> Any:
        """Begin a job on the primitive, and return its job object."""
        try:
            answer = self._run(pubs, options)
        except SubmissionDeferredError:
            raise
        except Exception as error:
            raise provider_errors.submission_error(
                error, self.name, volatile=self._volatile, refusals=self._refusals
            ) from error
        job = job_in_answer(answer, self.name, volatile=self._volatile)
        if self._info.takes is ExperimentKind.SAMPLER_PUB:
            with suppress(TypeError):  # a job that can be no key is not checked
                self._registers[job] = [_sizes(pub.circuit) for pub in pubs]
        return job

    def check_answer(self, job: Any, answer: Any) -> None:
        """Check that outcomes have the bits of their circuits' registers, if they were sent here.

        Raises:
            RemoteJobFailedError: They have not.
        """
        with suppress(TypeError):
            for index, (sizes, pub) in enumerate(zip(self._registers.get(job, ()), answer)):  # noqa: B905  # a wrong number of results is found when they are understood
                wrong = _other_bits(sizes, pub)
                if wrong is not None:
                    text = f"{self.name} returned {wrong}, at place {index} of the job"
                    raise RemoteJobFailedError(text)

    def encoded(self, answer: Any, what: str) -> RawResult:
        """Encode the `PrimitiveResult` of a job."""
        if answer is None:
            raise ResultGoneError(f"{what} is not there any more")
        try:
            return encode_primitive_result(answer)
        except TypeError as error:
            kind = type(answer).__name__
            msg = f"{what} is of type {kind}, not Qiskit's PrimitiveResult"
            raise RemoteJobFailedError(msg) from error

    # -- inside ---------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        name = getattr(self._info.backend, "name", None)
        return f"({name})" if isinstance(name, str) else ""

    def _check_options(self, options: Mapping[str, Any]) -> None:
        if self._known is not None:
            for name in options:
                if name not in self._known and not (name in SEED_OPTIONS and self._info.seeded):
                    raise InvalidArgumentError(
                        f"{name!r} is no run option of {self.name}; its are "
                        f"{', '.join(sorted(self._known))}. Set others on the primitive itself"
                    )
        precision = options.get("precision")
        if precision is not None and not _is_precision(precision):
            raise InvalidArgumentError(
                f"precision is {precision!r}; it is a number of at least 0, or None for the "
                "estimator's default"
            )

    def _run(self, pubs: list[Any], options: Mapping[str, Any]) -> Any:
        """Call ``run()`` on the primitive, or on a copy that has the seed of this job."""
        arguments = {n: v for n, v in options.items() if n not in PUB_OPTIONS and v is not None}
        arguments |= self._common_argument(pubs)
        primitive = self.primitive
        if self._info.seeded is not None:
            for name in [name for name in SEED_OPTIONS if name in arguments]:
                primitive = self._info.seeded(arguments.pop(name))
        if self._checked is not None:
            primitive = copy.copy(primitive)
            primitive._backend = self._checked

        def run() -> Any:
            return primitive.run(pubs, **arguments)

        return run() if self._run_lock is None else self._run_lock.run_to_end(run, self.name)

    def _common_argument(self, pubs: list[Any]) -> dict[str, Any]:
        """Return the shots or the precision that all PUBs have, as the argument of ``run()``.

        By Qiskit's interface those of a PUB come first; some primitives look at the argument alone.
        """
        name = "shots" if self._info.takes is ExperimentKind.SAMPLER_PUB else "precision"
        values = {getattr(pub, name) for pub in pubs}
        if len(values) != 1 or None in values or name not in (self._known or ()):
            return {}
        return {name: values.pop()}


# -- facts ----------------------------------------------------------------------------------------


def _sizes(circuit: Any) -> dict[str, int]:
    return {register.name: register.size for register in circuit.cregs}


def _other_bits(sizes: dict[str, int], pub: Any) -> str | None:
    """Describe outcomes of another number of bits than their register has, if there are some."""
    data = getattr(pub, "data", None) or {}
    found = {name: data[name].num_bits for name in data if isinstance(data[name], BitArray)}
    for name, bits in found.items():
        if len(sizes) == len(found) == 1:  # under whatever name
            [wanted] = sizes.values()
        else:
            wanted = sizes.get(name, bits)
        if bits != wanted:
            return f"outcomes of {bits} bits for a register of {wanted}"
    return None


def _is_local(info: PrimitiveInfo, primitive: Any, volatile: bool | None) -> bool:
    """Say whether its jobs die with this process: what the user says, or else what is known."""
    if volatile is not None:
        return volatile
    return info.local or facts_of(info.backend if info.over_backend else primitive).local


def _checked_backend(info: PrimitiveInfo, *, concurrent: bool) -> Any | None:
    """Return what checks the results of a backend under Qiskit's primitives, where it is needed.

    The simulators that are known give both memory and counts, in hexadecimal numbers.
    """
    if not info.over_backend or info.local:
        return None
    from qiskit_job_manager.backends.primitives.checked_results import CheckedBackend

    return CheckedBackend(info.backend, concurrent=concurrent)


def _is_precision(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
