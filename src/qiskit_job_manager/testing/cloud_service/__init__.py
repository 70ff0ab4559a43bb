"""A cloud on loopback that misbehaves as it is told, for tests of adapters and of what uses them.

Faults are made at the socket, as a client would meet them: connections that are reset or closed
after a job was accepted, half a body, bodies that drip. A ledger says what was really accepted and
handed out, and survives the cloud.

    CloudService     the cloud in this process
    CloudProcess     the cloud in a process of its own
    CloudControl     the strings to pull, from any process
    Faults           how it behaves; `Trouble` of a request, `Fate` of a job, `Outage` of it all
    Books            what it did
    CloudClient      what its users ask it by
    CloudAdapter     the `Backend` on it: findable by tag, idempotent by key, or blind
    backend          the same as Qiskit's `BackendV2`: `CloudBackend`, `RetrievingCloudBackend`

A test that no job is paid for twice::

    with CloudService() as cloud, JobManager(path) as manager:
        cloud.script(Endpoint.SUBMIT, Trouble(Way.RESET, after=True))
        job_set = manager.run(circuits, CloudAdapter(cloud.address))
        assert job_set.results().success
        assert set(cloud.books().submissions_by_tag().values()) == {1}
"""

from qiskit_job_manager.testing.cloud_service.adapter import CloudAdapter, Variant, open_cloud
from qiskit_job_manager.testing.cloud_service.client import CloudClient, CloudControl, JobView
from qiskit_job_manager.testing.cloud_service.faults import (
    Endpoint,
    Fate,
    Faults,
    Odds,
    Outage,
    Trouble,
    Way,
)
from qiskit_job_manager.testing.cloud_service.ledger import Books, Deed, Entry
from qiskit_job_manager.testing.cloud_service.process import CloudProcess
from qiskit_job_manager.testing.cloud_service.service import CloudService
from qiskit_job_manager.testing.cloud_service.simulation import Engine
from qiskit_job_manager.testing.emulator.transport import (
    CloudAnswerError,
    CloudUnreachableError,
)

__all__ = [
    "Books",
    "CloudAdapter",
    "CloudAnswerError",
    "CloudClient",
    "CloudControl",
    "CloudProcess",
    "CloudService",
    "CloudUnreachableError",
    "Deed",
    "Endpoint",
    "Engine",
    "Entry",
    "Fate",
    "Faults",
    "JobView",
    "Odds",
    "Outage",
    "Trouble",
    "Variant",
    "Way",
    "open_cloud",
]
