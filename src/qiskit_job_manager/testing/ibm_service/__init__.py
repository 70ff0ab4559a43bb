"""IBM Quantum on loopback, for the unmodified ``qiskit-ibm-runtime`` client.

    IBMService     the emulator in this process
    IBMProcess     the emulator in a process of its own; its `control` is an `IBMControl`
    Behaviour      its limits, pace and lags; `service.behaviour = Behaviour(...)` at any time
    Rule, Trouble  which requests of a `Kind` go wrong, in which `Way`, how often, when
    Fate           how jobs end: `service.tell(Fate.FAILS)`
    Books          what it did: `service.books().submissions_by_tag()`, `.requests`, ...
    Engine         FAST makes results up, AER simulates
    pointed        sets the environment; gives the arguments for ``QiskitRuntimeService``
    account_environment   the same for other processes, without arguments
    only_loopback  refuses every other host, and lists the hosts that were asked for

How a test uses it::

    with IBMService() as ibm, pointed(ibm.address, tmp_path) as arguments:
        service = QiskitRuntimeService(**arguments)
        backend = service.backend("ibm_manila")
        ibm.script(Kind.SUBMIT, Trouble(way=Way.RESET, after=True))
        ...
        assert set(ibm.books().submissions_by_tag().values()) == {1}

``Books.read`` reads the ``ledger=`` file of an emulator that was killed. Other processes POST
``{"behaviour", "rules", "fates", "clear", "revoke"}`` to ``/control``; GET returns the books. A
request with a wrong value is refused, by the name of the value, and has no effect.
"""

from qiskit_job_manager.testing.ibm_service.client_environment import (
    account_environment,
    environment,
    pointed,
    service_arguments,
)
from qiskit_job_manager.testing.ibm_service.faults import (
    Behaviour,
    Fate,
    Kind,
    Rule,
    Trouble,
    Way,
)
from qiskit_job_manager.testing.ibm_service.ledger import Books, Submission
from qiskit_job_manager.testing.ibm_service.loopback_only import NotLoopbackError, only_loopback
from qiskit_job_manager.testing.ibm_service.process import IBMControl, IBMProcess
from qiskit_job_manager.testing.ibm_service.programs import Engine
from qiskit_job_manager.testing.ibm_service.request_handler import CRN, INSTANCE
from qiskit_job_manager.testing.ibm_service.service import IBMService

__all__ = [
    "CRN",
    "INSTANCE",
    "Behaviour",
    "Books",
    "Engine",
    "Fate",
    "IBMControl",
    "IBMProcess",
    "IBMService",
    "Kind",
    "NotLoopbackError",
    "Rule",
    "Submission",
    "Trouble",
    "Way",
    "account_environment",
    "environment",
    "only_loopback",
    "pointed",
    "service_arguments",
]
