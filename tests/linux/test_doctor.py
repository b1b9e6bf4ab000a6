"""The doctor on machines made of files: each missing piece is found, named first, and has a remedy."""

import json
import struct

import pytest
from click.testing import CliRunner

from devmemlab import cli
from devmemlab.base.errno import EBADF, EINVAL, ENOENT, ENOPROTOOPT, EOPNOTSUPP, EPERM
from devmemlab.lab import doctor
from devmemlab.lab.doctor_words import STOPS, WORDS
from devmemlab.linux import ethtool_ioctl, probe_device, probe_pci, probe_process
from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN, Tree
from devmemlab.linux.rtnetlink import IFINFOMSG, xdp_in
from tests.linux import trees
from tests.linux.kit import LINUX

pytestmark = pytest.mark.once


class Patient:
    """A machine, its kernel, and what the doctor says."""

    def __init__(self, root, monkeypatch):
        self.root, self.kernel, self.rules = trees.machine(root), trees.Kernel(), ([3], 1024)
        monkeypatch.setattr(probe_device, "link_of", lambda ifindex: self.kernel.link)
        monkeypatch.setattr(ethtool_ioctl, "rule_places", lambda name: self.rules)
        monkeypatch.setenv("PATH", "/usr/bin")

    def files(self, **files):
        trees.write(self.root, {name: text for name, text in files.items()})

    def report(self, *ifname):
        return doctor.examine(*ifname, root=self.root, kernel=self.kernel)

    def rows(self, *ifname):
        return {row.key: row for row in self.report(*ifname).rows}


@pytest.fixture
def patient(tmp_path, monkeypatch):
    return Patient(tmp_path, monkeypatch)


def test_a_machine_that_lacks_nothing_is_ready(patient):
    report = patient.report()
    assert report.ready and report.first is None and "Nothing stops you here" in str(report)
    rows = patient.rows("eth1")
    assert {row.state for row in rows.values()} == {FOUND}, [row for row in rows.values() if row.state != FOUND]
    assert set(rows) == set(WORDS) - {"interface"}
    assert rows["distance"].value == "NVIDIA GPU 0000:1a:00.0 PIX; AMD accelerator 0000:98:00.0 SYS"
    assert "free: 4, 5, 6, 7" in rows["rss"].value and "1 rules of 1024" in rows["rules"].value


def nic(**changes):
    return lambda patient: vars(patient.kernel.nic).update(changes)


def answers(**changes):
    return lambda patient: patient.kernel.answers.update(changes)


def files(changes):
    return lambda patient: trees.write(patient.root, changes)


def link(**changes):
    return lambda patient: patient.kernel.link.update(changes)


STOPPED = [
    ("release", answers(commands=OSError(ENOENT, "no family")), files({"/proc/sys/kernel/osrelease": "6.1.0-13-amd64\n"})),
    ("config", files({"/boot/config-6.18.3-cloud": "CONFIG_PAGE_POOL=y\nCONFIG_DMA_SHARED_BUFFER=y\n"})),
    ("option", answers(dontneed=OSError(ENOPROTOOPT, "Protocol not available"))),
    ("family", answers(commands=(1, 10))),
    ("family", answers(commands=OSError(ENOENT, "no family"))),
    ("rights", files({"/proc/self/status": "CapEff:\t0000000000000000\n"})),
    ("rights", files({"/proc/self/uid_map": "0 1000 1\n"})),
    ("exporter", files({"/dev/udmabuf": None})),
    ("queues", answers(bind_rx=EOPNOTSUPP)),
    ("queues", answers(bind_rx=EPERM), nic(driver="virtio_net")),
    ("link", link(up=False, operstate="down")),
    ("channels", nic(channels={"rx": 0, "combined": 1, "rx_max": 0, "combined_max": 8})),
    ("split", nic(rings={"tcp_data_split": "auto", "hds_thresh": 0})),
    ("split", nic(rings={"tcp_data_split": None, "hds_thresh": None})),
    ("split", nic(refuse={"get_rings": trees.unsupported()})),
    ("thresh", nic(rings={"tcp_data_split": "on", "hds_thresh": 256})),
    ("xdp", link(xdp={"mode": "driver", "id": 7})),
    ("rss", nic(table=list(range(8)) * 16)),
    ("rss", nic(table=[])),
    ("rules", nic(features={"ntuple-filters": False})),
    ("rules", nic(features={})),
    ("rules", lambda patient: setattr(patient, "rules", (list(range(8)), 8))),
]


