"""The ethtool face: how an administrator configures an interface.

Law.   What is refused here is refused for the kernel's reason, and nothing has changed.
Reads. Linux net/ethtool/*.c; ethtool(8) for the names.
Omits. Link modes, pause frames, EEPROMs, time stamping.

Chapters: ethtool_settings (rings, channels, features, moderation), ethtool_rss, ethtool_rules, ethtool_stats. The same things as
command lines: `devmemlab.host.shell`.
"""

from devmemlab.host.ethtool_rss import RssFace
from devmemlab.host.ethtool_rules import RuleFace
from devmemlab.host.ethtool_settings import SettingsFace
from devmemlab.host.ethtool_stats import StatsFace
from devmemlab.net.refusal import unsupported
from devmemlab.nic.explain import explain_frame


class Ethtool(SettingsFace, RssFace, RuleFace, StatsFace):
    """Configuration of one interface. Made by ``host.ethtool(ifname)``.

    Parameters
    ----------
    netdev : Netdev
        The interface.
    poke : callable
        Called when pools were replaced: the old ones wait for their last buffers.
    """

    def __init__(self, netdev, poke):
        self.netdev, self.poke = netdev, poke

    def explain(self, frame):
        """Explain which queue a frame goes to, step by step.

        Parameters
        ----------
        frame : bytes
            The frame, from its destination MAC address on.

        Returns
        -------
        told : devmemlab.nic.explain.Explanation
            ``queue``, ``rule``, ``hash`` and the steps; prints as a table.
        """
        return explain_frame(self.netdev.nics, self.netdev.nic, frame)

    def __repr__(self):
        return f"<Ethtool of {self.netdev.name}: {self.netdev.real_num_rx_queues} queues, {len(self.get_rules())} rules>"


class NoEthtool:
    """The ethtool face of an interface that is no NIC: it has every method, and each refuses.

    Parameters
    ----------
    netdev : SimpleDevice
        The interface.
    """

    def __init__(self, netdev):
        self.netdev = netdev

    def __getattr__(self, name):
        if name.startswith("_") or not hasattr(Ethtool, name):
            raise AttributeError(name)

        def refuse(*args, **options):
            raise unsupported(self.netdev.name, f"answer {name}()")

        return refuse


def ethtool_of(netdev, poke):
    """Make the ethtool face of an interface.

    Parameters
    ----------
    netdev : Netdev or SimpleDevice
        The interface.
    poke : callable
        See `Ethtool`.

    Returns
    -------
    face : Ethtool or NoEthtool
        The same methods; those of what is no NIC raise EOPNOTSUPP.
    """
    return Ethtool(netdev, poke) if hasattr(netdev, "nics") else NoEthtool(netdev)
