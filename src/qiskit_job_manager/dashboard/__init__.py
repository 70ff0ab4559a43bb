"""The dashboard: pages that show a store and leave requests for its drivers; it drives nothing.

It reads the store through its port and asks by the same requests as the command line. Pages are
made on the server. Needs ``pip install "qiskit-job-manager[web]"``.
"""
