"""Memory flow: receive the same frames twice, devmem beside host copy, and play what happened.

Law.   What is played is what was recorded: two real receptions through the same card, pool and TCP.
Reads. lab/receivers.py, of which one call at a time is made; flow_film.py, flow_stage.py.
Omits. Receptions that fill a trace: their film would end too early, so they are refused.
"""

import numpy as np

from devmemlab.base.units import parse_size
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.inputs import find_input
from devmemlab.lab.lab import Lab
from devmemlab.lab.passes import stages
from devmemlab.lab.receivers import make_receiver
from devmemlab.view.flow_film import Reception, flow_film
from devmemlab.view.flow_stage import flow_stage
from devmemlab.view.player import Player

MODES = ("devmem", "host_copy")
BY_TRACE = {"DMA_HEADER", "DMA_DEVICE", "DMA_HOST", "HEADER_COPY", "RECV_COPY"}


def record(source, mode, app_buffer="64KiB", dmabuf="16MiB"):
    """Receive an input once, and keep what happened.

    Parameters
    ----------
    source : Source
        From `devmemlab.lab.inputs.find_input`.
    mode : str
        See `devmemlab.lab.receivers`; not ``"memcpy"``, which receives nothing.
    app_buffer, dmabuf : int or str
        The program's buffer, device memory to bind.

    Returns
    -------
    reception : Reception
        One call of the program after another.

    Raises
    ------
    ValueError
        The trace was full.
    """
    port = Pcap(source.capture, source.flow, speed=None)
    lab = Lab()
    host = lab.host("receiver", ip=port.flow.dst, mac=port.flow.dst_mac, mtu=9000, rx_queues=2, ifname="eth1", port=port,
                    trace=True)
    receiver = make_receiver(mode, host, port.flow, parse_size(dmabuf), app_buffer)
    server = host.socket()
    try:
        server.bind(("", port.flow.dport))
        server.listen()
        conn, _ = server.accept()
        moved, before, got = [], stages(host.ledger), -1
        while got != receiver.octets:
            got = receiver.octets
            receiver.drain(conn, 1)
            after = stages(host.ledger)
            moved += [(int(host.trace.ctl[0].count), stage, after[stage][0] - before.get(stage, (0, 0))[0])
                      for stage in after if stage not in BY_TRACE and after[stage] != before.get(stage)]
            before = after
        conn.close()
        if host.trace.ctl[0].lost:
            raise ValueError(f"the trace was full: {int(host.trace.ctl[0].lost):,} events are missing; receive less")
        table = host.mem.providers.binding
        bound = np.flatnonzero(table.kind)
        events = np.array(host.trace.event[: int(host.trace.ctl[0].count)])
        return Reception(mode, events, moved, before, int(table[bound[0]].niov_first) if len(bound) else 0)
    finally:
        server.close()
        receiver.close()
        lab.close()


class MemoryFlow(Player):
    """Two receptions of the same frames, side by side.

    Parameters
    ----------
    receptions : sequence of Reception
        From `record`.
    **options
        See `devmemlab.view.player.Player`.

    Attributes
    ----------
    receptions : tuple of Reception
        The same.
    """

    film_of, stage_of = staticmethod(flow_film), staticmethod(flow_stage)

    def __init__(self, receptions, **options):
        self.receptions = tuple(receptions)
        super().__init__(self.film_of(self.receptions), self.stage_of, **options)


def memory_flow(size="2MiB", mtu=1500, input=None, modes=MODES, app_buffer="64KiB", **options):
    """Receive one stream in two ways and play it.

    Parameters
    ----------
    size : int or str
        Payload wanted where the sender is synthetic; a capture is received once.
    mtu : int
        1500 and 9000 use the recorded captures.
    input : path or Capture, optional
        Replay this one instead.
    modes : sequence of str
        Some of the ways that receive frames.
    app_buffer : int or str
        The program's buffer in the copying modes: whenever it has something, it is copied to the device.
    **options
        ``position`` and ``speed`` to begin with.

    Returns
    -------
    player : MemoryFlow
        An animation in a notebook, a picture where no kernel runs.

    Raises
    ------
    ValueError
        An impossible argument, or more than a trace holds.
    """
    source = find_input(parse_size(size), mtu, "no", input, lambda text: None)
    return MemoryFlow([record(source, mode, app_buffer) for mode in modes], **options)
