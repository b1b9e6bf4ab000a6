"""Rings, channels, features and interrupt moderation of a real interface, over ethtool netlink.

Law.   The words are those of a lab host's ethtool face; what the kernel refuses is refused with its errno and sentence.
Reads. Linux Documentation/networking/ethtool-netlink.rst; ethtool(8); spec sections 10.1 and 10.2.
Omits. Link modes, pause frames, EEPROMs, time stamping.
"""

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, error
from devmemlab.linux.advice import ethtool_advice
from devmemlab.linux.ethtool_sets import ETHTOOL_COMMANDS, ETHTOOL_SETS
from devmemlab.linux.netlink import NetlinkSocket

FEATURES = {"rx-checksum": "rx-checksumming", "rx-gro": "generic-receive-offload", "rx-lro": "large-receive-offload",
            "rx-ntuple-filter": "ntuple-filters", "rx-hashing": "receive-hashing", "rx-vlan-hw-parse": "rx-vlan-offload"}
"""What the kernel calls a feature -> what ``ethtool -k`` calls it; the others have one name."""
ALIASES = {"rx": "rx-checksum", "gro": "rx-gro", "lro": "rx-lro", "ntuple": "rx-ntuple-filter", "rxhash": "rx-hashing",
           "rxvlan": "rx-vlan-hw-parse", **{long: short for short, long in FEATURES.items()}}
COALESCE = {"rx_frames": "rx-max-frames", "tx_frames": "tx-max-frames", "rx_frames_irq": "rx-max-frames-irq",
            "tx_frames_irq": "tx-max-frames-irq", "adaptive_rx": "use-adaptive-rx", "adaptive_tx": "use-adaptive-tx"}


class EthtoolSocket(NetlinkSocket):
    """A netlink socket of the family ethtool."""

    sets = ETHTOOL_SETS

    def __init__(self):
        super().__init__("ethtool")
        self.commands = dict(ETHTOOL_COMMANDS)

    def advice(self, op, number, extack):
        """Say which piece is missing; see `devmemlab.host.genl.asking.Asking.advice`.

        Parameters
        ----------
        op, number, extack
            As there.

        Returns
        -------
        advice : str
            As there.
        """
        return ethtool_advice(op.name, number, extack)


