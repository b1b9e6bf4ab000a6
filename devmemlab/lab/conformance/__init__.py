"""Conformance: every recorded answer of a real kernel, asked of the lab, and of the kernel that runs here where it can be.

Law.   An answer comes from making the call. What a record says is looked at only after both have answered.
Reads. interfaces section 4 (conformance); the notes on the golden records.
Omits. Socket families and devices that the lab does not model: such records are counted, with the reason, not compared.

Reading order: records (what is in the file), answers (what a call gave), compare (which fields count), replay_* (one
group of calls each, written once for both sides), lab_face and real_face (the two sides), run (all of it), report.
"""
