"""``ip link``: up, down, MTU, sizes of packets inside the stack, and what it shows.

Law.   What is set here is what the interface has, at once.
Reads. ip-link(8) for words, output and exit status.
Omits. Addresses, routes, namespaces, kinds of links.
"""

from devmemlab.base.errno import ENODEV
from devmemlab.host.shell_words import Refused, Usage, netlink_words
from devmemlab.net.max_sizes import SIZES
from devmemlab.nic.tso import GSO_MAX_SEGS

MTU_MIN, MTU_MAX = 68, 65535


def _device(host, name):
    try:
        return host.device(name)
    except OSError as err:
        if err.errno != ENODEV:
            raise
        raise Refused(f'Cannot find device "{name}"', err) from None


def _show(device, details):
    """Two lines about an interface, as ip-link prints them."""
    ctl = getattr(device, "ctl", None)
    mtu = 65536 if ctl is None else int(ctl.mtu)
    mac = "00:00:00:00:00:00" if ctl is None else int(ctl.mac).to_bytes(6, "big").hex(":")
    up, loop = device.running, device.name == "lo"
    marks = (["LOOPBACK"] if loop else ["BROADCAST", "MULTICAST"]) + (["UP", "LOWER_UP"] if up else [])
    state = "UNKNOWN" if loop else "UP" if up else "DOWN"
    kind = "loopback" if loop else "ether"
    far = "00:00:00:00:00:00" if loop else "ff:ff:ff:ff:ff:ff"
    more = ""
    if details and ctl is not None:
        sizes = " ".join(f"{name} {value}" for name, value in device.get_max_sizes().items())
        more = (f" promiscuity 0 allmulti 0 minmtu {MTU_MIN} maxmtu {MTU_MAX} addrgenmode eui64 numtxqueues {device.queues_max} "
                f"numrxqueues {device.queues_max} {sizes} ")
    return (f"{device.ifindex}: {device.name}: <{','.join(marks)}> mtu {mtu} qdisc {'mq' if up and ctl is not None else 'noop'} "
            f"state {state} mode DEFAULT group default qlen 1000\n    link/{kind} {mac} brd {far}{more}\n")


def _mtu(device, text):
    try:
        mtu = int(text, 0)
    except ValueError:
        raise Usage(f'Error: argument "{text}" is wrong: Invalid "mtu" value\n', 255) from None
    if mtu < MTU_MIN or mtu > MTU_MAX:
        raise Usage(f"Error: mtu {'less' if mtu < MTU_MIN else 'greater'} than device "
                    f"{'minimum' if mtu < MTU_MIN else 'maximum'}.", 2)
    if not hasattr(device, "ctl"):
        raise Usage("RTNETLINK answers: Operation not supported", 2)
    device.ctl.mtu = mtu


def _size(name, text):
    """One number of a size, as the tool takes it."""
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32 or (name == "gso_max_segs" and value > GSO_MAX_SEGS):
        raise Usage(f'Error: argument "{text}" is wrong: Invalid "{name}" value\n', 255) from None
    return value


def _set_sizes(device, sizes):
    """Change sizes, or say what the kernel says."""
    if not hasattr(device, "set_max_sizes"):
        raise Usage("RTNETLINK answers: Operation not supported", 2)
    try:
        device.set_max_sizes(**sizes)
    except OSError as err:
        raise Refused(f"Error: {err.message}.", err, 2) from None


def _set(host, words):
    words = [word for word in words if word != "dev"]
    if not words:
        raise Usage("Not enough information: \"dev\" argument is required.", 255)
    device, rest, planned, sizes = _device(host, words[0]), words[1:], [], {}
    while rest:
        word = rest.pop(0)
        if word in ("up", "down"):
            planned.append(word)
        elif word == "mtu" and rest:
            _mtu(device, rest.pop(0))
        elif word in SIZES and rest:
            sizes[word] = _size(word, rest.pop(0))
        elif word in SIZES:
            raise Usage('Command line is not complete. Try option "help"', 255)
        else:
            raise Usage(f'Error: either "dev" is duplicate, or "{word}" is a garbage.', 255)
    if sizes:
        _set_sizes(device, sizes)
    for word in planned:
        try:
            device.open() if word == "up" else device.close()
        except OSError as err:
            raise Refused(netlink_words(err).replace("netlink error: ", "RTNETLINK answers: ", 1), err, 2) from None
    host.poke()
    return ""


def ip_command(host, words):
    """Run ``ip link ...``.

    Parameters
    ----------
    host : Host
        Whose interfaces.
    words : list of str
        The command line after ``ip``.

    Returns
    -------
    text : str
        Standard output.
    """
    details = any(word in ("-d", "-details") for word in words)
    words = [word for word in words if not word.startswith("-") or word[1:].isdigit()]
    if not words or words[0] not in ("link", "l"):
        raise Usage(f'Object "{words[0] if words else ""}" is unknown here; "link" is known', 1)
    verb = words[1] if len(words) > 1 else "show"
    if verb in ("set", "s"):
        return _set(host, words[2:])
    if verb in ("show", "sh", "list", "ls"):
        names = [word for word in words[2:] if word != "dev"]
        chosen = [_device(host, name) for name in names] or [host.devices[i] for i in sorted(host.devices)]
        return "".join(_show(device, details) for device in chosen)
    raise Usage(f'Command "{verb}" is unknown here, try "set" or "show".', 255)