class SettingsFace:
    """The part of `devmemlab.linux.ethtool.Ethtool` that speaks netlink."""

    def ask(self, command, attrs=None):
        """Ask about the interface.

        Parameters
        ----------
        command : str
            Of the family ethtool: ``"rings-get"``.
        attrs : dict, optional
            More than the name of the interface.

        Returns
        -------
        reply : dict
            Attributes, the header left out.

        Raises
        ------
        NetlinkError
            With ``extack``.
        """
        with EthtoolSocket() as sock:
            reply = sock.do(command, {"header": {"dev-name": self.name}, **(attrs or {})})
        return {name: value for name, value in reply.items() if name != "header"}

    def get_rings(self):
        """Read the ring configuration (``ethtool -g``).

        Returns
        -------
        rings : dict
            ``rx``, ``rx_max``, ``tx``, ``tx_max``, ``tcp_data_split``, ``hds_thresh``, ``hds_thresh_max``, and what else the
            driver tells; what it does not tell is None.
        """
        known = dict.fromkeys(("rx", "rx_max", "tx", "tx_max", "tcp_data_split", "hds_thresh", "hds_thresh_max"))
        return known | {name.replace("-", "_"): value for name, value in self.ask("rings-get").items()}

    def set_rings(self, rx=None, tx=None, tcp_data_split=None, hds_thresh=None, **others):
        """Change the ring configuration (``ethtool -G``).

        Parameters
        ----------
        rx, tx : int, optional
            Descriptors in each RX and TX ring.
        tcp_data_split : {"on", "off", "auto"}, optional
            Header split.
        hds_thresh : int, optional
            Payloads larger than this are split, octets.
        **others
            Further ring parameters (``rx_buf_len``, ``cqe_size``, ``tx_push``, ...).

        Raises
        ------
        NetlinkError
            EOPNOTSUPP for a parameter that the driver lacks; EINVAL when XDP or a memory provider forbids the change.
        """
        given = {"rx": rx, "tx": tx, "tcp_data_split": tcp_data_split, "hds_thresh": hds_thresh, **others}
        self.ask("rings-set", {name.replace("_", "-"): int(value) if isinstance(value, bool) else value
                               for name, value in given.items() if value is not None})

    def get_channels(self):
        """Read the channel counts (``ethtool -l``).

        Returns
        -------
        channels : dict
            ``rx``, ``tx``, ``combined`` and ``rx_max``, ``tx_max``, ``combined_max``; 0 where the driver has no such kind.
        """
        told = self.ask("channels-get")
        return {**{kind: told.get(f"{kind}-count", 0) for kind in ("rx", "tx", "combined")},
                **{f"{kind}_max": told.get(f"{kind}-max", 0) for kind in ("rx", "tx", "combined")}}

    def set_channels(self, rx=None, tx=None, combined=None):
        """Change the channel counts (``ethtool -L``).

        Parameters
        ----------
        rx, tx, combined : int, optional
            Channels of one direction, and of both.

        Raises
        ------
        NetlinkError
            EINVAL, EOPNOTSUPP.
        """
        given = {"rx-count": rx, "tx-count": tx, "combined-count": combined}
        self.ask("channels-set", {name: value for name, value in given.items() if value is not None})

    def _bits(self):
        """Every feature by the kernel's name: (changeable, active)."""
        told = self.ask("features-get")
        names = {part: {bit["name"]: "value" in bit for bit in told.get(part, {}).get("bits", {}).get("bit", [])}
                 for part in ("hw", "active", "nochange")}
        return {name: (changeable and name not in names["nochange"], name in names["active"])
                for name, changeable in {**dict.fromkeys(names["active"], False), **names["hw"]}.items() if name}

    def get_features(self):
        """Read the features (``ethtool -k``).

        Returns
        -------
        features : dict of str to bool
            By the names that ``ethtool -k`` prints.
        """
        found = {FEATURES.get(name, name): active for name, (_, active) in self._bits().items()}
        return {**found, "tx-checksumming": any(on for name, on in found.items() if name.startswith("tx-checksum-"))}

    def fixed_features(self):
        """List the features that cannot be changed.

        Returns
        -------
        names : list of str
            By the names that ``ethtool -k`` prints.
        """
        return [FEATURES.get(name, name) for name, (changeable, _) in self._bits().items() if not changeable]

    def set_feature(self, name, on):
        """Turn a feature on or off (``ethtool -K``).

        Parameters
        ----------
        name : str
            As ``ethtool -k`` prints it, or one of ethtool's short names.
        on : bool
            Wanted.

        Raises
        ------
        OSError
            EINVAL: no such feature; EOPNOTSUPP: it is fixed.
        """
        kernel_name, before = ALIASES.get(name, name), self._bits()
        if kernel_name not in before:
            raise error(EINVAL, f"no feature {name!r} on {self.name}")
        bit = {"name": kernel_name, **({"value": True} if on else {})}
        self.ask("features-set", {"wanted": {"bits": {"bit": [bit]}}})
        if self._bits()[kernel_name][1] != bool(on):
            raise error(EOPNOTSUPP, f"{name} stays {'off' if on else 'on'} on {self.name}: it is fixed, or another feature "
                                     "wants it so")

    def get_coalesce(self):
        """Read interrupt moderation (``ethtool -c``).

        Returns
        -------
        coalesce : dict of str to int
            ``rx_usecs``, ``rx_frames`` and what else the driver tells.
        """
        names = {long: short for short, long in COALESCE.items()}
        told = {name: value for name, value in self.ask("coalesce-get").items() if isinstance(name, str)}
        return {names.get(name, name.replace("-", "_")): value for name, value in told.items()}

    def set_coalesce(self, **settings):
        """Change interrupt moderation (``ethtool -C``).

        Parameters
        ----------
        **settings
            ``rx_usecs``, ``rx_frames``, ...

        Raises
        ------
        NetlinkError
            EOPNOTSUPP for a setting that the driver lacks, EINVAL for one that does not exist.
        """
        self.ask("coalesce-set", {COALESCE.get(name, name.replace("_", "-")): int(value) for name, value in settings.items()})
