"""Pictures and controls of steering and restart, and netlink messages spelled out: tested without a browser."""

import xml.etree.ElementTree as ET

import pytest

import devmemlab as dml
from devmemlab.lab import scenes_control as scenes
from devmemlab.lab.restart_trial import FAILS, restart_trial
from devmemlab.view.netlink_octets import netlink_octets
from devmemlab.view.restart_picture import RestartPicture
from devmemlab.view.steering import Landed, Steering, steering
from devmemlab.view.steering_controls import QUEUES, RestartControl, SteeringControl

pytestmark = pytest.mark.once
MAKERS = {"steering": SteeringControl, "restart": RestartControl}
made = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@made
def test_it_has_a_form_without_a_kernel_and_says_what_it_shows(make):
    control = make()
    data, metadata = control._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == repr(control) and control.text in repr(control)
    assert metadata["image/svg+xml"]["alt"] == control.picture.text and len(control.picture.text) > 100
    ET.fromstring(data["image/svg+xml"])
    line, page = control.children[1:]
    assert line.text == control.text and line.runs == 1 and page.value == control.picture.svg()
    for chooser in control.children[0].children:
        assert chooser.description or all(chooser.tooltips)


@pytest.mark.parametrize("queues", QUEUES)
def test_rule_and_table_each_cure_one_symptom(queues):
    control = SteeringControl(queues)
    lost = {}
    for spare in (0, 1):
        for rule in (False, True):
            control.spare.value, control.rule.value = spare, rule
            counts = control.picture.counts
            lost[spare, rule] = [sum(count[kind] for count in counts) for kind in ("copied", "dropped")]
            assert sum(sum(count.values()) for count in counts) == 64
            assert f" {lost[spare, rule][1]} get EFAULT" in control.text
    assert lost[1, True] == [0, 0] and lost[1, False] == [8, 0]
    assert lost[0, True][0] == 0 < lost[0, True][1] == lost[0, False][1] and lost[0, False][0] > 0


def test_a_steering_picture_counts_what_it_is_told():
    landed = [Landed(True, 1), Landed(True, 0), Landed(False, 0), Landed(False, 1), Landed(False, -1)]
    picture = Steering("eth9", [0, 1] * 64, 2, {1}, landed)
    assert picture.counts == [{"device": 0, "host": 1, "copied": 1, "dropped": 0},
                              {"device": 1, "host": 0, "copied": 0, "dropped": 1}]
    assert picture.wrong == 3 and "dropped by a rule: 1 flows" in picture.text and "equal 2" in picture.text
    for paper in ("page", "light", "dark"):
        ET.fromstring(picture.svg(paper))
    words = {node.text for node in ET.fromstring(picture.svg()).iter("{http://www.w3.org/2000/svg}text")}
    assert {"D", "H", "C", "X", "device memory", "dropped by a rule"} <= words


def test_a_table_alone_is_drawn_by_entries_and_without_ethtools_words_too():
    card = scenes.card(4)
    card.host.ethtool("eth1").set_rxfh_indir(table=[3, 0])
    picture = steering(card.host)
    assert "of its own kind" in picture.text and "queue 3, host memory, 64 entries of the table" in picture.text
    assert "64" in {node.text for node in ET.fromstring(picture.svg()).iter("{http://www.w3.org/2000/svg}text")}
    card.lab.close()


def test_the_restart_control_follows_both_choices():
    control = RestartControl()
    seen = {control.text}
    for fails in ("start", "start twice"):
        for design in ("queue", "device"):
            control.fails.value, control.design.value = fails, design
            assert FAILS[fails] in control.text and (control.trial.fails, control.trial.design) == (fails, design)
            seen.add(control.text)
    assert len(seen) == 5 and "ends on dead; 32 of 32 packets lost" in control.text


@pytest.mark.parametrize("fails", ["nothing", "blob", "start twice"])
def test_a_restart_picture_says_what_happened_and_how_it_is_known(fails):
    trial = restart_trial(fails)
    picture = RestartPicture(trial)
    assert "modelled" in picture.text or trial.cost is None
    assert f"queue 2: pages, then {trial.after[2]}; took {trial.got[2]} of 8 packets" in picture.text
    assert ("log: " in picture.text) == bool(trial.log) and ("ENOMEM" in picture.text) == bool(trial.errno)
    for paper in ("page", "light", "dark"):
        ET.fromstring(picture.svg(paper))


@pytest.fixture(scope="module")
def bench():
    card = scenes.card(4, trace=False)
    fd = card.host.export(dml.DeviceMemory("64KiB"))
    yield card.host, card.host.netlink(), fd
    card.lab.close()


def whole(told):
    return b"".join(octets for _, octets, _, _ in told.lines)


def words(told):
    return [meaning for _, _, _, meaning in told.lines]


def test_every_octet_of_a_request_is_shown_once(bench):
    host, netlink, fd = bench
    request = netlink.request("bind-rx", scenes.bind_request(host, fd, 1, 3))
    told = netlink_octets(netlink, request)
    assert whole(told) == request and told.lines[0][3] == f"length {len(request)}"
    assert words(told)[8:] == ["ifindex 2", f"fd {fd}", "queues: 20 octets with attributes inside", "type 0 (rx)", "id 1",
                               "queues: 20 octets with attributes inside", "type 0 (rx)", "id 3"]
    assert [depth for _, _, depth, _ in told.lines][-5:] == [1, 1, 0, 1, 1]
    assert "command 13: bind-rx" in str(told) and repr(told) == str(told)


def test_refusals_are_spelled_out(bench):
    host, netlink, fd = bench
    attrs = scenes.bind_request(host, fd, 1)
    for request, wanted in (({"ifindex": 2}, "miss-type 3"), ({**attrs, "ifindex": 0}, "offset of the bad attribute 20"),
                            (attrs, "msg 'tcp-data-split is disabled'")):
        answer = netlink.send(netlink.request("bind-rx", request))
        told = netlink_octets(netlink, answer)
        assert whole(told) == answer and wanted in words(told)
    netlink.setsockopt(270, 10, 0)
    answer = netlink.send(netlink.request("bind-rx", {"ifindex": 2}))
    netlink.setsockopt(270, 10, 1)
    assert whole(netlink_octets(netlink, answer)) == answer and "the rest of the request" in str(netlink_octets(netlink, answer))


def test_replies_and_unknown_attributes_are_spelled_out(bench):
    host, netlink, fd = bench
    answer = netlink.send(netlink.request("queue-get", {"ifindex": 2}, dump=True))
    told = netlink_octets(netlink, answer)
    assert whole(told) == answer and words(told).count("type 0 (rx)") == 4
    strange = netlink.request("bind-rx", {"ifindex": 2, 77: b"\1\2\3"})
    assert whole(netlink_octets(netlink, strange)) == strange and "attribute 77 197121" in words(netlink_octets(netlink, strange))
