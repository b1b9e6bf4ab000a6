"""Floor 7, the lab: programs that use the hosts, and measure.

Law.   What is compared here sees the same frames, through the same kernels and the same copy primitives.
Reads. interfaces: sections 1, 3 and 4.
Omits. A cost model of real hardware; of the benchmarks, gpu.

Reading order: lab, stream, synthetic, in_order, inputs, live, accelerator, token_tools, gather, receivers, passes, compare,
mode_readers, receive_modes, senders, demo, replay, ncdevmem (reader, setup, modes and the rest), warm; live_bench, live_work and
live_runs against this machine's kernel; record_wire and record_capture for the data; segments (with fates) reads recorded
connections back; packet_story, packet_table, timeline and export show and write what passed; scenario_keys, scenario,
scenario_make, course and scenario_run for scenario files; settings, blocks, memento, rebuilt, program, journey, state_hash and
state_file go back in time; doctor, doctor_words, doctor_report and scenes_doctor (a machine on paper), and same_program for lab
and kernel; error_words and error_page (what each errno means); faults/ (switches to break things with) and why/ (what is wrong,
and what to do); bench/, exercises/ and conformance/ (recorded answers of running kernels) have their own; scenes* set lessons
up; gpu_receivers are receivers with a GPU.
"""
