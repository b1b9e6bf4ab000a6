"""Faults of the program: how it calls recvmsg, what it does with tokens, how much memory it has bound.

Law.   See fault.py: each entry is a run with one thing wrong.
Reads. Spec sections 12.4, 14, 15; performance-anchors section 8 (tokens, control messages, exhaustion).
Omits. What a program does with its data.
"""

from devmemlab.lab.faults.fault import Fault
from devmemlab.lab.faults.job import IFNAME, ROOM, Job
from devmemlab.sock.uapi import AF_INET, MSG_SOCK_DEVMEM, MSG_TRUNC, SO_RCVBUF, SO_RCVLOWAT, SOL_SOCKET

FEW = 16
"""Buffers: fewer than the messages of a job."""
SOON, LATE = 45, 4000
"""Milliseconds: shorter and longer than the sender's timer."""


def _told(pages=None, call=(), go=SOON, **attributes):
    """Run a job whose program has some attributes."""
    job = Job().prepare().bind(pages=pages)
    for name, value in attributes.items():
        setattr(job, name, value)
    return job.call(**dict(call)).go(go)


def _with(ms=LATE, **attributes):
    """Make a mend that changes attributes of the program and lets it go on."""
    def mend(job):
        for name, value in {"reading": True, **attributes}.items():
            setattr(job, name, value)
        if job.tokens and job.give == "all":
            job.give_back()
        return job.go(ms)
    return mend


def _elsewhere(job, pieces):
    """Give tokens back on a socket that never had them."""
    if not hasattr(job, "other"):
        job.other = job.process.socket(AF_INET)
    job.receiver.dontneed(job.other, [(int(piece.frag_token), 1) for piece in pieces])


def _zero(job, pieces):
    """Give tokens back with a count that was never set."""
    job.receiver.dontneed(job.conn, [(int(piece.frag_token), 0) for piece in pieces])


