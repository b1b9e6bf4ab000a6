"""The machines that were recorded: which interfaces they had, built on a lab host.

Law.   A device is described by what it can do, never by what it answered.
Reads. The notes on the golden records: the prober's namespace, netdevsim, the NIC of the traces; drivers/net/{veth,tun,dummy}.c.
Omits. Drivers of the recorded machines' own interfaces.

=========== ============================================================================================
nic         one NIC, dm0, up, four queues: the virtual NIC of the traces; -split-off, -split-on, -down and -sizes
            are where the prober had brought it, -later is -split-on with what the prober had left open, and each
            trace has one of its own (-rig)
netns       the prober's namespace: lo, a veth pair, a bridge (down), tap, tun, multi-queue tap; a dummy
            (down) on the kernels that had the driver
alone       a namespace with nothing but lo
netdevsim   queue operations and NAPIs, but no DMA and no device memory on transmit
=========== ============================================================================================
"""

from devmemlab.lab.conformance.answers import NotModelled
from devmemlab.lab.conformance.messages import attribute, request
from devmemlab.lab.conformance.requests import FD, IFINDEX, SHAPES, queue
from devmemlab.net.simple import SimpleDevice

XDP_BASIC = 7
"""BASIC, REDIRECT and NDO_XMIT."""
VETH_XDP, VETH_METADATA = XDP_BASIC | 32, 7
"""veth adds RX_SG; it tells timestamp, hash and VLAN tag."""
NIC = "dm0"
QUEUES = 4
BIND_RX = 13


class Netdevsim(SimpleDevice):
    """A simulated device with queue operations and nothing behind them."""

    ops_locked = True
    xdp_features = 17

    def __init__(self, name, ifindex):
        super().__init__(name, ifindex, "dummy")
        self.real_num_rx_queues = self.real_num_tx_queues = QUEUES

    def qstats(self, kind, queue):
        """Count what crossed a queue.

        Parameters
        ----------
        kind : str
            ``"rx"`` or ``"tx"``.
        queue : int
            Its index.

        Returns
        -------
        counts : dict
            Nothing did.
        """
        return {f"{kind}-packets": 0, f"{kind}-bytes": 0}


def without_nic(host):
    """Take the NIC out of a host.

    Parameters
    ----------
    host : Host
        Keeps lo.
    """
    host.remove_device(NIC)


def netns(host, dummy=True):
    """Build the prober's namespace.

    Parameters
    ----------
    host : Host
        Loses its NIC.
    dummy : bool
        Whether the kernel had the dummy driver.
    """
    without_nic(host)
    for name in ("v1", "v0"):
        veth = host.add_device(name, "veth")
        veth.real_num_rx_queues = veth.real_num_tx_queues = 2
        veth.xdp_features, veth.xdp_rx_metadata_features = VETH_XDP, VETH_METADATA
    host.add_device("br0", "bridge").close()
    if dummy:
        host.add_device("dm0", "dummy").close()
    host.add_device("tap0", "tap").xdp_features = XDP_BASIC
    host.add_device("tun0", "tun")
    host.add_device("tapmq", "tap").xdp_features = XDP_BASIC


def switch_gro_on(host):
    """Give the veth pair what GRO makes a veth have: a NAPI for each RX queue of the end it was switched on at.

    Parameters
    ----------
    host : Host
        Of `netns`.
    """
    host.device("v0").napi_count, host.device("v0").napi_linked = 2, False


def netdevsim(host):
    """Put a simulated device into a host.

    Parameters
    ----------
    host : Host
        Loses its NIC.
    """
    without_nic(host)
    ifindex = host._new_ifindex("nsim")
    host.devices[ifindex] = Netdevsim("nsim", ifindex)


def leave_open(face, queues):
    """Bind a udmabuf from a netlink socket that stays open.

    Parameters
    ----------
    face : LabFace
        On whom.
    queues : bytes
        Attributes of the request.
    """
    sock = face.netlink("root")
    octets = attribute(IFINDEX, face.ifindex(NIC)) + attribute(FD, face.fd("udmabuf")) + queues
    sock.ask(request(sock.family, BIND_RX, octets))


def build(face, machine):
    """Bring a new host to the state of a recorded machine.

    Parameters
    ----------
    face : LabFace
        With its NIC.
    machine : str
        Its name.

    Raises
    ------
    NotModelled
        No such machine is known.
    """
    host = face.host
    if machine in ("nic", "alone"):
        if machine == "alone":
            without_nic(host)
    elif machine.startswith("netns"):
        # Kernel 6.18.44 was built without the dummy driver.
        netns(host, face.kernel != "6.18.44")
        if "-gro" in machine:
            switch_gro_on(host)
    elif machine == "netdevsim":
        netdevsim(host)
    elif machine in ("nic-split-off", "nic-split-on", "nic-down", "nic-sizes", "nic-later") or machine.startswith("nic-rig "):
        # The virtual NIC of the traces kept no counters by queue.
        host.netdev.stat_ops = False
        rings = host.ethtool(NIC).set_rings
        if machine == "nic-later":
            rings(tcp_data_split="off")
            leave_open(face, queue(3))
        rings(tcp_data_split="off" if machine == "nic-split-off" else "on")
        if machine == "nic-later":
            leave_open(face, SHAPES["queue-dup"])
        if machine == "nic-down":
            host.netdev.close()
    else:
        raise NotModelled(f"a machine called {machine!r} is not known here")
