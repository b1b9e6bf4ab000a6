"""Features: what the NIC does by itself, bit by bit.

Law.   A feature that the hardware lacks cannot be turned on, and one that another needs takes it along when it goes.
Reads. Linux include/linux/netdev_features.h, net/core/dev.c (netdev_fix_features); ethtool(8) for the names.
Omits. Features of transmission but segmentation: what else a device can or cannot do when it sends is in
       `devmemlab.net.transmit`, and no ethtool changes it.
"""

from devmemlab.base.errno import EINVAL, EOPNOTSUPP
from devmemlab.net.refusal import ProviderError

FIELDS = {"rx-checksum": "rx_csum", "ntuple": "ntuple", "rx-gro-hw": "gro_hw", "rx-gro": "gro", "rx-lro": "lro",
          "tx-tcp-segmentation": "tso", "tx-tcp6-segmentation": "tso6"}
"""Name of each feature and the field of the NIC's row that holds it; a feature without field is one that the NIC lacks."""
NEEDS = {"rx-gro-hw": "rx-checksum", "rx-lro": "rx-checksum"}


class Features:
    """The part of a network device that is set with ``ethtool -K``."""

    def get_features(self):
        """Read the features.

        Returns
        -------
        features : dict of str to bool
            Those that the NIC lacks are False.
        """
        return {name: self._has(name) and bool(self.ctl[field]) for name, field in FIELDS.items()}

    def fixed_features(self):
        """List the features that cannot be changed.

        Returns
        -------
        names : list of str
            The NIC lacks them.
        """
        return [name for name in FIELDS if not self._has(name)]

    def _has(self, name):
        return FIELDS[name] in self.ctl.dtype.names

    def set_feature(self, name, on):
        """Turn a feature on or off.

        Parameters
        ----------
        name : str
            As ethtool(8) spells it, one of `FIELDS`.
        on : bool
            Wanted.

        Raises
        ------
        ProviderError
            EINVAL no such feature, or it needs another that is off; EOPNOTSUPP the NIC lacks it.
        """
        if name not in FIELDS:
            raise ProviderError(EINVAL, f"there is no feature {name!r}", f"there are {', '.join(FIELDS)}")
        if not self._has(name):
            if on:
                raise ProviderError(EOPNOTSUPP, f"{self.name} lacks {name}", "it is fixed to off")
            return
        needed = NEEDS.get(name)
        if on and needed and not self.ctl[FIELDS[needed]]:
            raise ProviderError(EINVAL, f"{name} needs {needed}", f"turn {needed} on first")
        self.ctl[FIELDS[name]] = int(bool(on))
        if not on:
            for other, needs in NEEDS.items():
                if needs == name and self._has(other):
                    self.ctl[FIELDS[other]] = 0
