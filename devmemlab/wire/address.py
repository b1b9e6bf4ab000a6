"""Addresses as people write them, and as rows hold them.

Law.   ``address_text(*parse_address(text))`` is the canonical spelling of `text`.
Reads. RFC 4291, RFC 5952 (through Python's ipaddress).
Omits. Scopes, prefixes and names.
"""

import ipaddress

_HALF = 1 << 64


def _signed(half):
    """Turn 64 bits into the int64 that a table holds.

    Parameters
    ----------
    half : int
        0 to 2^64 - 1.

    Returns
    -------
    half : int
        -2^63 to 2^63 - 1.
    """
    return half - _HALF if half >> 63 else half


def parse_address(text):
    """Read an IPv4 or IPv6 address.

    Parameters
    ----------
    text : str
        ``"10.0.0.1"`` or ``"fd00::1"``.

    Returns
    -------
    version, high, low : int
        4 or 6, and the two halves as int64; the high one is 0 for IPv4.

    Raises
    ------
    ValueError
        The text is neither.
    """
    address = ipaddress.ip_address(str(text))
    number = int(address)
    return address.version, _signed(number >> 64), _signed(number & (_HALF - 1))


def address_text(version, high, low):
    """Spell an address.

    Parameters
    ----------
    version : int
        4 or 6.
    high, low : int
        Its halves, see `parse_address`.

    Returns
    -------
    text : str
        ``"10.0.0.1"`` or ``"fd00::1"``.
    """
    if int(version) == 4:
        return str(ipaddress.IPv4Address(int(low)))
    return str(ipaddress.IPv6Address((int(high) % _HALF) << 64 | int(low) % _HALF))
