"""Floor 6, a real kernel: the very face of a lab host, on the Linux that this process runs on.

Law.   A program that was written against a lab host runs here unchanged: same names, arguments, results and errors.
Reads. House laws 10 and 12; interfaces section 2.
Omits. What only a simulation can show: clocks that jump, audits, the inside of skbs, several hosts in one process.

Reading order: calls (the C library, for what Python's socket hides), advice (which option, release or driver is missing);
memory and dmabuf_calls, tcp_socket, completions (sending from device memory), carrier and netlink (generic netlink); ethtool and
its parts (ethtool_sets, ethtool_settings, ethtool_ioctl, ethtool_rss, ethtool_rules, ethtool_stats); settings, counters, kernel
(all of it together). The probes that `devmemlab doctor` puts into words: probe (what they are), probe_kernel, probe_calls,
probe_process, probe_device, probe_pci, rtnetlink.

Everything here is imported when it is first asked for; importing the room needs no Linux.
"""

from importlib import import_module

_NAMES = {"Kernel": "kernel", "Socket": "tcp_socket", "NetlinkSocket": "netlink", "Ethtool": "ethtool"}


def __getattr__(name):
    """Import a class of the room when it is asked for.

    Parameters
    ----------
    name : str
        The class.

    Returns
    -------
    value : type
        It.

    Raises
    ------
    AttributeError
        There is no such name.
    """
    if name not in _NAMES:
        raise AttributeError(f"module 'devmemlab.linux' has no attribute {name!r}; there are {', '.join(_NAMES)}")
    return getattr(import_module(f"devmemlab.linux.{_NAMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *_NAMES})
