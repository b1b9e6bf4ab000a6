"""Interrupt moderation: how long completed packets wait before the driver hears of them.

Law.   A packet waits at most ``rx_usecs``, and no packet waits once ``rx_frames`` are there.
Reads. Linux include/linux/ethtool.h (struct ethtool_coalesce), ethtool(8) -C; gve_main.c.
Omits. Adaptive moderation, TX.

Both 0 is no moderation, and a port that a person drives (``moderated`` 0) is never moderated. Time is virtual or the live
clock, whatever the host runs on; the NIC's row tells when the next interrupt is due.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, error
from devmemlab.base.kernel import kernel

USECS_MAX = 16383


@kernel
def irq_wait_ns(ctl, q, now_ns):
    """Tell how long a queue with completed packets still waits for its interrupt.

    Parameters
    ----------
    ctl : NIC
        Row of the NIC: the settings.
    q : RXQ
        Row of the queue; its timer starts when it was not running.
    now_ns : int64
        Time, ns.

    Returns
    -------
    wait_ns : int64
        0: it interrupts now.
    """
    if ctl.moderated == 0 or ctl.rx_usecs == 0:
        return np.int64(0)
    if ctl.rx_frames and q.irq_waiting >= ctl.rx_frames:
        return np.int64(0)
    if q.irq_at_ns == 0:
        q.irq_at_ns = now_ns + 1000 * ctl.rx_usecs
    return max(q.irq_at_ns - now_ns, 0)


@kernel
def irq_raise(q):
    """Let a queue interrupt.

    Parameters
    ----------
    q : RXQ
        Row of the queue: what waited has been announced.
    """
    q.interrupts += 1
    q.irq_at_ns = 0
    q.irq_waiting = 0


def set_coalesce(nics, nic, rx_usecs=None, rx_frames=None):
    """Set the moderation of a NIC, as ``ethtool -C`` does.

    Parameters
    ----------
    nics : Nics
        The NIC's row is changed.
    nic : int
        Which NIC.
    rx_usecs : int, optional
        Longest wait, microseconds; 0: none.
    rx_frames : int, optional
        Packets that end the wait; 0: any number may wait.

    Raises
    ------
    OSError
        EINVAL with the reason.
    """
    ctl = nics.ctl[nic]
    usecs = int(ctl.rx_usecs) if rx_usecs is None else int(rx_usecs)
    frames = int(ctl.rx_frames) if rx_frames is None else int(rx_frames)
    if not 0 <= usecs <= USECS_MAX or not 0 <= frames <= 65535:
        raise error(EINVAL, f"rx-usecs {usecs}, rx-frames {frames}: 0 to {USECS_MAX} and 0 to 65535 are possible")
    if usecs == 0 and frames > 1:
        raise error(EINVAL, f"rx-frames {frames} with rx-usecs 0: the last packets would wait for ever; set rx-usecs too")
    ctl.rx_usecs, ctl.rx_frames = usecs, frames


def get_coalesce(nics, nic):
    """Read the moderation of a NIC, as ``ethtool -c`` does.

    Parameters
    ----------
    nics : Nics
        Not changed.
    nic : int
        Which NIC.

    Returns
    -------
    settings : dict of str to int
        ``rx-usecs`` and ``rx-frames``.
    """
    ctl = nics.ctl[nic]
    return {"rx-usecs": int(ctl.rx_usecs), "rx-frames": int(ctl.rx_frames)}
