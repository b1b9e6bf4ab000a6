"""recvmsg with MSG_SOCK_DEVMEM on ordinary data: the flag must change nothing.

Law.   What the peer sent, and what was received before, is made again for each record; the records tell neither.
Reads. Linux net/ipv4/tcp.c; recorded group recvmsg-flag.
Omits. Nothing that the group asks.

A record names the step of a story. Its beginning is told here: the peer says ``hello ordinary``, five octets are taken,
the rest is peeked at, dropped with MSG_TRUNC; ten octets; six octets of which three are taken, then
the end, and what is left of them.
"""

from devmemlab.lab.conformance.answers import Answer, NotModelled, attempt
from devmemlab.lab.conformance.lab_face import refuse_family
from devmemlab.sock.uapi import MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_SOCK_DEVMEM, MSG_TRUNC

FLAGS = {"PEEK": MSG_PEEK, "TRUNC": MSG_TRUNC, "DONTWAIT": MSG_DONTWAIT, "OOB": MSG_OOB, "ERRQUEUE": MSG_ERRQUEUE}
LENGTH, CONTROL = 100, 512
FIRST_WORDS, WORDS_TAKEN = b"hello ordinary", 5
URGENT_WORDS = b"oob-data!"
TEN, SIX, SIX_TAKEN = b"0123456789", b"abcdef", 3


def flags_of(record):
    """Add up the flags of a record.

    Parameters
    ----------
    record : Record
        ``args["flags"]`` names them.

    Returns
    -------
    flags : int
        MSG_SOCK_DEVMEM among them.
    """
    names = [name for name in record.args.get("flags", "").split("|") if name]
    return MSG_SOCK_DEVMEM | sum(FLAGS[name] for name in names)


def set_the_scene(face, record, version):
    """Bring a connection to where the record's step begins.

    Parameters
    ----------
    face : LabFace or RealFace
        Makes the connection.
    record : Record
        Its leaf names the step.
    version : int
        4 or 6.

    Returns
    -------
    conn, peer : socket, Peer or RealPeer
        Ready for the call; the peer lives as long as it is held.
    """
    step = record.leaf
    conn, peer = face.stream(version)
    if step in ("ordinary-data-5of14", "peek-no-control", "len0", "trunc"):
        peer.send(FIRST_WORDS)
        if step != "ordinary-data-5of14":
            conn.recv(WORDS_TAKEN)
    elif step in ("oob", "after-oob"):
        peer.send_urgent(URGENT_WORDS)
        if step == "after-oob":
            face.recvmsg(conn, 1, 0, MSG_OOB)
    elif step == "recv()":
        peer.send(TEN)
    elif step in ("with-TCP_INQ", "drain-then", "eof"):
        face.tell_queue_length(conn)
        peer.send(SIX)
        if step != "with-TCP_INQ":
            conn.recv(SIX_TAKEN)
            peer.finish()
        if step == "eof":
            conn.recv(LENGTH)
    elif step == "after-rst":
        peer.reset()
    elif step not in ("empty-nonblock", "errqueue-empty"):
        raise NotModelled(f"what the peer did before {step!r} is not known here")
    return conn, peer


def replay(face, record):
    """Make the call of a record.

    Parameters
    ----------
    face : LabFace or RealFace
        On whom.
    record : Record
        Of recvmsg or recv.

    Returns
    -------
    answer : Answer
        What came back.
    """
    flags = flags_of(record)
    if face.lab_side:
        refuse_family(record.subject)
    version, peer = (6 if record.subject.endswith("6") else 4), None
    if record.leaf == "listening":
        conn = face.listener(version)[0]
    elif record.leaf == "unconnected":
        conn = face.new_socket(version)
    elif record.subject.startswith("tcp"):
        conn, peer = set_the_scene(face, record, version)
    else:
        raise NotModelled(f"a recvmsg of {record.subject} is not known here")
    answer = attempt(face.recvmsg, conn, record.args.get("len", LENGTH), record.args.get("controllen", CONTROL), flags)
    del peer
    if record.call.startswith("recv(") and answer.errno is None:
        answer = Answer(None, {"len": answer.result["len"]})
    return answer
