"""Steering, its explanation and a naive twin agree on any configuration and any packet (features B4 to B8, B14)."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive.steer import naive_steer
from tests.nic.kit import BareNic, frame

V4 = ["10.0.0.1", "10.0.0.2", "10.0.1.2", "192.168.7.9", "255.255.255.255"]
V6 = ["fd00::1", "fd00::2", "fd00:0:0:1::2", "8000::ffff:ffff:ffff:ffff"]
PORTS = [80, 81, 5201, 40000, 65535]
FLOWS = ("tcp4", "udp4", "tcp6", "udp6")


@st.composite
def packets(draw):
    pool = draw(st.sampled_from((V4, V6)))
    src, dst = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
    proto = draw(st.sampled_from((6, 6, 6, 17, 47)))
    ports = (draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))) if proto != 47 else (0, 0)
    return {"version": ipaddress.ip_address(src).version, "src_ip": ipaddress.ip_address(src),
            "dst_ip": ipaddress.ip_address(dst), "src_port": ports[0], "dst_port": ports[1], "proto": proto}


@st.composite
def rules(draw, contexts):
    flow = draw(st.sampled_from((*FLOWS, "ip4", "ip6")))
    rule = {"flow_type": flow, "location": draw(st.integers(0, 12))}
    pool = V4 if flow[-1] == "4" else V6
    for name in ("src_ip", "dst_ip"):
        if draw(st.booleans()):
            rule[name] = draw(st.sampled_from(pool))
            if draw(st.booleans()):
                width = 32 if flow[-1] == "4" else 128
                rule[f"{name}_mask"] = str(ipaddress.ip_address(draw(st.integers(0, (1 << width) - 1)) | (1 << width - 1)))
    for name in ("src_port", "dst_port") if flow[:2] != "ip" else ():
        if draw(st.booleans()):
            rule[name] = draw(st.sampled_from(PORTS))
            if draw(st.booleans()):
                rule[f"{name}_mask"] = draw(st.integers(0, 0xFFFF))
    if contexts > 1 and draw(st.booleans()):
        return {**rule, "context": draw(st.integers(1, contexts - 1))}
    return {**rule, "queue": draw(st.integers(-1, 3))}


@st.composite
def configurations(draw):
    quirks = {"reversed_key": draw(st.booleans()), "hash_init": draw(st.sampled_from((0, 1, 0xFFFFFFFF)))}
    device = {"table": draw(st.sampled_from((128, 96, 8, 1, 7))), "key_bytes": draw(st.sampled_from((40, 52, 60))), **quirks}
    contexts = [{"table": (draw(st.lists(st.integers(0, 3), min_size=1, max_size=7)) * device["table"])[:device["table"]],
                 "key": draw(st.binary(min_size=device["key_bytes"], max_size=device["key_bytes"])),
                 "transform": draw(st.sampled_from(("none", "none", "symmetric-xor", "symmetric-or-xor")))}
                for _ in range(draw(st.integers(1, 3)))]
    fields = {flow: draw(st.sampled_from(("sd", "sdfn", "fn"))) for flow in FLOWS}
    if all(context["transform"] == "none" for context in contexts):
        fields["tcp4"] = draw(st.sampled_from(("s", "dn", "sdf", "sdfn")))
    chosen = draw(st.lists(rules(len(contexts)), max_size=5, unique_by=lambda r: r["location"]))
    return device, contexts, fields, chosen, draw(st.sampled_from((True, True, True, False)))


def configured(configuration):
    """The NIC, set up through its ethtool face."""
    device, contexts, fields, chosen, ntuple = configuration
    nic = BareNic()
    k = nic.ethtool
    k.model_device(**device)
    for number, context in enumerate(contexts):
        if number:
            assert k.add_context() == number
        k.set_rxfh_indir(table=context["table"], context=number)
        for flow, letters in fields.items():
            k.set_flow_hash(flow, letters, context=number)
        k.set_rxfh(key=context["key"], transform=context["transform"], context=number)
    for rule in chosen:
        k.add_rule(**rule)
    nic.ctl.ntuple = int(ntuple)
    return nic


@settings(max_examples=60)
@given(configurations(), st.lists(packets(), min_size=1, max_size=4))
def test_kernel_explanation_and_twin_agree(configuration, arriving):
    nic = configured(configuration)
    device, contexts, fields, chosen, ntuple = configuration
    shown = {number: {**nic.ethtool.get_rxfh(context=number), **fields} for number in nic.ethtool.get_contexts()}
    for number, context in enumerate(contexts):
        assert (shown[number]["key"], shown[number]["indir"]) == (context["key"], context["table"])
    for packet in arriving:
        octets = frame(packet["src_ip"], packet["dst_ip"], packet["src_port"], packet["dst_port"], packet["proto"])
        answer = nic.steer(octets)
        assert answer == naive_steer(chosen, shown, packet, ntuple, device["hash_init"], device["reversed_key"])
        told = nic.explain(octets)
        assert (told.queue, told.rule, told.hash) == answer
        assert told.steps and str(told) and not told.drop


@settings(max_examples=30)
@given(configurations())
def test_rules_read_back_make_the_same_rules(configuration):
    first = configured(configuration)
    again = BareNic()
    again.ethtool.model_device(**configuration[0])
    for _ in configuration[1][1:]:
        again.ethtool.add_context()
    for rule in first.ethtool.get_rules():
        assert again.ethtool.add_rule(**rule) == rule["location"]
    assert again.ethtool.get_rules() == first.ethtool.get_rules()
    assert (again.nics.rule == first.nics.rule).all()


@st.composite
def broken_frames(draw):
    """Frames with octets changed, cut short, or of nothing at all."""
    octets = bytearray(frame(*draw(st.sampled_from([("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")])), 80, 5201,
                             draw(st.sampled_from((6, 17))), draw(st.booleans())))
    for _ in range(draw(st.integers(0, 4))):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets[:draw(st.integers(0, len(octets)))]) if draw(st.booleans()) else bytes(octets)


@given(configurations(), st.lists(st.one_of(broken_frames(), st.binary(max_size=80)), min_size=1, max_size=6))
def test_broken_frames_are_explained_as_they_are_steered(configuration, arriving):
    nic = configured(configuration)
    for octets in arriving:
        told = nic.explain(octets)
        assert (told.queue, told.rule, told.hash) == nic.steer(octets) and told.steps
