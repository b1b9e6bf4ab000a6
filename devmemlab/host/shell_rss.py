"""``ethtool -x`` and ``-X``: RSS tables, keys and contexts on the command line.

Law.   What is printed can be typed again.
Reads. ethtool(8) 6.15, --rxfh; its output and messages.
Omits. JSON output; hash functions other than Toeplitz.
"""

from devmemlab.host.shell_words import BAD_ARGUMENTS, Refused, Usage, number, reason

CANNOT_SET = "Cannot set RX flow hash configuration"
CANNOT_GET = "Cannot get RX flow hash indir size and/or key size"


def show_rss(face, words):
    """Print ``ethtool -x``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        ``context N``, or nothing.

    Returns
    -------
    text : str
        Table, key, function and transform.
    """
    if words and (words[0] != "context" or len(words) != 2):
        raise Usage(BAD_ARGUMENTS)
    try:
        shown = face.get_rxfh(context=number(words[1]) if words else 0)
    except OSError as err:
        raise Refused(f"{CANNOT_GET}: {reason(err)}", err) from None
    lines = [f"RX flow hash indirection table for {face.netdev.name} with {face.netdev.real_num_rx_queues} RX ring(s):"]
    table = shown["indir"]
    lines += [f"{at:5}: " + "".join(f" {queue:5}" for queue in table[at:at + 8]) for at in range(0, len(table), 8)]
    lines += ["RSS hash key:", shown["key"].hex(":"), "RSS hash function:", "    toeplitz: on", "    xor: off", "    crc32: off",
              "RSS input transformation:"]
    lines += [f"    {name}: {'on' if shown['transform'] == name else 'off'}" for name in ("symmetric-xor", "symmetric-or-xor")]
    return "\n".join(lines) + "\n"


def _key(text):
    """Read a key as pairs of digits between colons."""
    try:
        return bytes(int(octet, 16) for octet in text.split(":"))
    except ValueError:
        raise Usage("Key format error: hex octets between colons are wanted") from None


def _parse(words):
    """Read the words of ``-X``: settings of the table, of the hash, the context, and whether to delete it."""
    table, how, context, delete, rest = {}, {}, None, False, list(words)
    while rest:
        word = rest.pop(0)
        if word == "default":
            table["default"] = True
        elif word == "delete":
            delete = True
        elif word == "weight":
            weights = []
            while rest and rest[0].isdigit():
                weights.append(int(rest.pop(0)))
            table["weight"] = weights
        elif not rest:
            raise Usage(BAD_ARGUMENTS)
        elif word in ("equal", "start"):
            table[word] = number(rest.pop(0))
        elif word == "hkey":
            how["key"] = _key(rest.pop(0))
        elif word == "hfunc":
            how["function"] = rest.pop(0)
        elif word == "xfrm":
            how["transform"] = rest.pop(0)
        elif word == "context":
            context = rest.pop(0)
            context = context if context == "new" else number(context)
        else:
            raise Usage(BAD_ARGUMENTS)
    choices = sum(name in table for name in ("equal", "weight", "default"))
    if choices > 1:
        raise Usage("Equal, weight and default options are mutually exclusive")
    if "start" in table and not choices or delete and (table or how or context in (None, "new")):
        raise Usage(BAD_ARGUMENTS)
    if table.get("weight") == [] or "weight" in table and not sum(table["weight"]):
        raise Usage("At least one weight must be non-zero")
    return table, how, context, delete


def change_rss(face, words):
    """Run ``ethtool -X``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Settings.

    Returns
    -------
    text : str
        The number of a new context, or nothing.
    """
    table, how, context, delete = _parse(words)
    if not words:
        raise Usage(BAD_ARGUMENTS)
    try:
        if delete:
            face.delete_context(context)
            return ""
        if context == "new":
            if how.pop("function", "toeplitz") != "toeplitz" or table.pop("default", False):
                raise Usage(BAD_ARGUMENTS)
            return f"New RSS context is {face.add_context(**table, **how)}\n"
        if how:
            face.set_rxfh(**how, context=context or 0)
        if table:
            face.set_rxfh_indir(**table, context=context or 0)
    except OSError as err:
        raise Refused(f"{CANNOT_SET}: {reason(err)}", err) from None
    return ""
