"""Traces of binding: who may bind what, what pools and queues show, and what is left when somebody goes.

Law.   A story names its steps and acts; it knows no answer.
Reads. Recorded cases bind-lifecycle, teardown and page-pool-stats.
Omits. Notifications: which pools come and go is told by the dumps between the acts. Statistics by number: they depend on how
       a driver posts buffers.
"""

from devmemlab.lab.conformance.peer import MSS
from devmemlab.lab.conformance.rig_trace import NIC, Rig
from devmemlab.sock.uapi import MSG_SOCK_DEVMEM


def extack(answer):
    """Keep what netlink says for people.

    Parameters
    ----------
    answer : Answer
        Of a bind.

    Returns
    -------
    fields : dict
        ``msg`` when there is one.
    """
    return {name: value for name, value in (answer.extack or {}).items() if name == "msg"}


def bind_lifecycle(face, record):
    """Bind, bind again, fail, close.

    Parameters
    ----------
    face : LabFace
        Of its own.
    record : Record
        Not looked at.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face)

    def bound(op, *queues, sock=None, told=("reply", "state")):
        answer = rig.bind(*queues, sock=sock)
        step = {"op": op, "errno": answer.errno}
        if answer.errno:
            step["ext"] = extack(answer)
        fields = {"reply": answer.result, "state": None}
        return {**step, **{name: rig.state() if name == "state" else fields[name] for name in told}}

    yield {"op": "initial", "state": rig.state()}
    first = rig.open_netlink()
    yield bound("bind-rx q3", 3, sock=first)
    yield bound("bind-rx q3 again, other socket", 3, told=("reply",))
    rig.socks.pop().sock.close()
    yield bound("bind-rx q3 again, same socket", 3, sock=first, told=())
    yield bound("bind-rx q2 same dmabuf same socket", 2, sock=first)
    yield bound("bind-rx q1+q3 (q3 busy)", 1, 3, sock=first, told=("state",))
    done = face.shell(f"ethtool -G {NIC} tcp-data-split off")
    yield {"op": "ethtool -G tcp-data-split off while bound", "rc": done["rc"], "err": done["stderr"].strip()}
    face.shell(f"ethtool -G {NIC} tcp-data-split on")
    rig.close_netlink()
    yield {"op": "close netlink socket", "state": rig.state()}
    yield bound("bind-rx q2+q3", 2, 3)
    rig.host.close(rig.dmabuf)
    yield {"op": "close dmabuf fd + memfd while bound", "state": rig.state()}
    rig.close_netlink()
    yield {"op": "close netlink socket", "state": rig.state()}
    rig.dmabuf = rig.host.udmabuf(1 << 20)
    ids = []
    for _ in range(4):
        ids += [reply["id"] for reply in rig.bind(3).result]
        rig.close_netlink()
    yield {"op": "ids of 4 successive binds", "ids": ids}


def teardown(face, record):
    """Unbind under tokens and queued data, close sockets, take the link down.

    Parameters
    ----------
    face, record : LabFace, Record
        As for `bind_lifecycle`.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face)
    get, free = rig.receive, rig.dontneed
    rig.bind(3)
    rig.connect()
    rig.send(1000)
    get("")
    rig.send(1000)
    yield {"op": "1 token held, 1 skb queued", "pools": rig.pools()}
    rig.close_netlink()
    yield {"op": "close netlink socket (unbind) with token held and skb queued", "state": rig.state()}
    step = get("recvmsg of the queued skb after unbind")
    yield {name: value for name, value in step.items() if name != "content_ok"}
    rig.send(700)
    yield get("send 700 after unbind; recvmsg")
    yield free("DONTNEED token1", (1, 1))
    yield {"op": "state", "state": rig.state()}
    yield free("DONTNEED token2", (2, 1))
    face.lab.run(until_ns=face.lab.clock.now_ns + 2_000_000_000)
    yield {"op": "state", "state": rig.state()}
    answer = rig.bind(3)
    rig.connect()
    rig.send(1000)
    get("")
    yield {"op": "new bind; token held", "id": answer.result and answer.result[0]["id"], "pools": rig.pools()}
    rig.conn.close()
    face.lab.run(until_ns=face.lab.clock.now_ns)
    yield {"op": "socket closed with token held", "pools": rig.pools()}
    rig.connect()
    rig.send(1000)
    get("")
    face.host.netdev.close()
    face.host.poke()
    face.lab.run(until_ns=face.lab.clock.now_ns)
    yield {"op": "link down with token held, still bound", "state": rig.state()}
    face.host.netdev.open()
    yield {"op": "link up again", "state": rig.state()}
    yield free("DONTNEED", (1, 1))
    yield {"op": "state"}
    rig.send(1000)
    token = get("", flags=MSG_SOCK_DEVMEM)["cmsgs"]
    other, peer = face.stream(6)
    start = token[0]["frag_token"] if token else 0
    yield free("DONTNEED token on another socket", (start, 1), conn=other)
    yield free("DONTNEED on owner", (start, 1))
    rig.send(1000)
    token = get("")["cmsgs"]
    fd = face.host.dup(rig.conn.fileno())
    step = free("DONTNEED via dup fd", (token[0]["frag_token"] if token else 0, 1), conn=face.host.fds.get(fd))
    del peer
    yield {"op": step["op"], "ret": step["ret"]}


def page_pool_stats(face, record):
    """Ask for statistics while tokens are held and returned.

    Parameters
    ----------
    face, record : LabFace, Record
        As for `bind_lifecycle`.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face)
    rig.bind(3)
    rig.connect()

    def look(op):
        return {"op": op, "errno": rig.errno_of_dump("page-pool-stats-get"), "pool": rig.pools()}

    yield look("fresh")
    rig.send(MSS[6])
    rig.receive("")
    yield look("1 MSS")
    rig.dontneed("", (0, 1024))
    yield look("freed")
    for count in (26, 25, 25, 25):
        rig.send(count * MSS[6])
        rig.receive("", 1 << 20, 1 << 16)
    yield look("101 tokens held")
    rig.dontneed("", (0, 1024))
    yield look("freed")
