"""The pictures of memory as Chromium draws them: nothing sticks out, nothing is written over something else."""

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.view.heat_map import HeatMap
from devmemlab.view.occupancy import occupancy
from devmemlab.view.reference_graph import ReferenceGraph, reference_graph
from devmemlab.view.references import Bound, Buffer, Pool
from tests.browser.test_pictures import LOOK
from tests.scripts.kit import Script

pytestmark = [pytest.mark.browser, pytest.mark.once]
IN_BOXES = """() => {
    const svg = document.querySelector('svg');
    const boxes = [...svg.querySelectorAll(':scope > rect')].slice(1).map(box => box.getBoundingClientRect());
    return [...svg.querySelectorAll('text')].filter(text => {
        const at = text.getBoundingClientRect(), left = at.left, y = (at.top + at.bottom) / 2;
        return boxes.some(box => left > box.left && left < box.right && y > box.top && y < box.bottom && at.right > box.right);
    }).map(text => text.textContent);
}"""


def states(count, seed=1):
    random = np.random.default_rng(seed)
    return np.repeat(random.integers(0, 7, count), random.integers(1, 9, count))[:count].astype(np.uint8)


def crowded():
    """Names and numbers as long as they get."""
    many = 123_456_789
    holders = [("RX queue 255", "posted", many), ("skb frags", "socket", many), ("tokens of fd 12345", "token", many),
               ("tokens of socket 1023", "token", many), ("other hands", "out", many)]
    pools = [Pool("page_pool 4294967295", 0, 255, many, 128, 16_384, True, holders),
             Pool("page_pool 4294967294", 1, -1, 0, 0, 0, False, [])]
    tx = Bound("binding 2147483647", 2, 3, 1 << 30, True, "tx", [("netlink socket fd 12345", 1), ("sendmsg, TX frags", 2)], [])
    rx = Bound("binding 2147483646", 1, 3, 1 << 40, False, "rx", [("net_iovs out", many)], pools)
    return ReferenceGraph([Buffer("dmabuf 1023", 1, 12, 1 << 40, 10, [("other holders", 3)], [rx, tx]),
                           Buffer("dmabuf 1", 1, 1, 4096, 0, [("dmabuf fd 12345", 1)], [])], "a host with a rather long name")


def transfer(draw):
    with Script(device=True, trace=True, dmabuf="256KiB") as s:
        s.handshake()
        for i in range(10):
            s.wait(1)
            s.data(bytes([i]) * 1000)
        s.recvmsg(control=dml.CMSG_SPACE(24) * 4)
        return draw(s.host)


PICTURES = {
    "few": lambda: HeatMap(states(40), 4096, "io_uring binding 2147483647 (unbound), 160 KiB"),
    "letters": lambda: HeatMap(states(256), 4096, "dmabuf binding 1, 1 MiB"),
    "fine": lambda: HeatMap(states(2000), 65536, "dmabuf binding 1, 125 MiB"),
    "mixed": lambda: HeatMap(states(4_000_000), 4096, "dmabuf binding 1, 15.26 GiB"),
    "occupancy": lambda: transfer(occupancy),
    "events": lambda: transfer(lambda host: occupancy(host.trace, "event")),
    "graph": lambda: transfer(reference_graph),
    "crowded": crowded,
}


@pytest.mark.parametrize("paper", ["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_tidy(browser, tmp_path, name, paper, shots):
    page = browser.new_page(viewport={"width": 900, "height": 600})
    try:
        page.set_content(f"<body style='margin:0'>{PICTURES[name]().svg(paper)}</body>")
        if shots:
            page.locator("svg").screenshot(path=tmp_path / f"{name}-{paper}.png")
        assert page.evaluate(LOOK) == []
        assert name not in ("graph", "crowded") or page.evaluate(IN_BOXES) == []
        seen = page.locator("svg > rect").first.evaluate("paper => getComputedStyle(paper).fill")
        assert seen == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 22)"}[paper]
    finally:
        page.close()
