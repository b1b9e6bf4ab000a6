"""Why something does not work: a diagnosis from state, counters, refused calls and trace.

Law.   It reads what is there and knows nothing of what was broken; on a healthy run it is silent.
Reads. Spec sections 8 to 20, one for each cause; what ss(8), nstat(8), ethtool(8), strace(1) would show of it.
Omits. Programs: what one does with its data is its own affair.

Reading order: answer (what is said), facts (what is looked at), queue_causes, bind_causes, starved and steered (what can be wrong
with a queue, with its memory, with the way to it), socket_causes and wire_causes (with a connection, and between the hosts),
packet_causes, ask (who is asked about).
"""
