"""What arrives at a host: a burst of each port, or as many as a live wire has.

Law.   A live wire that kernels can serve by themselves is left to one; every other port gives its burst to Python first.
Reads. House laws 7 and 9.
Omits. Windows that count device buffers, and memory that is copied later: there every burst comes through Python.
"""

import os

from devmemlab.base.errno import EAGAIN
from devmemlab.mem.region import memory
from devmemlab.wire.rows import CSUM_VERIFIED, Burst


class Arrivals:
    """The part of a host that takes frames from its ports."""

    def _arrivals(self, now_ns):
        """Receive what every port has.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        bursts : int
            How many came.
        """
        came = 0
        for nic, port in enumerate(self.ports):
            burst = None
            if port is not None and port.wire_tables is not None and self._one_wire():
                if bursts := self._pump(port):
                    came += bursts
                    self.mem.settle()
                    continue
            elif port is not None:
                burst = port.recv(now_ns)
            if burst is None and 0 < self._irqs[nic][0] <= now_ns:
                burst = Burst(self._tx_octets, self._tx_frames[:0])
            if burst is not None:
                came += 1
                self.receive(burst, now_ns, nic)
                self.mem.settle()
        return came

    def _one_wire(self):
        """Tell whether nothing but one wire has to be looked after between bursts.

        Returns
        -------
        alone : bool
            True: a kernel may take burst after burst.
        """
        return len(self.ports) == 1 and self.clock.live and not self._aware[0] and not self.mem.staged

    def _pump(self, port):
        """Have a kernel take bursts from a live wire, and answer them.

        Parameters
        ----------
        port : Tap
            The wire.

        Returns
        -------
        bursts : int
            How many came.

        Raises
        ------
        OSError
            The device is down or gone.
        """
        from devmemlab.host.entry_live import machine_pump
        port.fileno()                   # which complains when it is closed
        bursts, read_err, write_err = machine_pump(memory(), self._tx_octets, self._tx_rows, self.machine, 0, self.trace,
                                                   port.wire_tables, self.clock.origin_ns)
        port.note_sending(write_err)
        if read_err not in (0, -EAGAIN) and bursts == 0:
            port.failed_to_read(read_err)
        return bursts


def pump_nothing(host):
    """Have what serves a live wire compiled, by serving one on which nothing comes.

    Parameters
    ----------
    host : Host
        Whose tables it is done with; nothing of it changes.
    """
    from devmemlab.host.entry_live import machine_pump
    from devmemlab.host.ports.tap_io import make_tap_tables

    out, into = os.pipe()
    try:
        os.set_blocking(out, False)
        machine_pump(memory(), host._tx_octets, host._tx_rows, host.machine, 0, host.trace,
                     make_tap_tables(out, 1, CSUM_VERIFIED, False), 0)
    finally:
        os.close(out)
        os.close(into)
