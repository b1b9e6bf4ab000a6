"""Generic netlink: the controller's answers, and every request to the family netdev.

Law.   Both sides get the same octets, but for the numbers of devices, descriptors and the family.
Reads. Recorded groups genl-family, genl-netns, genl-initns-readonly, genl-privilege, netdevsim; devmem-rig but its traces.
Omits. The interfaces of the machines on which records were made.
"""

from devmemlab.lab.conformance import controller
from devmemlab.lab.conformance.answers import Answer, NotModelled, attempt
from devmemlab.lab.conformance.messages import COMMANDS, CONTROLLER, attribute, named, read_answer, request
from devmemlab.lab.conformance.replay_sockopt import ONE_TOKEN
from devmemlab.lab.conformance.requests import ask, bind, command_of, queue

DEFER, FLUSH = 100, 20000
"""What the prober set: defer-hard-irqs, and gro-flush-timeout in ns."""
GETFAMILY, GETPOLICY, FAMILY_NAME = 3, 10, 2
VERSIONS = {"version-0": 0, "version-9": 9}
DEVICES = ("lo", "v0", "br0", "tun0", "tap0", "tapmq", "dm0", "nsim")
OWN_DUMPS = ("netdev.dev-get[dump]", "netdev.queue-get[dump]", "netdev.napi-get[dump]")


def ask_controller(sock, record):
    """Ask the controller about the family.

    Parameters
    ----------
    sock : object
        With ``ask``.
    record : Record
        Of getfamily or getpolicy.

    Returns
    -------
    answer : Answer
        Decoded.
    """
    name = attribute(FAMILY_NAME, record.args["name"].encode() + b"\0")
    if record.call == "ctrl.getfamily":
        answer, bodies = read_answer(sock.ask(request(CONTROLLER, GETFAMILY, name, version=2)))
        return answer._replace(result=controller.family(bodies)) if answer.errno is None else answer
    answer, bodies = read_answer(sock.ask(request(CONTROLLER, GETPOLICY, name, dump=True, version=2)))
    return answer._replace(result=controller.policies(bodies)) if answer.errno is None else answer


def first_napi(sock, face, device):
    """Find the NAPI that a dump lists first.

    Parameters
    ----------
    sock : object
        With ``ask``.
    face : LabFace or RealFace
        Numbers the device.
    device : str
        Whose.

    Returns
    -------
    napi_id : int
        Its number.
    """
    command = COMMANDS["napi-get"]
    _, bodies = read_answer(sock.ask(request(sock.family, command, attribute(1, face.ifindex(device)), dump=True)))
    return named(bodies)[0]["id"]


def napi_settings(face, sock, record):
    """Change the settings of a NAPI, or ask for them after that.

    Parameters
    ----------
    face : LabFace or RealFace
        Numbers the device.
    sock : object
        With ``ask``.
    record : Record
        Of napi-set or napi-get.

    Returns
    -------
    octets : bytes
        The request of the record.
    """
    number = attribute(2, first_napi(sock, face, "v0"))
    change = request(sock.family, COMMANDS["napi-set"], number + attribute(5, DEFER) + attribute(6, FLUSH))
    if record.leaf == "after-set":
        sock.ask(change)
        return request(sock.family, COMMANDS["napi-get"], number)
    return change


def machine_of(record):
    """Choose the machine of a record.

    Parameters
    ----------
    record : Record
        Its group decides.

    Returns
    -------
    machine : str
        See `devmemlab.lab.conformance.machines`.

    Raises
    ------
    NotModelled
        The answer lists the interfaces of the machine that was recorded.
    """
    if record.group in ("genl-initns-readonly", "genl-privilege"):
        if record.call in OWN_DUMPS and record.subject != "lo" and not record.subject.startswith("userns"):
            raise NotModelled("the answer lists the interfaces of the machine that was recorded")
        return "alone"
    if record.group == "genl-netns":
        changed = "-set" if record.leaf in ("defer-hard-irqs", "after-set") else ""
        return f"netns-gro{changed}" if record.subject in ("v0-gro", "veth-gro-on") else "netns"
    if record.group == "netdevsim":
        return "netdevsim"
    if record.group == "devmem-rig":
        # What a bind of the prober had left open shows in what came after it.
        later = record.subject == "split-on" and (record.leaf.startswith("rx-page-size") or "bind" not in record.call)
        return "nic-later" if later else "nic-" + record.subject
    return "alone"


