"""bench scale: the program that reads many connections between bursts, as one loop.

Law.   Each connection is read by recvmsg until nothing is there, and each token goes back by DONTNEED.
Reads. `devmemlab.lab.bench.tokens_loops`.
Omits. System calls: this program is not timed, it only has to be quick where there are ten thousand connections.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_le32
from devmemlab.lab.bench.tokens_loops import receive_tokens
from devmemlab.sock.deliver import CMSG_BYTES
from devmemlab.sock.token_batch import sock_dontneed_tokens

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
