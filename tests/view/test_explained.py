"""The table of an explanation: what the text says, cell by cell."""

import re
from html import unescape

from devmemlab.view.displays import attach
from tests.nic.kit import BareNic, frame


def test_an_explanation_shows_itself_as_a_table():
    attach()
    nic = BareNic()
    nic.ethtool.add_rule("tcp4", queue=-1, dst_port=80)
    told = nic.explain(frame("10.0.0.1", "10.0.0.2", 5, 80))
    html = told._repr_html_()
    assert "This packet is dropped: rule 0" in html
    cells = [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", html)]
    assert cells[3:] == [part for step in told.steps for part in step]
    assert "goes to queue" in nic.explain(frame("10.0.0.1", "10.0.0.2", 5, 81))._repr_html_()
    nic.ctl.up = 0
    assert "It never gets there: the interface is down." in nic.explain(frame("10.0.0.1", "10.0.0.2", 5, 81))._repr_html_()
