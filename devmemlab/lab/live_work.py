"""The live runs: what the lab and this machine's kernel do to each other, with programs that know nothing of the lab.

Law.   A run returns the octets that arrived and their digest, or (iperf3, whose octets are nobody's) whether the counts agree.
Reads. nc(1), curl(1), iperf3(1).
Omits. Runs in both directions at once.

=================  ==========================================  ============================================
run                in: the lab receives                        out: the lab sends
=================  ==========================================  ============================================
nc                 ``nc -N`` sends a file                      ``nc -l`` receives
curl               ``curl -T`` uploads                         ``curl`` fetches
iperf3             ``iperf3`` for a while                      ``iperf3 -R`` for a while
50-connections     of one program send at once                 the lab sends on all of them
devmem             tokens come, are looked up in device
                   memory and go back
validated                                                      to a program that digests
=================  ==========================================  ============================================
"""

import contextlib
import json
import shutil
import sys
import time
from types import SimpleNamespace

from devmemlab.lab import traffic
from devmemlab.lab.live import SENDING
from devmemlab.lab.live_bench import MANY, MIB, PORT, Watcher
from devmemlab.lab.live_programs import MANY_IN, MANY_OUT, RECEIVING
from devmemlab.lab.receivers import DevmemReceiver
from devmemlab.sock.uapi import SHUT_WR

TOOLS = {"nc": "netcat-openbsd", "curl": "curl", "iperf3": "iperf3"}


def _nc_in(bench):
    with bench.listen() as server:
        program = bench.sending("nc", "-N", bench.station.ip, PORT)
        conn = server.accept()[0]
    sink = traffic.Sink(conn)
    bench.drive(sink, moved=lambda: sink.received)
    bench.end(program, conn)
    return sink.received, sink.sha256


def _nc_out(bench):
    program = bench.start("sh", "-c", f"nc {'-6' if bench.six else '-4'} -l {PORT} | sha256sum")
    client = bench.connect()
    bulk = traffic.Bulk(client, bench.nbytes)
    bench.drive(bulk, traffic.Sink(client), moved=lambda: bulk.sent)
    return bulk.sent, bench.end(program, client).split()[0]


def _url(bench, path):
    return f"http://{f'[{bench.station.ip}]' if bench.six else bench.station.ip}:{PORT}/{path}"


def _serve(bench, *curl):
    with bench.listen() as server:
        program = bench.start(*curl)
        conn = server.accept()[0]
    web = traffic.WebServer(conn)
    bench.drive(web, moved=lambda: getattr(web.body, "received", getattr(web.body, "sent", 0)))
    return web, bench.end(program, conn)


def _curl_out(bench):
    web, said = _serve(bench, "sh", "-c", f"curl -sS --fail -g '{_url(bench, bench.nbytes)}' | sha256sum")
    return web.body.sent, said.split()[0]


def _curl_in(bench):
    web, said = _serve(bench, "curl", "-sS", "--fail", "-g", "-T", bench.file(), _url(bench, "upload"))
    return web.body.received, said.strip() if web.body.mismatches == 0 else "wrong octets"


