"""The words of a scenario file: which tables and keys there are, what each may be, and what is said of a wrong one.

Law.   A value is taken as it is meant or refused; what is refused is named with its table, its key, its value and the remedy.
Reads. TOML 1.0; interfaces section 2 for the names.
Omits. Units but those of sizes: every other number has its unit in its key.
"""

import difflib
import ipaddress
from typing import NamedTuple

from devmemlab.base.profile import DEFAULT, PROFILES
from devmemlab.base.units import parse_size
from devmemlab.mem.region import PAGE_SIZE


class ScenarioError(ValueError):
    """A scenario that cannot be; the text names the place in the file, what stands there, and what to write."""


class Key(NamedTuple):
    """What a key may be.

    check : callable
        Takes the value, returns it as it is used; raises ValueError.
    words : str
        What is possible, to follow "needed:".
    default : object
        When it is left out; `NEEDED`: it cannot be left out.
    """

    check: object
    words: str
    default: object = None


NEEDED = object()


def _text(value):
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _whole(least, most):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError
        return value
    return check


def _number(least, most):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise ValueError
        return value
    return check


def _power(least, most):
    def check(value):
        if _whole(least, most)(value) & value - 1:
            raise ValueError
        return value
    return check


def _one_of(*words):
    def check(value):
        if value not in words:
            raise ValueError
        return value
    return check


def _size(value):
    if parse_size(value) == 0:
        raise ValueError
    return value


def _pages(value):
    if parse_size(_size(value)) % PAGE_SIZE:
        raise ValueError
    return value


def _address(version):
    def check(value):
        if ipaddress.ip_address(_text(value)).version != version:
            raise ValueError
        return value
    return check


def _list(check, least=1, most=256):
    def whole(value):
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError
        return [check(one) for one in value]
    return whole


def _integer(least, most, default=None, what="a whole number"):
    return Key(_whole(least, most), f"{what} from {least} to {most}", default)


def _real(least, most, default=None, what="a number"):
    return Key(_number(least, most), f"{what} from {least:g} to {most:g}", default)


_CHANCE = dict(least=0, most=1, what="a probability")
NAME = Key(_text, "a text", NEEDED)
TABLES = {
    "": {"name": Key(_text, "a text", "scenario"), "about": Key(_text, "a text"), "seed": _integer(0, (1 << 20) - 1, 0),
         "until_ms": _real(0.001, 1e9, what="virtual milliseconds")},
    "host": {"name": NAME, "ip": Key(_address(4), 'an IPv4 address, as "10.0.0.2"'),
             "ip6": Key(_address(6), 'an IPv6 address, as "fd00::2"'),
             "ifname": Key(_text, "the name of an interface", "eth1"), "mtu": _integer(68, 65521, 1500),
             "rx_queues": _integer(1, 256, 1), "rx_ring": Key(_power(8, 1 << 15), "a power of two from 8 to 32768", 1024),
             "kernel": Key(_one_of(*PROFILES), f"one of {', '.join(PROFILES)} (in quotation marks)", DEFAULT),
             "sockets": _integer(1, 1 << 16, 64), "trace": _integer(1, 1 << 24, 1 << 17, "a number of events"),
             "tcp_data_split": Key(_one_of("on", "off", "auto"), 'one of "on", "off", "auto"'),
             "hds_thresh": _integer(0, 65535), "rss_equal": _integer(1, 256, what="a number of queues"),
             "commands": Key(_list(_text), 'a list of command lines, as ["ethtool -G eth1 tcp-data-split on"]')},
    "link": {"between": Key(_list(_text, 2, 2), 'the names of two hosts, as ["storage", "trainer"]', NEEDED),
             "gbps": _real(0, 1e6, 0), "delay_us": _real(0, 1e9, 0), "loss": _real(default=0, **_CHANCE),
             "reorder": _real(default=0, **_CHANCE), "duplicate": _real(default=0, **_CHANCE),
             "corrupt": _real(default=0, **_CHANCE)},
    "binding": {"host": NAME, "memory": Key(_pages, 'a size in whole pages of 4096 octets, as "64MiB"', NEEDED),
                "queues": Key(_list(_whole(0, 255)), "a list of RX queues, as [1]", NEEDED),
                "rx_page_size": Key(_power(4096, 1 << 21), "a power of two from 4096 to 2097152")},
    "traffic": {"from": NAME, "to": NAME, "port": _integer(1, 65535, 5201),
                "octets": Key(_size, 'a size, as "64KiB"', NEEDED), "message": Key(_size, 'a size, as "1448"'),
                "pace_us": _real(0, 1e9, 0, "microseconds"), "start_us": _real(0, 1e9, 0, "microseconds"),
                "into": Key(_one_of("host", "device"), 'one of "host", "device"', "host"), "queue": _integer(0, 255),
                "keep": _integer(0, 1 << 20, 0, "a number of tokens"), "seed": _integer(0, (1 << 20) - 1)},
    "expect": {"trace_sha256": Key(_text, "what an earlier run said", NEEDED)},
}
"""Table -> its keys. ``""`` are the keys before the first table; `LISTS` come any number of times, as ``[[host]]``."""
LISTS = ("host", "link", "binding", "traffic")


