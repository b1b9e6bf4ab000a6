"""What can be wrong with a connection: the calls on it, what waits in it, its queue, the wire, and how fast it may go.

Law.   What a call answered comes first: a program that was refused knows no more than that.
Reads. Spec sections 14, 15 and 17; Linux net/ipv4/tcp.c.
Omits. Congestion control: a slow start is not a fault.
"""

from devmemlab.base.errno import EFAULT, EINVAL, ENODEV, ENOMEM, ETOOSMALL, name_of
from devmemlab.lab.why.answer import Event, Finding, some
from devmemlab.lab.why.facts import QueueFacts, Times
from devmemlab.lab.why.queue_causes import queue_findings
from devmemlab.lab.why.steered import host_memory_finding, stranger_finding
from devmemlab.lab.why.wire_causes import peer_of, wire_findings
from devmemlab.sock.uapi import CMSG_LEN, MSG_SOCK_DEVMEM, MSG_ZEROCOPY
from devmemlab.tcp.data import RCVBUF_FULL
from devmemlab.tcp.states import ESTABLISHED
from devmemlab.tcp.window import tcp_free_window

PAGE = 4096
FEW_SEGMENTS, LATE_USECS = 8, 200


def _received(conn, host, device, row):
    """Explain a refused recvmsg."""
    refusal = conn.calls.refused.get("recvmsg")
    if refusal is None:
        return
    said = Event(refusal.at_ns, f"recvmsg answers {refusal.errno} {name_of(refusal.errno)}; what waits stays where it "
                                "is", "errno")
    if refusal.errno == EFAULT and not refusal.told["flags"] & MSG_SOCK_DEVMEM:
        stranger = stranger_finding(host, device, row, refusal) if device.providers and not conn.calls.devmem else None
        yield stranger or Finding("flag-missing", "the payload is in device memory, and recvmsg was called without "
                                                  "MSG_SOCK_DEVMEM",
                                  "recvmsg(..., flags=MSG_SOCK_DEVMEM), with room for control messages",
                                  (Event(None, f"flags {refusal.told['flags']:#x}", "argument of recvmsg"), said))
    elif refusal.errno == ETOOSMALL:
        yield Finding("control-too-small", f"the control buffer has {refusal.told['control']} octets, one message takes "
                      f"{CMSG_LEN(24)}: the kernel's ETOOSMALL reaches the program, MSG_CTRUNC is never set",
                      "room for CMSG_SPACE(24) = 40 octets for each frag, best for 64 and more",
                      (Event(None, f"msg_controllen {refusal.told['control']}", "argument of recvmsg"), said))
    elif refusal.errno == ENODEV:
        yield Finding("mixed-skb", "a packet has frags of device memory and others; the rest of it can never be delivered",
                      "one binding for the whole queue, hds-thresh 0; close the connection", (said,))
    elif refusal.errno == ENOMEM:
        yield Finding("no-token", "no token could be made", "return tokens", (said,))
    else:
        yield Finding("receive-refused", f"recvmsg was refused: {name_of(refusal.errno)}", "see explain_errno", (said,))


def _sent(conn):
    """Explain a refused sendmsg."""
    refusal = conn.calls.refused.get("sendmsg")
    if refusal is None:
        return
    told = refusal.told
    said = Event(refusal.at_ns, f"sendmsg answers {refusal.errno} {name_of(refusal.errno)}; nothing was queued", "errno")
    if refusal.errno == EINVAL and told["dmabuf"] and not told["flags"] & MSG_ZEROCOPY:
        yield Finding("send-flag-missing", "device memory can only be lent: sendmsg was called without MSG_ZEROCOPY",
                      "sendmsg(..., MSG_ZEROCOPY) on a socket with SO_ZEROCOPY", (said,))
    elif refusal.errno == EINVAL and told["dmabuf"] and not told["zerocopy"]:
        yield Finding("zerocopy-off", "SO_ZEROCOPY is not set on the socket", "setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)", (said,))
    elif refusal.errno == EINVAL:
        yield Finding("send-binding-unknown", "no open bind-tx has the id that sendmsg names",
                      "use the id that bind-tx answered, and keep its netlink socket open", (said,))
    elif refusal.errno == ENODEV:
        yield Finding("send-other-device", "the route leaves by another interface than the one that was bound",
                      "bind-tx the interface of the route; SO_BINDTODEVICE keeps it", (said,))
    elif refusal.errno == EFAULT:
        yield Finding("send-outside", f"a piece lies outside the dmabuf: {told['pieces'][:3]}",
                      "iov_base is an offset below the size of the dmabuf, no address", (said,))
    else:
        yield Finding("send-refused", f"sendmsg was refused: {refusal.words}", "see explain_errno", (said,))


