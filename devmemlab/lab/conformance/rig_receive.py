"""Traces of receiving: the story of one connection, in the order of the prober.

Law.   A story names its steps and acts; it knows no answer.
Reads. Recorded cases rx-basic-v4, rx-basic-v6, many-frags, dontneed-limits-real-tokens, pool-exhaustion-32-pages.
Omits. rx-mixed: it needs a NIC that leaves payload in header buffers on demand.
"""

from devmemlab.lab.conformance.answers import attempt
from devmemlab.lab.conformance.peer import MSS
from devmemlab.lab.conformance.rig_trace import Rig
from devmemlab.sock.uapi import MSG_PEEK, MSG_SOCK_DEVMEM, MSG_TRUNC

PEEK = MSG_SOCK_DEVMEM | MSG_PEEK
BIG, BIG_CONTROL = 1 << 20, 1 << 16


def rx_basic(face, record):
    """Receive in every way that recvmsg has.

    Parameters
    ----------
    face : LabFace
        Of its own.
    record : Record
        ``args`` tells the family.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face, 4 if record.args["family"] == "v4" else 6)
    bound = rig.bind(3)
    yield {"op": "bind", "id": bound.result and bound.result[0]["id"], "errno": bound.errno}
    rig.connect()
    get, free, pp = rig.receive, rig.dontneed, lambda op="pp": {"op": op, "pools": rig.pools()}

    def sent(nbytes, *args, **options):
        rig.send(nbytes)
        return get(*args, **options)

    yield sent(100, "send 100; recvmsg 65536")
    rig.send(1000)
    yield sent(1000, "send 1000 x2 separately; recvmsg 65536")
    yield sent(5000, "send 5000 (mss 1428 segs); recvmsg 65536")
    yield pp()
    yield free("DONTNEED [(1, 1)]", (1, 1))
    yield free("DONTNEED [(1, 1)] again", (1, 1))
    yield sent(300, "send 300 after freeing first token")
    rest = [(token, 1) for token in (2, 3, 4, 5, 6, 7, 1)]
    yield free(f"DONTNEED {rest}", *rest)
    yield pp()
    yield sent(1000, "send 1000; recvmsg len 400", 400)
    yield get("recvmsg len 300", 300)
    yield get("recvmsg rest")
    yield pp()
    yield free("DONTNEED [(1, 1)]", (1, 1))
    yield pp("pp (one page, two tokens left)")
    yield free("DONTNEED [(2, 1), (3, 1)]", (2, 1), (3, 1))
    yield pp()
    yield sent(600, "send 600; recvmsg without MSG_SOCK_DEVMEM", flags=0)
    yield get("recvmsg without flag, PEEK", flags=MSG_PEEK)
    yield {"op": "recv(100) plain", "errno": attempt(rig.conn.recv, 100).errno}
    yield {"op": "read(100)", "errno": attempt(rig.conn.recv_into, bytearray(100)).errno}
    yield get("PEEK with MSG_SOCK_DEVMEM", flags=PEEK, peek=True)
    yield get("PEEK again", flags=PEEK, peek=True)
    yield get("recvmsg after peeks")
    yield pp("pp after peeks")
    yield free("DONTNEED 1..20", (1, 20))
    yield free("DONTNEED 0..1023", (0, 1024))
    yield pp()
    yield sent(600, "send 600; recvmsg controllen 0", controllen=0)
    yield get("then controllen 24", controllen=24)
    yield get("then controllen 39", controllen=39)
    yield get("then controllen 40", controllen=40)
    yield get("then controllen 4096")
    yield sent(3 * MSS[6], "send 3*1428; controllen 40 (one cmsg)", controllen=40)
    yield get("controllen 80", controllen=80)
    yield get("rest")
    yield free("DONTNEED 0..100", (0, 101))
    yield sent(500, "MSG_TRUNC", flags=MSG_SOCK_DEVMEM | MSG_TRUNC)
    yield get("after MSG_TRUNC")
    yield pp()
    yield sent(500, "len 0", 0)
    yield get("rest")
    yield free("DONTNEED 0..100", (0, 101))
    rig.send(500)
    rig.peer.finish()
    yield get("send 500 + FIN")
    yield get("EOF")
    yield free("DONTNEED after FIN", (0, 1024))
    yield pp()


def many_frags(face, record):
    """Take forty frags in one call.

    Parameters
    ----------
    face, record : LabFace, Record
        As for `rx_basic`.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face)
    rig.bind(3)
    rig.connect()
    rig.send(40 * MSS[6])
    step = rig.receive("", BIG, BIG_CONTROL)
    yield {"op": "40 MSS; recvmsg 1MiB ctl 64K", "ret": step["ret"], "n": len(step["cmsgs"]), "flags": step["msg_flags"],
           "sizes": [frag["frag_size"] for frag in step["cmsgs"]], "tokens": [frag["frag_token"] for frag in step["cmsgs"]]}
    step = rig.dontneed("", (0, 1024))
    yield {"ret": step["ret"], "errno": step["errno"]}