def spelled(value):
    """Spell a value as TOML does.

    Parameters
    ----------
    value : str, int, float, bool or list
        Of a scenario.

    Returns
    -------
    text : str
        One line.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(spelled, value))}]"
    if not isinstance(value, str):
        return repr(value)
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
    return f'"{escaped}"'


def meant(word, known):
    """Say which of the known words was meant.

    Parameters
    ----------
    word : str
        What was written.
    known : iterable of str
        What there is.

    Returns
    -------
    text : str
        A question, or a list.
    """
    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(filter(None, known))}"


def check_table(table, values, place, source):
    """Check one table.

    Parameters
    ----------
    table : str
        Which kind.
    values : dict
        As the file has them.
    place : str
        How to name it.
    source : str
        The file.

    Returns
    -------
    checked : dict
        With defaults for what was left out; None where there is no default.

    Raises
    ------
    ScenarioError
        Names the first wrong key.
    """
    keys = TABLES[table]
    before = f"{place}." if place else ""
    for word, value in values.items():
        if word not in keys:
            raise ScenarioError(f"{source}: {before}{word}: there is no such key; {meant(word, keys)}")
        try:
            keys[word].check(value)
        except (ValueError, TypeError):
            shown = spelled(value) if isinstance(value, (str, int, float, list)) else value
            raise ScenarioError(f"{source}: {before}{word} = {shown} cannot be; needed: {keys[word].words}") from None
    for word, key in keys.items():
        if key.default is NEEDED and word not in values:
            raise ScenarioError(f"{source}: {before}{word} is missing; needed: {key.words}")
    return {word: values.get(word, key.default) for word, key in keys.items()}


def check_scenario(data, source):
    """Check a whole scenario.

    Parameters
    ----------
    data : dict
        As TOML gives it.
    source : str
        The file, for messages.

    Returns
    -------
    checked : dict
        Top keys, and a list for each of `LISTS`.

    Raises
    ------
    ScenarioError
        Names the first wrong place.
    """
    top = {word: value for word, value in data.items() if word not in TABLES}
    wrong = [word for word, value in top.items() if isinstance(value, (dict, list)) and word not in TABLES[""]]
    if wrong:
        raise ScenarioError(f"{source}: [{wrong[0]}]: there is no such table; {meant(wrong[0], TABLES)}")
    checked = check_table("", top, "", source)
    for table in LISTS:
        rows = data.get(table, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ScenarioError(f"{source}: {table} comes any number of times; write [[{table}]]")
        checked[table] = [check_table(table, row, f"{table}[{number}]", source) for number, row in enumerate(rows, 1)]
    if not isinstance(data.get("expect", {}), dict):
        raise ScenarioError(f"{source}: expect is there once; write [expect]")
    checked["expect"] = check_table("expect", data["expect"], "expect", source) if "expect" in data else None
    return checked
