"""What is done inside a private namespace: each function prints what it found as JSON. Run by `tests.linux.kit.inside`."""

import json
import subprocess
import sys

import devmemlab as dml
from devmemlab.base.errno import name_of

BIND = [{}, {"ifindex": 1}, {"ifindex": 1, "fd": 3}, {"ifindex": 0},
        {"ifindex": 9999, "fd": 0, "queues": [{"type": "rx", "id": 0}]}]


def answer(call, *args):
    try:
        call(*args)
    except OSError as refusal:
        extack = getattr(refusal, "extack", None)
        return [name_of(refusal.errno), extack.as_dict() if extack else {}, extack.bad_attr if extack else None]
    return None


def bind_answers(k, names):
    """What binds say that cannot succeed: on no device, and on each of some simple ones."""
    told = {}
    with k.netlink("netdev") as netdev:
        for number, attrs in enumerate(BIND):
            told[f"rx {number}"], told[f"tx {number}"] = answer(netdev.bind_rx, attrs), answer(netdev.bind_tx, attrs)
        for name in names:
            attrs = {"ifindex": k.ifindex(name), "fd": 0, "queues": [{"type": "rx", "id": 0}]}
            told[f"rx {name}"] = answer(netdev.bind_rx, attrs)
            told[f"tx {name}"] = answer(netdev.bind_tx, {"ifindex": k.ifindex(name), "fd": 0})
        told["get"] = [answer(netdev.do, "queue-get", {"ifindex": k.ifindex(names[0]), "type": kind, "id": number})
                       for kind, number in ((0, 99), (2, 0), (0, 0))]
        told["pool"] = [answer(netdev.do, "page-pool-get", {"id": number}) for number in (0, 4_000_000)]
    return told


def pair():
    """Make a veth pair with two queues each; both ends are up."""
    for words in ("link add v0 numrxqueues 2 numtxqueues 2 type veth peer name v1 numrxqueues 2 numtxqueues 2",
                  "link set v0 up", "link set v1 up"):
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)
    return dml.linux.Kernel()


def binds():
    return bind_answers(pair(), ["lo", "v0"])


def tool(*words):
    """Output of ethtool as pairs of what stands before and behind the colons."""
    lines = subprocess.run(["ethtool", *words], check=True, capture_output=True, text=True).stdout.splitlines()
    return [[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]


def ethtool():
    """What our ethtool says of a veth, beside what the tool says; before and after changes."""
    k = pair()
    nic, told = k.ethtool("v0"), {}
    for phase in ("before", "after"):
        told[phase] = {"channels": nic.get_channels(), "features": nic.get_features(), "fixed": nic.fixed_features(),
                       "stats": sorted(nic.get_stats()), "driver": nic.get_driver(),
                       "tool": {"channels": tool("-l", "v0"), "features": tool("-k", "v0"), "stats": tool("-S", "v0"),
                                "driver": tool("-i", "v0")}}
        if phase == "before":
            nic.set_channels(rx=1)
            nic.set_feature("gro", True)
            nic.set_feature("tx-nocache-copy", True)
    told["refused"] = [answer(call, *args) for call, args in (
        (nic.get_rings, ()), (nic.get_rules, ()), (nic.get_rxfh_indir, ()), (nic.set_channels, (7,)),
        (nic.set_feature, ("wings", 1)),
        (nic.set_feature, ("tx-vlan-stag-hw-insert-x", 1)), (nic.set_feature, ("ntuple", True)))]
    return told


def listen():
    """Devices that change and go, as a listener hears of them, while it asks for other things."""
    k = pair()
    with k.netlink("netdev").subscribe("mgmt") as listener:
        silent = answer(listener.receive)
        k.ethtool("v0").set_feature("gro", True)
        rows = listener.dump("dev-get")
        k.sh("ip link add $DEV type bridge", DEV="br7")
        bridge = k.ifindex("br7")
        k.sh("ip link del br7")
        heard = list(listener.monitor(0.5))
        listener.unsubscribe("mgmt")
        k.sh("ip link add br7 type bridge")
        after = list(listener.monitor(0.1))
    return {"silent": silent, "rows": len(rows), "heard": [[event["name"], event["msg"]["ifindex"]] for event in heard],
            "after": after, "v1": k.ifindex("v1"), "bridge": bridge, "none": answer(k.netlink("netdev").subscribe, "weather")}


def program():
    from devmemlab.lab.same_program import receive
    k = dml.linux.Kernel()
    return receive(k, k, "lo", "127.0.0.1")


def settings():
    """Sysctls and counters of a namespace."""
    k = dml.linux.Kernel()
    before = k.sysctl("net.ipv4.tcp_sack")
    return {"before": before, "after": k.sysctl("net.ipv4.tcp_sack", 0),
            "three": k.sysctl("net/ipv4/tcp_rmem", (4096, 8192, 16384)),
            "unknown": answer(k.sysctl, "net.ipv4.tcp_wings"), "bad": answer(k.sysctl, "net.ipv4.tcp_sack", "many"),
            "outside": answer(k.sysctl, "../version"), "ports": [k.local_ports.start, k.local_ports.stop],
            "nstat": sorted(k.nstat()), "tool": sorted(json.loads(k.sh("nstat -azjs").stdout or '{"kernel": {}}')["kernel"])}


def doctor(*names):
    """What the doctor finds on a veth."""
    from devmemlab.lab.doctor import examine
    pair()
    return examine(*names).as_dict()


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
