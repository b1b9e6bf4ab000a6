"""Floor 4, TCP on headers alone.

Law.   No function here takes bytes: a segment is a row of header fields and an skb's row number.
Reads. RFC 9293, RFC 7323 (window scale, timestamps), RFC 2018 (SACK), RFC 5681, RFC 6298, RFC 8985, RFC 9438, RFC 3168;
       Linux net/ipv4/tcp_input.c, tcp_output.c, tcp_timer.c, tcp_recovery.c.
Omits. TCP Fast Open, SYN cookies, MD5 and AO signatures, SIGURG, MPTCP; pacing, BBR, HyStart, AccECN; autotuning of
       buffers, path MTU discovery, thinning of acknowledgements. Each chapter names its own.

Reading order. The connection: states, tcb, lookup, listen and connect (how it begins), close and reap (how it ends). What
arrives: input and validate (may this segment count?), urgent (a mark), data, queues, coalesce, collapse, prune, dsack (its
payload), acked (its acknowledgement). What is said back: output, ack, sack_blocks, window, page_room and page_update (a
window that counts device pages), ecn. What is sent: sndq, split, xmit, retransmit. When: rtt, timers. What is lost, and how
fast to go on: sack, rack, recovery, undo, congestion.
"""
