"""Settings that can be turned in the middle of a run: what a wire does, what a program keeps, what an administrator types.

Law.   A setting is checked before anything is done; what is refused is named with its value and what is possible.
Reads. scenario_keys.py for the words of wires and programs; host/sysctl.py and host/shell.py.
Omits. What is chosen when a host is made (kernel profile, memory provider, steering function): write another scenario.
"""

from devmemlab.host.ports.harm import HARMS, LEAST_DETOUR_NS, PER_MILLION
from devmemlab.lab.scenario_keys import TABLES, meant

WIRE = ("gbps", "delay_us", *HARMS)
WORDS = (*WIRE, "keep", "sysctl", "commands")
NS_PER_US = 1000
MOST_LINES = 256


def _fits(word, value):
    """Tell whether a value can be, and what could."""
    if word in WIRE or word == "keep":
        key = TABLES["link" if word in WIRE else "traffic"][word]
        try:
            key.check(value)
        except (ValueError, TypeError):
            return False, key.words
        return True, ""
    good = isinstance(value, dict) and all(isinstance(host, str) for host in value)
    if word == "sysctl":
        good = good and all(isinstance(some, dict) and len(some) <= MOST_LINES and all(
            isinstance(name, str) and isinstance(number, (int, str)) for name, number in some.items()) for some in value.values())
        return good, 'names and values for each host, as {"trainer": {"net.ipv4.tcp_sack": 0}}'
    good = good and all(isinstance(some, list) and len(some) <= MOST_LINES and all(isinstance(line, str) for line in some)
                        for some in value.values())
    return good, 'command lines for each host, as {"trainer": ["ethtool -G eth1 rx 64"]}'


def check_settings(settings):
    """Refuse settings that cannot be.

    Parameters
    ----------
    settings : dict
        Word -> value: ``gbps``, ``delay_us``, ``loss``, ``reorder``, ``duplicate``, ``corrupt`` of every wire; ``keep`` of every
        program that receives into device memory; ``sysctl`` and ``commands`` by host.

    Raises
    ------
    ValueError
        Names the word, the value and what is needed.
    """
    for word, value in settings.items():
        if word not in WORDS:
            raise ValueError(f"{word}: there is no such setting; {meant(word, WORDS)}")
        good, words = _fits(word, value)
        if not good:
            raise ValueError(f"{word} = {value!r} cannot be; needed: {words}")


def turn_settings(lab, actors, settings):
    """Turn settings, as of now.

    Parameters
    ----------
    lab : Lab
        Changed.
    actors : list of Actor
        Its programs.
    settings : dict
        See `check_settings`.

    Raises
    ------
    ValueError
        The lab has no such host, no wire, or refuses a command.
    """
    check_settings(settings)
    ends = [getattr(port, "port", port) for host in lab.hosts for port in host.ports if port is not None]
    links = [end.link for end in ends if hasattr(end, "link")]
    hosts = {host.name: host for host in lab.hosts}
    for word, value in settings.items():
        if word == "keep":
            for actor in actors:
                if hasattr(actor, "keep"):
                    actor.keep = value
        elif word in WIRE:
            if not links:
                raise ValueError(f"{word}: this lab has no wire; what a recorded sender met is in its recording")
            for link in links:
                set_link(link, word, value)
        else:
            for name, what in value.items():
                if name not in hosts:
                    raise ValueError(f"{word}: there is no host {name!r}; {meant(name, hosts)}")
                _turn(hosts[name], word, what)


def set_link(link, word, value):
    """Change what a wire does, from the next frame on.

    Parameters
    ----------
    link : LINK
        One direction.
    word : str
        One of `WIRE`.
    value : float
        As for ``lab.connect``.
    """
    if word in HARMS:
        link[word] = round(value * PER_MILLION)
    elif word == "gbps":
        link.rate_mbps = max(round(value * 1000), int(value > 0))
    else:
        link.delay_ns = round(value * NS_PER_US)
        link.detour_ns = max(link.delay_ns, LEAST_DETOUR_NS)


def _turn(host, word, what):
    """Turn what a host has: settings by name, or command lines."""
    if word == "sysctl":
        for name, value in what.items():
            try:
                host.sysctl(name, value)
            except OSError as problem:
                raise ValueError(f"sysctl {name} = {value!r} of {host.name}: {problem.strerror}") from problem
        return
    for command in what:
        said = host.sh(command)
        if said.returncode:
            raise ValueError(f"commands of {host.name}: {command!r}: {said.stderr.strip()}")
