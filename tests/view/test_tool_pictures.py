"""Pictures of the tools: lives of tokens, and what ncdevmem's memory is used for."""

import re
import xml.etree.ElementTree as ET

import pytest

import devmemlab as dml
from devmemlab.base.trace import events
from devmemlab.lab import ncdevmem_wire
from devmemlab.lab.scenes_talk import talk
from tests.lab.test_exports import spoken


def test_every_token_has_its_bars():
    t, got = spoken(6)
    picture = dml.token_picture(t.trainer)
    given, taken = events(t.trainer.trace, "cmsg_dmabuf"), events(t.trainer.trace, "dontneed")
    assert [life[:2] for life in picture.lives] == [(one["frag_token"], one["at_ns"]) for one in given]
    assert [life[2] for life in picture.lives] == [one["at_ns"] for one in taken]
    assert [int(life[3].removeprefix("net_iov ")) for life in picture.lives] == [offset // 4096 for _, offset, _ in got]
    assert picture.tokens == [1] and picture.film.facts["lanes"] == ["token 1"] and picture.values["returned"] == 6
    (held,) = re.findall(r'd="([^"]*)" data-state="held"', picture.svg())
    assert held.count("M") == 6
    ET.fromstring(picture.svg())
    t.lab.close()


def test_tokens_that_are_kept_have_open_bars():
    t, got = spoken(5, back=False)
    picture = dml.token_picture(t.trainer)
    assert picture.tokens == [1, 2, 3, 4, 5] and all(life[2] is None for life in picture.lives)
    assert picture.svg().count(">never returned</text>") == 5 and "never returned: 5" in picture.text
    assert [token for _, token in picture.leaks] == [1, 2, 3, 4, 5]
    t.lab.close()


def test_a_host_without_a_trace_has_no_picture():
    t = talk()
    with pytest.raises(ValueError, match="records nothing"):
        dml.token_picture(t.trainer)
    t.lab.close()


def test_the_control_runs_the_command(monkeypatch):
    monkeypatch.setattr(ncdevmem_wire, "HOST_OPTIONS", {"rx_queues": 2, "rx_ring": 64})
    control = dml.NcdevmemControl()
    assert control.text == "8192 octets, MTU 1500, buffers of 4096: exit status 0, 6 frags, 33% of the memory is used"
    control.buffer.value = 16384
    assert control.text.endswith("6 frags, 8% of the memory is used") and "memory under tokens 98,304" in control.picture.text
    assert control.said.command.endswith("-b 16384")
