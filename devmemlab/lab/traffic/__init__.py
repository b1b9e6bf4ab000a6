"""Traffic: programs that send and receive, as actors that one step moves on.

Law.   An actor is an ordinary program: it uses sockets that do not block, and nothing else of a host.
Reads. The workloads of iperf3 (bulk), netperf's TCP_RR (calls) and on/off sources; the servers that curl and iperf3 talk to.
Omits. Many connections for one actor (except that of iperf3, whose test has several): make one for each.

>>> bulk, sink = traffic.Bulk(client, 1 << 20), traffic.Sink(conn)      # doctest: +SKIP
>>> traffic.drive(lab, bulk, sink)                                      # doctest: +SKIP
>>> sink.sha256 == bulk.sha256, sink.mismatches                         # doctest: +SKIP
(True, 0)
"""

from devmemlab.lab.traffic.actor import Actor, drive
from devmemlab.lab.traffic.bulk import Bulk, Bursty, Sink, octets_of
from devmemlab.lab.traffic.device import DeviceSink
from devmemlab.lab.traffic.iperf3 import Iperf3Server
from devmemlab.lab.traffic.paced import Paced
from devmemlab.lab.traffic.rpc import Answerer, Caller
from devmemlab.lab.traffic.web import WebServer

__all__ = ["Actor", "Answerer", "Bulk", "Bursty", "Caller", "DeviceSink", "Iperf3Server", "Paced", "Sink", "WebServer", "drive",
           "octets_of"]
