"""Floor 6, the host: tables put together, driven, and shown to programs as Linux shows itself.

Law.   Entry kernels unpack the machine; what they call takes only what it may touch.
Reads. House laws 5, 7, 9, 10.
Omits. Routing, several namespaces, epoll (see the changelog).

Reading order: machine, poll, entry, host, fds, face, memory_fds, socket, receiving, sockopt, netlink, ethtool, audit;
ports/ is the rim.
"""
