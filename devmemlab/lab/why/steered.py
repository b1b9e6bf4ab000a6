"""Why a connection does not come to device memory: the way that the card chooses for its frames, step by step.

Law.   The card's own decision is asked for, with a frame of the connection; nothing is guessed from names.
Reads. Spec sections 11 and 14.2.
Omits. Frames of before: what rules were like then, nobody knows.
"""

from devmemlab.lab.scenes_steering import Flow, frame
from devmemlab.lab.why.answer import Event, Finding
from devmemlab.nic.explain import explain_frame
from devmemlab.nic.rules import read_rules
from devmemlab.wire.address import address_text


def way_of(host, row):
    """Ask the card where frames of a connection go.

    Parameters
    ----------
    host : Host
        Who receives.
    row : TCB
        The connection.

    Returns
    -------
    told : devmemlab.nic.explain.Explanation
        With its steps.
    """
    version = int(row.ip_version)
    there, here = (address_text(version, int(row[f"{side}addr_hi"]), int(row[f"{side}addr_lo"])) for side in "rl")
    return explain_frame(host.nics, int(row.nic), frame(host, Flow(there, int(row.rport), here, int(row.lport))))


def _device_queues(device):
    return ", ".join(map(str, sorted(device.providers)))


def host_memory_finding(host, device, row, octets):
    """Say why octets that a program wants in device memory came in host memory.

    Parameters
    ----------
    host : Host
        Who receives.
    device : Netdev
        The interface.
    row : TCB
        The connection.
    octets : int
        How many.

    Returns
    -------
    finding : Finding
        With the steps of the card.
    """
    told, rules, port = way_of(host, row), read_rules(host.nics, device.nic), int(row.lport)
    queue, name = told.queue, device.name
    chain = [Event(None, f"{step.what}: {step.found}" + (f", {step.so}" if step.so else ""), "the card's steering")
             for step in told.steps if step.what.startswith(("rule", "table entry"))]
    chain.append(Event(None, f"queue {queue} runs on {'device memory' if queue in device.providers else 'pages'}; device memory "
                       f"is on queues {_device_queues(device) or 'none'}", "queue-get"))
    chain.append(Event(None, f"recvmsg(MSG_SOCK_DEVMEM) gives {octets:,} octets of host memory and no control message",
                       "return value of recvmsg"))
    order = f"ethtool -N {name} flow-type tcp4 dst-port {port} action {_device_queues(device) or queue}"
    if queue in device.providers:
        return Finding("was-elsewhere", "its first octets came before the queue was on device memory; now frames go there",
                       "bind and steer before the peer connects", tuple(chain), True)
    if not device.providers:
        return Finding("unbound", f"queue {queue} is on pages again: the netlink socket that bound it is closed, or nothing ever "
                       "was bound", "keep the netlink socket open as long as data is to come; bind again", tuple(chain))
    if not rules:
        return Finding("no-rule", "no rule sends this connection to the device queue, so RSS chose another one; its data lies in "
                       "host memory, and nothing complains", order, tuple(chain))
    if not host.nics.ctl[device.nic].ntuple:
        return Finding("ntuple-off", "there is a rule, but the feature ntuple-filters is off, so the card looks at no rules",
                       f"ethtool -K {name} ntuple on", tuple(chain))
    miss = next((step.so for step in told.steps if step.what.startswith("rule ")), "")
    return Finding("rule-misses", f"the rule does not match this connection: {miss}", order, tuple(chain))


def stranger_finding(host, device, row, refusal):
    """Say why a program that wants no device memory gets EFAULT: its frames landed on the device queue by RSS; None: a rule
    put them there.

    Parameters
    ----------
    host : Host
        Who receives.
    device : Netdev
        The interface.
    row : TCB
        The connection.
    refusal : Refusal
        Of its recvmsg.

    Returns
    -------
    finding : Finding or None
        With the steps of the card.
    """
    told = way_of(host, row)
    if told.rule >= 0:
        return None
    queue = int(row.rx_queue) - 1 - int(host.nics.ctl[device.nic].first_queue)
    chain = [Event(None, f"{step.what}: {step.found}, {step.so}", "the card's steering") for step in told.steps
             if step.what.startswith("table")]
    chain.append(Event(refusal.at_ns, "recvmsg answers 14 EFAULT: payload is in device memory", "errno"))
    return Finding("rss-not-narrowed", f"RSS spreads ordinary connections over queue {queue}, which is on device memory; this "
                                       "one "
                   "is one of them", f"ethtool -X {device.name} equal {queue} (before they connect); the connection that is "
                   "there now has to be made again", tuple(chain))
