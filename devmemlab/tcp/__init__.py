"""Floor 4, TCP on headers alone.

Law.   No function here takes bytes: a segment is a row of header fields and an skb's row number.
Reads. RFC 9293, RFC 7323 (window scale, timestamps), RFC 2018 (SACK); Linux net/ipv4/tcp_input.c.
Omits. Active open, sending data, congestion control, SACK generation (see the changelog).

Reading order: states, tcb, lookup, queues, window, output, ack, reap, listen, input, close.
"""
