"""Faults before the first octet: binds that are refused, and bindings that go.

Law.   See fault.py: each entry is a run with one thing wrong.
Reads. Spec sections 9.3, 10.3, 18.2; performance-anchors section 8 (steering and set-up, payload on the host).
Omits. Refusals by exporters, and by drivers that fail on the way.
"""

from devmemlab.lab.faults.fault import Fault, the_queue
from devmemlab.lab.faults.job import IFNAME, QUEUE, Job


def _again(job):
    """Bind, call and run."""
    return job.bind().call().go()


def _shell(line):
    """Make a mend of one command, after which the program is started again."""
    def mend(job):
        job.receiver.sh(line)
        return _again(job)
    return mend


def _xdp():
    job = Job().prepare()
    job.receiver.netdev.attach_xdp(multi_buffer=True)
    return _again(job)


def _without_xdp(job):
    job.receiver.netdev.detach_xdp()
    return _again(job)


def _xsk():
    job = Job().prepare()
    job.receiver.netdev.register_xsk_pool(QUEUE)
    return _again(job)


def _without_xsk(job):
    job.receiver.netdev.unregister_xsk_pool(QUEUE)
    return _again(job)


def _forked():
    """A program forks a helper and is killed; its successor binds the queue."""
    job = Job().prepare().bind()
    job.helper = job.process.fork("loader")
    job.receiver.kill(job.process)
    return _again(job)


def _without_helper(job):
    job.receiver.kill(job.helper)
    return _again(job)


def _closed():
    """The program closes the dmabuf before it binds."""
    return Job().prepare().bind(fd=77).call().go()


def _down():
    job = Job().prepare().bind().call()
    job.receiver.sh(f"ip link set {IFNAME} down")
    return job.go(30)


def _up(job):
    job.receiver.sh(f"ip link set {IFNAME} up")
    return job.go(3000)


def _unbound():
    job = Job().prepare().bind().call().go(0.2)
    job.netlink.close()
    return job.go()


def _bound_again(job):
    job.begin_again()
    return _again(job)


REFUSED = ("bind-rx is refused: errno {}", "bind-rx succeeds, and all payload goes to host memory",
           "bind-rx succeeds, and the card drops every frame", "nothing: it works, only slower")


def _choices(number, name):
    """Spell the answers about a bind."""
    return (REFUSED[0].format(f"{number} {name}"), *REFUSED[1:])


