"""Errors that a user of device memory meets: by which call, what each means, what to do.

Law.   A line stands for one call and one cause; a test provokes each on the lab, or says why it cannot.
Reads. Spec sections 3, 8 to 11, 14, 15, 17, 25.1; Linux include/uapi/asm-generic/errno*.h and include/linux/errno.h.
Omits. What exporters of other memory answer; errors of io_uring.
"""

from typing import NamedTuple

from devmemlab.base import errno as e


class ErrorLine(NamedTuple):
    """One error of one call.

    number, call : int, str
        Errno, and who answers it.
    means, do : str
        In a sentence each.
    source : str
        Where it is known from.
    """

    number: int
    call: str
    means: str
    do: str
    source: str

    @property
    def name(self):
        """str: the kernel's name of the number."""
        return e.name_of(self.number)


BIND, SEND, RECV, GIVE, TOOL = "bind-rx", "sendmsg (device memory)", "recvmsg", "SO_DEVMEM_DONTNEED", "ethtool"

LINES = tuple(ErrorLine(*line) for line in (
    (e.EPERM, BIND, "the process, or whoever opened the netlink socket, lacks CAP_NET_ADMIN in the first user namespace",
     "run it as root, outside a rootless container", "spec 9.3, 25.1"),
    (e.EINVAL, BIND, "ifindex, fd or queues is missing; the extack names which", "send all three", "spec 9.3, check 4"),
    (e.ERANGE, BIND, "ifindex is 0", "look the number up: ip link", "spec 9.3, check 2"),
    (e.ENODEV, BIND, "no interface has that number in this network namespace", "ip link; ip netns", "spec 9.3, check 7"),
    (e.EOPNOTSUPP, BIND, "the interface cannot restart single queues (loopback, veth, most drivers), or has no DMA",
     "a NIC with queue management: bnxt_en, gve, mlx5_core, fbnic", "spec 9.3, check 9; 4.2"),
    (e.EINVAL, BIND, "the queue's number is not below the number of active RX queues, or it is a TX queue",
     "ethtool -l IFNAME", "spec 9.3, checks 12 and 13"),
    (e.EBADF, BIND, "fd is not open in this process", "bind before closing the dmabuf", "spec 4.2, step 2"),
    (e.EINVAL, BIND, "fd is open, and no dmabuf", "pass what the exporter gave you", "spec 4.2, step 2"),
    (e.EINVAL, BIND, "header split is not stored as on; \"auto\" is not enough", "ethtool -G IFNAME tcp-data-split on",
     "spec 8.3, 10.1"),
    (e.EINVAL, BIND, "hds-thresh is not 0", "ethtool -G IFNAME hds-thresh 0", "spec 8.3"),
    (e.EEXIST, BIND, "an XDP program is attached", "ip link set IFNAME xdp off", "spec 10.3"),
    (e.EEXIST, BIND, "the queue is bound already: its netlink socket is open somewhere, perhaps in a forked child",
     "end that process, or bind another queue", "spec 8.3, 9.6"),
    (e.EBUSY, BIND, "an AF_XDP socket has the queue", "close it, or bind another queue", "spec 10.4"),
    (e.ENODATA, BIND, "the driver built its pool without the provider; the queue stays on pages", "a newer driver",
     "spec 8.3, case 13"),
    (e.ENOMEM, BIND, "no memory for the binding, or for the queue's new rings", "less memory, shorter rings; try again",
     "spec 4.2, 8.2"),
    (e.EOPNOTSUPP, "bind-tx", "the driver cannot send memory that nobody may read (or the kernel is older than 6.16)",
     "a driver with netmem TX", "spec 9.4"),
    (e.EINVAL, "bind-tx", "the request has queues; sending needs none", "ifindex and fd alone", "spec 9.4, 25.1"),
    (e.ENOENT, "queue-get", "the interface is down", "ip link set IFNAME up", "spec 9.5"),
    (e.EINVAL, "queue-get", "there is no active queue of that number", "ethtool -l IFNAME", "spec 9.5"),
    (e.ENOENT, "page-pool-get", "no pool has that id, or it has gone meanwhile", "dump them", "spec 25.1"),
    (e.EFAULT, RECV, "the payload is in device memory, and MSG_SOCK_DEVMEM was not given; nothing is lost",
     "pass the flag; or, if you did not ask for device memory, see that RSS leaves the bound queue alone", "spec 14.4"),
    (e.ETOOSMALL, RECV, "the kernel's ETOOSMALL, which no C library names: the control buffer cannot hold one message (40 "
                        "octets); "
     "nothing is lost. It is not ENOTSUPP, which is 524", "room for CMSG_SPACE(24) for each frag, best 64 and more",
     "spec 14.4, Q1"),
    (e.ENODEV, RECV, "a packet mixes device memory with other buffers; its rest can never be delivered",
     "one binding for the whole queue, hds-thresh 0; close the connection", "spec 14.4, case 46"),
    (e.ENOTCONN, RECV, "the socket listens, or was never connected", "accept first", "spec 25.1"),
    (e.EAGAIN, RECV, "nothing to read yet, and the call may not wait", "poll; see SO_RCVLOWAT", "spec 25.1"),
    (e.ENOMEM, RECV, "no token could be made", "return tokens", "spec 14.4"),
    (e.ECONNRESET, RECV, "the peer has ended the connection with a reset", "connect again; tokens stay valid until close",
     "RFC 9293"),
    (e.EINVAL, GIVE, "the length is not a multiple of 8, is 0, or names more than 128 ranges", "1 to 128 elements of 8 octets",
     "spec 15.1"),
    (e.EBADF, GIVE, "the descriptor is no TCP socket", "the socket that received the tokens", "spec 15.1"),
    (e.EFAULT, GIVE, "the elements cannot be read", "a pointer to all of them", "spec 15.1"),
    (e.ENOPROTOOPT, "getsockopt(SO_DEVMEM_DONTNEED)", "the option can only be set", "count your tokens yourself", "spec 15.1"),
    (e.EINVAL, SEND, "MSG_ZEROCOPY or SO_ZEROCOPY is missing, or no open bind-tx has that id",
     "both, and the id that bind-tx answered", "spec 17.3"),
    (e.EFAULT, SEND, "a piece begins or ends outside the dmabuf: iov_base is an offset, not an address", "offsets below its size",
     "spec 17.4"),
    (e.ENODEV, SEND, "the route leaves by another interface than the one that was bound", "SO_BINDTODEVICE, or bind that one",
     "spec 17.3; anchors 8"),
    (e.EHOSTUNREACH, SEND, "the route to the peer is gone", "ip route get", "spec 17.3"),
    (e.ENOBUFS, SEND, "no room for another completion", "read the error queue; sysctl net.core.optmem_max", "spec 17.3"),
    (e.EMSGSIZE, SEND, "more than 1024 pieces in one call", "several calls", "Linux UIO_MAXIOV"),
    (e.EPIPE, SEND, "the connection is over, or was shut down for sending", "connect again", "Linux tcp_sendmsg"),
    (e.EINVAL, TOOL, "while a queue is bound, header split and hds-thresh 0 must stay", "close the binding first", "spec 10.1"),
    (e.EINVAL, "ethtool -L", "so few channels would take away a bound queue (the check is strict by one)",
     "more channels, or close the binding", "spec 10.2, Q6"),
    (e.EOPNOTSUPP, TOOL, "the driver has no such setting", "ethtool -g, -c, -k show what it has", "spec 10.1"),
    (e.EBUSY, "attach XDP", "header split is on and the program takes single buffers, or a queue is bound",
     "close the binding first", "spec 10.3"),
    (e.ENOSPC, "ethtool -N", "every place for rules is taken", "ethtool -N IFNAME delete N", "features B8"),
    (e.EINVAL, "udmabuf", "the size is no multiple of the page size, or above the limit", "round up; size_limit_mb",
     "spec 3.3"),
    (e.EBADFD, "udmabuf", "the file is no memfd", "memfd_create(2)", "spec 3.3"),
    (e.ECONNREFUSED, "connect", "nobody listens on that port", "start the server", "RFC 9293"),
    (e.ETIMEDOUT, "connect", "no answer to the SYN: perhaps it reached a bound queue that could not cut it",
     "ask lab.why of the queue; ethtool -S", "RFC 9293"),
    (e.ENETUNREACH, "connect", "no way to that address", "ip route", "Linux ip_route_connect"),
    (e.EADDRINUSE, "bind(2)", "the port has a listener already", "another port", "Linux inet_csk_get_port"),
    (e.EMFILE, "any that opens", "the process has no descriptor left", "close some; ulimit -n", "Linux alloc_fd"),
))
"""Every error, by the order in which a program would meet it."""
