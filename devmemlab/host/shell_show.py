"""What ``ethtool`` prints of rings, channels, features, moderation, driver and statistics.

Law.   Every value is read through the Linux face; ``n/a`` is what the NIC does not have.
Reads. The output of ethtool 6.15.
Omits. JSON output.
"""

from devmemlab.host.ethtool_settings import GROUPS

FEATURE_ORDER = ("rx-checksumming", "tx-checksumming", "tcp-segmentation-offload", "tx-tcp-segmentation", "tx-tcp6-segmentation",
                 "generic-receive-offload", "large-receive-offload", "rx-vlan-offload", "ntuple-filters", "receive-hashing",
                 "rx-gro-hw")


def _value(label, value, stop):
    """One line with the value at a tab stop."""
    tabs = "\t" * max(1, stop - len(label) // 8)
    return f"{label}{tabs}{'n/a' if value is None else value}\n"


def show_rings(face, words):
    """Print ``ethtool -g``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Not looked at.

    Returns
    -------
    text : str
        The table.
    """
    rings = face.get_rings()
    split = {"auto": "n/a"}.get(rings["tcp_data_split"], rings["tcp_data_split"])
    most = [("RX:", rings["rx_max"]), ("RX Mini:", None), ("RX Jumbo:", None), ("TX:", rings["tx_max"]),
            ("TX push buff len:", None), ("HDS thresh:", rings["hds_thresh_max"])]
    now = [("RX:", rings["rx"]), ("RX Mini:", None), ("RX Jumbo:", None), ("TX:", rings["tx"]), ("RX Buf Len:", None),
           ("CQE Size:", None)]
    last = [("TX push buff len:", None), ("TCP data split:", split), ("HDS thresh:", rings["hds_thresh"])]
    return (f"Ring parameters for {face.netdev.name}:\nPre-set maximums:\n" + "".join(_value(*line, 3) for line in most)
            + "Current hardware settings:\n" + "".join(_value(*line, 3) for line in now) + "TX Push:\t\toff\nRX Push:\t\toff\n"
            + "".join(_value(*line, 3) for line in last))


def show_channels(face, words):
    """Print ``ethtool -l``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Not looked at.

    Returns
    -------
    text : str
        The table.
    """
    channels = face.get_channels()

    def block(suffix):
        return "".join(_value(label, value, 2) for label, value in (
            ("RX:", channels["rx" + suffix]), ("TX:", channels["tx" + suffix]), ("Other:", None),
            ("Combined:", channels["combined" + suffix])))

    return (f"Channel parameters for {face.netdev.name}:\nPre-set maximums:\n{block('_max')}"
            f"Current hardware settings:\n{block('')}")


def show_features(face, words):
    """Print ``ethtool -k``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Not looked at.

    Returns
    -------
    text : str
        One line a feature.
    """
    features, fixed = face.get_features(), set(face.fixed_features())
    order = [*FEATURE_ORDER, *(name for name in features if name not in FEATURE_ORDER)]
    parts = {part for group in GROUPS.values() for part in group}
    lines = [f"{chr(9) * (name in parts)}{name}: {'on' if features[name] else 'off'}{' [fixed]' * (name in fixed)}\n"
             for name in order]
    return f"Features for {face.netdev.name}:\n{''.join(lines)}"


def show_coalesce(face, words):
    """Print ``ethtool -c``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Not looked at.

    Returns
    -------
    text : str
        Blocks of settings.
    """
    have = face.get_coalesce()

    def block(*names):
        return "".join(f"{name}: {have.get(name.replace('-', '_'), 'n/a')}\n" for name in names) + "\n"

    return (f"Coalesce parameters for {face.netdev.name}:\nAdaptive RX: n/a  TX: n/a\n"
            + block("stats-block-usecs", "sample-interval", "pkt-rate-low", "pkt-rate-high")
            + block("rx-usecs", "rx-frames", "rx-usecs-irq", "rx-frames-irq")
            + block("tx-usecs", "tx-frames", "tx-usecs-irq", "tx-frames-irq")
            + block("rx-usecs-low", "rx-frame-low", "tx-usecs-low", "tx-frame-low")
            + block("rx-usecs-high", "rx-frame-high", "tx-usecs-high", "tx-frame-high")
            + "CQE mode RX: n/a  TX: n/a\n\n")


def show_driver(face, words):
    """Print ``ethtool -i``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Not looked at.

    Returns
    -------
    text : str
        One line a name.
    """
    return "".join(f"{name}: {value}\n" for name, value in face.get_driver().items())


def show_stats(face, words):
    """Print ``ethtool -S``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Not looked at.

    Returns
    -------
    text : str
        One line a counter.
    """
    return "NIC statistics:\n" + "".join(f"     {name}: {value}\n" for name, value in face.get_stats().items())
