"""Dispatch: a buffer of messages comes in, the kernel's answers go out.

Law.   Rights come before attributes, attributes before devices; every request that asks for it gets exactly one last word.
Reads. Linux net/netlink/af_netlink.c (netlink_rcv_skb, netlink_ack, netlink_dump_done), net/netlink/genetlink.c.
Omits. Loading families on demand; dumps cut into several reads.
"""

import collections

from devmemlab.base.errno import EINVAL, ENOENT, EOPNOTSUPP, EPERM
from devmemlab.host.call_record import Binds
from devmemlab.host.genl import bind_rx, bind_tx, ctrl, dev, lease, napi, pool, queue
from devmemlab.host.genl.devices import Napis
from devmemlab.host.genl.extack import NUMBER, Refused, acknowledgement
from devmemlab.host.genl.notify import Watch
from devmemlab.host.genl.operations import ADMIN, CTRL, CTRL_ID, NETDEV_ID, NS_ADMIN, netdev_operations
from devmemlab.host.genl.request import Request
from devmemlab.host.genl.rules import parse
from devmemlab.host.genl.sets import encode
from devmemlab.host.genl.wire import (
    GENLMSGHDR,
    HEADERS,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_DUMP,
    NLM_F_ECHO,
    NLM_F_MULTI,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_MIN_TYPE,
    NLMSGHDR,
    generic,
    message,
    messages,
)

DO = {"dev-get": dev.dev_get, "page-pool-get": pool.page_pool_get, "page-pool-stats-get": pool.stats_get,
      "queue-get": queue.queue_get, "napi-get": napi.napi_get, "napi-set": napi.napi_set, "bind-rx": bind_rx.bind_rx,
      "bind-tx": bind_tx.bind_tx, "queue-create": lease.queue_create, "getfamily": ctrl.getfamily}
DUMP = {"dev-get": dev.dev_dump, "page-pool-get": pool.page_pool_dump, "page-pool-stats-get": pool.stats_dump,
        "queue-get": queue.queue_dump, "napi-get": napi.napi_dump, "qstats-get": dev.qstats_dump,
        "getfamily": ctrl.getfamily_dump, "getpolicy": ctrl.getpolicy_dump}
REPLY_COMMANDS = {"getfamily": 1}
RCVBUF_BYTES = 212992
"""Octets of notifications that wait for a program; Linux's default net.core.rmem_default."""


class GenlSock:
    """The kernel's side of a generic netlink socket: what an open file description is.

    Parameters
    ----------
    process : Host or Process
        Who opened it.
    port : int
        Number of the socket.

    Attributes
    ----------
    bindings : list of int
        Bindings that it owns: it is their life.
    groups : set of int
        Multicast groups that it listens to.
    waiting : collections.deque of bytes
        Notifications.
    overrun : bool
        Whether some were lost since the last look.
    why : str
        The lab's own words on the last refusal; they do not travel.
    """

    def __init__(self, process, port):
        self.host, self.port, self.admin = process.genl.host, port, process.admin
        self.cap_ack = self.ext_ack = True
        self.bindings, self.groups, self.waiting = [], set(), collections.deque()
        self.waiting_bytes, self.overrun, self.why = 0, False, ""

    def hear(self, octets):
        """Take a notification, or note that there was no room for it.

        Parameters
        ----------
        octets : bytes
            The message.
        """
        if self.waiting_bytes + len(octets) > RCVBUF_BYTES:
            self.overrun = True
        else:
            self.waiting.append(octets)
            self.waiting_bytes += len(octets)

    def next_heard(self):
        """Take the oldest notification.

        Returns
        -------
        octets : bytes or None
            None when none waits.
        """
        if not self.waiting:
            return None
        octets = self.waiting.popleft()
        self.waiting_bytes -= len(octets)
        return octets

    def join(self, group, member=True):
        """Join or leave a multicast group.

        Parameters
        ----------
        group : int
            Its number.
        member : bool
            False to leave.
        """
        (self.groups.add if member else self.groups.discard)(group)
        self.host.genl.watch.listen()

    def release(self):
        """End the bindings: the last file descriptor is closed."""
        self.groups.clear()
        self.host.genl.socks.discard(self)
        self.host.genl.watch.listen()
        while self.bindings:
            bind_rx.unbind(self.host, self.bindings.pop(0))


