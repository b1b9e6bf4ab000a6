"""Floor 7, the lab: programs that use the hosts, and measure.

Law.   What is compared here sees the same frames, through the same kernels and the same copy primitive.
Reads. interfaces: sections 1, 3 and 4.
Omits. The full benchmark, the conformance runner and the cost model (see the changelog).

Reading order: lab, stream, synthetic, inputs, live, accelerator, receivers, passes, compare, demo, replay, ncdevmem, warm.
"""
