"""Units: sizes as people write them.

Law.   A size is a whole number of bytes before anything else looks at it.
Reads. IEC 80000-13 (KiB, MiB, ...), SI (kB, MB, ...).
Omits. Fractions of a byte, bits.
"""

import re

FACTORS = {
    "": 1, "b": 1,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_size(size):
    """Read a size.

    Parameters
    ----------
    size : int or str
        Bytes, or a number with a unit: ``"2000"``, ``"64MiB"``, ``"1.5 GiB"``, ``"10kB"``.

    Returns
    -------
    nbytes : int
        Bytes, 0 or more.

    Raises
    ------
    ValueError
        It is not a size, is negative, or is not a whole number of bytes.
    """
    if isinstance(size, bool) or not (isinstance(size, str) or hasattr(size, "__index__")):
        raise ValueError(f"{size!r} is not a size; write a number of bytes or a string such as '64MiB'")
    if not isinstance(size, str):
        size = size.__index__()
    if isinstance(size, int):
        if size < 0:
            raise ValueError(f"a size cannot be negative: {size}")
        return size
    match = _PATTERN.fullmatch(size)
    if match is None or match[2].lower() not in FACTORS:
        raise ValueError(f"{size!r} is not a size; write a number and B, KiB, MiB, GiB, TiB, kB, MB, GB or TB")
    whole, _, part = match[1].partition(".")
    nbytes, rest = divmod(int(whole + part) * FACTORS[match[2].lower()], 10 ** len(part))
    if rest:
        raise ValueError(f"{size!r} is not a whole number of bytes")
    return nbytes


def format_size(nbytes):
    """Spell a size with the largest binary unit that divides or nearly describes it.

    Parameters
    ----------
    nbytes : int
        Bytes.

    Returns
    -------
    text : str
        ``"64 MiB"``, ``"1.5 GiB"``, ``"2000 B"``.
    """
    for name, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if nbytes >= 1 << shift:
            return f"{nbytes / (1 << shift):.4g} {name}"
    return f"{nbytes} B"