def refuse_machine(record):
    """Refuse what the lab's machines do not have.

    Parameters
    ----------
    record : Record
        Its caller, call or group decides.

    Raises
    ------
    NotModelled
        User namespaces, ethtool on a veth, page pools of netdevsim.
    """
    if record.subject.startswith("userns"):
        raise NotModelled("the lab does not model user namespaces")
    if record.call == "shell":
        raise NotModelled("the lab's veth has no GRO switch")
    if record.group == "netdevsim" and record.call.startswith("netdev.page-pool"):
        raise NotModelled("the lab's netdevsim has no page pools")


def device_of(record):
    """Find the interface that a record is about.

    Parameters
    ----------
    record : Record
        Its case, its arguments or its group tell.

    Returns
    -------
    device : str or None
        None: all of them.
    """
    if record.group == "devmem-rig":
        return None if record.call == "netdev.page-pool-get[dump]" else "dm0"
    if record.group == "netdevsim":
        return None if record.call == "netdev.page-pool-get[dump]" else "nsim"
    subject = record.subject.removesuffix("-gro")
    if subject in DEVICES:
        return subject
    # Callers and protocol versions were tried on loopback.
    return "lo" if record.group == "genl-privilege" or record.subject.startswith(("version", "page-pool-stats")) else None


def attributes_for(face, record):
    """Write what a record's request carries.

    Parameters
    ----------
    face : LabFace or RealFace
        Numbers devices and descriptors.
    record : Record
        Of the family netdev.

    Returns
    -------
    octets : bytes
        Attributes.
    """
    device = device_of(record)
    if not record.call.startswith("netdev.bind-"):
        return ask(face, record, None if record.call.endswith("[dump]") and record.group == "genl-privilege" else device)
    rig = record.group == "devmem-rig"
    fd = "udmabuf" if rig or record.leaf.endswith("udmabuf") else "memfd-unsealed"
    leaf = record.leaf
    if leaf.endswith("badfd"):
        fd = "unopened-9999"
    elif "-size-" in leaf and leaf.startswith("bind-"):
        fd = f"udmabuf {leaf.rpartition('-')[2]}"
    elif "-dmaheap-" in leaf:
        fd = f"dmaheap {leaf.rpartition('-')[2]}"
    plain = rig and record.subject in ("split-off", "down", "sizes") and record.call.startswith("netdev.bind-rx")
    return bind(face, record, device, fd, queue(3) if plain else None)


def replay(face, record):
    """Make the request of a record.

    Parameters
    ----------
    face : LabFace or RealFace
        On whom.
    record : Record
        Of generic netlink.

    Returns
    -------
    answer : Answer
        What came back.
    """
    if record.call == "unshare":
        raise NotModelled("making namespaces is not asked")
    if face.lab_side:
        refuse_machine(record)
    face = face.machine(machine_of(record))
    if record.call == "shell":
        return attempt(face.shell, record.args["cmd"])
    user = record.subject if record.group == "genl-privilege" else "root"
    if record.call.startswith("setsockopt"):
        return attempt(face.dontneed_as, user, ONE_TOKEN)
    with face.netlink(user) as sock:
        if record.call.startswith("ctrl."):
            return ask_controller(sock, record)
        if record.leaf in ("defer-hard-irqs", "after-set"):
            octets = napi_settings(face, sock, record)
        else:
            command, dump = command_of(record)
            octets = request(sock.family, command, attributes_for(face, record), dump, VERSIONS.get(record.subject, 1))
        answer, bodies = read_answer(sock.ask(octets))
        if answer.errno is None:
            answer = Answer(None, named(bodies), answer.extack)
        return answer
