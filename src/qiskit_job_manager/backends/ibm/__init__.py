"""IBM Quantum, through IBM's own client, which is used as it is.

A backend is named ``ibm:NAME``, with the account that the user saved with the client, or handed
over as an object: a backend, a ``Batch`` or ``Session``, or a primitive that is set up already.

    ibm:ibm_fez
    ibm:ibm_fez?execution=batch&primitive=estimator
    ibm:ibm_fez?account=work&private=true&listing_lag_s=10
"""

from qiskit_job_manager.backends.ibm.opening import adapted, is_ibm, open_ibm

__all__ = ["adapted", "is_ibm", "open_ibm"]
