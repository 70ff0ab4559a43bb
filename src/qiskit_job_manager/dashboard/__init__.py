"""The dashboard: pages that show a store and leave requests for its drivers; it drives nothing.

It reads the store through its port and asks by the same requests as the command line. Pages are
made on the server. Needs ``pip install "qiskit-job-manager[web]"``.
"""

from qiskit_job_manager.errors import InvalidArgumentError


def needs_web(error: ModuleNotFoundError) -> InvalidArgumentError:
    """Return the error that says how to install what the pages need."""
    return InvalidArgumentError(
        f'the dashboard needs {error.name}: pip install "qiskit-job-manager[web]"'
    )
