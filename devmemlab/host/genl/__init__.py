"""Generic netlink as bytes: what a request is, how it is checked, who answers, and what is told to listeners.

Law.   Everything that crosses between a program and the host's kernel here is a netlink message, octet by octet.
Reads. Linux net/netlink/{af_netlink,genetlink,policy}.c, lib/nlattr.c, net/core/netdev-genl.c; spec section 9.
Omits. Other families than ``nlctrl`` and ``netdev``; namespaces.

Reading order: wire (headers and attributes), sets (names), rules (policies and their order of checks), extack (refusals),
operations (commands of each release), request, core (dispatch), devices, then the commands themselves: dev, queue, napi, pool,
bind_rx, bind_tx, lease, ctrl; and notify (listeners). asking is the program's half, for the lab's kernel
and a real one; `devmemlab.host.netlink` is the face for programs.
"""
