"""Job sets into files and back.

    exporting    a job set into a file of one of the formats
    tables       CSV and QPY, for other tools
    forms        nouns to plain JSON values and back, each checked
    archives     a zip with everything of a job set, written and read part by part
    documents    the same as one JSON document, with the counts in plain view
    importing    what was read, checked as a whole, into a store

Archives and documents are complete, and can be taken in elsewhere; the others are for reading.
Whatever is read may have been written by an attacker.
"""
