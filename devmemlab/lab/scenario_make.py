"""A scenario, set up: the lab is made from the file, table by table.

Law.   Everything is done in the order of the file; what is refused on the way is told with the table that asked for it.
Reads. scenario.py; interfaces section 2.
Omits. Several links for one host.

A host with a binding gets what a bind wants, unless the file says otherwise: header split on, and RSS on the queues below the
bound ones.
"""

import contextlib

from devmemlab.base.units import parse_size
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenario_keys import ScenarioError
from devmemlab.lab.segments import record
from devmemlab.lab.traffic.bulk import Sink
from devmemlab.lab.traffic.device import DeviceSink
from devmemlab.lab.traffic.paced import Paced
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, AF_INET6

NS_PER_US = 1000
HOST_KEYS = ("name", "ip", "ip6", "ifname", "mtu", "rx_queues", "rx_ring", "kernel", "sockets", "trace")


class Made:
    """The lab of a scenario, set up; nothing has been sent.

    Parameters
    ----------
    scenario : Scenario
        What to make.
    """

    def __init__(self, scenario):
        self.source, self.checked = scenario.source, scenario.checked
        self.hosts, self.devices, self.things = {}, {}, []
        with contextlib.ExitStack() as undo:
            self.lab = undo.enter_context(contextlib.closing(Lab(self.checked["seed"])))
            for table in ("host", "link", "binding", "traffic"):
                for number, row in enumerate(self.checked[table], 1):
                    with self._named(f"{table}[{number}]"):
                        getattr(self, f"_make_{table}")(row, undo)
            record(self.lab)
            self._undo = undo.pop_all()

    @contextlib.contextmanager
    def _named(self, place):
        try:
            yield
        except ScenarioError:
            raise
        except (OSError, ValueError) as problem:
            raise ScenarioError(f"{self.source}: {place}: {getattr(problem, 'strerror', None) or problem}") from problem

    def _make_host(self, row, undo):
        self.hosts[row["name"]] = host = self.lab.host(**{key: row[key] for key in HOST_KEYS if row[key] is not None})
        nic = host.ethtool(row["ifname"])
        bound = [queue for one in self.checked["binding"] if one["host"] == row["name"] for queue in one["queues"]]
        split = row["tcp_data_split"] or ("on" if bound else None)
        thresh = 0 if bound and row["hds_thresh"] is None else row["hds_thresh"]
        rings = {key: value for key, value in (("tcp_data_split", split), ("hds_thresh", thresh)) if value is not None}
        if rings:
            nic.set_rings(**rings)
        equal = row["rss_equal"] or (min(bound) if bound else 0)
        if equal:
            nic.set_rxfh_indir(equal=equal)
        for number, command in enumerate(row["commands"] or (), 1):
            said = host.sh(command)
            if said.returncode:
                raise ScenarioError(f"{self.source}: host {row['name']}: commands[{number}], {command!r}: {said.stderr.strip()}")

    def _make_link(self, row, undo):
        first, second = (self.hosts[name] for name in row["between"])
        self.lab.connect(first, second, **{key: value for key, value in row.items() if key != "between"})

    def _make_binding(self, row, undo):
        host = self.hosts[row["host"]]
        device = undo.enter_context(contextlib.closing(DeviceMemory(parse_size(row["memory"]))))
        more = {"rx-page-size": row["rx_page_size"]} if row["rx_page_size"] else {}
        if more and not host.profile.rx_page_size:
            raise ScenarioError(f"{self.source}: binding of {row['host']}: rx_page_size needs a later kernel; "
                                f'give the host kernel = "7.3"')
        netlink = host.netlink("netdev")
        self.things.append(netlink)
        netlink.bind_rx({"ifindex": host.netdev.ifindex, "fd": host.export(device),
                         "queues": [{"type": "rx", "id": queue} for queue in row["queues"]], **more})
        self.devices.update({(row["host"], queue): device for queue in row["queues"]})

    def _make_traffic(self, row, undo):
        host = self.hosts[row["to"]]
        if row["into"] == "device" or row["queue"] is not None:
            nic = host.ethtool(host.netdev.name)
            nic.add_rule(flow_type="tcp4" if host.ip else "tcp6", dst_port=row["port"], queue=self.queue_of(row))

    def queue_of(self, row):
        """Tell which queue a traffic goes to.

        Parameters
        ----------
        row : dict
            Of the traffic.

        Returns
        -------
        queue : int or None
            The lowest bound one where the file names none; None for traffic that RSS spreads.
        """
        if row["queue"] is not None:
            return row["queue"]
        return min(queue for name, queue in self.devices if name == row["to"]) if row["into"] == "device" else None

    def connect(self, number, row):
        """Make the connection of a traffic.

        Parameters
        ----------
        number : int
            Which.
        row : dict
            Its keys.

        Returns
        -------
        sender, receiver : Paced, Sink
            Neither has moved.
        """
        host = self.hosts[row["to"]]
        family = AF_INET if host.ip else AF_INET6
        with host.socket(family) as server:
            server.bind(("", row["port"]))
            server.listen()
            client = self.hosts[row["from"]].socket(family)
            client.connect((host.ip or host.ip6, row["port"]))
            conn, _ = server.accept()
        octets, seed = parse_size(row["octets"]), number if row["seed"] is None else row["seed"]
        message = parse_size(row["message"]) if row["message"] else octets
        start_ns = self.lab.clock.now_ns + round(row["start_us"] * NS_PER_US)
        sender = Paced(client, octets, min(message, octets), start_ns, round(row["pace_us"] * NS_PER_US), seed)
        if row["into"] == "device":
            return sender, DeviceSink(conn, self.devices[row["to"], self.queue_of(row)], seed=seed, keep=row["keep"])
        return sender, Sink(conn, seed=seed)

    def close(self):
        """End the lab and give its memory back."""
        self._undo.close()


def commands_of_scenario(scenario):
    """Write a scenario as commands; see `devmemlab.lab.scenario.Scenario.as_commands`.

    Parameters
    ----------
    scenario : Scenario
        Checked.

    Returns
    -------
    text : str
        Lines; comments begin with ``#``.
    """
    made = Made(scenario)
    try:
        lines = [made.lab.as_commands()]
        for row in scenario.checked["traffic"]:
            host, octets = made.hosts[row["to"]], parse_size(row["octets"])
            ip, queue = host.ip or host.ip6, made.queue_of(row)
            listen = (f"ncdevmem -l -f {host.netdev.name} -s {ip} -p {row['port']} -t {queue} -q 1 >/dev/null"
                      if row["into"] == "device" else f"nc -l {row['port']} >/dev/null")
            lines.append(f"# {row['from']} sends {octets} octets to {row['to']}\n# on {row['to']}\n{listen}\n# on {row['from']}\n"
                         f"head -c {octets} /dev/urandom | nc -N {ip} {row['port']}\n")
        return "".join(lines)
    finally:
        made.close()
