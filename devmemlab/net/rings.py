"""Rings: how many descriptors a queue has, and where the NIC cuts headers from payload.

Law.   What is stored decides, not what is shown: ``auto`` is not ``on``, and a provider needs ``on`` with threshold 0.
Reads. Linux net/ethtool/rings.c, net/ethtool/ioctl.c (the older call); spec section 10.1.
Omits. Rings of different length within a device; what gve asks of them beside a power of two.
"""

from devmemlab.base.errno import EINVAL, EOPNOTSUPP
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.hds import HDS_DISABLED, HDS_ENABLED, HDS_UNKNOWN

HDS_NAMES = {"auto": HDS_UNKNOWN, "unknown": HDS_UNKNOWN, "off": HDS_DISABLED, "on": HDS_ENABLED}
HDS_TEXT = {HDS_UNKNOWN: "auto", HDS_DISABLED: "off", HDS_ENABLED: "on"}
HDS_THRESH_MAX = 1023
RING_MIN, TX_RING_MIN = 8, 4
RING_PARAMS = ("rx-buf-len", "tcp-data-split", "hds-thresh", "cqe-size", "tx-push", "rx-push", "tx-push-buf-len")
"""What a driver may or may not support; the plain ring sizes it must."""


class Rings:
    """The part of a network device that is set with ``ethtool -G``."""

    @property
    def tx_ring(self):
        """Descriptors of each TX ring; what waits in rings of another length is lost, and TCP sends it again."""
        return int(self.ctl.tx_ring)

    @tx_ring.setter
    def tx_ring(self, count):
        self.ctl.tx_ring = count

    def pause_tx(self, on):
        """Let the link partner stop the transmitter, or let it go on, as PAUSE frames do (IEEE 802.3 annex 31B).

        Parameters
        ----------
        on : bool
            True: descriptors are posted and not read, until the rings are full and packets wait in the stack.
        """
        self.ctl.tx_paused = int(bool(on))
        self.poke()

    def get_rings(self):
        """Read the ring configuration.

        Returns
        -------
        rings : dict
            ``rx``, ``rx_max``, ``tx``, ``tx_max``, ``tcp_data_split``, ``hds_thresh``, ``hds_thresh_max``.
        """
        return {"rx": self.rx_ring, "rx_max": self.rings_max, "tx": self.tx_ring, "tx_max": self.rings_max,
                "tcp_data_split": HDS_TEXT[self.hds], "hds_thresh": self.hds_thresh, "hds_thresh_max": HDS_THRESH_MAX}

    def set_rings(self, rx=None, tx=None, tcp_data_split=None, hds_thresh=None, rx_buf_len=None, cqe_size=None, tx_push=None,
                  rx_push=None, tx_push_buf_len=None):
        """Change the stored ring configuration and rebuild what depends on it.

        Parameters
        ----------
        rx, tx : int, optional
            Descriptors in each RX and TX ring.
        tcp_data_split : {"on", "off", "auto"}, optional
            Header split.
        hds_thresh : int, optional
            Payloads larger than this are split, octets.
        rx_buf_len, cqe_size, tx_push, rx_push, tx_push_buf_len : optional
            Of other NICs.

        Raises
        ------
        ProviderError
            EOPNOTSUPP a parameter that this NIC lacks; EINVAL, in this order, for what XDP forbids, what a provider forbids,
            what is above a maximum, and what the driver cannot do; errors of the rebuild. Nothing has changed then.

        References
        ----------
        Linux net/ethtool/rings.c, ethnl_set_rings().
        """
        asked = dict(zip(RING_PARAMS, (rx_buf_len, tcp_data_split, hds_thresh, cqe_size, tx_push, rx_push, tx_push_buf_len)))
        for name, value in asked.items():
            if value is not None and name not in self.ring_params:
                raise ProviderError(EOPNOTSUPP, f"setting {name} is not supported", f"{self.name} leaves it as it is")
        if tcp_data_split is not None and tcp_data_split not in HDS_NAMES:
            raise ProviderError(EINVAL, f"tcp-data-split {tcp_data_split!r} is no setting", f"use one of {', '.join(HDS_NAMES)}")
        wanted = {"hds": self.hds if tcp_data_split is None else HDS_NAMES[tcp_data_split],
                  "hds_thresh": self.hds_thresh if hds_thresh is None else int(hds_thresh),
                  "rx_ring": self.rx_ring if rx is None else int(rx), "tx_ring": self.tx_ring if tx is None else int(tx)}
        changed = {name: value for name, value in wanted.items() if value != getattr(self, name)}
        if not changed:
            return
        self._check_split(wanted["hds"], wanted["hds_thresh"])
        self._check_sizes(wanted["rx_ring"], wanted["tx_ring"])
        if not 0 <= wanted["hds_thresh"] <= HDS_THRESH_MAX:
            raise ProviderError(EINVAL, "requested hds-thresh exceeds maximum", f"0 to {HDS_THRESH_MAX} is possible")
        self._check_driver(wanted["rx_ring"], wanted["tx_ring"])
        self.change(**changed)

    def set_rings_ioctl(self, rx=None, tx=None):
        """Change ring sizes by the older call: header split stays as stored, and providers are not asked.

        Parameters
        ----------
        rx, tx : int, optional
            Descriptors in each RX and TX ring.

        Raises
        ------
        ProviderError
            EINVAL above the maximum or impossible for the driver; errors of the rebuild.
        """
        rx, tx = self.rx_ring if rx is None else int(rx), self.tx_ring if tx is None else int(tx)
        self._check_sizes(rx, tx)
        self._check_driver(rx, tx)
        self.change(rx_ring=rx, tx_ring=tx)

    def _check_split(self, hds, thresh):
        """Check header split against XDP and providers, where the release's core knows of it.

        Parameters
        ----------
        hds, thresh : int
            What would be stored.

        Raises
        ------
        ProviderError
            EINVAL.
        """
        if not self.mem.profile.hds_check:
            return
        if hds == HDS_ENABLED and self.xdp == "single-buffer":
            raise ProviderError(EINVAL, "tcp-data-split cannot be enabled with a single-buffer XDP program", "detach it first")
        advice = "close the netlink socket that bound it first"
        if self.providers and hds != HDS_ENABLED:
            raise ProviderError(EINVAL, "can't disable tcp-data-split while device has memory provider enabled", advice)
        if self.providers and thresh != 0:
            raise ProviderError(EINVAL, "can't set non-zero hds_thresh while device is memory provider bound", advice)

    def _check_sizes(self, rx, tx):
        """Check ring sizes against their maximum.

        Parameters
        ----------
        rx, tx : int
            Descriptors.

        Raises
        ------
        ProviderError
            EINVAL.
        """
        for name, count in (("rx", rx), ("tx", tx)):
            if count > self.rings_max:
                raise ProviderError(EINVAL, "requested ring size exceeds maximum", f"{name} {count} of {self.rings_max}")

    def _check_driver(self, rx, tx):
        """Check what the rings of this NIC can be.

        Parameters
        ----------
        rx, tx : int
            Descriptors.

        Raises
        ------
        ProviderError
            EINVAL.
        """
        for name, count, least in (("rx", rx, RING_MIN), ("tx", tx, TX_RING_MIN)):
            if count < least or count & (count - 1):
                raise ProviderError(EINVAL, f"{name} ring {count} is impossible",
                                    f"use a power of two from {least} to {self.rings_max}")
