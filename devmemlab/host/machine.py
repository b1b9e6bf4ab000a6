"""The machine: every table of a host in one tuple.

Law.   Nothing of a host is outside these tables but its configuration and its file descriptors.
Reads. House laws 2 and 5.
Omits. Meaning: each component belongs to the room that makes it.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component


@component(sealed=True)
class Machine(NamedTuple):
    """Every table of a host, one component a room.

    nics : Nics
    rxqs : RxQueues
    skbs : Skbs
    tcbs : Tcbs
    txq : TxQueue
    tokens : XArrays
        Tree number = row of the connection.
    netmems : NETMEM[n_netmem]
    pools : PagePools
    providers : Providers
    ledger : LEDGER[n_stage]
    pkt : PKT[2]
        Scratch rows: the NIC's parser and the stack's.
    msg : MSGHDR[1]
        Scratch row of recvmsg.
    addresses : ADDRESS[n]
        The host's own addresses.
    gro : Gro
        What a poll holds back.
    taps : Taps
        What packet sockets see.
    rings : TxRings
        Descriptors of transmission.
    """

    nics: NamedTuple
    rxqs: NamedTuple
    skbs: NamedTuple
    tcbs: NamedTuple
    txq: NamedTuple
    tokens: NamedTuple
    netmems: np.recarray
    pools: NamedTuple
    providers: NamedTuple
    ledger: np.recarray
    pkt: np.recarray
    msg: np.recarray
    addresses: np.recarray
    gro: NamedTuple
    taps: NamedTuple
    rings: NamedTuple
