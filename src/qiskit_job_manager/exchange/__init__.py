"""Job sets into files and back.

    exports        a job set into a file of one of the formats, `export_format`
    ro_crate       an archive with a description of it, as RO-Crate has it
    archives       a zip with everything of a job set, written and read part by part
    documents      the same as one JSON document, with the counts in plain view
    export_source  what both hold, read from the store
    json_schema    the shapes of what both hold
    consistency    what must fit together across their parts
    imports        a file into a store, after everything in it was checked
    circuit_check  that its circuits can be decoded, in a child process

Only archives and documents are complete and can be imported. A file that is imported may have been
written by an attacker.
"""
