"""A cloud on loopback that misbehaves on command, for tests of adapters and of their users.

Faults happen at the socket, where a client meets them: the cloud resets or closes a connection
after it accepted a job, sends half a body, or sends a body byte by byte. A ledger records what the
cloud accepted and which results it sent. The ledger survives the cloud.

    CloudService     the cloud in this process
    CloudProcess     the cloud in a process of its own
    CloudControl     controls the cloud, from any process
    Faults           how it behaves; `Trouble` of a request, `Fate` of a job, `Outage` of the cloud
    Books            what it did
    CloudClient      a client for its users
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
