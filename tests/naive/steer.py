"""Steering in plain Python, from what ethtool shows: lists, ipaddress and one big integer. Knows no table of the lab."""

import ipaddress

from tests.naive.toeplitz import naive_toeplitz

PORTS_OF = {"tcp": 6, "udp": 17}


def mask_of(rule, name, width):
    given = rule.get(f"{name}_mask")
    return (1 << width) - 1 if given is None else int(ipaddress.ip_address(given)) if "ip" in name else given


def covers(rule, packet):
    kind, version = rule["flow_type"][:-1], int(rule["flow_type"][-1])
    if version != packet["version"] or (kind != "ip" and PORTS_OF[kind] != packet["proto"]):
        return False
    for name in ("src_ip", "dst_ip", "src_port", "dst_port"):
        if name in rule:
            width = 16 if "port" in name else packet["src_ip"].max_prefixlen
            mask = mask_of(rule, name, width)
            wanted = int(ipaddress.ip_address(rule[name])) if "ip" in name else rule[name]
            if (int(packet[name]) ^ wanted) & mask:
                return False
    return True


def naive_steer(rules, contexts, packet, ntuple=True, init=0, backwards=False):
    """Queue, rule, hash. `contexts`: number -> dict(indir, key, transform, and fields by flow)."""
    location, context = -1, 0
    if ntuple:
        for rule in sorted(rules, key=lambda r: r["location"]):
            if covers(rule, packet):
                if "queue" in rule:
                    return rule["queue"], rule["location"], 0
                location, context = rule["location"], rule["context"]
                break
    own = contexts[context]
    kind = {6: "tcp", 17: "udp"}.get(packet["proto"])
    letters = own[f"{kind}{packet['version']}"] if kind else "sd"
    width = packet["src_ip"].max_prefixlen // 8
    a, b, p, q = int(packet["src_ip"]), int(packet["dst_ip"]), packet["src_port"], packet["dst_port"]
    a, b, p, q = {"none": (a, b, p, q), "symmetric-xor": (a ^ b, a ^ b, p ^ q, p ^ q),
                  "symmetric-or-xor": (a | b, a ^ b, p | q, p ^ q)}[own["transform"]]
    parts = {"s": a.to_bytes(width, "big"), "d": b.to_bytes(width, "big"), "f": p.to_bytes(2, "big"), "n": q.to_bytes(2, "big")}
    key = own["key"][::-1] if backwards else own["key"]
    value = naive_toeplitz(key, b"".join(parts[letter] for letter in "sdfn" if letter in letters)) ^ init
    return own["indir"][value % len(own["indir"])], location, value
