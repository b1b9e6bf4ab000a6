"""bench scale: the peer that sends on many connections, and the program that reads them between bursts, as loops.

Law.   Each connection is read by recvmsg until nothing is there, and each token goes back by DONTNEED.
Reads. `devmemlab.lab.bench.tokens_loops`.
Omits. System calls: neither is timed, they only have to be quick where there are ten thousand connections.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_le32
from devmemlab.lab.bench.tokens_loops import receive_tokens
from devmemlab.sock.deliver import CMSG_BYTES
from devmemlab.sock.token_batch import sock_dontneed_tokens
from devmemlab.wire.emit import emit_bulk_burst

SIZE_AT = 24


@kernel
def read_flows(memory, tcbs, txq, skbs, pools, netmems, providers, tokens, ledger, socks, control, msg, ids, optval):
    """Read connections and return their tokens.

    Parameters
    ----------
    memory : uint8[n]
        All memory; no payload is touched.
    tcbs : Tcbs
        The connections.
    txq : TxQueue
        May grow by window updates.
    skbs : Skbs
        What is read is freed.
    pools : PagePools
        Rings grow.
    netmems : NETMEM[n]
        Reference counts.
    providers : Providers
        Offsets and ids.
    tokens : XArrays
        As full after as before.
    ledger : LEDGER[n_stage]
        Not changed.
    socks : int64[k]
        Rows.
    control : uint8[c]
        Control buffer, as many messages as `ids` has room for.
    msg : MSGHDR
        Cursors.
    ids : int64[batch]
        Scratch.
    optval : uint8[1024]
        Scratch.

    Returns
    -------
    octets, issued, returned : int64
        Payload, tokens that came, references that went.
    """
    octets = np.int64(0)
    issued = np.int64(0)
    returned = np.int64(0)
    for sock in socks:
        while True:
            got = receive_tokens(memory, tcbs, txq, skbs, pools, netmems, providers, tokens, ledger, sock, control, msg, ids,
                                 len(ids))
            if got <= 0:
                break
            for i in range(got):
                octets += load_le32(control, i * CMSG_BYTES + SIZE_AT)
            issued += got
            returned += sock_dontneed_tokens(tokens, sock, pools, netmems, providers, None, ids[:got], optval)
    return octets, issued, returned


@kernel
def emit_trains(wire, frames, segments, turn, payload, mss):
    """Make frames of connections that take turns, a train each.

    Parameters
    ----------
    wire : uint8[n]
        Arena, written.
    frames : FRAME[count]
        Filled; the last train is shorter when they end within it.
    segments : SEG[k]
        The streams.
    turn : int64
        The stream that begins.
    payload : uint8[m]
        What a train carries.
    mss : int64
        Payload of a frame.

    Returns
    -------
    turn : int64
        The stream whose turn is next.
    """
    made = np.int64(0)
    at = np.int64(0)
    while made < len(frames):
        nbytes = min(len(payload), (len(frames) - made) * mss)
        count, at = emit_bulk_burst(wire, at, frames[made:], segments[turn], payload, 0, nbytes, mss)
        made += count
        turn = (turn + 1) % len(segments)
    return turn


@kernel
def compute(rounds):
    """Keep a processor busy with nothing that another one could be in the way of: no memory, no lock.

    Parameters
    ----------
    rounds : int64
        Steps of a xorshift generator.

    Returns
    -------
    x : int64
        Its last word, 0 to 2^31 - 1.
    """
    x = np.int64(1)
    for _ in range(rounds):
        x = (x ^ (x << 13)) & 0x7FFFFFFF
        x = x ^ (x >> 17)
        x = (x ^ (x << 5)) & 0x7FFFFFFF
    return x
