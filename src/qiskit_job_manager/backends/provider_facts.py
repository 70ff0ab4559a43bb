"""What is known of providers' clients beyond Qiskit's interface, as one table.

Everything here was read in the source of the client, at the version that stands beside it. Of any
other client nothing is assumed. Nothing here imports a client.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.locality import run_author, within
from qiskit_job_manager.errors import InvalidExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PAGE = 100
_CAUTIOUS_LAG_S = 300.0  # no provider says after what time an accepted job is surely listed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """What one client does, and how it is used for more than Qiskit's interface has.

    Attributes:
        local: Its jobs run in this process, and die with it.
        tagged: Return run options that leave a tag with the job on the service.
        find: Return the ids of all jobs with a tag, oldest first; asks the service.
        listing_lag_s: Seconds after which `find` is believed when it finds nothing.
        circuits_per_job: Return how many circuits become one job of the service; beyond that, one
            call of ``run()`` sends several, and may fail in the midst of them.
        drops_bits: Its results lack the bits that nothing is measured into, as if they were not in
            the circuit.
        mixes_registers: Its results have the bits of several classical registers in an order that
            neither the circuit nor the result's header has.
        keep: Let the client keep what it needs to retrieve a job in another process.
        retrieve: Return a job by its id, where that is not ``retrieve_job``.
        sending_once: Return a backend like this one whose ``run()`` sends a job once, where the
            client itself sends it again after an answer that leaves it in doubt.
    """

    local: bool = False
    tagged: Callable[[Mapping[str, Any], str], dict[str, Any]] | None = None
    find: Callable[[Any, str], Sequence[str]] | None = None
    listing_lag_s: float = _CAUTIOUS_LAG_S
    circuits_per_job: Callable[[Any], int | None] | None = None
    drops_bits: bool = False
    mixes_registers: bool = False
    keep: Callable[[Any], None] | None = None
    retrieve: Callable[[Any, str], Any] | None = None
    sending_once: Callable[[Any], Any] | None = None


def facts_of(runs: Any) -> ProviderFacts:
    """Return what is known of the client of a backend or a primitive; of most nothing is."""
    for cls in type(runs).__mro__:
        found = _TABLE.get(f"{cls.__module__}.{cls.__name__}")
        if found is not None:
            return found
    return _LOCAL if within(run_author(runs), _LOCAL_PACKAGES) else _NOTHING


def check_bits(circuit: Any, index: int, facts: ProviderFacts, where: str) -> None:
    """Refuse a circuit whose bits would come back otherwise than they are in it.

    Args:
        circuit: The circuit, or that of a sampler's PUB.
        index: Index of its experiment, for messages.
        facts: What is known of the client.
        where: Name of the backend.

    Raises:
        InvalidExperimentError: They would; the message says what to do.
    """
    what = f"experiment {index} ({circuit.name!r}) has"
    if facts.drops_bits and _has_unmeasured_bits(circuit):
        raise InvalidExperimentError(
            f"{what} classical bits that nothing is measured into, and {where} would leave them "
            "out of the outcomes: remove them, or measure into all of them"
        )
    if facts.mixes_registers and len(circuit.cregs) > 1:
        raise InvalidExperimentError(
            f"{what} {len(circuit.cregs)} classical registers, whose bits {where} would return in "
            "another order: measure into one register"
        )


def _has_unmeasured_bits(circuit: Any) -> bool:
    measured = {bit for each in circuit.data if each.name == "measure" for bit in each.clbits}
    return any(bit not in measured for bit in circuit.clbits)


# -- Amazon Braket: qiskit-braket-provider 0.27.1, amazon-braket-sdk 1.127.5 ----------------------
#
# The id of a job is the ARN of its task, by which `retrieve_job` finds it. Options of `run()` reach
# `CreateQuantumTask`, which takes tags; `SearchQuantumTasks` returns them, and cannot filter by
# them. A list of circuits makes a task of each circuit, unless the device takes program sets. Where
# nothing is measured into a bit, the outcome has no such bit.


def _braket_tagged(options: Mapping[str, Any], tag: str) -> dict[str, Any]:
    return {**options, "tags": {**(options.get("tags") or {}), "qiskit-job-manager": tag}}


def _braket_find(backend: Any, tag: str) -> list[str]:
    device = backend._device
    client = device.aws_session.braket_client
    own = {"name": "deviceArn", "operator": "EQUAL", "values": [device.arn]}
    found: list[tuple[Any, str]] = []
    token: dict[str, str] = {}
    while True:
        page = client.search_quantum_tasks(filters=[own], maxResults=_PAGE, **token)
        for task in page["quantumTasks"]:
            if (task.get("tags") or {}).get("qiskit-job-manager") == tag:
                found.append((task["createdAt"], task["quantumTaskArn"]))
        if not page.get("nextToken"):
            return [arn for _, arn in sorted(found)]
        token = {"nextToken": page["nextToken"]}


def _braket_circuits_per_job(backend: Any) -> int | None:
    return getattr(backend, "_max_program_set_executables", None) or 1


# -- Azure Quantum: azure-quantum 3.13.0 ----------------------------------------------------------
#
# `retrieve_job` finds a job by its id, and `Workspace.list_jobs` those whose names begin with a
# text.


def _azure_tagged(options: Mapping[str, Any], tag: str) -> dict[str, Any]:
    name = options.get("job_name")
    return {**options, "job_name": f"{tag} {name}" if name else tag}


def _azure_find(backend: Any, tag: str) -> list[str]:
    jobs = backend.provider.get_workspace().list_jobs(name_match=tag)
    named = [job.details for job in jobs if job.details.name.partition(" ")[0] == tag]
    return [each.id for each in sorted(named, key=lambda details: details.creation_time)]


# -- IonQ: qiskit-ionq 1.1.1 ----------------------------------------------------------------------
#
# `retrieve_job` finds a job by its id. The client lists no jobs, so that the tag in the metadata
# serves people who look at IonQ's own list. It sends a job up to five times after 429, 502, 503,
# 504 and 520 to 529, some of which may come after the job was accepted.


def _ionq_tagged(options: Mapping[str, Any], tag: str) -> dict[str, Any]:
    metadata = {**(options.get("extra_metadata") or {}), "qiskit-job-manager": tag}
    return {**options, "extra_metadata": metadata}


def _ionq_sending_once(backend: Any) -> Any:
    client = copy.copy(backend.client)
    client.submit_job = MethodType(inspect.unwrap(type(client).submit_job), client)
    again = copy.copy(backend)
    again._client = client
    return again


# -- AQT: qiskit-aqt-provider 2.0.1 ---------------------------------------------------------------
#
# A job is retrieved by `restore_job`, from what `persist()` wrote into the user's folder: plain
# JSON and QPY, readable by the user alone. The service keeps no tag.


def _aqt_keep(job: Any) -> None:
    job.persist()


def _aqt_retrieve(backend: Any, job_id: str) -> Any:
    return backend.restore_job(job_id)


# -- Superstaq: qiskit-superstaq 0.5 --------------------------------------------------------------
#
# `retrieve_job` finds a job by its id. Jobs take tags; the adapter does not search for them.


def _superstaq_tagged(options: Mapping[str, Any], tag: str) -> dict[str, Any]:
    own = options.get("tag") or ()
    return {**options, "tag": [*([own] if isinstance(own, str) else own), tag]}


_NOTHING = ProviderFacts()
_LOCAL = ProviderFacts(local=True)
_AQT = ProviderFacts(keep=_aqt_keep, retrieve=_aqt_retrieve)

_TABLE: Mapping[str, ProviderFacts] = {
    "qiskit_braket_provider.providers.braket_backend.BraketLocalBackend": ProviderFacts(
        local=True, drops_bits=True
    ),
    "qiskit_braket_provider.providers.braket_backend.BraketAwsBackend": ProviderFacts(
        tagged=_braket_tagged,
        find=_braket_find,
        circuits_per_job=_braket_circuits_per_job,
        drops_bits=True,
    ),
    "azure.quantum.qiskit.backends.backend.AzureBackendBase": ProviderFacts(
        tagged=_azure_tagged, find=_azure_find
    ),
    "qiskit_ionq.ionq_backend.IonQBackend": ProviderFacts(
        tagged=_ionq_tagged, sending_once=_ionq_sending_once
    ),
    "qiskit_aqt_provider._cloud.resource.CloudResource": _AQT,
    "qiskit_aqt_provider._direct.resource.DirectAccessResource": _AQT,
    "qiskit_superstaq.superstaq_backend.SuperstaqBackend": ProviderFacts(tagged=_superstaq_tagged),
    # pytket-qiskit 0.79: the registers "first" and "second", of which the second is measured as 1,
    # give "0 1", where Qiskit writes the last register first.
    "pytket.extensions.qiskit.tket_backend.TketBackend": ProviderFacts(mixes_registers=True),
}

# Packages whose `run()` computes in this process.
_LOCAL_PACKAGES = (
    "iqm.qiskit_iqm.fake_backends",
    "menos.qiskit",
    "mqt.ddsim",
    "qdd",
    "qiskit.providers.qrack",
    "qiskit_alice_bob_provider.local",
    "qiskit_aqt_provider._offline_sim",
    "qiskit_dynamics",
)
