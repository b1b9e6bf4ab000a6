"""The steering explorer against `explain` and against the card itself, for random packets, keys and rules."""

import random
import xml.etree.ElementTree as ElementTree

import pytest
import traitlets

import devmemlab as dml
from devmemlab.view.steering_explorer import FLOW
from devmemlab.view.steering_facts import decide, steering_facts, toeplitz
from devmemlab.view.steering_look import row_top, steering_look

scenes = dml.scenes_control
SETTINGS = {
    "plain": "",
    "rules": """ethtool -X eth1 equal 3
        ethtool -N eth1 flow-type tcp4 src-ip 198.51.100.3 dst-port 5201 action -1 loc 5
        ethtool -N eth1 flow-type tcp4 dst-port 5201 action 3 loc 7
        ethtool -N eth1 flow-type udp4 dst-port 443 action 1 loc 1
        ethtool -N eth1 flow-type tcp6 dst-port 443 action 1 loc 2
        ethtool -N eth1 flow-type tcp4 src-ip 198.51.100.0 m 0.0.0.255 src-port 32768 action 2 loc 3""",
    "off": "ethtool -N eth1 flow-type tcp4 dst-port 5201 action 3\nethtool -K eth1 ntuple off",
    "addresses": "ethtool -X eth1 weight 1 0 5 1\nethtool -N eth1 rx-flow-hash tcp4 sd",
}


@pytest.fixture(scope="module", params=SETTINGS)
def card(request):
    made = scenes.card(queues=4)
    scenes.bind(made.host, 3)
    assert not SETTINGS[request.param] or made.host.sh(SETTINGS[request.param]).returncode == 0
    yield made
    made.lab.close()


def packets(count=12):
    """Flows of the lesson, and what a bit flipped makes of them."""
    dice = random.Random(7)
    for flow in scenes.flows(count):
        octets = bytearray(bytes(map(int, f"{flow.src}.{flow.dst}".split("."))) + flow.sport.to_bytes(2, "big")
                           + flow.dport.to_bytes(2, "big"))
        for bit in dice.sample(range(96), dice.randrange(3)):
            octets[bit // 8] ^= 128 >> bit % 8
        ends = [".".join(map(str, octets[at:at + 4])) for at in (0, 4)]
        ports = [int.from_bytes(octets[at:at + 2], "big") for at in (8, 10)]
        yield bytes(octets), scenes.Flow(ends[0], ports[0], ends[1], ports[1])


def test_the_steps_are_those_of_explain_and_the_queue_is_the_cards(card):
    host, dice, seen = card.host, random.Random(3), set()
    for number, (octets, flow) in enumerate(packets()):
        if number % 5 == 4:
            host.ethtool("eth1").set_rxfh(key=dice.randbytes(40))
        facts = steering_facts(host)
        told, witness = decide(facts, octets, bytes.fromhex(facts["key"])), host.explain(scenes.frame(host, flow))
        assert told.steps == [tuple(step) for step in witness.steps]
        assert (told.queue, told.rule, told.hash, told.index) == (witness.queue, witness.rule, witness.hash, witness.index)
        seen.add(told.rule)
        (landed,) = scenes.arrive(card, [flow]) or [{"queue": -1}]
        if told.queue >= 0:
            assert (landed["queue"], landed["rule"], landed["hash"]) == (told.queue, told.rule, told.hash)
    assert facts["bound"] == [3] and seen >= ({-1, 5, 7} if len(facts["rules"]) == 5 else {-1})


def test_the_published_hash_is_found():
    key = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
    assert toeplitz(key, FLOW) == 0x51CCC178 and toeplitz(key, FLOW[:8]) == 0x323E8FC2
    for bit in range(128, 320):
        other = (int.from_bytes(key, "big") ^ 1 << 319 - bit).to_bytes(40, "big")
        assert toeplitz(other, FLOW) == 0x51CCC178, "no bit of 12 octets reaches there"


def test_a_flipped_bit_changes_the_hash_by_its_window(card):
    explorer = dml.steering_explorer(card.host)
    facts, key = explorer._facts, int(explorer.key, 16)
    if facts["rules"] or not all(facts["hashed"]):
        assert explorer.decision.rule == -1
        return
    for bit in (0, 31, 32, 77, 95):
        before = explorer.decision.hash
        after = explorer.flip(bit)
        assert before ^ after.hash == key >> 320 - 32 - bit & 0xFFFFFFFF
        look = steering_look(facts, bytes.fromhex(explorer.flow), bytes.fromhex(explorer.key), bit)
        assert look["parts"]["w0"][1] + look["parts"]["w1"][1] == 32 * 16
        assert f"key bits {bit} to {bit + 31}" in look["texts"]["window"]
        assert look["moves"]["w0"][1] == row_top(3 + bit // 32)
        explorer.flip(bit)
    before = explorer.decision.hash
    explorer.flip(96 + 126)     # the last bit of the key that counts, under the last bit of the tuple, which is 0 in FLOW
    assert explorer.decision.hash == before
    explorer.flip(95)
    assert explorer.decision.hash == before ^ key >> 320 - 32 - 95 & 0xFFFFFFFF ^ 1
    assert explorer.key != facts["key"]
    assert card.host.ethtool("eth1").get_rxfh()["key"].hex() == facts["key"], "the host is not changed"


def test_fields_that_are_not_hashed_have_no_window():
    made = scenes.card(queues=4)
    made.host.sh("ethtool -N eth1 rx-flow-hash tcp4 sn")
    facts = dml.steering_explorer(made.host)._facts
    windows = {bit: steering_look(facts, FLOW, bytes(40), bit)["texts"]["window"] for bit in (3, 40, 70, 80, 100)}
    assert "key bits 3 to 34" in windows[3] and "key bits 32 to 63" in windows[80] and windows[100] == "bit 4 of the key: 0"
    assert windows[40].endswith("it is not hashed") and windows[70].startswith("bit 6 of the source port")
    made.lab.close()


def test_what_is_beyond_it_is_refused_and_what_is_no_tuple_too(card):
    explorer = dml.steering_explorer(card.host, scenes.flows(1)[0])
    assert explorer.flow == "c6336401c00002028000" + "1451"
    for wrong in ("00", "zz" * 12, "00" * 13):
        with pytest.raises(traitlets.TraitError, match="has not 24 hexadecimal digits"):
            explorer.flow = wrong
    other = scenes.card(queues=4)
    other.host.sh("ethtool -X eth1 context new start 2 equal 2\nethtool -N eth1 flow-type tcp4 dst-port 1 context 1")
    with pytest.raises(ValueError, match="a rule that names a context; ask host.explain"):
        dml.steering_explorer(other.host)
    many = "\n".join(f"ethtool -N eth1 flow-type tcp4 dst-port {k} action 1" for k in range(1, 8))
    other.host.sh(f"ethtool -N eth1 delete 0\n{many}")
    with pytest.raises(ValueError, match="more than 6 rules"):
        dml.steering_explorer(other.host)
    other.lab.close()


def test_it_shows_without_a_kernel_and_is_the_same_every_time(card, tmp_path):
    explorer = dml.steering_explorer(card.host)
    data, metadata = explorer._repr_mimebundle_()
    assert data["image/svg+xml"] == explorer.svg() == dml.steering_explorer(card.host).svg()
    assert metadata["image/svg+xml"]["alt"] == explorer.text == repr(explorer)
    root = ElementTree.fromstring(explorer.save(tmp_path / "steer.svg").read_text())
    words = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert root[1].text == explorer.text and "66.9.149.187" in words and f"hash {explorer.decision.hash:08x}" in words
