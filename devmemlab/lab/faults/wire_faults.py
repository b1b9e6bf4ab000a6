"""Faults of the wire: frames that are lost, late, doubled or damaged.

Law.   See fault.py: each entry is a run with one thing wrong.
Reads. Features I3, B10; spec section 13.3.
Omits. Wires that are slow.
"""

from devmemlab.lab.faults.fault import Fault, sent_again
from devmemlab.lab.faults.job import Job


def _harmed(seed=3, **harm):
    """Run over a bad wire."""
    return Job(seed=seed, harm=harm).prepare().bind().call().go(500)


def _good(job):
    return job.mend_wire().more().go(500)


def _early(job):
    """Tell whether frames of the latest messages came early."""
    return int(job.conn._row.rcv_ooopack) > job.early


def _in_order(job):
    job.early = int(job.conn._row.rcv_ooopack)
    return _good(job)


def _doubled(job):
    """Tell whether the card has seen more than was sent of the latest messages."""
    link = job.sender.port.link
    return int(link.duplicated) > job.early


def _single(job):
    job.early = int(job.sender.port.link.duplicated)
    return _good(job)


FAULTS = (
    Fault("loss", "a wire that loses frames", "1 frame in 20 is lost.", "Who repairs that?",
          ("nobody: the octets are in no memory", "TCP, from sequence numbers alone", "the program, which finds holes in the "
              "offsets",
           "the card"), "b",
          "A gap in the numbers, an acknowledgement that says so, and the segment is sent again. Payload is not needed for that.",
          "the cable", "lost", lambda: _harmed(5, loss=0.05), _good, shows=sent_again, source="features I3, F2"),
    Fault("reorder", "a wire that reorders", "1 frame in 10 takes longer than those behind it.", "What does the program see?",
          ("octets in the wrong order", "octets in order, at offsets that are not", "gaps, which it has to fill",
           "fewer, larger frags"), "b",
          "TCP puts tokens in order, not memory. What is late looks lost, so some is sent again.",
          "one path for a connection", "reordered", lambda: _harmed(3, reorder=0.1), _in_order, shows=_early, source="features "
              "I3"),
    Fault("duplicate", "a wire that doubles", "1 frame in 10 comes twice.", "What does a copy cost?",
          ("nothing: the card knows it", "a buffer of device memory, for a moment", "the program gets octets twice",
           "a retransmission"), "b",
          "The card writes it to device memory like any other; TCP throws it away by its number, and the buffer goes home.",
          "look for a loop", "twice", lambda: _harmed(3, duplicate=0.1), _single, shows=_doubled, source="features I3"),
    Fault("damage", "a wire that turns bits", "1 frame in 20 has a bit turned.", "Who notices?",
          ("the program, when it uses the data", "the card, by the checksum", "the kernel, by the checksum", "nobody"), "b",
          "Only the card can add up the payload. The kernel believes it and discards the segment.",
          "the cable", "damaged", lambda: _harmed(3, corrupt=0.05), _good, shows=sent_again, source="features B10; spec 13.3"),
)
