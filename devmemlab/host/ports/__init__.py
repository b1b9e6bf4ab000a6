"""Ports: where frames come from and go to. `Manual`, `Pcap`, `Record`, `Faults`, `Tap`; a private network for a live kernel.

Law.   Time and frames enter the lab here and nowhere else.
Reads. House laws 7, 9 and 12.
Omits. A name for the wire between two hosts of the lab: ``lab.connect`` makes that.

`Tap` and `Namespace` need Linux, so they are imported when they are first named.
"""

from importlib import import_module

from devmemlab.host.ports.base import Port, monotonic_ns
from devmemlab.host.ports.manual import Manual, Sent

_LAZY = {
    "Pcap": "devmemlab.host.ports.pcap",
    "Flow": "devmemlab.host.ports.flows",
    "flows_of": "devmemlab.host.ports.flows",
    "Faults": "devmemlab.host.ports.faults",
    "Record": "devmemlab.host.ports.record",
    "Tap": "devmemlab.host.ports.tap",
    "Namespace": "devmemlab.host.ports.netns",
    "why_not_live": "devmemlab.host.ports.netns",
}

__all__ = ["Manual", "Port", "Sent", "monotonic_ns", *_LAZY]


def __getattr__(name):
    """Import a port when it is first named.

    Parameters
    ----------
    name : str
        One of `__all__`.

    Returns
    -------
    value : object
        The class or function.

    Raises
    ------
    AttributeError
        There is no such port.
    """
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
