"""Floor 1, wire: what octets mean. One room a header, whole frames, capture files.

Law.   A header is written down once, as named offsets; parsing and emitting are the two directions of the same diagram.
Reads. RFC 791, 8200, 9293 (headers), 1071 and 1624 (sums); the pcap and pcapng file formats.
Omits. Everything above TCP, and every other transport beyond its ports.
"""