@pytest.mark.parametrize("key, changes", [(key, changes) for key, *changes in STOPPED],
                         ids=[f"{number}-{case[0]}" for number, case in enumerate(STOPPED)])
def test_the_first_missing_step_is_named_with_its_remedy(patient, key, changes):
    for change in changes:
        change(patient)
    report = patient.report("eth1")
    assert not report.ready and report.first.key == key and WORDS[key].weight == STOPS
    said = str(report)
    assert f"What stops you here first: {WORDS[key].title}" in said and report.first.fix in said.replace("\n", " ") + said
    assert report.as_dict()["first"]["fix"]


def test_what_a_program_meets_first_comes_first(patient):
    for key, *changes in reversed(STOPPED[1:]):
        for change in changes:
            change(patient)
    order = [row.key for row in patient.report("eth1").rows if row.state == MISSING and row.word.weight == STOPS]
    assert order == ["config", "option", "family", "rights", "exporter", "queues", "link", "channels", "split", "thresh", "xdp",
                     "rss", "rules"]


def test_what_hardware_lacks_has_no_command(patient):
    nic(rings={"tcp_data_split": None, "hds_thresh": None})(patient)
    assert "no command helps" in patient.rows("eth1")["split"].fix
    nic(rings={"tcp_data_split": "off", "hds_thresh": 0})(patient)
    assert patient.rows("eth1")["split"].fix == "sudo ethtool -G eth1 tcp-data-split on"


def test_what_cannot_be_known_is_not_guessed(patient):
    trees.write(patient.root, {"/boot/config-6.18.3-cloud": None, "/proc/self/status": None,
                               "/proc/sys/net/core/optmem_max": None,
                               "/proc/self/limits": None})
    nic(refuse={"get_rings": OSError(EPERM, "no"), "get_rxfh_indir": OSError(5, "Input/output error")})(patient)
    rows = patient.rows("eth1")
    for key in ("config", "rights", "optmem", "memlock", "split", "thresh", "rss"):
        assert rows[key].state == UNKNOWN, key
    report = patient.report("eth1")
    assert report.ready and "unknown: kernel options, rights, header split" in report.verdict()


@pytest.mark.parametrize("release, number, driver, state", [
    ("6.18.3", EBADF, "bnxt_en", FOUND), ("6.18.3", EBADF, "iavf", UNKNOWN), ("6.18.3", EOPNOTSUPP, "bnxt_en", MISSING),
    ("6.12.9", EBADF, "gve", FOUND), ("6.12.9", EBADF, "veth", MISSING), ("6.18.3", EPERM, "mlx5_core", FOUND),
    ("6.18.3", EPERM, "veth", MISSING), ("8.1.0", EPERM, "later", UNKNOWN), ("8.1.0", EINVAL, "later", UNKNOWN)])
def test_queue_management_is_told_from_the_answer_and_the_driver(patient, release, number, driver, state):
    trees.write(patient.root, {"/proc/sys/kernel/osrelease": release})
    answers(bind_rx=number)(patient)
    nic(driver=driver)(patient)
    row = patient.rows("eth1")["queues"]
    assert row.state == state and driver in row.value


def test_a_kernel_with_a_port_back_is_new_enough(patient):
    trees.write(patient.root, {"/proc/sys/kernel/osrelease": "5.14.0-611.el9"})
    assert patient.rows("eth1")["release"].state == FOUND


def test_the_configuration_is_found_wherever_it_lies(patient):
    text = trees.PLAIN["/boot/config-6.18.3-cloud"]
    trees.write(patient.root, {"/boot/config-6.18.3-cloud": None, "/proc/config.gz": text})
    assert patient.rows("eth1")["config"].value.startswith("/proc/config.gz")
    trees.write(patient.root, {"/proc/config.gz": None, "/lib/modules/6.18.3-cloud/config": text})
    assert patient.rows("eth1")["config"].value.startswith("/lib/modules")


