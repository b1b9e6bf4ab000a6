"""Scenario files: hosts, links, bindings and traffic in a text file that gives the same run wherever it is run.

Law.   A file and a version of the lab give one trace, down to the last event; its digest says whether two runs were the same.
Reads. TOML 1.0; scenario_keys for the words; features row I7.
Omits. Several links for one host; programs other than senders and receivers of octets (cells have them).
"""

import os
import tomllib

from devmemlab.lab.scenario_keys import LISTS, TABLES, ScenarioError, check_scenario, meant, spelled


class Scenario:
    """What hosts there are, how they are connected, what memory is bound, and who sends what.

    Parameters
    ----------
    data : dict
        The tables of a scenario file: ``name``, ``seed``, ``until_ms``, and lists of dicts ``host``, ``link``, ``binding``,
        ``traffic``.
    source : str
        How messages call it.

    Attributes
    ----------
    data : dict
        As given.
    checked : dict
        With defaults.

    Raises
    ------
    ScenarioError
        Names the wrong key or value, and what to write instead.
    """

    def __init__(self, data, source="scenario"):
        self.data, self.source = data, source
        self.checked = check_scenario(data, source)
        self._look_around()

    def _look_around(self):
        """Refuse names of hosts that are not there, and what cannot be together."""
        hosts, source = {}, self.source
        if not self.checked["host"]:
            raise ScenarioError(f"{source}: there is no host; begin with [[host]] and its name")
        for number, host in enumerate(self.checked["host"], 1):
            if host["name"] in hosts:
                raise ScenarioError(f"{source}: host[{number}].name = {spelled(host['name'])} is there already; choose "
                                    "another name")
            if not host["ip"] and not host["ip6"]:
                raise ScenarioError(f'{source}: host[{number}] has no address; give it ip = "10.0.0.{number}"')
            hosts[host["name"]] = host
        named = [(f"{table}[{number}].{key}", name) for table, keys in (("link", ["between"]), ("binding", ["host"]),
                                                                       ("traffic", ["from", "to"]))
                 for number, row in enumerate(self.checked[table], 1)
                 for key in keys for name in (row[key] if isinstance(row[key], list) else [row[key]])]
        for place, name in named:
            if name not in hosts:
                raise ScenarioError(f"{source}: {place} = {spelled(name)}: there is no such host; {meant(name, hosts)}")
        for number, row in enumerate(self.checked["binding"], 1):
            if max(row["queues"]) >= hosts[row["host"]]["rx_queues"]:
                raise ScenarioError(f"{source}: binding[{number}].queues = {row['queues']}: {row['host']} has the queues 0 to "
                                    f"{hosts[row['host']]['rx_queues'] - 1}; give it rx_queues = {max(row['queues']) + 1}")
        linked = {}
        for number, link in enumerate(self.checked["link"], 1):
            for name in link["between"]:
                if name in linked or link["between"][0] == link["between"][1]:
                    raise ScenarioError(f"{source}: link[{number}].between: {name} has a link already; a host has one")
                linked[name] = link["between"]
        for number, flow in enumerate(self.checked["traffic"], 1):
            place = f"{source}: traffic[{number}]"
            if sorted(linked.get(flow["from"], [])) != sorted([flow["from"], flow["to"]]):
                raise ScenarioError(f"{place}: no link between {flow['from']} and {flow['to']}; add [[link]] with "
                                    f"between = [{spelled(flow['from'])}, {spelled(flow['to'])}]")
            bound = {queue for row in self.checked["binding"] if row["host"] == flow["to"] for queue in row["queues"]}
            if flow["into"] == "device" and not bound:
                raise ScenarioError(f'{place}.into = "device", but {flow["to"]} has no memory; add [[binding]] with '
                                    f"host = {spelled(flow['to'])}")
            if flow["queue"] is not None and flow["into"] == "device" and flow["queue"] not in bound:
                raise ScenarioError(f"{place}.queue = {flow['queue']} has no memory; bound are {sorted(bound)}")

    def run(self):
        """Run it: in virtual time, from the beginning to the end of all traffic.

        Returns
        -------
        outcome : devmemlab.lab.scenario_run.Outcome
            Prints as a table; close it when done.

        Raises
        ------
        ScenarioError
            Something was refused when it was set up: names the table that asked for it.
        """
        from devmemlab.lab.scenario_run import run_scenario

        return run_scenario(self)

    def as_commands(self):
        """Write it as the commands that make it on real machines.

        Returns
        -------
        text : str
            For each host its ``ip``, ``ethtool`` and ``ynl`` lines, then ``ncdevmem`` or ``nc`` for each traffic.
        """
        from devmemlab.lab.scenario_make import commands_of_scenario

        return commands_of_scenario(self)

    def as_toml(self, trace_sha256=None):
        """Write it as TOML: what was given, in the order of the words.

        Parameters
        ----------
        trace_sha256 : str, optional
            What a run gave, for ``[expect]``; what the scenario expects already when left out.

        Returns
        -------
        text : str
            `load_scenario` reads it.
        """
        expect = {"trace_sha256": trace_sha256} if trace_sha256 else self.data.get("expect")
        parts = [("", self.data)] + [(f"[[{table}]]", row) for table in LISTS for row in self.data.get(table, [])]
        parts += [("[expect]", expect)] if expect else []
        texts = []
        for head, values in parts:
            table = head.strip("[]")
            lines = [head] if head else []
            lines += [f"{word} = {spelled(values[word])}" for word in TABLES[table] if word in values]
            texts.append("\n".join(lines))
        return "\n\n".join(filter(None, texts)) + "\n"

    def save(self, path, outcome=None):
        """Write it to a file.

        Parameters
        ----------
        path : str or os.PathLike
            Usually ends in ``.toml``.
        outcome : Outcome, optional
            Of a run: its digest goes along, and every later run says whether it was the same.
        """
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(self.as_toml(outcome.trace_sha256 if outcome is not None else None))

    def __eq__(self, other):
        return isinstance(other, Scenario) and self.checked == other.checked

    __hash__ = None

    def __str__(self):
        return self.as_toml()

    def __repr__(self):
        counts = ", ".join(f"{len(self.checked[table])} {table}{'s' * (len(self.checked[table]) != 1 and table != 'traffic')}"
                           for table in LISTS)
        return f"<Scenario {self.checked['name']!r}: {counts}, seed {self.checked['seed']}>"


def load_scenario(path):
    """Read a scenario file.

    Parameters
    ----------
    path : str or os.PathLike
        TOML.

    Returns
    -------
    scenario : Scenario
        Checked.

    Raises
    ------
    ScenarioError
        No TOML, or a wrong key or value: the text names the place and the remedy.
    OSError
        The file cannot be read.
    """
    name = os.path.basename(os.fspath(path))
    with open(path, "rb") as file:
        try:
            data = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
            raise ScenarioError(f"{name}: this is no TOML: {problem}; texts stand in quotation marks, tables as "
                                "[[host]]") from None
    return Scenario(data, name)
