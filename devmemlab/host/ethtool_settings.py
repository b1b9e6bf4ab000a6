"""Rings, channels, interrupt moderation and features of the ethtool face.

Law.   What is refused here is refused for the kernel's reason, and nothing has changed.
Reads. ethtool(8), --set-ring, --set-channels, --coalesce, --features; spec sections 10.1 and 10.2.
Omits. Moderation that adapts; priority flow control, link modes, EEPROMs.
"""

from devmemlab.base.errno import EOPNOTSUPP, error
from devmemlab.nic.moderation import get_coalesce, set_coalesce

FEATURES = {"rx-checksumming": "rx-checksum", "generic-receive-offload": "rx-gro", "large-receive-offload": "rx-lro",
            "ntuple-filters": "ntuple", "rx-gro-hw": "rx-gro-hw", "tx-tcp-segmentation": "tx-tcp-segmentation",
            "tx-tcp6-segmentation": "tx-tcp6-segmentation"}
"""What ``ethtool -k`` calls a feature -> what the device calls it."""
ALIASES = {"rx": "rx-checksum", "gro": "rx-gro", "lro": "rx-lro", "ntuple": "ntuple", "rx-ntuple-filter": "ntuple", **FEATURES,
           "tx": "tx-checksumming", "rxhash": "receive-hashing", "rx-hashing": "receive-hashing", "rxvlan": "rx-vlan-offload",
           "tso": "tcp-segmentation-offload"}
GROUPS = {"tcp-segmentation-offload": ("tx-tcp-segmentation", "tx-tcp6-segmentation")}
"""A name of ``ethtool -k`` that stands for several features: on when one of them is."""
ALWAYS = {"receive-hashing": True, "rx-vlan-offload": False, "tx-checksumming": True}
"""Features that are what they are: ``ethtool -k`` says ``[fixed]``."""


class SettingsFace:
    """The part of `devmemlab.host.ethtool.Ethtool` about the device as a whole."""

    def get_rings(self):
        """Read the ring configuration (``ethtool -g``).

        Returns
        -------
        rings : dict
            ``rx``, ``rx_max``, ``tx``, ``tx_max``, ``tcp_data_split`` (``"auto"``, ``"off"``, ``"on"``: what is stored),
            ``hds_thresh``, ``hds_thresh_max``.
        """
        return self.netdev.get_rings()

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
            Ring parameters of other NICs (``rx_buf_len``, ``cqe_size``, ``tx_push``, ...): refused by this one.

        Raises
        ------
        OSError
            EOPNOTSUPP for a parameter that the NIC lacks; EINVAL when XDP or a memory provider forbids the change, or for a
            value above its maximum.
        """
        self.netdev.set_rings(rx=rx, tx=tx, tcp_data_split=tcp_data_split, hds_thresh=hds_thresh, **others)
        self.poke()

    def get_channels(self):
        """Read the channel counts (``ethtool -l``).

        Returns
        -------
        channels : dict
            ``rx``, ``tx``, ``combined`` and ``rx_max``, ``tx_max``, ``combined_max``.
        """
        return self.netdev.get_channels()

    def set_channels(self, rx=None, tx=None, combined=None):
        """Change the channel counts (``ethtool -L``).

        Parameters
        ----------
        rx, tx, combined : int, optional
            Channels of one direction, and of both.

        Raises
        ------
        OSError
            EINVAL: above a maximum, nothing left of a direction, or a queue would go that an indirection table, a rule, a memory
            provider or an AF_XDP socket needs.
        """
        self.netdev.set_channels(rx=rx, tx=tx, combined=combined)
        self.poke()

    def get_features(self):
        """Read the features (``ethtool -k``).

        Returns
        -------
        features : dict of str to bool
            By the names that ``ethtool -k`` prints.
        """
        device = self.netdev.get_features()
        features = {name: bool(device.get(short, False)) for name, short in FEATURES.items()}
        return {**features, **{name: any(features[part] for part in parts) for name, parts in GROUPS.items()}, **ALWAYS}

    def fixed_features(self):
        """List the features that cannot be changed.

        Returns
        -------
        names : list of str
            By the names that ``ethtool -k`` prints.
        """
        device, fixed = self.netdev.get_features(), set(self.netdev.fixed_features())
        return [name for name, short in FEATURES.items() if short in fixed or short not in device] + list(ALWAYS)

    def set_feature(self, name, on):
        """Turn a feature on or off (``ethtool -K``).

        Parameters
        ----------
        name : str
            As ``ethtool -k`` prints it, or one of ethtool's short names (``rx``, ``gro``, ``lro``, ``tso``, ``ntuple``).
        on : bool
            Wanted.

        Raises
        ------
        OSError
            EINVAL: no such feature; EOPNOTSUPP: it is fixed.
        """
        name = ALIASES.get(name, name)
        if name in ALWAYS:
            if bool(on) != ALWAYS[name]:
                raise error(EOPNOTSUPP, f"{name} is fixed to {'on' if ALWAYS[name] else 'off'} on {self.netdev.name}")
            return
        for part in GROUPS.get(name, (name,)):
            self.netdev.set_feature(part, bool(on))
        self.poke()

    def get_coalesce(self):
        """Read interrupt moderation (``ethtool -c``).

        Returns
        -------
        coalesce : dict of str to int
            ``rx_usecs`` (a packet waits at most so long for others), ``rx_frames`` (or until so many have come); 0 is off.
        """
        return {name.replace("-", "_"): value for name, value in get_coalesce(self.netdev.nics, self.netdev.nic).items()}

    def set_coalesce(self, **settings):
        """Change interrupt moderation (``ethtool -C``).

        Parameters
        ----------
        **settings
            ``rx_usecs``, ``rx_frames``.

        Raises
        ------
        OSError
            EOPNOTSUPP for a setting that the NIC lacks, EINVAL for one that is out of range.
        """
        here = self.get_coalesce()
        lacking = next((name for name in settings if name not in here), None)
        if lacking:
            raise error(EOPNOTSUPP, f"{lacking.replace('_', '-')}: {self.netdev.name} moderates by "
                                    f"{', '.join(name.replace('_', '-') for name in here)}")
        set_coalesce(self.netdev.nics, self.netdev.nic, **settings)
