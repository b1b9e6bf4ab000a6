"""A course: a run that goes on move by move, with nothing of it hidden in a function that is still running.

Law.   What comes next depends on the objects of the course alone, so the run can be stopped, put back and gone on with anywhere.
Reads. scenario_make.py and replay.py, for the two kinds there are; house law 7.
Omits. Programs written as cells: a cell cannot be put back into its middle. What it does with the lab can be a scenario.

A move is the turn of one program or one host (a burst and what it made to send), a handshake, or the setting up. Several
events happen in a move, all at hosts of the same lab; between moves every table is consistent.
"""

from devmemlab.host.ports.flows import frames_of
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.lab import Lab
from devmemlab.lab.replay import make_playable
from devmemlab.lab.scenario_make import Made
from devmemlab.lab.segments import record
from devmemlab.lab.traffic.actor import Drive
from devmemlab.lab.traffic.device import DeviceSink
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, AF_INET6, SO_OOBINLINE, SOL_SOCKET

NS_PER_MS = 1_000_000
LAST_NS = 1_000_000
"""How long the wires are listened to when the programs are done."""


class Course:
    """What every course has. A subclass connects its programs one after the other.

    Parameters
    ----------
    lab : Lab
        Set up.
    timeout_ns : int or None
        Longest time of the traffic.

    Attributes
    ----------
    lab : Lab
        As it is now.
    actors : list of Actor
        Programs that are connected.
    over : bool
        Whether nothing is left to do.
    stopped : str
        Why it ended before all was done; empty when it was.
    """

    def __init__(self, lab, timeout_ns=None):
        self.lab, self.timeout_ns, self.actors = lab, timeout_ns, []
        self.over, self.stopped, self._drive, self._until_ns = False, "", None, None

    def move(self):
        """Go on by one move.

        Raises
        ------
        OSError, TimeoutError
            A connection could not be made; later ones end the course and are kept in `stopped`.
        """
        if self._drive is None and self._connect():
            return
        try:
            if self._drive is None:
                self._drive = Drive(self.lab, *self.actors, timeout_ns=self.timeout_ns)
            if not self._drive.done:
                self._drive.move()
            elif self._until_ns is None:
                for actor in self.actors:
                    actor.sock.close()
                self._until_ns = self.lab.clock.now_ns + LAST_NS
            else:
                self.over = not self.lab.turn(self._until_ns)
        except (TimeoutError, OSError) as problem:
            self.over, self.stopped = True, str(problem.strerror or problem)

    def _connect(self):
        """Connect the next program; False: all are."""
        raise NotImplementedError

    def close(self):
        """End the lab and give its memory back."""
        raise NotImplementedError


class ScenarioCourse(Course):
    """The course of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Checked.

    Attributes
    ----------
    made : Made
        Its lab, by names.
    pairs : list of (Paced, Sink)
        Programs of each traffic.
    """

    def __init__(self, scenario):
        self.made, self.pairs = Made(scenario), []
        until = scenario.checked["until_ms"]
        super().__init__(self.made.lab, until and round(until * NS_PER_MS))

    def _connect(self):
        rows = self.made.checked["traffic"]
        if len(self.pairs) == len(rows):
            return False
        self.pairs.append(self.made.connect(len(self.pairs) + 1, rows[len(self.pairs)]))
        self.actors += self.pairs[-1]
        return True

    def close(self):
        """End the lab and give its memory back."""
        self.made.close()


class CaptureCourse(Course):
    """The course of a recording: its largest flow is played to a host that receives into device memory.

    Parameters
    ----------
    capture : Capture
        Verified and repaired; not changed.
    memory : int
        Octets of device memory.
    keep : int
        Tokens that the program keeps.
    trace : int
        Room for events.
    """

    def __init__(self, capture, memory, keep, trace):
        flow, chosen = frames_of(capture)[0]
        played = make_playable(capture, capture.packets(), flow, chosen)
        lab = Lab()
        try:
            self._begin(lab, flow, played, memory, trace)
        except BaseException:
            lab.close()
            raise
        super().__init__(lab)
        self.keep, self.reached = keep, played.reached

    def _begin(self, lab, flow, played, memory, trace):
        """Set the host up."""
        version = 6 if ":" in flow.dst else 4
        self.host = lab.host("receiver", **{"ip6" if version == 6 else "ip": flow.dst}, mac=flow.dst_mac, mtu=65535, rx_queues=2,
                             rx_ring=256 if played.capture.frame.length.max() <= 9018 else 1024, ifname="eth1", trace=trace,
                             gateway_mac=flow.src_mac, port=Pcap(played.capture, clamp=True))
        self.device, self.netlink = DeviceMemory(memory), self.host.netlink("netdev")
        nic = self.host.ethtool("eth1")
        nic.set_rings(tcp_data_split="on", hds_thresh=0)
        nic.set_rxfh_indir(equal=1)
        nic.add_rule(flow_type=f"tcp{version}", dst_port=flow.dport, queue=1)
        self.netlink.bind_rx({"ifindex": self.host.netdev.ifindex, "fd": self.host.export(self.device),
                              "queues": [{"type": "rx", "id": 1}]})
        self.server = self.host.socket(AF_INET6 if version == 6 else AF_INET)
        self.server.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)
        self.server.bind(("", flow.dport))
        self.server.listen()
        record(lab)

    def _connect(self):
        if self.actors:
            return False
        conn, _ = self.server.accept()
        self.actors.append(DeviceSink(conn, self.device, self.reached, None, self.keep))
        return True

    def close(self):
        """End the lab and give its memory back."""
        self.lab.close()
        self.device.close()
