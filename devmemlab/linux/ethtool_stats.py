"""Statistics and driver information of a real interface: ``ethtool -S`` and ``-i``.

Law.   Every counter is shown under the name that the driver gives it.
Reads. Linux include/uapi/linux/ethtool.h (struct ethtool_stats, ethtool_gstrings, ethtool_drvinfo).
Omits. Standard statistics groups (MAC, PHY, RMON).
"""

import struct

from devmemlab.host.counter_table import Statistics
from devmemlab.linux.ethtool_ioctl import (
    DRVINFO_BYTES,
    ETH_SS_STATS,
    ETHTOOL_GDRVINFO,
    ETHTOOL_GSSET_INFO,
    ETHTOOL_GSTATS,
    ETHTOOL_GSTRINGS,
    STRING_BYTES,
    ethtool_ioctl,
)

TEXTS = {"driver": (4, 32), "version": (36, 32), "firmware-version": (68, 32), "bus-info": (100, 32),
         "expansion-rom-version": (132, 32)}
"""Name -> offset and octets in struct ethtool_drvinfo."""


def text_of(octets):
    """Read a C string.

    Parameters
    ----------
    octets : bytes
        With a zero behind it, perhaps.

    Returns
    -------
    text : str
        It.
    """
    return octets.partition(b"\0")[0].decode("utf-8", "replace")


class StatsFace:
    """The part of `devmemlab.linux.ethtool.Ethtool` that only reads."""

    def get_stats(self):
        """Read the statistics (``ethtool -S``).

        Returns
        -------
        stats : Statistics
            A dict by the driver's own names; empty where it has none.
        """
        answer = ethtool_ioctl(self.name, struct.pack("=IIQI", ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_STATS, 0))
        if not struct.unpack_from("=Q", answer, 8)[0]:
            return Statistics()
        count = struct.unpack_from("=I", answer, 16)[0]
        names = ethtool_ioctl(self.name, struct.pack("=III", ETHTOOL_GSTRINGS, ETH_SS_STATS, count) + bytes(count * STRING_BYTES))
        values = ethtool_ioctl(self.name, struct.pack("=II", ETHTOOL_GSTATS, count) + bytes(count * 8))
        return Statistics({text_of(names[12 + i * STRING_BYTES:][:STRING_BYTES]): value
                           for i, value in enumerate(struct.unpack_from(f"={count}Q", values, 8))})

    def get_driver(self):
        """Read the driver's names (``ethtool -i``).

        Returns
        -------
        driver : dict of str to str
            As ``ethtool -i`` prints them.
        """
        answer = ethtool_ioctl(self.name, struct.pack("=I", ETHTOOL_GDRVINFO) + bytes(DRVINFO_BYTES - 4))
        flags, stats, tests, eeprom, registers = struct.unpack_from("=5I", answer, 176)
        said = {"supports-statistics": stats, "supports-test": tests, "supports-eeprom-access": eeprom,
                "supports-register-dump": registers, "supports-priv-flags": flags}
        return {**{name: text_of(answer[at:at + size]) for name, (at, size) in TEXTS.items()},
                **{name: "yes" if number else "no" for name, number in said.items()}}
