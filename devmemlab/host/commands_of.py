"""A configuration as commands: what to type on a real machine to get the same.

Law.   On a fresh interface of the same kind these lines give the configuration they were made from.
Reads. ethtool(8), ip-link(8), ynl; features row N9.
Omits. Addresses and routes; what is as on any fresh interface.
"""

import json
import shlex

from devmemlab.host.ethtool_settings import GROUPS
from devmemlab.host.shell_rules import ignored_bits
from devmemlab.mem.dmabuf import TO_DEVICE
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.net.max_sizes import FRESH, SIZES
from devmemlab.nic.hash_fields import FLOWS
from devmemlab.nic.toeplitz import REFERENCE_KEY

DEFAULT_HASH = {"tcp4": "sdfn", "tcp6": "sdfn", "udp4": "sd", "udp6": "sd"}
WORDS = {"src_ip": "src-ip", "dst_ip": "dst-ip", "src_port": "src-port", "dst_port": "dst-port"}
BOUND_NOTE = "# A binding lives as long as the socket that made it: ynl's ends with ynl, ncdevmem keeps its own."


def table_words(table, queues):
    """Say an indirection table in ethtool's words.

    Parameters
    ----------
    table : list of int
        Queue by entry.
    queues : int
        RX queues of the device.

    Returns
    -------
    words : str or None
        ``"equal 4"``, ``"start 2 equal 2"``, ``"weight 1 0 3"``; None when ethtool has no words for it.
    """
    start, count = min(table), len(table)
    for equal in range(1, queues - start + 1):
        if table == [start + i % equal for i in range(count)]:
            return f"start {start} equal {equal}" if start else f"equal {equal}"
    if table == sorted(table):
        weights = [table.count(queue) for queue in range(max(table) + 1)]
        return f"weight {' '.join(map(str, weights))}"
    return None


def rule_words(rule):
    """Say a rule in the words of ``ethtool -N``.

    Parameters
    ----------
    rule : dict
        From ``get_rules``.

    Returns
    -------
    words : str
        From ``flow-type`` on.
    """
    words = ["flow-type", rule["flow_type"]]
    for name, word in WORDS.items():
        if name in rule:
            words += [word, str(rule[name])]
            if f"{name}_mask" in rule:
                ignored = ignored_bits(rule["flow_type"], name, rule[f"{name}_mask"])
                words += ["m", hex(ignored) if isinstance(ignored, int) else ignored]
    words += ["context", str(rule["context"])] if "context" in rule else ["action", str(rule["queue"])]
    return " ".join([*words, "loc", str(rule["location"])])


def _rss(face, name, context, number, fresh):
    """Lines about one context; `number` is what it will be called, `fresh` what it is if nothing is said."""
    shown, own = face.get_rxfh(context=context), f" context {number}" if number else ""
    lines = []
    if shown["configured"] and context == 0 or context and shown["indir"] != fresh["indir"]:
        words = table_words(shown["indir"], face.netdev.real_num_rx_queues)
        request = {"header": {"dev-name": name}, "indir": shown["indir"], **({"context": number} if number else {})}
        lines.append(f"ethtool -X {name}{own} {words}" if words else
                     f"ynl --family ethtool --do rss-set --json {shlex.quote(json.dumps(request))}")
    for flow in FLOWS:
        letters = face.get_flow_hash(flow, context=context)
        if letters != fresh[flow]:
            lines.append(f"ethtool -N {name} rx-flow-hash {flow} {letters}{own}")
    changed = f" hkey {shown['key'].hex(':')}" if shown["key"] != fresh["key"] else ""
    changed += f" xfrm {shown['transform']}" if shown["transform"] != fresh["transform"] else ""
    if not changed:
        return lines
    # One direction alone is hashed without a transform only, so the transform goes first or comes last.
    line = f"ethtool -X {name}{own}{changed}"
    return [line, *lines] if shown["transform"] == "none" else [*lines, line]


