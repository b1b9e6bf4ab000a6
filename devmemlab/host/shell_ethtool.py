"""``ethtool``: its options, and those that change rings, channels, features and moderation.

Law.   A change goes through the method of the same name; nothing is set here.
Reads. ethtool(8) 6.15: options, messages and exit status.
Omits. Options about link modes, EEPROMs, time stamping, PHYs.
"""

from devmemlab.host.ethtool import Ethtool
from devmemlab.host.shell_rss import change_rss, show_rss
from devmemlab.host.shell_rules import change_classes, show_classes
from devmemlab.host.shell_show import (
    show_channels,
    show_coalesce,
    show_driver,
    show_features,
    show_rings,
    show_stats,
)
from devmemlab.host.shell_words import BAD_ARGUMENTS, Refused, Usage, netlink_words, number, pairs

LONG = {"--show-ring": "-g", "--set-ring": "-G", "--show-channels": "-l", "--set-channels": "-L", "--show-features": "-k",
        "--show-offload": "-k", "--features": "-K", "--offload": "-K", "--show-rxfh-indir": "-x", "--show-rxfh": "-x",
        "--set-rxfh-indir": "-X", "--rxfh": "-X", "--show-nfc": "-n", "--show-ntuple": "-n", "-u": "-n", "--config-nfc": "-N",
        "--config-ntuple": "-N", "-U": "-N", "--statistics": "-S", "--driver": "-i", "--show-coalesce": "-c",
        "--coalesce": "-C"}
RINGS = ("rx", "tx", "tcp-data-split", "hds-thresh", "rx-mini", "rx-jumbo", "rx-buf-len", "cqe-size", "tx-push", "rx-push",
         "tx-push-buf-len")
CHANNELS = ("rx", "tx", "other", "combined")
COALESCE = ("rx-usecs", "rx-frames", "tx-usecs", "tx-frames", "adaptive-rx", "adaptive-tx", "rx-usecs-irq", "rx-frames-irq",
            "tx-usecs-irq", "tx-frames-irq")
SWITCHES = ("tcp-data-split", "tx-push", "rx-push", "adaptive-rx", "adaptive-tx")


def _value(name, word):
    """A ring or moderation value: a switch or a number."""
    if name in SWITCHES:
        if word not in ("on", "off", "auto") or word == "auto" and name != "tcp-data-split":
            raise Usage(f"ethtool: invalid value '{word}' of parameter '{name}'")
        return word
    return number(word, f"ethtool: invalid value '{word}' of parameter '{name}'")


def _refusable(code, call, **values):
    """Call a method; a refusal is told as netlink tools do."""
    try:
        call(**values)
    except OSError as err:
        raise Refused(netlink_words(err), err, code) from None


def change_rings(face, words):
    """Run ``ethtool -G``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Names and values.

    Returns
    -------
    text : str
        Empty.
    """
    given = {name.replace("-", "_"): _value(name, word) for name, word in pairs(words, RINGS, "-G").items()}
    for name in ("rx_mini", "rx_jumbo"):
        if given.pop(name, 0):
            raise Usage("netlink error: requested ring size exceeds maximum\nnetlink error: Invalid argument", 81)
    _refusable(81, face.set_rings, **given)
    return ""


def change_channels(face, words):
    """Run ``ethtool -L``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Names and values.

    Returns
    -------
    text : str
        Empty.
    """
    given = {name: _value(name, word) for name, word in pairs(words, CHANNELS, "-L").items()}
    if given.pop("other", 0):
        raise Usage("netlink error: requested channel count exceeds maximum\nnetlink error: Invalid argument")
    _refusable(1, face.set_channels, **given)
    return ""


def change_coalesce(face, words):
    """Run ``ethtool -C``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Names and values.

    Returns
    -------
    text : str
        Empty.
    """
    given = {name.replace("-", "_"): _value(name, word) for name, word in pairs(words, COALESCE, "-C").items()}
    given = {name: value for name, value in given.items() if value != "off"}
    _refusable(1, face.set_coalesce, **given)
    return ""


def change_features(face, words):
    """Run ``ethtool -K``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Names and ``on`` or ``off``.

    Returns
    -------
    text : str
        Empty.
    """
    given = {}
    for name, word in zip(words[::2], [*words[1::2], None]):
        if word not in ("on", "off"):
            raise Usage(f"ethtool (-K): flag '{word or '(null)'}' for parameter '{name}' is not followed by 'on' or 'off'")
        given[name] = word == "on"
    if not given:
        raise Usage(BAD_ARGUMENTS)
    done = 0
    for name, on in given.items():
        try:
            face.set_feature(name, on)
            done += 1
        except OSError as err:
            if err.errno == 22 and name not in face.get_features():
                raise Refused("netlink error: bit name not found\nnetlink error: Operation not supported", err, 92) from None
            was = f"{name}: {'off' if on else 'on'} [requested {'on' if on else 'off'}]"
            raise Refused("Could not change all device features" if done else "Could not change any device features", err,
                          stdout=f"Actual changes:\n{was}\n") from None
    return ""


HANDLERS = {"-g": show_rings, "-G": change_rings, "-l": show_channels, "-L": change_channels, "-k": show_features,
            "-K": change_features, "-x": show_rss, "-X": change_rss, "-n": show_classes, "-N": change_classes,
            "-S": show_stats, "-i": show_driver, "-c": show_coalesce, "-C": change_coalesce}


def ethtool_command(host, words):
    """Run ``ethtool OPTION DEVICE ...``.

    Parameters
    ----------
    host : Host
        Whose interfaces.
    words : list of str
        The command line after ``ethtool``.

    Returns
    -------
    text : str
        Standard output.
    """
    if words == ["--version"]:
        return "ethtool version 6.15\n"
    option = LONG.get(words[0], words[0]) if words else ""
    if option not in HANDLERS or len(words) < 2:
        known = ", ".join(sorted(HANDLERS, key=str.lower))
        hint = f"\n(here: {known} and their long forms)" if words and words[0].startswith("-") and option not in HANDLERS else ""
        raise Usage(BAD_ARGUMENTS + hint)
    face = host.ethtool(words[1])
    if not isinstance(face, Ethtool):
        raise Usage("netlink error: Operation not supported", 81 if option == "-G" else 1)
    return HANDLERS[option](face, words[2:])