@pytest.mark.parametrize("changes, words", [
    ({"/dev/dma_heap/system": ""}, "/dev/dma_heap/system"), ({"/dev/dri/renderD128": "", "/dev/dri/card0": ""}, "renderD128"),
    ({"/boot/config-6.18.3-cloud": "CONFIG_UDMABUF=y\n"}, "hidden here"), ({}, "not loaded"),
    ({"/boot/config-6.18.3-cloud": None}, "not known"), ({"/boot/config-6.18.3-cloud": "# nothing\n"}, "is not set")])
def test_other_exporters_will_do_and_a_missing_one_is_explained(patient, changes, words):
    trees.write(patient.root, {"/dev/udmabuf": None, **changes})
    assert words in patient.rows("eth1")["exporter"].value


@pytest.mark.parametrize("changes, name", [
    ({"/.dockerenv": ""}, "Docker"), ({"/run/.containerenv": ""}, "Podman"), ({"/proc/1/environ": "A=b\0container=lxc\0"}, "lxc"),
    ({"/var/run/secrets/kubernetes.io/token": ""}, "Kubernetes"), ({"/proc/1/environ": "notcontainer=lxc\0"}, "")])
def test_a_container_is_named(tmp_path, changes, name):
    assert probe_process.container_of(Tree(trees.write(tmp_path, changes))) == name


def test_bindings_are_told(patient):
    answers(queues=[{"id": 3, "type": "rx", "dmabuf": 9}, {"id": 4, "type": "rx", "xsk": {}}, {"id": 0, "type": "tx"}])(patient)
    row = patient.rows("eth1")["bindings"]
    assert row.state == MISSING and row.value == "rx 3: dmabuf 9; rx 4: AF_XDP" and patient.report("eth1").ready


def test_without_a_name_every_interface_with_hardware_is_examined(patient):
    assert {row.ifname for row in patient.report().rows} == {"", "eth1"}
    (patient.root / "sys/class/net/eth1/device").unlink()
    assert patient.report().first.key == "interface"


def test_the_interface_that_gets_farthest_is_blamed():
    from devmemlab.lab.doctor_report import Report, Row
    rows = [Row("queues", MISSING, "x", True, "eth0"), Row("split", MISSING, "y", True, "eth1")]
    rows.insert(1, Row("queues", FOUND, "y", True, "eth1"))
    assert Report(rows).first == Row("split", MISSING, "y", True, "eth1")
    assert Report([*rows, Row("queues", FOUND, "z", True, "eth2")]).ready


def test_a_sys_of_another_namespace_is_not_believed(patient):
    trees.write(patient.root, {"/sys/class/net/eth1/ifindex": "9\n"})
    rows = patient.rows("eth1")
    assert {rows[key].state for key in ("distance", "iommu", "acs")} == {UNKNOWN} and rows["mtu"].state == FOUND


# ---- the buses

@pytest.mark.parametrize("nic, other, nodes, how", [
    (trees.NIC, trees.GPU, (0, 0), "PIX"),
    ("/sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0/0000:18:00.0/0000:19:00.0/0000:1a:00.0/0000:1b:00.0",
     "/sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0/0000:18:01.0/0000:1c:00.0", (0, 0), "PXB"),
    (f"{trees.SWITCH}/0000:18:00.0/0000:19:00.0/0000:1a:00.0", trees.GPU, (0, 0), "PXB"),
    ("/sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0", "/sys/devices/pci0000:16/0000:16:02.0/0000:18:00.0", (0, 0), "PHB"),
    (trees.NIC, trees.OTHER, (0, 0), "NODE"), (trees.NIC, trees.OTHER, (0, 1), "SYS"),
    (trees.NIC, trees.OTHER, (None, 1), "SYS")])
def test_distance_is_that_of_the_tree(nic, other, nodes, how):
    chains = [tuple(part for part in path.split("/")[3:]) for path in (nic, other)]
    assert probe_pci.distance(*chains, nodes) == how == probe_pci.distance(*chains[::-1], nodes[::-1])


