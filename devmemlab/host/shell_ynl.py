"""``ynl``: requests of the families ``netdev`` and ``ethtool`` as JSON.

Law.   The tool's socket closes when the tool ends, and what was bound through it is unbound, as on a real machine.
Reads. Linux tools/net/ynl/pyynl/cli.py for options and output.
Omits. Notifications, schemas of one's own; of family ``ethtool`` all but rss-set and rss-get.
"""

import json
import pprint

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, error
from devmemlab.host.shell_words import Refused, Usage, reason

VALUED = ("--family", "--do", "--dump", "--json")


def _options(words):
    found, rest = {}, list(words)
    while rest:
        name = rest.pop(0)
        if name not in VALUED or not rest:
            raise Usage(f"ynl: unknown or incomplete option {name!r}; there are {', '.join(VALUED)}", 2)
        found[name[2:]] = rest.pop(0)
    if "do" in found and "dump" in found or not {"do", "dump"} & set(found):
        raise Usage("ynl: give one of --do and --dump", 2)
    return found


def _rss(host, name, attrs):
    """The two requests of family ethtool that ethtool(8) has no words for."""
    try:
        face = host.ethtool(attrs["header"]["dev-name"])
    except (KeyError, TypeError):
        raise error(EINVAL, "the request lacks header and dev-name") from None
    context = attrs.get("context", 0)
    if name == "rss-get":
        shown = face.get_rxfh(context=context)
        return {"context": context, "indir": shown["indir"], "hkey": shown["key"]}
    if name != "rss-set":
        raise error(EOPNOTSUPP, f"{name!r} is not known here; rss-get and rss-set are")
    face.set_rxfh_indir(table=attrs["indir"], context=context) if "indir" in attrs else None
    face.set_rxfh(key=bytes.fromhex(attrs["hkey"]), context=context) if "hkey" in attrs else None
    return None


def ynl_command(host, words):
    """Run ``ynl --family F --do|--dump NAME [--json ATTRIBUTES]``.

    Parameters
    ----------
    host : Host
        Whose interfaces.
    words : list of str
        The command line after ``ynl``.

    Returns
    -------
    text : str
        Standard output.
    """
    found = _options(words)
    try:
        attrs = json.loads(found.get("json", "{}"))
    except ValueError as err:
        raise Usage(f"ynl: --json is no JSON: {err}", 2) from None
    if not isinstance(attrs, dict):
        raise Usage(f"ynl: --json {attrs!r}: an object of attributes is wanted", 2)
    family, name = found.get("family", "netdev"), found.get("do") or found["dump"]
    try:
        if family == "ethtool" and "do" in found:
            reply = _rss(host, name, attrs)
        else:
            with host.netlink(family) as socket:
                reply = socket.do(name, attrs) if "do" in found else socket.dump(name, attrs)
    except OSError as err:
        message = getattr(getattr(err, "extack", None), "msg", None)
        said = f"\n\textack: {{'msg': {message!r}}}" if message else ""
        raise Refused(f"Netlink error: {reason(err)}\n\terror: -{err.errno}{said}", err) from None
    except (TypeError, ValueError, AttributeError, KeyError) as err:
        # The real tool ends so too: it packs attributes before the kernel sees any.
        raise Usage(f"ynl: an attribute is of a wrong type: {err}") from None
    return pprint.pformat(reply, compact=True) + "\n"
