"""The modes of ncdevmem that do not receive: self-test and client.

Law.   The steps are told as they are done; what was counted is written also when one of them fails.
Reads. Spec section 20.1.
Omits. The server, which is in ncdevmem.py.
"""

import contextlib
import hashlib
import sys

from devmemlab.base.errno import EIO
from devmemlab.commands.output import write_json


def audit(k, say):
    """Check what only a lab host can tell: that nothing is left over.

    Parameters
    ----------
    k : Host or Kernel
        A real kernel is not asked.
    say : callable
        Takes a message for people.

    Raises
    ------
    OSError
        EIO.
    """
    if not hasattr(k, "audit"):
        return
    try:
        in_flight = k.audit().netmems_in_flight
    except AssertionError as problem:
        raise OSError(EIO, f"audit: {problem}") from None
    if in_flight:
        raise OSError(EIO, f"audit: {in_flight} netmems are still in flight")
    say("audit clean, no netmem in flight")


@contextlib.contextmanager
def telling(options):
    """Say where a real kernel stopped, and who says what is missing; a lab host's refusals are left as they are.

    Parameters
    ----------
    options : dict
        ``backend``, ``ifname``.

    Yields
    ------
    nothing : None
        For a ``with`` statement.
    """
    try:
        yield
    except OSError as refusal:
        if options["backend"] != "linux":
            raise
        said = refusal.strerror or str(refusal)
        raise OSError(refusal.errno, f"this machine's kernel stops here: {said}. What is missing: devmemlab doctor "
                                     f"{options['ifname']}") from refusal


def run_self_test(wanted, options, say):
    """Do the self-test, and write the JSON.

    Parameters
    ----------
    wanted : Wanted
        What to do.
    options : dict
        ``backend``, ``json_path``.
    say : callable
        Takes a message for people.
    """
    from devmemlab.lab.ncdevmem_peer import idle_wire, linux_wire
    from devmemlab.lab.ncdevmem_reader import Tally
    from devmemlab.lab.ncdevmem_selftest import SelfTest

    with telling(options), (linux_wire() if options["backend"] == "linux" else idle_wire(wanted)) as wire:
        test = SelfTest(getattr(wire, "k", wire), wanted, say)
        try:
            test.run()
        finally:
            write_json(options["json_path"], {**Tally().as_dict(), "steps": test.steps})
        audit(test.k, say)


def run_client(wanted, options, say, pay):
    """Send standard input line by line, see that it came, and write the JSON.

    Parameters
    ----------
    wanted : Wanted
        What to do.
    options : dict
        ``backend``, ``tap``, ``run``, ``mtu``, ``json_path``.
    say, pay : callable
        Take a message for people, and octets that the peer has received.
    """
    from devmemlab.lab.ncdevmem_client import Client
    from devmemlab.lab.ncdevmem_peer import lab_peer_wire, linux_wire
    from devmemlab.lab.ncdevmem_reader import Tally
    from devmemlab.lab.ncdevmem_tap import tap_peer_wire

    pay = None if options["json_path"] == "-" else pay
    if options["backend"] == "linux":
        wiring = linux_wire()
    elif options["tap"] is None:
        wiring = lab_peer_wire(wanted, options["mtu"], pay)
    else:
        wiring = tap_peer_wire(wanted, options["tap"], options["mtu"], options["run"], pay)
    digest, result = hashlib.sha256(), Tally().as_dict()
    with telling(options), wiring as wire, Client(wire.k, wanted, say) as client:
        wire.start()
        client.connect()
        try:
            for line in sys.stdin.buffer:
                client.send(line)
                digest.update(line)
            client.finish()
            came = wire.end(client.conn)
            if came is not None:
                result["mismatches"] = int(came != (client.bytes, digest.hexdigest()))
                result["peer_bytes"] = came[0]
        finally:
            result |= {"bytes": client.bytes, "seconds": client.seconds, "sends": client.sends,
                       "completions": len(client.completions), "sha256": digest.hexdigest()}
            say(f"total_sent={client.bytes} in {client.sends} sends, {len(client.completions)} completions")
            write_json(options["json_path"], result)
        if result["mismatches"]:
            raise OSError(EIO, f"the peer got {came[0]} octets that are not the {client.bytes} that were sent")
        client.conn.close()
        audit(wire.k, say)
