"""The ethtool face of a real interface, in the words of a lab host's.

Law.   Every method, argument and result has the name that it has on a lab host; what differs is who refuses.
Reads. Linux net/ethtool/*.c; ethtool(8).
Omits. `explain` and `model_device`, which only a simulated NIC has.

Chapters: ethtool_settings (netlink: rings, channels, features, moderation), ethtool_ioctl and what goes through it: ethtool_rss,
ethtool_rules, ethtool_stats.
"""

from devmemlab.linux.ethtool_rss import RssFace
from devmemlab.linux.ethtool_rules import RuleFace
from devmemlab.linux.ethtool_settings import SettingsFace
from devmemlab.linux.ethtool_stats import StatsFace


class Ethtool(SettingsFace, RssFace, RuleFace, StatsFace):
    """Configuration of one interface of the running kernel. Made by ``Kernel.ethtool(ifname)``.

    Parameters
    ----------
    name : str
        The interface.

    Attributes
    ----------
    contexts : set of int
        RSS contexts that were added here.
    """

    def __init__(self, name):
        self.name, self.contexts = name, set()

    def __repr__(self):
        return f"<Ethtool of {self.name} on the running kernel>"
