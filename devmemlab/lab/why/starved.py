"""Why a card finds no descriptor: who has the buffers.

Law.   Buffers are counted, not guessed: what is missing is with tokens, in a socket, with an old pool, or was never there.
Reads. Spec sections 12.4, 15.2, 18.2 and 24, case 59.
Omits. Programs that keep tokens for good reasons: the card does not know of those either.
"""

from devmemlab.lab.why.answer import Event, Finding, some
from devmemlab.lab.why.facts import sockets_of
from devmemlab.nic.drops import DROP_NO_DESC


def _kept(facts, held, chain):
    """Say why tokens are not back.

    Parameters
    ----------
    facts : QueueFacts
        The queue.
    held : dict
        From ``facts.tokens()``.
    chain : tuple of Event
        What came of it.

    Returns
    -------
    finding : Finding
        With the connection that holds most.
    """
    sock = max(held, key=lambda row: len(held[row]))
    buffers, conns = held[sock], sockets_of(facts.host)
    calls = conns[sock].calls if sock in conns else None
    tokens = sum(buffers.values())
    holds = Event(facts.times.first("cmsg_dmabuf", a=sock), f"connection {sock} receives; it holds {tokens} tokens for "
                  f"{len(buffers)} of {facts.pages} buffers", "trace cmsg_dmabuf, token table")
    others = [conn for row, conn in conns.items() if row != sock and conn.calls.last_asked > conn.calls.last_released]
    if calls is not None and calls.returned_ns >= 0 and calls.last_asked == 0:
        said = Event(None, "DONTNEED with token_count 0 releases 0 references", "return value of setsockopt")
        return Finding("zero-count", "the program returns tokens with token_count 0, which is allowed and releases nothing",
                       "set token_count: {token_start, 1} for one token", (holds, said, *chain))
    if others or (calls is not None and calls.last_asked > calls.last_released):
        wrong = others[0] if others else conns[sock]
        said = Event(None, f"DONTNEED on connection {wrong.sock} names last {wrong.calls.last_asked} tokens and "
                     f"releases {wrong.calls.last_released}", "return value of setsockopt")
        where = f"on connection {wrong.sock}, which never had them" if others else "by numbers that it does not hold"
        return Finding("wrong-tokens", f"the program returns its tokens {where}; DONTNEED releases what the socket has, and "
                       "says nothing", "return each token on the socket that received it, and compare the return value with "
                       "the number of tokens", (holds, said, *chain))
    if tokens > len(buffers) or (calls is not None and calls.peeked and calls.released):
        said = Event(None, f"{calls.peeked if calls else 'some'} calls with MSG_PEEK gave tokens too", "argument of recvmsg")
        return Finding("peeked", "MSG_PEEK hands out a token of its own each time, and a buffer is free when the last one is "
                                 "back",
                       "return the tokens of each peek as well", (holds, said, *chain))
    gave = calls is not None and calls.released
    said = f"it has given back {calls.released}" if gave else "it has never given any back"
    return Finding("tokens-kept", f"connection {sock} keeps the tokens of {len(buffers)} of {facts.pages} buffers, and {said}",
                   "return tokens with SO_DEVMEM_DONTNEED as soon as the data is used, without waiting for more; or close the "
                   "connection", (holds, *chain))


def starved_findings(facts):
    """Say why frames found no descriptor.

    Parameters
    ----------
    facts : QueueFacts
        A queue.

    Returns
    -------
    findings : list of Finding
        Empty when every frame found one.
    """
    q, times = facts.ctl, facts.times
    if not q.rx_hw_drop_overruns:
        return []
    drops = times.of("nic_drop", a=facts.row, b=DROP_NO_DESC)
    last = int(drops[-1]) if len(drops) else None
    chain = (Event(int(drops[0]) if len(drops) else None, f"no descriptor for {some(q.rx_hw_drop_overruns, 'frame')}",
                   "ethtool -S rx_hw_drop_overruns"),)
    if not q.rx_buf_alloc_fail:
        return [_unannounced(facts, chain)]
    dry = times.of("page_pool_empty", a=int(q.pool))
    dry = dry[dry <= drops[0]] if len(drops) else dry
    empty = Event(int(dry[-1]) if len(dry) else None, f"the pool has nothing: {some(q.rx_buf_alloc_fail, 'refill')} in vain",
                  "ethtool -S rx_buf_alloc_fail")
    chain = (empty, *chain)
    served = times.since(last, "rxq_complete", a=facts.row)
    over = served > 0 and facts.posted + facts.spare > 0
    if not facts.provider:
        return [Finding("pages-out", "there was no memory for the ring", "more memory", chain, over)]
    held, unread, old = facts.tokens(), facts.unread(), facts.old_pools()
    counts = {"tokens": sum(map(len, held.values())), "unread": sum(sum(pair) for pair in unread.values()), "old": old}
    most = "old" if counts["old"] and counts["old"] >= counts["tokens"] else max(counts, key=counts.get)
    if facts.pages < 8 and facts.pages < q.desc_count and counts["tokens"] * 2 <= facts.pages:
        small = Event(None, f"{facts.pages} buffers are bound, the ring has {int(q.desc_count)} descriptors", "page-pool-get")
        return [Finding("memory-too-small", f"only {facts.pages} buffers are bound: fewer than frames on the way, so the card "
                        "drops although every token comes back",
                        f"bind more memory: {int(q.desc_count)} buffers for the ring, and as many as the program keeps",
                        (small, *chain))]
    if over or not counts[most]:
        return [Finding("starved", "frames found no descriptor, but the queue has buffers again", "nothing", chain, True)]
    if most == "old":
        waits = Event(None, f"a pool of the past waits for {old} of {facts.pages} buffers", "page-pool-get detach-time")
        return [Finding("old-pool", f"{old} of {facts.pages} buffers are with a pool that was replaced (restart, or interface "
                        "down and up): tokens of before keep them", "return the tokens of before, and close connections that "
                        "are over", (waits, *chain))]
    if most == "unread":
        sock = max(unread, key=lambda row: sum(unread[row]))
        waits = Event(None, f"connection {sock} has {unread[sock][0]} buffers unread and {unread[sock][1]} behind a gap",
                      "ss Recv-Q, skbs")
        return [Finding("not-read", f"connection {sock} does not read: {sum(unread[sock])} of {facts.pages} buffers wait in it",
                        "have the program call recvmsg", (waits, *chain))]
    return [_kept(facts, held, chain)]


def _unannounced(facts, chain):
    """Say why a ring ran dry though the pool had buffers.

    Parameters
    ----------
    facts : QueueFacts
        The queue.
    chain : tuple of Event
        What came of it.

    Returns
    -------
    finding : Finding
        Over when nothing moderates interrupts now.
    """
    usecs, ring = int(facts.nic.rx_usecs), int(facts.ctl.desc_count)
    late = Event(None, f"an interrupt waits {usecs} us, the ring has {ring} descriptors; the pool was never empty",
                 "ethtool -c, ethtool -g")
    return Finding("ring-too-short", f"{ring} descriptors are fewer than the frames that come before the driver looks: "
                                     "interrupts "
                   f"are held back for {usecs} us", f"ethtool -C {facts.device.name} rx-usecs {max(usecs // 16, 1)}, or a longer "
                   f"ring: ethtool -G {facts.device.name} rx {ring * 8}", (late, *chain), usecs == 0)
