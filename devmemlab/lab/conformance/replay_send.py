"""sendmsg with a control message 78, 79 or 80.

Law.   The control messages are those of the record; the payload is of its length.
Reads. Linux net/core/sock.c (__sock_cmsg_send), net/ipv4/tcp.c; recorded group sendmsg-cmsg.
Omits. Bindings: every id here is unknown, or 0.
"""

from devmemlab.lab.conformance.answers import NotModelled, attempt
from devmemlab.lab.conformance.lab_face import refuse_family
from devmemlab.sock.uapi import SCM_DEVMEM_DMABUF, SOL_SOCKET

SO_ZEROCOPY, MSG_ZEROCOPY, MSG_ERRQUEUE = 60, 0x4000000, 0x2000
ERRQUEUE_ROOM = 512
UNKNOWN_ID = (1).to_bytes(4, "little")
ORDINARY = b"hello world"


def messages_of(record):
    """List the control messages of a record.

    Parameters
    ----------
    record : Record
        ``args`` tells type and octets of one, or how many.

    Returns
    -------
    cmsgs : list of (int, int, bytes)
        Level, type, octets.
    """
    args = record.args
    if "cmsg_type" in args:
        return [(SOL_SOCKET, args["cmsg_type"], bytes.fromhex(args["cmsg_data"]))]
    return [(SOL_SOCKET, SCM_DEVMEM_DMABUF, UNKNOWN_ID)] * args.get("cmsgs", 1)


def replay(face, record):
    """Make the call of a record.

    Parameters
    ----------
    face : LabFace or RealFace
        On whom.
    record : Record
        Of sendmsg, or of the completion that follows one.

    Returns
    -------
    answer : Answer
        What came back.
    """
    args, step = record.args, record.leaf
    if face.lab_side:
        refuse_family(record.subject)
    if not record.subject.startswith("tcp"):
        raise NotModelled(f"a {record.call} of {record.subject} is not known here")
    version = 6 if record.subject.endswith("6") else 4
    conn, peer = (face.new_socket(version), None) if step.startswith("unconnected") else face.stream(version)
    if record.call == "recvmsg(MSG_ERRQUEUE)":
        face.allow_zerocopy(conn)
        face.sendmsg(conn, ORDINARY, [], MSG_ZEROCOPY)
        return attempt(face.recvmsg, conn, 0, ERRQUEUE_ROOM, MSG_ERRQUEUE)
    zerocopy = args.get("SO_ZEROCOPY", int(step in ("ordinary-zerocopy", "unconnected-zc", "zero-length")))
    if zerocopy:
        face.allow_zerocopy(conn)
    flags = MSG_ZEROCOPY if args.get("MSG_ZEROCOPY", zerocopy) else 0
    plain = record.call == "sendmsg(MSG_ZEROCOPY)"
    octets, cmsgs = (ORDINARY[:args["len"]], []) if plain else (bytes(args.get("len", 16)), messages_of(record))
    answer = attempt(face.sendmsg, conn, octets, cmsgs, flags)
    del peer
    return answer
