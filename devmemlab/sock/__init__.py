"""Floor 5, sockets: where packets become bytes or tokens.

Law.   Device payload leaves a socket as tokens only; each token is one reference and is returned once. What a program lends
       to be sent is told to be its own again, once.
Reads. Linux net/ipv4/tcp.c (tcp_recvmsg), net/core/sock.c (SO_DEVMEM_DONTNEED), net/core/scm.c.
Omits. Sockets other than TCP.

Reading order: uapi, machines, tokens, token_batch, deliver_frags, deliver, urgent, recvmsg, zerocopy_receive, collapse,
completions, zcrx, sendmsg; send_cmsg, sendmsg_zerocopy and errqueue (sending without a copy, and hearing of it); destroy.
"""
