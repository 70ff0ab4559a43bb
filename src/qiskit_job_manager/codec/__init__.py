"""Experiments and results to versioned bytes and back.

    circuits     a job's circuits as QPY, and what identifies a circuit
    results      a job's result, in columns, read one experiment at a time
    sandbox      circuit files from outside, decoded at arm's length
    columns      many values of like shape, as columns
    values       one value of any kind, tagged
    containers   blocks in compressed frames, with a directory
    wire         figures and texts, with every read checked

Whatever is read was written by this package or by an attacker: no byte of it is ever executed,
names a thing to import, or is trusted for a size.
"""
