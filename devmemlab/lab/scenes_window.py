"""Scenes of the receive window: small segments, a page for each, and a reader that holds on to its tokens.

Law.   Both runs of a scene do the same with and without the option; only the windows differ.
Reads. Spec section 27, point 5; `devmemlab.tcp.page_room`.
Omits. Any check: lessons and tests do that in the open.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from devmemlab.base.ring import ring_count
from devmemlab.base.table import schema, table
from devmemlab.host.tcp_options import IPPROTO_TCP, TCP_NODELAY
from devmemlab.lab.scenes_talk import QUEUE, receive, talk
from devmemlab.lab.traffic import octets_of
from devmemlab.mem.page_pool import page_pool_inflight
from devmemlab.tcp.window import tcp_receive_window

US = 1000
SAMPLE = schema("at_ns", "window_octets", "pages_free", "tokens_held", "octets_received", "segments", "drops", "retransmits")


class Starvation(NamedTuple):
    """What happened in one run of `starvation`.

    page_aware : bool
        The option.
    pages : int
        Net_iovs that were bound.
    drops : int
        Frames that found no descriptor, because the pool had no buffer to post.
    retransmits : int
        Segments that the sender sent again.
    timeouts : int
        How often it waited for its retransmission timer.
    segments : int
        Segments with payload that arrived in TCP.
    fewest_pages_free : int
        The smallest number of free net_iovs at any sample.
    elapsed_ns : int
        Virtual time until the last octet was read.
    sound : bool
        Whether every octet came through, in order.
    samples : SAMPLE[n]
        The run over time: the window that the sender may still use, free net_iovs, tokens held, and counters so far.
    """

    page_aware: bool
    pages: int
    drops: int
    retransmits: int
    timeouts: int
    segments: int
    fewest_pages_free: int
    elapsed_ns: int
    sound: bool
    samples: np.ndarray


def pages_free(host, queue=QUEUE):
    """Count the net_iovs that the NIC can still fill: in the provider, at rest in the pool, and posted.

    Parameters
    ----------
    host : Host
        The receiver.
    queue : int
        Its bound queue.

    Returns
    -------
    pages : int
        So many.
    """
    q = host.rxqs.ctl[queue]
    pool = int(q.pool)
    ctl = host.mem.pools.ctl[pool]
    total = int(host.mem.providers.binding[ctl.mp_priv].niov_count)
    rest = int(ctl.cache_count) + int(ring_count(host.mem.pools.ring, pool))
    return total - int(page_pool_inflight(host.mem.pools, pool)) + rest + int(q.post - q.used)


def _sample(rows, scene, held, received):
    """Add a row to the record.

    Parameters
    ----------
    rows : list of tuple
        Grows.
    scene : Talk
        Both hosts.
    held, received : int
        Tokens with the reader, and octets that it has had.
    """
    row, q = scene.trainer.tcbs.tcb[scene.conn.sock], scene.trainer.rxqs.ctl[QUEUE]
    rows.append((scene.lab.clock.now_ns, int(tcp_receive_window(row)), pages_free(scene.trainer), held, received,
                 int(row.data_segs_in), int(q.rx_hw_drop_overruns), int(scene.storage.nstat()["TcpRetransSegs"])))


def starvation(page_aware, pages=32, message=100, messages=300, every_us=20, hold_us=50, limit_us=5_000_000, **options):
    """Send small messages to a reader that gives one page back at a time, slower than they come.

    Parameters
    ----------
    page_aware : bool
        Whether the receiver's window counts pages.
    pages : int
        Net_iovs that it has bound.
    message, messages : int
        Octets of each message, and how many there are. Every message is a segment and fills a page, until the window holds
        the sender back: then several go in one.
    every_us, hold_us : int
        Time between two messages, and between two tokens that come back.
    limit_us : int
        When to stop although something is missing.
    **options
        For ``lab.host(...)`` of the receiver.

    Returns
    -------
    outcome : Starvation
        The same for the same arguments, always.
    """
    scene = talk(pages=pages, ring=1 << min(pages.bit_length() - 1, 6), page_aware_window=page_aware, **options)
    with scene.lab as lab:
        scene.client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        data, start_ns = octets_of(0, message * messages).tobytes(), lab.clock.now_ns
        sent, held, got, rows = 0, deque(), bytearray(), []
        write_ns, return_ns, limit_ns = start_ns, start_ns, start_ns + limit_us * US
        while len(got) < len(data) and lab.clock.now_ns < limit_ns:
            now_ns = lab.clock.now_ns
            if sent < len(data) and now_ns >= write_ns:
                sent += scene.client.send(data[sent:sent + message])
                write_ns += every_us * US
            if held and now_ns >= return_ns:
                scene.trainer.dontneed(scene.conn, [(held.popleft(), 1)])
                return_ns = now_ns + hold_us * US
            times = [limit_ns, write_ns if sent < len(data) else None, return_ns if held else None, lab.next_ns()]
            lab.run(until_ns=max(min(t for t in times if t is not None), now_ns))
            pieces, octets = receive(scene)
            if len(pieces) and not held:
                return_ns = max(return_ns, lab.clock.now_ns + hold_us * US)
            held += [int(piece.frag_token) for piece in pieces]
            got += octets
            _sample(rows, scene, len(held), len(got))
        samples = table(SAMPLE, len(rows))
        for k, row in enumerate(rows):
            samples[k] = row
        last = samples[-1]
        return Starvation(page_aware, pages, int(last.drops), int(last.retransmits), scene.storage.nstat()["TcpExtTCPTimeouts"],
                          int(last.segments), int(samples.pages_free.min()), int(last.at_ns) - start_ns, bytes(got) == data,
                          samples)