def dontneed_limits(face, record):
    """Return more tokens than one call may.

    Parameters
    ----------
    face, record : LabFace, Record
        As for `rx_basic`.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face, dmabuf_bytes=8 << 20)
    rig.bind(3)
    rig.connect()
    tokens = []
    # Split frags: a token a call, so 1301 of them need no 1301 pages.
    while len(tokens) < 1301:
        rig.send(1301)
        for length in (1,) * 100 + (1201,):
            tokens += [frag["frag_token"] for frag in rig.receive("", length)["cmsgs"]]
            if len(tokens) == 1301:
                break
    first, last = min(tokens), max(tokens)
    contiguous = last - first + 1 == len(set(tokens))
    yield {"op": "tokens collected", "n": len(tokens), "min": first, "max": last, "contiguous": contiguous}
    yield rig.dontneed("one range of 1100 from min", (first, 1100))
    yield rig.dontneed("same again", (first, 1100))
    yield rig.dontneed("range covering freed 1024 + rest (2000)", (first, 2000))
    yield rig.dontneed("rest from lo+1024 (1024)", (first + 1024, 1024))
    yield rig.dontneed("0..1023", (0, 1024))
    yield {"op": "pp", "pools": rig.pools()}


def pool_exhaustion(face, record):
    """Fill a dmabuf of 32 pages, hold every token, let go.

    Parameters
    ----------
    face, record : LabFace, Record
        As for `rx_basic`.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face, dmabuf_bytes=32 << 12)
    rig.bind(3)
    rig.connect()
    rig.send(32 * MSS[6])
    late = rig.peer.cut(rig.payload[rig.sent:rig.sent + 32 * MSS[6]])
    rig.peer.deliver(*late)
    yield {"op": "flood into a 32-page dmabuf, no reads", "pools": rig.pools()}

    def receive(op, counted=False):
        step = rig.receive("", BIG, BIG_CONTROL)
        told = {"op": op, "ret": step["ret"], "errno": step["errno"]}
        if counted:
            return {**told, "n": len(step["cmsgs"])}
        return {**told, "tokens": [frag["frag_token"] for frag in step["cmsgs"]],
                "sizes": [frag["frag_size"] for frag in step["cmsgs"]]}

    for number in range(6):
        yield receive(f"recvmsg #{number}")
    yield {"op": "pp, all tokens held", "pools": rig.pools()}
    yield rig.dontneed("free 4", (1, 4))
    # The sender's timer had backed off: nothing came again in time.
    yield receive("recvmsg 1.5 s after freeing 4", True)
    yield rig.dontneed("dn all", (0, 1024))
    rig.peer.deliver(*late)
    # How much comes again in two seconds is the sender's timing.
    yield {name: value for name, value in receive("recvmsg 2 s after freeing all").items() if name in ("op", "errno")}
    yield {"op": "allocfail happened", "yes": int(face.host.rxqs.ctl.rx_buf_alloc_fail.sum()) > 0}
    rig.conn.close()
    yield {"op": "pp after socket close", "pools": rig.pools()}
