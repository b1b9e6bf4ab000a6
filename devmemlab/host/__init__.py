"""Floor 6, the host: tables put together, driven, and shown to programs as Linux shows itself.

Law.   Entry kernels unpack the machine; what they call takes only what it may touch.
Reads. House laws 5, 7, 9, 10.
Omits. Routing, several namespaces, epoll (see the changelog).

Reading order: machine, poll, entry, host, fds, process, face, memory_fds, socket, receiving, sockopt, netlink (with
genl/, the kernel's side of it), ethtool (rings, channels, features, RSS, rules, statistics), shell (the same as command
lines), commands_of, audit; ports/ is the rim.
"""
