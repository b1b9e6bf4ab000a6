"""Faults: switches that break a job, each with a question to answer before it is run.

Law.   What is seen is read from the run; the registry knows the questions, `devmemlab.lab.why` finds the causes by itself.
Reads. Features L6 and L12; performance-anchors section 8; spec section 24.
Omits. Two faults at once.

Reading order: job and job_run (what is run, and how), fault (what a fault is), control_faults, card_faults, program_faults,
wire_faults (the registry), break_it (predict, run, ask why, mend).
"""