def test_a_far_gpu_is_not_near(patient):
    (patient.root / "sys/bus/pci/devices/0000:1a:00.0").unlink()
    assert patient.rows("eth1")["distance"].state == MISSING
    (patient.root / "sys/bus/pci/devices/0000:98:00.0").unlink()
    assert "no GPU" in patient.rows("eth1")["distance"].value


def capability(at, number, following, control=0):
    return {at: struct.pack("<I", number | 1 << 16 | following << 20) + struct.pack("<HH", 0x7F, control)}


def space(*capabilities):
    octets = bytearray(4096)
    for one in capabilities:
        for at, piece in one.items():
            octets[at:at + len(piece)] = piece
    return bytes(octets)


@pytest.mark.parametrize("config, control", [
    (space(capability(0x100, 1, 0x150), capability(0x150, 0x0D, 0, 0x1D)), 0x1D), (space(capability(0x100, 1, 0)), None),
    (space(capability(0x100, 1, 0x100)), None), (bytes(64), None), (b"", None)])
def test_acs_is_read_from_the_chain_of_capabilities(config, control):
    assert probe_pci.acs_control(config) == control


def test_a_redirecting_switch_is_named_and_hidden_registers_are_unknown(patient):
    bridge = f"{trees.SWITCH}/0000:18:00.0/config"
    trees.write(patient.root, {bridge: space(capability(0x100, 0x0D, 0, 0x04))})
    row = patient.rows("eth1")["acs"]
    assert row.state == MISSING and row.value == "redirected by 0000:18:00.0"
    trees.write(patient.root, {bridge: bytes(64)})
    assert patient.rows("eth1")["acs"].state == UNKNOWN


@pytest.mark.parametrize("kind, state", [("identity\n", FOUND), ("DMA-FQ\n", MISSING), (None, UNKNOWN)])
def test_an_iommu_that_translates_is_told(patient, kind, state):
    trees.write(patient.root, {"/sys/class/iommu/dmar0/x": "", f"{trees.NIC}/iommu_group/type": kind})
    assert patient.rows("eth1")["iommu"].state == state


def test_an_xdp_program_is_read_out_of_a_link_message():
    head = bytes(16) + IFINFOMSG.pack(0, 1, 2, 1, 0)
    nest = struct.pack("=HHB3xHHI", 5, 2, 1, 8, 4, 42)
    assert xdp_in(head + struct.pack("=HHI", 8, 4, 1500) + struct.pack("=HH", 4 + len(nest), 43 | 0x8000) + nest) == {
        "mode": "driver", "id": 42}
    assert xdp_in(head + struct.pack("=HHHHB3x", 12, 43, 5, 2, 0)) is None and xdp_in(head) is None


# ---- the command

def run(*arguments):
    return CliRunner().invoke(cli.main, ["doctor", *arguments])


def test_the_command_follows_the_statuses_of_the_house(patient, monkeypatch, tmp_path):
    examine = doctor.examine
    monkeypatch.setattr(doctor, "examine", lambda ifname: examine(ifname, patient.root, patient.kernel))
    path = tmp_path / "report.json"
    done = run("eth1", "--json", str(path))
    assert done.exit_code == 0 and "this machine" in done.output and "interface eth1" in done.output
    told = json.loads(path.read_text())
    assert told["ready"] is True and told["first"] is None and told["machine"]["python"]
    assert {tuple(row) for row in told["rows"]} == {("key", "interface", "title", "state", "value", "weight", "why", "fix")}
    answers(bind_rx=EOPNOTSUPP)(patient)
    assert run("eth1").exit_code == 1
    done = run("wings")
    assert done.exit_code == 2 and "No such device" in done.output


@pytest.mark.skipif(not LINUX, reason="a smoke test of the running Linux")
def test_this_machine_is_examined_without_rights_and_unchanged():
    done = run("lo", "--json", "-")
    told = json.loads(done.stdout)
    rows = {row["key"]: row for row in told["rows"]}
    assert done.exit_code == 1 and told["ready"] is False and rows["link"]["state"] == FOUND
    assert rows["queues"]["state"] in (MISSING, UNKNOWN) and rows["system"]["value"].startswith("Linux ")
