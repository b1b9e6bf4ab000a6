"""Any octets at all: the kernel's side answers or says nothing, never fails, and a refusal has changed nothing."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devmemlab.base.errno import NAMES
from devmemlab.host.genl.extack import read_outcome
from devmemlab.host.genl.wire import NLMSG_DONE, NLMSG_ERROR, aligned, messages
from tests.host.netlink_kit import BIND_RX, answer, attr, raw
from tests.host.test_netlink_cases import Bench

pytestmark = pytest.mark.once
NUMBERS = [0, 1, 1, 2, 2, 3, 4, 7, 99, 4096, 5000, 1 << 31, (1 << 32) - 1]


def body_of(dice, depth=0, careful=None):
    """Attributes by chance, careful ones or any. A seed costs less than a strategy a field."""
    careful = dice.random() < 0.6 if careful is None else careful
    out = b""
    for number in dice.sample([1, 2, 3, 1, 3] if careful else [1, 2, 3, 1, 2, 3, 8, 4, 5, 0, 12], dice.randrange(1, 5)):
        if depth < 12 and (careful and number == 2 and depth == 0 or not careful and dice.random() < 0.2):
            out += attr(number, body_of(dice, depth + 1, careful), nested=careful or dice.random() < 0.8)
        elif careful or dice.random() < 0.8:
            out += attr(number, struct.pack("<I", dice.choice(NUMBERS[:7] if careful else NUMBERS)))
        else:
            out += attr(number, dice.randbytes(dice.randrange(12)), nested=dice.random() < 0.3)
    return out if careful or dice.random() < 0.9 else out + dice.randbytes(3)


FLAGS = st.sampled_from([1, 5, 5, 0x301, 0x305, 0, 4, 0x105, 0xFFFF])


@pytest.fixture(scope="module", params=["6.12", "6.18", "7.3", "v9"])
def bench(request):
    with Bench(request.param) as bench:
        bench.file = bench.host.udmabuf(4096)
        yield bench


def state(bench):
    """What a refused request must not have changed."""
    binding, netdev = bench.host.mem.providers.binding, bench.host.netdev
    return (binding.kind[binding.live != 0].tolist(), dict(netdev.providers), list(bench.nl.bindings),
            dict(bench.host.fds.things), netdev.running,
            {number: dict(kept) for number, kept in bench.host.genl.napis.settings.items()})


def check(bench, octets):
    """Send octets; every reply is whole, and nothing but an accepted request changes anything."""
    before, replies = state(bench), bench.nl.send(octets)
    told = list(messages(replies))
    assert sum(aligned(len(reply.octets)) for reply in told) == len(replies)
    outcomes = [read_outcome(reply)[0] for reply in told if reply.kind in (NLMSG_ERROR, NLMSG_DONE)]
    assert all(number == 0 or number in NAMES for number in outcomes)
    assert len([reply for reply in told if reply.kind == NLMSG_ERROR]) <= max(len(list(messages(octets))), 0)
    if outcomes and all(outcomes):
        assert state(bench) == before
    while bench.nl.bindings:
        bench.nl.close()
        bench.nl = bench.host.netlink()


@given(octets=st.binary(max_size=80))
def test_noise(bench, octets):
    check(bench, octets)


@given(family=st.sampled_from([32, 32, 32, 16, 77]), command=st.integers(0, 20), seed=st.integers(0, 1 << 32), flags=FLAGS,
       reserved=st.sampled_from([0, 0, 0, 7]))
def test_requests_of_any_content(bench, family, command, seed, flags, reserved):
    check(bench, raw(family, command, body_of(random.Random(seed)), flags=flags, version=seed & 255, reserved=reserved))


def test_chance_reaches_every_kind_of_answer(bench):
    seen, commands = set(), list(bench.host.genl.families[32][1])
    for seed in range(400):
        octets = raw(32, commands[seed % len(commands)], body_of(random.Random(seed)), flags=0x301 if seed % 11 < 3 else 5)
        error, told, _ = answer(bench.nl, octets)
        seen.add((error, (told or {}).get("msg"), "miss_type" in (told or {})))
    words, errors = {msg for _, msg, _ in seen}, {error for error, _, _ in seen}
    assert {"Unknown attribute type", "invalid attribute length", "integer out of range", "NLA_F_NESTED is missing"} <= words
    assert {None, "EINVAL", "ERANGE", "ENODEV"} <= errors and ("EINVAL", None, True) in seen


@settings(max_examples=40)
@given(at=st.integers(0, 75), value=st.integers(0, 255), cut=st.integers(0, 76), longer=st.booleans())
def test_a_good_request_with_an_octet_changed_or_an_end_cut_off(bench, at, value, cut, longer):
    command = 11 if bench.host.profile.name == "v9" else BIND_RX
    nest = attr(2, attr(1, 1) + attr(3, 0), nested=True) + attr(2, attr(1, 2) + attr(3, 0), nested=True)
    octets = bytearray(raw(bench.nl.number, command, attr(1, 2) + attr(3, bench.fd) + nest))
    octets[at] = value
    if not longer:
        octets = octets[:cut]
        if cut >= 20:
            struct.pack_into("<I", octets, 0, cut)
    check(bench, bytes(octets))


def test_the_request_that_is_changed_there_is_good(bench):
    if bench.host.profile.name != "v9":
        body = attr(1, 2) + attr(3, bench.fd) + attr(2, attr(1, 1) + attr(3, 0), nested=True)
        assert answer(bench.nl, raw(bench.nl.number, BIND_RX, body))[0] is None
        bench.nl.close()
        bench.nl = bench.host.netlink()
    assert state(bench)[1] == {}
