"""Both directions, IPv4 and IPv6, with and without harm: programs of the system against the lab, through a TAP device.

`python -m devmemlab.lab.live_runs` prints the same runs, at their full sizes, as a table.
"""

import itertools

import pytest

from devmemlab.host.ports import why_not_live
from devmemlab.lab.live_runs import FAMILIES, HARM, HEAD, main, run
from devmemlab.lab.live_work import RUNS, missing

# The other side is a kernel with timers of its own: slower modes would only make it retransmit.
pytestmark = [pytest.mark.live, pytest.mark.once]
EVERY = list(itertools.product(RUNS, FAMILIES, (None, HARM)))
QUICK = [case for case in EVERY if (case[1] == "IPv6") == (case[2] is HARM)]
SEGMENT_BYTES = 1400


@pytest.fixture(scope="module", autouse=True)
def possible():
    reason = why_not_live()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("payload"))


def named(value):
    return value if isinstance(value, str) else "harm" if value else "clean"


def hold(name, family, harm, share, folder):
    if missing(name):
        pytest.skip(missing(name))
    row = run(name, family, harm, share, folder)
    assert row.right and row.in_flight == 0 and row.nbytes > 0, row
    ours, theirs = row.lab_retransmits, row.kernel_retransmits
    if harm:
        assert (ours if row.direction == "out" else theirs) > 0, row
    else:
        # Nothing is lost, but a machine that is busy elsewhere may answer so late that a sender probes, or its timer runs out.
        few = 20 + row.nbytes // SEGMENT_BYTES // 200
        assert row.dropped == 0 and (max(ours, theirs) <= few or row.timeouts > 0), row


@pytest.mark.parametrize("name, family, harm", QUICK, ids=named)
def test_short(name, family, harm, folder):
    hold(name, family, harm, 0.02 if name[0] in "nci5" else 0.005, folder)


@pytest.mark.long
@pytest.mark.parametrize("name, family, harm", EVERY, ids=named)
def test_whole(name, family, harm, folder):
    hold(name, family, harm, 1.0, folder)


def test_the_table_has_a_line_for_each_run(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--share", "0.001", "--only", "validated out IPv6 clean"])
    head, rule, row = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0 and head.count("|") == rule.count("|") == row.count("|") == len(HEAD) + 1
    assert row.startswith("| validated | out | IPv6 | none | 1,073,741 |") and row.endswith("| 0 | yes |")


def test_a_wrong_digest_is_said(monkeypatch, capsys):
    monkeypatch.setattr("devmemlab.lab.live_runs.stream_digest", lambda nbytes: "another")
    with pytest.raises(SystemExit) as ended:
        main(["--share", "0.0001", "--only", "validated out IPv4 clean"])
    assert ended.value.code == 1 and "| NO |" in capsys.readouterr().out
