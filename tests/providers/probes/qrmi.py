# /// script
# dependencies = ["qrmi[ibm]", "qiskit-aer", "qiskit-qasm3-import"]
# ///
"""QRMI, over IBM's service on loopback."""

from __future__ import annotations

import os

from qiskit_job_manager import Limits
from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.testing.ibm_service import CRN, Engine, IBMService

PACKAGES = ("qrmi", "qiskit-ibm-runtime")
RUN = {"limits": Limits(submissions_per_minute=10_000)}

IBM = IBMService(engine=Engine.AER).__enter__()
BASE = f"http://{IBM.address}"
os.environ |= {
    "ibm_manila_QRMI_IBM_QCS_ENDPOINT": f"{BASE}/api/v1",
    "ibm_manila_QRMI_IBM_QCS_IAM_ENDPOINT": BASE,
    "ibm_manila_QRMI_IBM_QCS_IAM_APIKEY": "emulated",
    "ibm_manila_QRMI_IBM_QCS_SERVICE_CRN": CRN,
    "SLURM_JOB_QPU_RESOURCES": "ibm_manila",
    "SLURM_JOB_QPU_TYPES": "ibm-quantum-compute-service",
}


def backend():
    return open_backend("qrmi:ibm_manila")


def estimator():
    return open_backend("qrmi:ibm_manila?primitive=estimator")


def device(runs):
    return runs.qiskit_backend


again = backend
