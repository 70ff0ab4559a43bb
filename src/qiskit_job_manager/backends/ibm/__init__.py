"""IBM Quantum, through IBM's own unmodified client.

A backend is opened as ``ibm:NAME``, with the account that the user saved with the client. Or the
user hands over an object of the client: a backend, a ``Batch``, a ``Session``, or a primitive.

    ibm:ibm_fez
    ibm:ibm_fez?execution=batch&primitive=estimator
    ibm:ibm_fez?account=work&private=true&listing_lag_s=10
"""

from qiskit_job_manager.backends.ibm.opening import adapted, is_ibm, open_ibm

__all__ = ["adapted", "is_ibm", "open_ibm"]
