"""What every port answers: three verbs, and whether time passes by itself.

Law.   A port never waits and never touches what it was given after it returns; bursts, not frames, cross this line.
Reads. House law 9; smoltcp's phy layer and minnow's adapters for the same cut.
Omits. Link speed, duplex, carrier: those belong to links.

A *burst* is an arena of octets and one `FRAME` row for each frame. The burst that `Port.recv` hands out stays
as it is until the next `Port.recv` of that port; who wants it longer keeps a copy (`devmemlab.host.ports.store`).
"""

import time

monotonic_ns = time.monotonic_ns
"""The clock of live ports, for ``VirtualClock.go_live``: ports are the one place that knows it."""


class Port:
    """Where frames come from and go to.

    Attributes
    ----------
    live : bool
        True: frames come from a real machine, time passes by itself, waiting is done by poll on `fileno`.
    moderated : bool
        False: every frame interrupts at once (the ports that tests drive by hand).
    wire_tables : TapTables or None
        With what kernels read and write themselves; None: through `recv` and `send` only. A wrapper of a port has none.
    """

    live = False
    moderated = True
    wire_tables = None

    def recv(self, now_ns):
        """Take the frames that have arrived.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            Frames due at or before `now_ns`, in order of arrival; None when there are none. A port may limit the
            frames of one burst: ask again until it says None.
        """
        raise NotImplementedError(f"{type(self).__name__} does not receive")

    def send(self, now_ns, burst):
        """Put frames on the wire.

        Parameters
        ----------
        now_ns : int
            Present time, ns. A frame whose ``at_ns`` is later leaves then.
        burst : Burst
            Frames with whole checksums.
        """
        raise NotImplementedError(f"{type(self).__name__} does not send")

    def next_ns(self):
        """Tell when something will arrive if the host keeps silent.

        Returns
        -------
        at_ns : int or None
            Time of the next arrival, perhaps in the past; None when nothing will come by itself.
        """
        return None

    def fileno(self):
        """Give poll something to wait for.

        Returns
        -------
        fd : int or None
            File descriptor of a live port; None for the others.
        """
        return None

    def close(self):
        """Let go of what the port holds; closing twice is allowed."""

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()
