"""The entry kernel of a live wire: bursts are read, received and answered until the wire is dry, in one crossing.

Law.   What it does is what as many steps of the host would have done; a frame's time is that of the poll that found it.
Reads. Linux net/core/dev.c (net_rx_action), which also goes on until its budget is used up or nothing is left.
Omits. Timers, and everything that a program does: both have their turn after `PUMP_FRAMES` frames or `PUMP_OCTETS` octets and a
       burst.

A burst should be short, so that it is still in the processor's cache when the NIC reads it, and so that the sender hears of it
soon; a crossing from Python should do much. So one crossing does many bursts.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN
from devmemlab.base.kernel import kernel
from devmemlab.host.entry import machine_keep, machine_receive, machine_transmit
from devmemlab.host.ports.scatter import clock_ns
from devmemlab.host.ports.tap_io import tap_recv, tap_send

PUMP_FRAMES = 1024
"""Of three pages each they need fewer than a pool of pages has to spare (`devmemlab.mem.mem.SPARE_PAGES`), which grows between
pumps."""
PUMP_OCTETS = 1 << 20
"""Segments of 1448 octets in a page each fill half of a default receive buffer with it. So the window of a program that reads
never closes, and the sender waits for no more than that to be looked at before it hears again."""


@kernel
def machine_flush(memory, octets, frames, machine, nic, trace, tap, now_ns):
    """Put the waiting segments of the only NIC on its wire; those that it does not take now stay.

    Parameters
    ----------
    memory : uint8[k]
        Payload is read from here.
    octets : uint8[n]
        Arena, written.
    frames : FRAME[limit]
        Written.
    machine : Machine
        The queue of segments.
    nic : int64
        Row.
    trace : Trace or None
        Receives frame_out, skb_free.
    tap : TapTables
        The wire.
    now_ns : int64
        Time.

    Returns
    -------
    sent, err : int64
        Frames; the last -errno of the wire, 0: it took all of them.
    """
    ctl = machine.txq.ctl[0]
    total = err = np.int64(0)
    first, following = np.int64(-1), np.int64(0)
    while first < following and following < ctl.count:
        first = following
        sent, following = machine_transmit(memory, octets, frames, machine, nic, trace, first, now_ns)
        if sent:
            failed = tap_send(tap, octets, frames[:sent])
            err = failed if err == 0 or err == -EAGAIN else err
        total += sent
    if following < ctl.count:
        machine_keep(machine)
    else:
        ctl.count = 0
    return total, err


@kernel
def machine_pump(memory, octets, frames, machine, nic, trace, tap, origin_ns):
    """Take bursts from a live wire to the sockets and send what they answer.

    Parameters
    ----------
    memory : uint8[k]
        All memory.
    octets : uint8[n]
        Arena of what is sent.
    frames : FRAME[limit]
        Its rows.
    machine : Machine
        Everything may change.
    nic : int64
        Row of the only NIC.
    trace : Trace or None
        Everything that happens.
    tap : TapTables
        The wire.
    origin_ns : int64
        What the monotonic clock said when the host's clock was 0.

    Returns
    -------
    bursts, read_err, write_err : int64
        Bursts received; the -errno that reading ended with (-EAGAIN: nothing more was there; 0: it did not end); the last
        -errno of writing.
    """
    write_err = bursts = received = octets_received = np.int64(0)
    while received < PUMP_FRAMES and octets_received < PUMP_OCTETS:
        now_ns = clock_ns() - origin_ns
        count = tap_recv(tap, now_ns)
        if count <= 0:
            return bursts, count, write_err
        bursts += 1
        received += count
        for k in range(count):
            octets_received += tap.frame[k].length
        machine_receive(memory, tap.octets, tap.frame[:count], machine, nic, trace, now_ns)
        if machine.txq.ctl[0].count:
            _, failed = machine_flush(memory, octets, frames, machine, nic, trace, tap, now_ns)
            write_err = failed if write_err == 0 or write_err == -EAGAIN else write_err
    return bursts, np.int64(0), write_err