class Genl:
    """Generic netlink of one host.

    Parameters
    ----------
    host : Host
        The machine.

    Attributes
    ----------
    families : dict of int to (str, dict)
        Number -> name and operations.
    socks : set of GenlSock
        Open sockets.
    napis : Napis
        Numbers of NAPIs.
    watch : Watch
        What listeners are told.
    binds : Binds
        Binds that were refused.
    """

    def __init__(self, host):
        self.host = host
        self.families = {CTRL_ID: ("nlctrl", {op.number: op for op in CTRL}),
                         NETDEV_ID: ("netdev", netdev_operations(host.profile))}
        self.socks = set()
        self.napis, self.watch = Napis(host), Watch(self)
        self._ports, self.binds = set(), Binds()

    def knows(self, name):
        """Tell whether the family ``netdev`` has a command.

        Parameters
        ----------
        name : str
            Its name in the YAML specification.

        Returns
        -------
        known : bool
            On this release.
        """
        return any(op.name == name for op in self.families[NETDEV_ID][1].values())

    def open(self, process):
        """Make the kernel's side of a socket.

        Parameters
        ----------
        process : Host or Process
            Who opens it.

        Returns
        -------
        sock : GenlSock
            With a port number: the process's own for its first one, then numbers from the far end.
        """
        taken = {sock.port for sock in self.socks}
        port = process.pid
        while port in taken:
            port = 0xFFFFF000 - len(self._ports)
            self._ports.add(port)
        sock = GenlSock(process, port)
        self.socks.add(sock)
        return sock

    def answer(self, sock, process, octets):
        """Do what a buffer of requests asks for.

        Parameters
        ----------
        sock : GenlSock
            Where it came in.
        process : Host or Process
            Who sent it.
        octets : bytes
            Requests.

        Returns
        -------
        replies : bytes
            Every message that goes back, in order.
        """
        out = []
        for request in messages(bytes(octets)):
            number, tlvs, dumping = 0, b"", False
            if request.bits & NLM_F_REQUEST and request.kind >= NLMSG_MIN_TYPE:
                no = None
                try:
                    sock.why = ""
                    replies, dumping = self._serve(sock, process, request)
                    out += replies
                except Refused as refused:
                    no = refused
                    number, tlvs, sock.why = no.number, no.tlvs() if sock.ext_ack else b"", no.advice
                self.binds.note(self.host.clock.now_ns, self._bind_of(request), request.octets, no)
            if number or request.bits & NLM_F_ACK and not dumping:
                out.append(acknowledgement(request, sock.port, number, tlvs, not sock.cap_ack))
        return b"".join(out)

    def _bind_of(self, request):
        """Find the operation of a request of the family netdev; None for any other."""
        if request.kind != NETDEV_ID or len(request.octets) < HEADERS:
            return None
        return self.families[NETDEV_ID][1].get(GENLMSGHDR.unpack_from(request.octets, NLMSGHDR.size)[0])

    def _serve(self, sock, process, request):
        """Serve one request; gives its replies and whether it was a dump, which ends itself."""
        name, operations = self.families.get(request.kind, (None, None))
        if name is None:
            raise Refused(ENOENT, f"no family has the number {request.kind}")
        if len(request.octets) < HEADERS:
            raise Refused(EINVAL, f"a message of {len(request.octets)} octets has no room for a generic header")
        command, _, reserved = GENLMSGHDR.unpack_from(request.octets, NLMSGHDR.size)
        dump = request.bits & NLM_F_DUMP == NLM_F_DUMP
        if request.kind != CTRL_ID:
            self._check_header(request, reserved, dump)
        op = operations.get(command)
        if op is None or not (op.dump if dump else op.do):
            what = f"{op.name if op else f'command {command}'} cannot be {'dumped' if dump else 'done'}"
            raise Refused(EOPNOTSUPP, f"{what} on kernel {self.host.profile.name}")
        if op.rights & (ADMIN | NS_ADMIN) and not (process.admin and sock.admin):
            raise Refused(EPERM, f"{op.name} is for administrators (CAP_NET_ADMIN), both who opens the socket and who uses it")
        policy = op.dump_policy if dump else op.do_policy
        table = parse(request.octets, HEADERS, len(request.octets), policy) if policy is not None else {}
        asked = Request(sock, process, op, request.octets, table)
        if not dump:
            replies = DO[op.name](asked) or []
            return [self._message(sock, request, op, 0, reply) for reply in replies], False
        return self._dumped(sock, request, op, asked), True

    def _check_header(self, request, reserved, dump):
        """Refuse reserved bits, as families younger than that check do."""
        if reserved:
            raise Refused(EINVAL, f"{reserved:#x} stands behind the version", msg="genlmsghdr.reserved field is not 0")
        bits = request.bits & ~NLM_F_DUMP if dump else request.bits
        if bits & ~(NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO):
            raise Refused(EINVAL, f"flags {request.bits:#x}: REQUEST, ACK, ECHO and both bits of DUMP are possible",
                          msg="ambiguous or reserved bits set in nlmsg_flags")

    def _message(self, sock, request, op, bits, reply):
        """Write one reply."""
        body = reply if isinstance(reply, bytes) else encode(op.set, reply)
        return generic(request.kind, bits, request.seq, sock.port, REPLY_COMMANDS.get(op.name, op.number), body,
                       version=2 if request.kind == CTRL_ID else 1)

    def _dumped(self, sock, request, op, asked):
        """Write a dump; what stops it in the middle is told in its last message."""
        out, number, tlvs = [], 0, b""
        try:
            for reply in DUMP[op.name](asked):
                out.append(self._message(sock, request, op, NLM_F_MULTI, reply))
        except Refused as no:
            number, tlvs, sock.why = no.number, no.tlvs() if sock.ext_ack else b"", no.advice
        bits = NLM_F_MULTI | (NLM_F_ACK_TLVS if tlvs else 0)
        return [*out, message(NLMSG_DONE, bits, request.seq, sock.port, NUMBER.pack(-number) + tlvs)]