def _iperf3(bench, *arguments):
    seconds = max(1, bench.nbytes // MIB // 100)
    with bench.listen() as server:
        program = bench.start("iperf3", "-c", bench.station.ip, "-p", PORT, "-t", seconds, "-J", *arguments)
        iperf = traffic.Iperf3Server(server)
        begun = time.monotonic()
        bench.drive(iperf, moved=lambda: bench.nbytes * (time.monotonic() - begun) / seconds)
    bench.seconds = iperf.seconds
    said = json.loads(bench.end(program))
    if "error" in said:
        raise ChildProcessError(said["error"])
    theirs = said["end"]["sum_received" if arguments else "sum_sent"]["bytes"]
    # What was on its way when the client's time was over is on one side's account only.
    missed = iperf.moved_bytes - theirs if arguments else theirs - iperf.moved_bytes
    return theirs, 0 <= missed <= 16 * MIB


def _iperf3_in(bench):
    return _iperf3(bench)


def _iperf3_out(bench):
    return _iperf3(bench, "-R")


def _same(digests):
    return digests[0] if len(digests) == MANY and len(set(digests)) == 1 else "different digests"


def _many_in(bench):
    with bench.listen() as server:
        program = bench.sending(sys.executable, "-c", MANY_IN, bench.station.ip, PORT, MANY)
        conns = [server.accept()[0] for _ in range(MANY)]
    sinks = [traffic.Sink(conn) for conn in conns]
    bench.drive(*sinks, moved=lambda: sum(sink.received for sink in sinks), total=MANY * bench.nbytes)
    bench.end(program, *conns)
    return sum(sink.received for sink in sinks), _same([sink.sha256 for sink in sinks])


def _many_out(bench):
    program = bench.start(sys.executable, "-c", MANY_OUT, PORT, MANY)
    # What fifty send buffers may grow to by default is more than the lab's host has memory for.
    bench.host.sysctl("net.ipv4.tcp_wmem", "4096 16384 262144")
    clients = [bench.connect() for _ in range(MANY)]
    bulks = [traffic.Bulk(client, bench.nbytes) for client in clients]
    ends = map(traffic.Sink, clients)
    bench.drive(*bulks, *ends, moved=lambda: sum(bulk.sent for bulk in bulks), total=MANY * bench.nbytes)
    return sum(bulk.sent for bulk in bulks), _same(bench.end(program, *clients).split())


def _devmem_in(bench):
    receiver = DevmemReceiver(bench.host, "256MiB", SimpleNamespace(dst=bench.station.ip, dport=PORT), check=True)
    with contextlib.closing(receiver):
        with bench.listen() as server:
            program = bench.sending(sys.executable, "-c", SENDING, bench.station.ip, PORT)
            conn = server.accept()[0]
        conn.settimeout(60)
        began = time.perf_counter()
        receiver.drain(conn, limit=bench.nbytes * 7 // 10)
        bench.watcher = Watcher(bench.station, lambda: 1)
        bench.watcher.step()
        receiver.drain(conn)
        bench.seconds = time.perf_counter() - began
        conn.shutdown(SHUT_WR)
        bench.end(program, conn)
        if receiver.tokens_issued != receiver.tokens_returned or bench.host.audit().tokens:
            raise ArithmeticError(f"{receiver.tokens_issued} tokens came, {receiver.tokens_returned} went back")
    return receiver.octets, receiver.digest.hexdigest()


def _validated_out(bench):
    program = bench.start(sys.executable, "-c", RECEIVING, PORT)
    client = bench.connect()
    bulk = traffic.Bulk(client, bench.nbytes)
    bench.drive(bulk, traffic.Sink(client), moved=lambda: bulk.sent)
    return bulk.sent, bench.end(program, client).split()[0]


RUNS = {
    "nc in": (_nc_in, 256 * MIB), "nc out": (_nc_out, 256 * MIB),
    "curl in": (_curl_in, 256 * MIB), "curl out": (_curl_out, 256 * MIB),
    "iperf3 in": (_iperf3_in, 1000 * MIB), "iperf3 out": (_iperf3_out, 1000 * MIB),
    "50-connections in": (_many_in, 4 * MIB), "50-connections out": (_many_out, 4 * MIB),
    "devmem in": (_devmem_in, 1024 * MIB), "validated out": (_validated_out, 1024 * MIB),
}
"""Name of a run -> what does it, and the payload of its full size (of one connection; for iperf3 10 s)."""


def missing(name):
    """Tell what a run needs that is not here.

    Parameters
    ----------
    name : str
        One of `RUNS`.

    Returns
    -------
    reason : str or None
        None: it can run.
    """
    tool = name.split()[0]
    if tool in TOOLS and shutil.which(tool) is None:
        return f"no {tool} here: apt-get install {TOOLS[tool]}"
    return None
