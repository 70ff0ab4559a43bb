"""Experiments and results to versioned bytes and back.

Experiments, on their way to a backend:

    experiments            of any kind: encoded, packed for a job, read again one by one
    circuits               one circuit, or those of a job
    pubs                   primitive unified blocs (PUBs), with `observables`
    qpy_files              Qiskit's own file format
    circuit_content        what a circuit says, as plain values: compared, hashed, told in words
    circuit_proof          that what is stored gives the circuit back
    circuit_notes          what the QPY file does not say: metadata and operations
    kept_operations        operations that QPY changes, with `aer_saves`
    identity               the content hash of a circuit
    differences            what differs between two experiments, in words

Results, on their way to the user:

    results                a stored result of any form
    qiskit_results         of ``backend.run``
    primitive_results      of a primitive; `primitive_reading` is what all such readers share
    ibm_json               the text that IBM's service sent, with `executor_results`

What both are made of:

    formats                the names of what is written and read
    values                 one value of any kind, tagged, with `arrays` and `qiskit_objects`
    columns                many values of like shape, with `integers`
    containers             blocks in compressed frames, with a directory
    varint                 numbers, texts and bytes, with every read checked

And `sandbox` with `sandbox_child`: circuit files from outside, decoded in a process with limits.

What is read was written by this package or by an attacker: no byte of it is executed, names
something to import outside Qiskit's library, or is trusted for a size.
"""