def _contexts(face, name):
    """Lines about all contexts, and what each will be called."""
    numbers = {context: number for number, context in enumerate(face.get_contexts())}
    queues, key = face.netdev.real_num_rx_queues, face.get_rxfh()["key"]
    fresh = {"indir": [i % queues for i in range(len(face.get_rxfh_indir()))], "transform": "none", **DEFAULT_HASH,
             "key": (REFERENCE_KEY * 2)[:len(key)]}
    lines = []
    for context, number in numbers.items():
        # A new context takes the key, the fields and the transform that context 0 has by then.
        if context:
            lines.append(f"ethtool -X {name} context new")
        lines += _rss(face, name, context, number, fresh)
        if context == 0:
            main = face.get_rxfh()
            fresh |= {"key": main["key"], "transform": main["transform"], **{flow: face.get_flow_hash(flow) for flow in FLOWS}}
    return lines, numbers


def _device(host, netdev):
    """Lines about one NIC."""
    face, name = host.ethtool(netdev.name), netdev.name
    rings, channels, lines = face.get_rings(), face.get_channels(), []
    lines.append(f"ip link set {name} mtu {int(netdev.ctl.mtu)} {'up' if netdev.running else 'down'}")
    sizes = " ".join(f"{size} {netdev.get_max_sizes()[size]}" for size in SIZES if netdev.get_max_sizes()[size] != FRESH[size])
    lines.append(f"ip link set {name} {sizes}") if sizes else None
    split = "" if rings["tcp_data_split"] == "auto" else f" tcp-data-split {rings['tcp_data_split']}"
    lines.append(f"ethtool -G {name} rx {rings['rx']} tx {rings['tx']}{split} hds-thresh {rings['hds_thresh']}")
    lines.append(f"ethtool -L {name} " + " ".join(f"{kind} {channels[kind]}" for kind in ("rx", "tx", "combined")))
    fixed = face.fixed_features()
    fixed += [feature for group in GROUPS.items() for feature in (group[0], *group[1]) if face.get_features()[feature]]
    features = [f"{feature} {'on' if on else 'off'}" for feature, on in face.get_features().items() if feature not in fixed]
    lines.append(f"ethtool -K {name} {' '.join(features)}") if features else None
    coalesce = " ".join(f"{setting.replace('_', '-')} {value}" for setting, value in face.get_coalesce().items())
    lines.append(f"ethtool -C {name} {coalesce}") if coalesce else None
    about_rss, numbers = _contexts(face, name)
    lines += about_rss
    for rule in face.get_rules():
        mapped = {**rule, "context": numbers[rule["context"]]} if "context" in rule else rule
        lines.append(f"ethtool -N {name} {rule_words(mapped)}")
    return lines + _bindings(host, netdev)


def _bindings(host, netdev):
    """Lines about the bindings of one NIC, receiving ones first."""
    bound = {}
    for queue, binding in sorted(netdev.providers.items()):
        bound.setdefault(binding, []).append(queue)
    requests = []
    for queues in bound.values():
        size = netdev.rx_page_sizes[queues[0]]
        requests.append(("bind-rx", {"queues": [{"type": "rx", "id": queue} for queue in queues],
                                     **({"rx-page-size": size} if size != PAGE_SIZE else {})}))
    rows = host.mem.providers.binding
    sending = (rows.kind != 0) & (rows.live != 0) & (rows.direction == TO_DEVICE) & (rows.ifindex == netdev.ifindex)
    requests += [("bind-tx", {})] * int(sending.sum())
    lines = [BOUND_NOTE] if requests else []
    for name, attrs in requests:
        text = json.dumps({"ifindex": netdev.ifindex, "fd": "DMABUF_FD", **attrs}).replace('"DMABUF_FD"', "'\"$DMABUF_FD\"'")
        lines.append(f"ynl --family netdev --do {name} --json '{text}'")
    return lines


def commands_of(host):
    """Write a host's configuration as commands.

    Parameters
    ----------
    host : Host
        Not changed.

    Returns
    -------
    text : str
        One command a line; comments begin with ``#``.
    """
    nics = [device for device in host.devices.values() if hasattr(device, "nics")]
    return "\n".join(line for netdev in nics for line in _device(host, netdev)) + "\n"
