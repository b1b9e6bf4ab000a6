"""Traffic: programs that send and receive, as actors that one step moves on.

Law.   An actor is an ordinary program: it uses sockets that do not block, and nothing else of a host.
Reads. The workloads of iperf3 (bulk), netperf's TCP_RR (calls) and on/off sources.
Omits. Many connections for one actor: make one for each.

>>> bulk, sink = traffic.Bulk(client, 1 << 20), traffic.Sink(conn)      # doctest: +SKIP
>>> traffic.drive(lab, bulk, sink)                                      # doctest: +SKIP
>>> sink.sha256 == bulk.sha256, sink.mismatches                         # doctest: +SKIP
(True, 0)
"""

from devmemlab.lab.traffic.actor import Actor, drive
from devmemlab.lab.traffic.bulk import Bulk, Bursty, Sink, octets_of
from devmemlab.lab.traffic.rpc import Answerer, Caller

__all__ = ["Actor", "Answerer", "Bulk", "Bursty", "Caller", "Sink", "drive", "octets_of"]
