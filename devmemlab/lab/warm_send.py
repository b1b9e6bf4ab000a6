"""An exercise of ``devmemlab warm``: sending without a copy, from the first octet to the last completion.

Law.   It reaches every kernel of `zerocopy` and `transmit` in `devmemlab.net`, and of what sends without a copy above them.
Reads. devmemlab/lab/warm.py.
Omits. Any check of results: that is what tests are for.
"""

from devmemlab.lab.senders import SendPair
from devmemlab.mem.region import host_memory
from devmemlab.sock.uapi import MSG_ZEROCOPY


def lending():
    """Floors 1 to 7: device memory and pages are lent and come back, with and without a trace."""
    for trace in (False, 1 << 12):
        pair = SendPair("16KiB", lose=(1,), trace=trace)
        pages = host_memory(4096)
        pair.send([(0, 100), (5000, 100)])
        pair.conn.sendmsg([pages.octets[:100]], (), MSG_ZEROCOPY)
        pair.sender.audit()
        pair.hear(300)
        pair.sender.completions(pair.conn)
        try:
            pair.send([(1 << 20, 1)])
        except OSError:
            pass                        # a send that fails ends in another way
        pair.conn.close()
        pair.peer.close()
        pair.lab.run()
        pair.close()
        pages.close()