def _numbered(job, pieces):
    """Give back the numbers of pages, which are no tokens."""
    job.receiver.dontneed(job.conn, [(1000 + int(piece.frag_offset) // 4096, 1) for piece in pieces])


def _asleep():
    job = Job().prepare().bind()
    job.reading = False
    return job.call(rcvbuf=20_000).go(SOON)


def _waits_for_much(job):
    job.conn.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 1)
    return job.go()


def _peeks(job):
    """The program gives back everything that its connection holds, and peeks no more."""
    job.peek = 0
    job.tokens.clear()
    job.process.dontneed_tokens(job.conn, list(range(1, 3 * FEW)))
    return job.go(LATE)


def _no_trunc(job):
    """What was thrown away is gone; what comes now is read."""
    job.flags = MSG_SOCK_DEVMEM
    return job.begin_again().call().go()


def _small():
    return Job(gbps=10, delay_us=200, pace_us=0).prepare().bind().call(rcvbuf=8192).go(100)


def _small_alone():
    return Job(gbps=10, delay_us=200, pace_us=0).prepare().bind().call().go(100)


def _larger(job):
    job.conn.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 20)
    return job.go(4000).more().go(400)


def _slow(job):
    """Tell whether the window let few segments through in each round trip."""
    return job.ms_a_message > 1.0


def _tiny():
    job = Job().prepare().bind(pages=2)
    return job.call().go(SOON)


def _more_memory(job):
    job.netlink.close()
    return job.begin_again().bind().call().go()


def _stale():
    """Tokens of before keep the buffers, the interface goes down and up, and its new pool has none."""
    job = Job().prepare().bind(pages=FEW)
    job.give = "none"
    job.call().go(SOON)
    job.receiver.sh(f"ip link set {IFNAME} down; ip link set {IFNAME} up")
    job.go(700)
    return job


EMPTY = "the card drops frames, the window stays open, no call reports an error"

FAULTS = (
    Fault("no_flag", "MSG_SOCK_DEVMEM left out", "The program calls recvmsg without the flag.", "What does it get?",
          ("the octets, copied to its buffer", "14 EFAULT, and the data stays queued", "0: end of the stream",
           "14 EFAULT, and the data is lost"), "b",
          "The kernel cannot copy what it cannot read. A later call with the flag gets everything.",
          "flags=MSG_SOCK_DEVMEM", "flag-missing", lambda: _told(flags=0), _with(flags=MSG_SOCK_DEVMEM), source="spec 14.4, "
              "case 40"),
    Fault("small_control", "a control buffer of 32 octets", "msg_controllen is 32. One devmem message takes 40.",
          "What does recvmsg answer?", ("MSG_CTRUNC, and the tokens are lost", "errno 525, and the data stays queued",
                                        "90 EMSGSIZE", "the octets without their tokens"), "b",
          "The kernel's own ETOOSMALL, 525, which no C library has a name for. Devmem messages are never truncated.",
          "room for CMSG_SPACE(24) = 40 octets and more", "control-too-small", lambda: _told(control=32), _with(control=ROOM),
          source="spec 14.4, Q1; anchors 8, control-message sizing"),
    Fault("leak", "tokens never returned", "16 buffers are bound; the program never gives a token back.", "What is seen?",
          (EMPTY, "TCP's window closes and the sender waits", "recvmsg answers 12 ENOMEM", "the kernel takes the oldest "
              "back"), "a",
          "Tokens are charged to nobody. The pool is empty, then the ring, then the card drops.",
          "return each token when its data is used", "tokens-kept", lambda: _told(FEW, give="none"), _with(give="all"),
          source="features G4, D8; spec 12.4, case 59"),
    Fault("wrong_socket", "tokens returned on another socket", "The program returns tokens on a second socket.",
          "What does DONTNEED answer?", ("22 EINVAL", "0, and nothing is released", "9 EBADF", "it works: tokens name "
              "buffers"), "b",
          "Tokens belong to the socket that received them. Unknown ones are skipped, and the count of released ones is 0.",
          "return them on the socket that received them", "wrong-tokens", lambda: _told(FEW, give=_elsewhere), _with(give="all"),
          source="spec 15.2, case 53"),
    Fault("wrong_numbers", "page numbers instead of tokens", "The program returns numbers of pages, not of tokens.",
          "Who notices?", ("DONTNEED: 22 EINVAL", "nobody: it answers how many it released, 0",
                           "DONTNEED: 14 EFAULT", "the kernel log"), "b",
          "Numbers that are no tokens are skipped in silence (and cost the budget of 1024).",
          "return frag_token; compare the return value with the number of tokens", "wrong-tokens",
          lambda: _told(FEW, give=_numbered), _with(give="all"), source="spec 15.2, Q22"),
    Fault("zero_count", "token_count left 0", "The program sets token_start and forgets token_count.", "What is seen?",
          ("DONTNEED: 22 EINVAL", "it works: a token is one token", EMPTY, "the first token comes back"), "c",
          "An element with count 0 is legal, and releases nothing. So this is a leak.",
          "token_count 1", "zero-count", lambda: _told(FEW, give=_zero), _with(give="all"), source="spec 15.2"),
    Fault("peek", "MSG_PEEK before each read", "The program peeks, then reads, and returns the tokens of the read.",
          "Why does it stand still in the end?", ("peeking moves the read position", "each peek made tokens of its own",
                                                  "DONTNEED answers EBUSY", "it does not: peeking costs nothing"), "b",
          "A peek hands out fresh tokens for the same octets. A buffer is free when its last token is back.",
          "return the tokens of the peek too, or do not peek", "peeked", lambda: _told(FEW, peek=1), _peeks,
          source="spec 14.2, Q3, case 48"),
    Fault("trunc", "MSG_TRUNC", "The program adds MSG_TRUNC to learn how much is there.", "What happens to the data?",
          ("it is counted and stays", "it is thrown away, without a token", "22 EINVAL", "it is copied to host memory"), "b",
          "For TCP the flag means: discard. It works without MSG_SOCK_DEVMEM too, and checks nothing.",
          "SIOCINQ or TCP_INQ tell how much is there", "discarded", lambda: _told(flags=MSG_SOCK_DEVMEM | MSG_TRUNC), _no_trunc,
          source="spec 14.2, Q4, case 49"),
    Fault("low_water", "SO_RCVLOWAT too high", "SO_RCVLOWAT is 1 MiB; messages are shorter, and the sender waits for an answer.",
          "What does poll say?", ("readable, at once", "nothing, ever", "readable, after 200 ms", "POLLERR"), "b",
          "Octets in device memory count like any others, and too few of them wait.",
          "SO_RCVLOWAT 1", "lowat", lambda: _told(call={"rcvlowat": 1 << 20}), _waits_for_much, source="features G9"),
    Fault("asleep", "a program that does not read", "The program sleeps. Its receive buffer has 40,000 octets.",
          "What stops the sender?", ("the card, which drops", "the window: it closes", "nothing: it sends on", "a reset"), "b",
          "Unread frags are charged to the socket, each as a whole page; tokens are not. Only unread data closes the window.",
          "read", "not-read", _asleep, _with(), source="spec 12.4"),
    Fault("small_rcvbuf", "a small receive buffer", "SO_RCVBUF is 8192, over a path of 400 us.", "How fast is it?",
          ("as fast as ever: device memory is not charged", "a few segments for each round trip",
           "it stops: a page does not fit", "half as fast"), "b",
          "The kernel doubles it to 16384: four pages. Each segment on its way is charged 4096 octets, whatever it carries.",
          "leave SO_RCVBUF alone, or plan it in pages", "small-rcvbuf", _small, _larger, _small_alone, shows=_slow,
          source="spec 12.4; kernel: truesize of a frag"),
    Fault("tiny_memory", "too little memory", "Two buffers are bound to a queue with 32 descriptors. Each token comes back at "
                                              "once.",
          "What is seen?", ("bind-rx refuses so little", "it works: two are enough if they come back", EMPTY,
                            "the rest goes to host memory"), "c",
          "Frames come faster than two buffers go round. There is no fallback to host memory on a bound queue.",
          "bind memory for the ring, and as much as is held", "memory-too-small", _tiny, _more_memory,
          source="features G4; anchors 8, exhaustion"),
    Fault("old_pool", "a new pool without buffers", "Tokens hold all 16 buffers when the interface goes down and up.",
          "What has the new pool?", ("16 fresh buffers", "none, until tokens come back", "pages", "the old tokens become "
              "invalid"), "b",
          "The binding is the same, and so are its 16 buffers. The old pool waits for them.",
          "return the tokens of before", "old-pool", _stale, _with(give="all"), source="spec 18.2 E and I"),
)
