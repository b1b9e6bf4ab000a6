"""How objects of the lower floors look in a notebook, however they got there."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import devmemlab as dml
from devmemlab.base.trace import make_trace
from devmemlab.view import displays
from tests.mem.kit import small_mem
from tests.scripts.kit import Script

pytestmark = pytest.mark.every_mode


@pytest.fixture(autouse=True)
def attached():
    displays.attach()


def read(html):
    """Captions, and rows as lists of cells, of the tables of a display."""
    root = ET.fromstring(f"<all>{html.replace('<br>', ' ')}</all>".replace('max-width:100%">', 'max-width:100%"/>'))
    rows = [["".join(cell.itertext()) for cell in line] for line in root.iter("tr")]
    return ["".join(one.itertext()) for one in root.iter("caption")], rows


def test_device_memory_alone_in_a_cell():
    device = dml.DeviceMemory("64KiB", bar_bytes="16KiB", name="gpu0")
    captions, rows = read(device._repr_html_())
    assert captions == ["DeviceMemory gpu0"]
    assert ["size", "64 KiB"] in rows and ["aperture that peers and the CPU can address", "16 KiB"] in rows
    assert ["state", "open"] in rows
    device.close()
    assert ["state", "closed"] in read(device._repr_html_())[1]


def test_a_host_a_netlink_socket_and_a_mem_show_their_bindings():
    with Script(device=True, dmabuf="256KiB") as s:
        s.handshake()
        for i in range(4):
            s.data(bytes([i]) * 700)
        s.recvmsg(control=dml.CMSG_SPACE(24) * 3)
        binding = ["1, dmabuf", "1", "256 KiB", "2", "64: 44 free, 16 posted, 1 in a socket, 3 held by tokens"]
        pool = int(s.host.rxqs.ctl[1].pool)
        line = [f"page_pool {int(s.host.mem.pools.ctl[pool].id)}, queue 1: dmabuf", "20", "0", "0"]
        for thing, first in ((s.host, "Host dut"), (s.host.mem, "Dmabufs"), (s.netlink, "Netlink socket")):
            captions, rows = read(thing._repr_html_())
            assert captions[0] == first and "Bindings" in captions and binding in rows
            if thing is not s.netlink:
                assert line in [row[:4] for row in rows]
        assert 'alt="Where the net_iovs of dmabuf binding 1' in s.netlink._repr_html_()
        assert ["dmabuf 1", "256 KiB", "2", "1"] in read(s.host.mem._repr_html_())[1]
        s.netlink.close()
        assert ["state", "closed"] in read(s.netlink._repr_html_())[1]
        assert s.host.heat_map(1).counts["token"] == 3 and s.host.reference_graph().edges


def test_a_mem_without_anything():
    mem = small_mem()
    assert ["dmabufs, bindings, page_pools", "none"] in read(mem._repr_html_())[1]
    mem.close()


def test_a_trace_counts_its_events():
    assert "Nothing has happened yet." in make_trace(4)._repr_html_()
    with Script(device=True, trace=100) as s:
        s.handshake()
        _, rows = read(s.host.trace._repr_html_())
        assert sum(int(count) for _, count in rows[1:]) == 100 == s.host.trace.ctl[0].count
        assert f"{int(s.host.trace.ctl[0].lost)} events found no room" in s.host.trace._repr_html_()


def in_a_fresh_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.once
@pytest.mark.parametrize("name", ["DeviceMemory", "heat_map", "frags"])
def test_any_name_of_the_public_face_brings_the_displays(name):
    in_a_fresh_python(f"""
import sys, devmemlab as dml
assert "devmemlab.view" not in sys.modules
dml.{name}
from devmemlab.view.displays import DISPLAYS
for (module, name), methods in DISPLAYS.items():
    if module in sys.modules:
        assert set(methods) <= set(dir(getattr(sys.modules[module], name))), (module, name)
assert "IPython" not in sys.modules and "matplotlib" not in sys.modules
""")


@pytest.mark.once
def test_a_class_that_comes_later_shows_itself_in_ipython():
    pytest.importorskip("IPython")
    in_a_fresh_python("""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import devmemlab as dml
dml.frags
assert "devmemlab.mem.mem" not in sys.modules
from devmemlab.mem.mem import Mem
mem = Mem(netmem_rows=1 << 16, pages_bytes="16MiB")
data, _ = shell.display_formatter.format(mem)
assert "none" in data["text/html"] and hasattr(Mem, "_repr_html_"), data
data, _ = shell.display_formatter.format(dml.DeviceMemory("64KiB"))
assert "DeviceMemory" in data["text/html"], data
""")


def test_every_display_exists():
    from importlib import import_module

    for (module, name), methods in displays.DISPLAYS.items():
        assert isinstance(getattr(import_module(module), name), type)
        for target in methods.values():
            module, _, function = target.partition(":")
            assert callable(getattr(import_module(module), function))
