"""``devmemlab replay``: digests of the captures, gaps, and one line for every file that is none."""

import hashlib
import json
import re

import pytest
from click.testing import CliRunner

from devmemlab import cli
from devmemlab.base.paths import data_folder
from devmemlab.lab.replay import replay
from devmemlab.lab.stream import stream_octets
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.wire.capture import Capture

FLOW_FIELDS = {"src", "dst", "payload_bytes", "frags", "linear_bytes", "sha256", "gaps"}


def run(*arguments):
    """Exit status and the lines of both streams."""
    result = CliRunner().invoke(cli.main, ["replay", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def written(path, nbytes=3000, **options):
    bulk_capture(nbytes, **options).save(path)
    return path


README = (data_folder() / "README.md").read_text()
ENDS = {False: ("10.0.0.1:40000", "10.0.0.2:5201"), True: ("[fd00::1]:40000", "[fd00::2]:5201")}


# Interpreted, the two large ones would take minutes.
NAMES = [pytest.param(name, marks=pytest.mark.compiled_only) if name.startswith("linux-bulk-mtu") else name
         for name in re.findall(r"^## (\S+\.pcap)$", README, re.M)]


@pytest.mark.parametrize("name", NAMES)
def test_the_captures_carry_the_stream_that_their_readme_names(name, tmp_path):
    section = README.split(f"## {name}\n")[1]
    digest, nbytes, mtu = (re.search(pattern, section)[1] for pattern in (
        r"SHA-256 of the stream \| `(\w+)`", r"payload \| (\d+) octets", r"MTU \| (\d+)"))
    status, _ = run(data_folder() / name, "--json", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text())
    assert status == 0 and report["netmems_in_flight"] == 0 and report["audit"] == "clean"
    assert all(set(flow) == FLOW_FIELDS for flow in report["flows"])
    (flow,) = [flow for flow in report["flows"] if flow["payload_bytes"]]
    assert (flow["src"], flow["dst"]) == ENDS["ipv6" in name]
    assert (flow["sha256"], flow["payload_bytes"], flow["gaps"], flow["linear_bytes"]) == (digest, int(nbytes), 0, 0)
    assert flow["frags"] >= int(nbytes) / min(int(mtu), 4096)


@pytest.mark.parametrize("options", [{"mtu": 9000}, {"timestamps": False}, {"seed": 3},
                                     {"client": ("fd00::1", 40000, "02:00:00:00:00:01"),
                                      "server": ("fd00::2", 5201, "02:00:00:00:00:02")}])
def test_synthetic_captures(tmp_path, options):
    report = replay(written(tmp_path / "bulk.pcap", 20_000, **options), dmabuf="256KiB")
    (flow,) = [flow for flow in report["flows"] if flow["payload_bytes"]]
    assert flow["sha256"] == hashlib.sha256(stream_octets(20_000)).hexdigest() and report["netmems_in_flight"] == 0


def test_a_capture_that_lacks_a_frame_is_digested_up_to_the_gap(tmp_path):
    whole = bulk_capture(10_000)
    rows = [k for k in range(len(whole.frame)) if k != 6]
    Capture(whole.octets, whole.frame[rows].copy()).save(tmp_path / "gap.pcap")
    report = replay(tmp_path / "gap.pcap", dmabuf="256KiB")
    (flow,) = [flow for flow in report["flows"] if flow["payload_bytes"]]
    reached = 3 * 1448
    assert flow["gaps"] == 1 and flow["payload_bytes"] == reached and report["audit"] == "clean"
    assert flow["sha256"] == hashlib.sha256(stream_octets(10_000)[:reached]).hexdigest()


def test_a_capture_without_handshake_and_end(tmp_path):
    whole = bulk_capture(10_000)
    Capture(whole.octets, whole.frame[3:-1].copy()).save(tmp_path / "middle.pcap")
    (flow,) = [f for f in replay(tmp_path / "middle.pcap", dmabuf="256KiB")["flows"] if f["payload_bytes"]]
    assert flow["sha256"] == hashlib.sha256(stream_octets(10_000)).hexdigest()


def spoiled(path, kind):
    octets = bytearray(written(path).read_bytes())
    if kind == "cut":
        octets = octets[:len(octets) // 2]
    elif kind == "corrupt":
        octets[24 + 8:24 + 12] = b"\xff\xff\xff\x7f"
    elif kind == "no capture":
        octets[:4] = b"PK\3\4"
    elif kind == "empty":
        octets.clear()
    else:
        capture = bulk_capture(3000)
        for row in capture.frame:
            capture.octets[row.offset + 23] = 17
        capture.save(path)
        return
    path.write_bytes(octets)


@pytest.mark.parametrize("kind", ["cut", "corrupt", "no capture", "empty", "no TCP", "missing", "directory"])
def test_what_is_no_capture_is_refused_in_one_line(tmp_path, kind):
    path = tmp_path / "bad.pcap"
    if kind == "directory":
        path.mkdir()
    elif kind != "missing":
        spoiled(path, kind)
    status, output = run(path)
    lines = output.strip().splitlines()
    assert status == 1 and len(lines) == 1 and lines[0].startswith("devmemlab: ") and "Traceback" not in output


def test_an_impossible_dmabuf_is_refused_in_one_line(tmp_path):
    for size in ("nonsense", "-1"):
        status, output = run(written(tmp_path / "bulk.pcap"), "--dmabuf", size)
        assert status == 1 and len(output.strip().splitlines()) == 1, output


def test_wrong_usage_is_status_2():
    assert run()[0] == 2
