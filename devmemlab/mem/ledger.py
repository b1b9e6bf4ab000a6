"""The ledger: every byte that crosses a link, counted where it crosses.

Law.   A byte is counted once a stage, by the code that moves it; reading in place is counted apart from copying.
Reads. Spec section 16 (the receive path, end to end).
Omits. Time: what a stage costs is the cost model's business.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table

LEDGER = schema("length", "copies")

STAGES = {
    "DMA_HEADER": ("NIC -> host DRAM", "header"),
    "DMA_DEVICE": ("NIC -> device memory", "payload"),
    "DMA_HOST": ("NIC -> host DRAM", "payload"),
    "HEADER_COPY": ("host DRAM -> host DRAM (header buffer to skb head)", "header"),
    "RECV_COPY": ("host DRAM -> host DRAM (page to user buffer)", "payload"),
    "PAGEABLE_COPY": ("host DRAM -> host DRAM (user buffer to staging buffer)", "payload"),
    "HOST_TO_DEVICE": ("host DRAM -> device memory", "payload"),
    "GATHER": ("device memory -> device memory", "payload"),
    "LINEAR_COPY": ("host DRAM -> host DRAM (skb head to user buffer)", "payload"),
    "DEVICE_READ": ("device memory -> device, in place", "payload"),
    "MEMCPY": ("plain copy of the same bytes", "payload"),
    "COPY_BREAK": ("host DRAM -> host DRAM (page to skb head, small packets)", "payload"),
    "SEND_COPY": ("host DRAM -> host DRAM (user buffer to page)", "payload"),
    "DMA_READ": ("host DRAM -> NIC", "payload"),
    "COLLAPSE_COPY": ("host DRAM -> host DRAM (pages to fuller pages, receive buffer full)", "payload"),
    "DMA_READ_DEVICE": ("device memory -> NIC", "payload"),
    "DEVICE_TO_HOST": ("device memory -> host DRAM", "payload"),
    "GATHER_OUT": ("device memory -> host DRAM (pieces to staging buffer)", "payload"),
    "GATHER_IN": ("host DRAM -> device memory (staging buffer, in order)", "payload"),
    "STAGED_DMA": ("pinned host DRAM <-> GPU (in place of the NIC's own DMA)", "payload"),
}
"""Every stage: which link it uses and what it carries."""

NAMES = tuple(STAGES)
DMA_HEADER, DMA_DEVICE, DMA_HOST, HEADER_COPY, RECV_COPY, PAGEABLE_COPY, HOST_TO_DEVICE, GATHER = range(8)
LINEAR_COPY, DEVICE_READ, MEMCPY, COPY_BREAK, SEND_COPY, DMA_READ, COLLAPSE_COPY, DMA_READ_DEVICE, DEVICE_TO_HOST = range(8, 17)
GATHER_OUT, GATHER_IN, STAGED_DMA = range(17, 20)
NOT_COPIES = frozenset(("DEVICE_READ",))


def make_ledger():
    """Make an empty ledger.

    Returns
    -------
    ledger : LEDGER[n_stage]
        Zeros; rows are stages.
    """
    return table(LEDGER, len(STAGES))


@kernel
def ledger_add(ledger, stage, nbytes):
    """Count bytes that moved.

    Parameters
    ----------
    ledger : LEDGER[n_stage]
        Row `stage` changes.
    stage : int64
        For example ``DMA_DEVICE``.
    nbytes : int64
        Bytes.
    """
    row = ledger[stage]
    row.length += nbytes
    row.copies += 1


def copied_per_payload(ledger, payload_bytes):
    """Say how often each payload byte was copied.

    Parameters
    ----------
    ledger : LEDGER[n_stage]
        A ledger.
    payload_bytes : int
        Payload that reached its place.

    Returns
    -------
    ratio : float
        Bytes of all payload-carrying copies by payload bytes; 0 without payload.
    """
    copied = sum(int(ledger[i].length) for i, name in enumerate(NAMES)
                 if STAGES[name][1] == "payload" and name not in NOT_COPIES)
    return copied / payload_bytes if payload_bytes else 0.0


def rows(ledger):
    """Spell a ledger for people.

    Parameters
    ----------
    ledger : LEDGER[n_stage]
        A ledger.

    Returns
    -------
    rows : list of dict
        ``stage``, ``link``, ``carries``, ``length``, ``copies``; stages that nothing used are left out.
    """
    return [{"stage": name, "link": STAGES[name][0], "carries": STAGES[name][1],
             "length": int(ledger[i].length), "copies": int(ledger[i].copies)}
            for i, name in enumerate(NAMES) if np.any(ledger[i].copies)]