FAULTS = (
    Fault("split_off", "header split off", "tcp-data-split was never switched on; a program binds device memory.",
          "What happens?", _choices(22, "EINVAL"), "a",
          "The kernel looks at the stored setting before it touches the queue: \"auto\" is not good enough.",
          f"ethtool -G {IFNAME} tcp-data-split on", "split-off", lambda: _again(Job().prepare(split="off")),
          _shell(f"ethtool -G {IFNAME} tcp-data-split on hds-thresh 0"), ask=the_queue, source="spec 9.3; anchors 8, payload on "
          "the host"),
    Fault("threshold", "a split threshold", "hds-thresh is 256, as a driver may have it by default.", "What happens?",
          _choices(22, "EINVAL"), "a", "With a threshold, short payloads would stay with their headers in buffers that nobody "
                                       "may "
          "read, so the kernel asks for 0.", f"ethtool -G {IFNAME} hds-thresh 0", "split-threshold",
          lambda: _again(Job().prepare(thresh=256)), _shell(f"ethtool -G {IFNAME} hds-thresh 0"), ask=the_queue,
          source="spec 9.3, 10.1; anchors 8, bnxt default 256"),
    Fault("xdp", "an XDP program", "An XDP program is attached; a program binds device memory.", "Which errno does it get?",
          ("16 EBUSY", "17 EEXIST", "22 EINVAL", "none: the XDP program is detached"), "b",
          "EEXIST, the same as for a queue that is bound already. (The other way round, attaching while bound, is EBUSY.)",
          f"ip link set {IFNAME} xdp off", "xdp", _xdp, _without_xdp, ask=the_queue,
          source="spec 10.3; anchors 8"),
    Fault("af_xdp", "an AF_XDP socket", "An AF_XDP socket has the queue.", "Which errno does bind-rx give?",
          ("16 EBUSY", "17 EEXIST", "22 EINVAL", "none: both share the queue"), "a",
          "A queue has one owner of its buffers. Drivers that copy for AF_XDP occupy it all the same.",
          "close the AF_XDP socket, or bind another queue", "af-xdp", _xsk, _without_xsk, ask=the_queue, source="spec 10.4"),
    Fault("still_bound", "killed, and still bound", "A program forks a helper and is killed. Its successor binds the same queue.",
          "What does the successor get?", ("it is bound: the kill has freed the queue", "17 EEXIST, until the helper ends",
                                           "16 EBUSY, for one second", "it is bound, on the memory of the dead program"), "b",
          "A binding lives as long as its netlink socket, and the helper inherited that.", "end the helper", "queue-taken",
          _forked, _without_helper, ask=the_queue, source="spec 9.6, 18.2 D; anchors 8, liburing#1550"),
    Fault("no_right", "no CAP_NET_ADMIN", "The program runs as an ordinary user.", "What happens?",
          ("bind-rx: 1 EPERM", "bind-rx: 13 EACCES", "bind-rx succeeds for queues that the user owns",
           "bind-rx succeeds, recvmsg is refused"), "a", "bind-rx is for administrators. Receiving, and returning tokens, is "
                                                         "not.",
          "run it with CAP_NET_ADMIN", "no-right", lambda: Job().prepare().bind(admin=False).call().go(), _again,
          ask=the_queue, source="spec 9.3, first check; anchors 8, containers"),
    Fault("wrong_queue", "a queue that is not there", "The card has 2 RX queues; the program binds queue 9.", "What happens?",
          ("34 ERANGE", "22 EINVAL, naming the attribute id", "19 ENODEV", "queue 1 is taken, the last one there is"), "b",
          "The number is compared with the active queues, and the refusal points at the attribute.",
          f"bind queue 1, or ethtool -L {IFNAME} combined 10", "no-such-queue", lambda: Job().prepare().bind(queue=9).call().go(),
          _again, ask=lambda job: (job.receiver, IFNAME, 9 if job.refused else QUEUE), source="spec 9.3, check 13"),
    Fault("no_management", "an interface that cannot", "The program binds a queue of the loopback interface.", "What happens?",
          ("95 EOPNOTSUPP", "19 ENODEV", "25 ENOTTY", "it is bound, and payload is copied"), "a",
          "A bind restarts one queue; loopback, veth and most drivers have no operations for that.",
          "bind a queue of the "
          "NIC", "no-queue-management", lambda: Job().prepare().bind(ifname="lo", queue=0).call().go(), _again,
          ask=lambda job: (job.receiver, "lo", 0) if job.refused else (job.receiver, IFNAME, QUEUE), source="spec 9.3, check 9"),
    Fault("closed_fd", "a dmabuf that is closed", "The program closes its dmabuf and then binds it.", "What happens?",
          ("9 EBADF", "14 EFAULT", "22 EINVAL", "it is bound: the memory still exists"), "a",
          "The number names nothing. Closing it after the bind does no harm: the binding holds the dmabuf.",
          "bind before closing", "fd-closed", _closed, _again, ask=the_queue, source="spec 9.3, 4.2"),
    Fault("interface_down", "the interface goes down", "Somebody sets the interface down while the queue is bound.",
          "What becomes of the binding?", ("it ends; the program has to bind again", "it stays: after \"up\" data flows again",
                                           "it stays, but on host memory", "recvmsg answers 100 ENETDOWN"), "b",
          "The queue remembers its provider; frames are dropped meanwhile, and TCP sends them again.",
          f"ip link set {IFNAME} up", "interface-down", _down, _up, ask=the_queue, source="spec 18.2 E"),
    Fault("unbound", "the netlink socket is closed", "The program closes its netlink socket in the middle of the stream.",
          "What does recvmsg(MSG_SOCK_DEVMEM) give from then on?",
          ("19 ENODEV", "device memory, until the connection ends", "octets of host memory, without a word", "14 EFAULT"), "c",
          "The binding is gone, the queue runs on pages, and a call with the flag takes those as well.",
          "keep the netlink socket open as long as data is to come", "unbound", _unbound, _bound_again, source="spec 9.6, 14.2"),
)