def _waiting(conn, host, row):
    """Look at what waits to be read."""
    unread = (int(row.rcv_nxt) - int(row.copied_seq)) & 0xFFFFFFFF
    if conn.calls.discarded:
        yield Finding("discarded", f"MSG_TRUNC throws away what it reads: {conn.calls.discarded:,} octets are gone, and no "
                                   "token was "
                      "made", "recvmsg without MSG_TRUNC", (Event(None, f"{conn.calls.discarded:,} octets read with MSG_TRUNC",
                                                                  "argument of recvmsg"),))
    if not unread or row.state != ESTABLISHED or conn.calls.refused.get("recvmsg"):
        return
    waits = Event(None, f"{unread:,} octets wait to be read", "ss Recv-Q")
    free = int(tcp_free_window(row))
    if int(row.rcvlowat) > unread:
        yield Finding("lowat", f"SO_RCVLOWAT is {int(row.rcvlowat):,}: poll says nothing before so many octets wait",
                      "SO_RCVLOWAT 1, or no more than a message has", (waits, Event(None, f"SO_RCVLOWAT {int(row.rcvlowat):,}",
                                                                                   "getsockopt")))
    elif free < int(row.rcv_mss):
        full = Event(None, f"{int(row.rmem_alloc):,} of {int(row.rcvbuf):,} octets are charged, each frag as a whole page",
                     "ss -m, sk_rmem_alloc")
        peer, theirs = peer_of(host, row)
        shut = [Event(None, f"{peer.name} may send {int(theirs.snd_wnd):,} octets more", "ss -ti of the peer")] if peer else []
        yield Finding("not-read", "the program does not read: the receive buffer is full and the window closed",
                      "have the program call recvmsg", (waits, full, *shut))


def _fast_enough(conn, host, device, row, full):
    """Look at what makes a connection slow."""
    usecs, rx = int(host.nics.ctl[device.nic].rx_usecs), host.rxqs.ctl[int(row.rx_queue) - 1]
    if usecs >= LATE_USECS and rx.interrupts and rx.irq_waiting == 0:
        yield Finding("interrupts-late", f"each packet waits up to {usecs} us for its interrupt, and the peer for its "
                      "acknowledgement", f"ethtool -C {device.name} rx-usecs 20",
                      (Event(None, f"rx-usecs {usecs}", "ethtool -c"),
                       Event(None, f"{int(rx.rx_packets)} packets in {int(rx.interrupts)} interrupts", "counter of the queue")))
    pages = int(row.rcvbuf) // PAGE
    if row.rcvbuf_locked and pages < FEW_SEGMENTS and conn.calls.devmem:
        yield Finding("small-rcvbuf", f"the receive buffer has {int(row.rcvbuf):,} octets: room for {pages} device pages on "
                                      "the way, "
                      "because each counts as a whole page", "leave SO_RCVBUF alone, or set it for pages: frames on the way x "
                                                             "4096",
                      (Event(None, f"SO_RCVBUF {int(row.rcvbuf):,}", "getsockopt, ss -m"),
                       Event(None, f"{some(full, 'segment')} found no room", "trace tcp_drop")))


def why_socket(host, conn):
    """Find what is wrong with a connection.

    Parameters
    ----------
    host : Host
        Where.
    conn : Socket
        One of its sockets.

    Returns
    -------
    findings, story : list of Finding, list of Event
        What is wrong; and how things are.
    """
    row = conn._row
    if not row.rport:
        return [], [Event(None, f"no connection: {conn.state}", "ss")]
    device = next(d for d in host.devices.values() if getattr(d, "nic", -1) == int(row.nic))
    found = [*_received(conn, host, device, row), *_sent(conn), *_waiting(conn, host, row)]
    if conn.calls.host_octets:
        found.append(host_memory_finding(host, device, row, conn.calls.host_octets))
    queue = int(row.rx_queue) - 1 - int(host.nics.ctl[device.nic].first_queue) if row.rx_queue else -1
    runs = "no queue yet"
    if 0 <= queue < device.real_num_rx_queues:
        facts = QueueFacts(host, device, queue)
        found += queue_findings(facts)
        runs = f"{facts.name}, on {'device memory' if facts.provider else 'pages'}"
    full = len(Times(host).of("tcp_drop", a=conn.sock, c=RCVBUF_FULL))
    found += [*(_fast_enough(conn, host, device, row, full) if row.rx_queue else ()), *wire_findings(host, row, device, full)]
    held = sum(sum(one.values()) for sock, one in facts.tokens().items() if sock == conn.sock) if runs != "no queue yet" else 0
    story = [Event(None, f"{conn.state}, by {runs}", "ss, queue-get"),
             Event(None, f"{int(row.bytes_received):,} octets received, {int(row.bytes_copied):,} read, {held} tokens held",
                   "ss -ti, token table")]
    return found, story
