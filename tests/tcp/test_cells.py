"""State x event: what a segment brings in every state, as data, judged by RFC 9293 section 3.10.7, RFC 5961 and RFC 7323.

A state is named by who called (p: the peer, a: the host). R is the next sequence number that the host wants, X its own
next one, U its oldest that is not acknowledged, E the right edge of the window it told. Cells that leave everything as
it was are met one behind the other on one connection, half a second apart, so that each challenge may be answered.

Where Linux answers otherwise than the RFCs say, the RFCs decide: a reset inside the window is challenged in TIME-WAIT
too (Linux is silent), and an acknowledgement of what was never sent is answered in ESTABLISHED too (Linux is silent).
"""

import numba
import pytest

from devmemlab.base.errno import ECONNREFUSED, ECONNRESET, EPIPE
from tests.tcp.outsider import Wire

INTERPRETED = bool(numba.config.DISABLE_JIT)
FAR = 1 << 20

# name: how it is reached from ESTABLISHED: c: the program closes its half; f: the peer's FIN, g: that FIN acknowledges ours;
# a: the peer acknowledges our FIN.
ROADS = {"ESTABLISHED": "", "CLOSE_WAIT": "f", "LAST_ACK": "fc", "FIN_WAIT1": "c", "FIN_WAIT2": "ca", "CLOSING": "cf",
         "TIME_WAIT": "cag"}
OPEN = ("ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2")
ENDED = ("CLOSE_WAIT", "LAST_ACK", "CLOSING")

# Events that change nothing but counters: (name, flags, sequence number, acknowledgement, octets, answer in each state).
# Answers: "" none; A: <SEQ=X><ACK=R>; D: A and a duplicate report from the first octet to R; E: A and a block of the early data.
STILL = [
    ("reset inside the window", "R", "R+100", None, 0, {"*": "A"}),
    ("reset beyond the window", "R", "E+1000", None, 0, {"*": ""}),
    ("reset below the window", "R", "R-9", None, 0, {"*": ""}),
    ("reset and ACK inside the window", "RA", "R+1", "X", 0, {"*": "A"}),
    ("SYN inside the window", "S", "R", None, 0, {"*": "A"}),
    ("SYN below the window", "S", "R-999", None, 0, {"*": "A"}),
    ("SYN beyond the window", "S", "E+999", None, 0, {"*": "A", "TIME_WAIT": None}),
    ("SYN-ACK inside the window", "SA", "R", "X", 0, {"*": "A"}),
    ("SYN-ACK of the handshake again", "SA", "0", "1", 0, {"*": "A"}),
    ("duplicate acknowledgement", "A", "R", "U", 0, {"*": ""}),
    ("old acknowledgement", "A", "R", "U-5", 0, {"*": ""}),
    ("acknowledgement from before our SYN", "A", "R", "-1", 0, {"*": "A"}),
    ("acknowledgement of ages ago", "A", "R", "U-1000000000", 0, {"*": "A"}),
    ("acknowledgement of what was never sent", "A", "R", "X+9", 0, {"*": "A"}),
    ("bare acknowledgement beyond the window", "A", "E+9", "U", 0, {"*": "A"}),
    ("keepalive probe", "A", "R-1", "U", 0, {"*": "A"}),
    ("keepalive probe with an octet", "A", "R-1", "U", 1, {"*": "D", "ENDED": "F", "TIME_WAIT": "A"}),
    ("old data", "PA", "R-7", "U", 7, {"*": "D", "ENDED": "F", "TIME_WAIT": "A"}),
    ("data beyond the window", "A", "E+9", "U", 7, {"*": "A"}),
    ("data with an acknowledgement of what was never sent", "PA", "R", "X+9", 7, {"*": "A"}),
    ("data without ACK", "P", "R", None, 7, {"*": ""}),
    ("null segment", "", "R", None, 0, {"*": ""}),
    ("FIN without ACK", "F", "R", None, 0, {"*": ""}),
    ("URG, PSH and FIN alone", "FPU", "R", None, 0, {"*": ""}),
    ("data behind the FIN", "PA", "R", "U", 7, {"ENDED": "", "TIME_WAIT": "A"}),
    ("the FIN again", "FA", "R-1", "U", 0, {"ENDED": "A", "TIME_WAIT": "A"}),
    ("data and the FIN again", "FPA", "R-5", "U", 4, {"ENDED": "F", "TIME_WAIT": "A"}),
    ("early data", "PA", "R+20", "U", 7, {"OPEN": "E"}),
    ("early data again", "PA", "R+20", "U", 7, {"OPEN": "EE"}),
]

# Events that move the connection: (name, flags, seq, ack, octets, {state: (answer, state afterwards, what a read gives)}).
# Answers: "" none; A+n: <SEQ=X><ACK=R+n>; R: <SEQ=SEG.ACK><CTL=RST>. b"" is the end of the stream.
TAKES = {"ESTABLISHED": ("A+1", "CLOSE_WAIT", b""), "FIN_WAIT2": ("A+1", "TIME_WAIT", b"")}
MOVES = [
    ("exact reset", "R", "R", None, 0, {**{state: ("", "CLOSE", ECONNRESET) for state in ROADS},
                                         "CLOSE_WAIT": ("", "CLOSE", EPIPE),
                                         "TIME_WAIT": ("", "CLOSE", b"")}),
    ("exact reset with ACK", "RA", "R", "X", 0, {"ESTABLISHED": ("", "CLOSE", ECONNRESET),
                                                    "LAST_ACK": ("", "CLOSE", ECONNRESET)}),
    ("reset with the number of the FIN", "R", "R-1", None, 0, {state: ("", "CLOSE", None) for state in ENDED}),
    ("every flag, exact", "FSRPAU", "R", "X", 0, {"ESTABLISHED": ("", "CLOSE", ECONNRESET)}),
    ("acknowledgement of our FIN", "A", "R", "X", 0, {"FIN_WAIT1": ("", "FIN_WAIT2", None), "CLOSING": ("", "TIME_WAIT", b""),
                                                      "LAST_ACK": ("", "CLOSE", b"")}),
    ("data", "PA", "R", "U", 7, {state: ("A+7", state, 7) for state in OPEN}),
    ("urgent data", "PAU", "R", "U", 7, {"ESTABLISHED": ("A+7", "ESTABLISHED", 6)}),
    ("data partly old", "PA", "R-3", "U", 7, {"ESTABLISHED": ("A+4d", "ESTABLISHED", 4), "FIN_WAIT1": ("A+4d", "FIN_WAIT1", 4)}),
    ("FIN", "FA", "R", "U", 0, {**TAKES, "FIN_WAIT1": ("A+1", "CLOSING", b"")}),
    ("FIN that acknowledges ours", "FA", "R", "X", 0, {**TAKES, "FIN_WAIT1": ("A+1", "TIME_WAIT", b"")}),
    ("data and FIN", "FPA", "R", "X", 5, {"ESTABLISHED": ("A+6", "CLOSE_WAIT", 5), "FIN_WAIT1": ("A+6", "TIME_WAIT", 5),
                                          "FIN_WAIT2": ("A+6", "TIME_WAIT", 5)}),
    ("early FIN, then the gap", "FPA", "R+4", "X", 5, {"ESTABLISHED": ("gap", "CLOSE_WAIT", 9),
                                                            "FIN_WAIT2": ("gap", "TIME_WAIT", 9)}),
    ("early bare FIN, then the gap", "FA", "R+4", "X", 0, {"ESTABLISHED": ("gap", "CLOSE_WAIT", 4),
                                                          "FIN_WAIT1": ("gap", "TIME_WAIT", 4)}),
]
WIRES = [(layout, six, stamps) for layout in ("linux", "freebsd") for six in (False, True) for stamps in (False, True)]
QUICK = [("linux", False, True), ("freebsd", True, False)] if INTERPRETED else WIRES


def ids(wire):
    return f"{wire[0]}-{'6' if wire[1] else '4'}{'-stamps' if wire[2] else ''}"


class At:
    """A connection in a state, and the numbers that a segment for it is made of."""

    def __init__(self, wire, state, active):
        self.peer = peer = wire.peer()
        self.state = state
        peer.answered() if active else peer.handshake()
        peer.one(peer.send("PA", 1, 1, b"0123456789"), flags="A", ack=11)
        assert peer.read() == b"0123456789"
        peer.conn.send(b"abcdefghij")
        wire.run()
        last = peer.one([s for s in peer.take() if s.length], flags="PA", seq=1, length=10)
        assert peer.send("A", 11, 11) == []
        self.at = {"R": 11, "U": 11, "X": 11, "E": last.ack + last.window}
        for word in ROADS[state]:
            if word == "c":
                peer.one(peer.shut(), flags="FA", seq=11)
                self.at["X"] = 12
            elif word == "a":
                assert peer.send("A", self.at["R"], 12) == []
                self.at["U"] = 12
            else:
                self.at["U"] = 12 if word == "g" else self.at["U"]
                answer = peer.one(peer.send("FA", 11, self.at["U"]), flags="A", ack=12)
                self.at["R"], self.at["E"] = 12, answer.ack + answer.window
        assert peer.conn.state == state, peer.story(f"{state} was not reached: {peer.conn.state}")

    def number(self, text):
        return None if text is None else eval(text, {}, self.at)  # noqa: S307

    def plain(self, sent, ack, **more):
        """One acknowledgement from where the host is."""
        return self.peer.one(sent, flags="A", seq=self.at["X"], ack=ack, length=0, **more)

    def end(self):
        """Forget the connection by an exact reset and give the socket back."""
        self.peer.send("R", self.at["R"])
        self.peer.conn.close()


def answer_of(table, state):
    for key in (state, "OPEN" if state in OPEN else "ENDED" if state in ENDED else state, "*"):
        if key in table:
            return table[key]
    return None


def met(here, name, flags, seq, ack, length, answer):
    """One event that changes nothing."""
    peer, where = here.peer, here.number(seq)
    peer.wire.run(501)
    peer.take()
    peer.wire.log.append(f"--- {here.state}: {name}")
    sent = peer.send(flags, where, here.number(ack), b"x" * length)
    back = here.at["R"]
    if answer == "":
        assert sent == [], peer.story(f"no answer wanted, got {sent}")
    else:
        early = [(where, where + length)]
        blocks = {"A": [], "D": [(where, back)], "F": [(where, where + length)], "E": early, "EE": early * 2}[answer]
        here.plain(sent, back, sack=blocks)
    assert peer.conn.state == here.state, peer.story(f"the state is {peer.conn.state}")


@pytest.mark.parametrize("layout, six, stamps", QUICK, ids=[ids(w) for w in QUICK])
def test_what_changes_nothing(layout, six, stamps):
    with Wire(layout, six, stamps) as wire:
        for turn, state in enumerate(ROADS):
            here = At(wire, state, active=turn % 2 == 1)
            for k, (name, flags, seq, ack, length, table) in enumerate(STILL):
                answer = answer_of(table, state)
                if answer is None or (INTERPRETED and (k + turn + six) % 2 and "early" not in name):
                    continue
                met(here, name, flags, seq, ack, length, answer)
            assert here.peer.read() == b""
            here.end()


@pytest.mark.parametrize("layout, six, stamps", QUICK, ids=[ids(w) for w in QUICK])
def test_what_moves_a_connection(layout, six, stamps):
    with Wire(layout, six, stamps) as wire:
        turn = int(six)
        for name, flags, seq, ack, length, table in MOVES:
            for state, (answer, after, gives) in table.items():
                turn += 1
                if INTERPRETED and turn % 2:
                    continue
                here = At(wire, state, active=turn % 4 < 2)
                moved(here, name, flags, here.number(seq), here.number(ack), length, answer, after, gives)
                here.end()


def moved(here, name, flags, seq, ack, length, answer, after, gives):
    """One event that moves the connection."""
    peer = here.peer
    peer.wire.log.append(f"--- {here.state}: {name}")
    sent = peer.send(flags, seq, ack, b"y" * length, urg=3)
    back = here.at["R"]
    if answer == "":
        assert sent == [], peer.story(f"no answer wanted, got {sent}")
    elif answer == "gap":
        here.plain(sent, back)
        assert peer.conn.state in (here.state, "FIN_WAIT2")
        sent = peer.send("PA", back, ack, b"y" * 4)
        here.plain(sent, back + 4 + length + 1, sack=[])
        here.at["R"] = back + 5 + length
    else:
        taken = int(answer.strip("A+d"))
        here.plain(sent, back + taken, sack=[(seq, back)] if "d" in answer else [])
        here.at["R"] += taken
    assert peer.conn.state == after, peer.story(f"{here.state} became {peer.conn.state}, not {after}")
    if gives is None:
        return
    if isinstance(gives, int) and gives in (ECONNRESET, EPIPE) and after == "CLOSE":
        if here.state in OPEN:
            with pytest.raises(OSError) as caught:
                peer.conn.recv(100)
            assert caught.value.errno == gives
        else:       # Linux: behind the peer's FIN a read gives the end of the stream, and SO_ERROR the reset
            assert peer.conn.getsockopt(1, 4) == gives and peer.conn.recv(100) == b""
        return
    wanted = b"y" * gives if isinstance(gives, int) else gives
    assert peer.read() == wanted
    if after not in OPEN:
        assert peer.conn.recv(10) == b"", "the end of the stream is read as often as one likes"


LISTENING = [
    ("reset", "R", None, 0, ""), ("acknowledgement", "A", 77, 0, "R"), ("data", "PA", 77, 5, "R"),
    ("FIN and ACK", "FA", 77, 0, "R"),
    ("SYN-ACK", "SA", 77, 0, "R"), ("reset and ACK", "RA", 77, 0, ""), ("null segment", "", None, 0, ""),
    ("FIN", "F", None, 0, ""),
    ("data without ACK", "P", None, 5, ""), ("URG, PSH and FIN", "FPU", None, 0, ""), ("SYN and reset", "SR", None, 0, ""),
    ("SYN", "S", None, 0, "SA"), ("SYN with data", "S", None, 5, "SA"), ("SYN with PSH and URG", "SPU", None, 0, "SA"),
]
CLOSED = [
    ("reset", "R", None, 0, ""), ("reset and ACK", "RA", 5, 0, ""), ("SYN", "S", None, 0, 1), ("SYN with data", "S", None, 5, 6),
    ("SYN-ACK", "SA", 77, 0, "R"), ("ACK", "A", 77, 0, "R"), ("FIN and ACK", "FA", 77, 3, "R"), ("FIN", "F", None, 0, 1),
    ("data", "P", None, 9, 9), ("data and FIN", "FP", None, 9, 10), ("SYN and FIN", "SF", None, 0, 2),
    ("null segment", "", None, 0, 0),
]


@pytest.mark.parametrize("layout, six, stamps", QUICK, ids=[ids(w) for w in QUICK])
def test_a_listener_and_a_port_where_nobody_listens(layout, six, stamps):
    with Wire(layout, six, stamps) as wire:
        for dport, table in ((5201, LISTENING), (5202, CLOSED)):
            for name, flags, ack, length, answer in table:
                peer = wire.peer(dport=dport)
                wire.log.append(f"--- {dport}: {name}")
                peer.iss = 0 if answer == "R" else None
                sent = peer.send(flags, 10, ack, b"z" * length)
                if answer == "":
                    assert sent == [], peer.story(f"no answer wanted, got {sent}")
                elif answer == "R":
                    peer.one(sent, flags="R", seq=ack, ack=0, window=0, kinds=())
                elif answer == "SA":
                    peer.one(sent, flags="SA", seq=0, ack=11)
                    peer.send("R", 11)
                else:
                    peer.one(sent, flags="RA", seq=0, ack=10 + answer, window=0, kinds=())
        assert wire.server.state == "LISTEN"


CALLING = [     # SYN_SENT: flags, seq, ack, octets, answer, state afterwards, error of the socket
    ("SYN-ACK", "SA", 0, 1, 0, "A", "ESTABLISHED", 0), ("SYN-ACK with data", "SA", 0, 1, 5, "A", "ESTABLISHED", 0),
    ("SYN", "S", 0, None, 0, "SA", "SYN_RECV", 0), ("SYN-ACK of nothing", "SA", 0, 0, 0, "R", "SYN_SENT", 0),
    ("SYN-ACK of the future", "SA", 0, 2, 0, "R", "SYN_SENT", 0), ("ACK of nothing", "A", 0, 0, 0, "R", "SYN_SENT", 0),
    ("ACK of the future", "A", 0, 9, 0, "R", "SYN_SENT", 0), ("ACK of our SYN", "A", 0, 1, 0, "", "SYN_SENT", 0),
    ("FIN and ACK of our SYN", "FA", 0, 1, 0, "", "SYN_SENT", 0), ("reset", "R", 0, None, 0, "", "SYN_SENT", 0),
    ("reset and ACK of nothing", "RA", 0, 0, 0, "", "SYN_SENT", 0),
    ("reset and ACK of the future", "RA", 0, 2, 0, "", "SYN_SENT", 0),
    ("reset and ACK of our SYN", "RA", 0, 1, 0, "", "CLOSE", ECONNREFUSED), ("data", "P", 0, None, 5, "", "SYN_SENT", 0),
    ("FIN", "F", 0, None, 0, "", "SYN_SENT", 0), ("null segment", "", 0, None, 0, "", "SYN_SENT", 0),
    ("SYN and reset and ACK", "SRA", 0, 1, 0, "", "CLOSE", ECONNREFUSED),
]


@pytest.mark.parametrize("layout, six, stamps", QUICK, ids=[ids(w) for w in QUICK])
def test_while_a_call_is_not_answered(layout, six, stamps):
    with Wire(layout, six, stamps) as wire:
        for name, flags, seq, ack, length, answer, after, err in CALLING:
            peer = wire.peer()
            peer.call()
            wire.log.append(f"--- SYN_SENT: {name}")
            options = peer.syn_options if "S" in flags else b""
            sent = peer.send(flags, seq, ack, b"z" * length, options=options)
            if answer == "":
                assert sent == [], peer.story(f"no answer wanted, got {sent}")
            elif answer == "R":
                peer.one(sent, flags="R", seq=ack)
            else:
                peer.one(sent, flags=answer, seq=0 if answer == "SA" else 1, ack=1, length=0)
            assert peer.conn.state == after, peer.story(f"the state is {peer.conn.state}")
            assert peer.conn.getsockopt(1, 4) == err
            peer.stamps = stamps and after == "ESTABLISHED"
            peer.send("RA", 1, 1)
            peer.conn.close()


CALLED = [      # SYN_RECV: flags, seq, ack, octets, answer (R: reset), state afterwards ("gone": no longer known)
    ("ACK of our SYN", "A", 1, 1, 0, "", "ESTABLISHED"), ("data with the ACK of our SYN", "PA", 1, 1, 5, "A+5", "ESTABLISHED"),
    ("FIN with the ACK of our SYN", "FA", 1, 1, 0, "A+1", "CLOSE_WAIT"),
    ("early data with it", "PA", 11, 1, 5, "A+0", "ESTABLISHED"),
    ("ACK of nothing", "A", 1, 0, 0, "R", "SYN_RECV"), ("ACK of the future", "A", 1, 2, 0, "R", "SYN_RECV"),
    ("exact reset", "R", 1, None, 0, "", "gone"), ("reset inside the window", "R", 99, None, 0, "A+0", "SYN_RECV"),
    ("reset outside", "R", FAR * 64, None, 0, "", "SYN_RECV"), ("the SYN again", "S", 0, None, 0, "SA", "SYN_RECV"),
    ("SYN inside the window", "S", 5, None, 0, "", "gone"), ("SYN outside the window", "S", -5, None, 0, "A+0", "SYN_RECV"),
    ("null segment", "", 1, None, 0, "", "SYN_RECV"), ("data without ACK", "P", 1, None, 5, "", "SYN_RECV"),
    ("FIN without ACK", "F", 1, None, 0, "", "SYN_RECV"), ("data outside the window", "A", FAR * 64, 1, 5, "A+0", "SYN_RECV"),
]


def called(wire, name, flags, seq, ack, length, answer, after, both):
    peer = wire.peer()
    options = peer.syn_options
    if both:
        peer.call()
        peer.one(peer.send("S", 0, options=options), flags="SA", seq=0, ack=1)
    else:
        peer.one(peer.send("S", 0, options=options), flags="SA", seq=0, ack=1)
    peer.stamps = wire.stamps
    wire.log.append(f"--- SYN_RECV, both {both}: {name}")
    syn = {"options": options} if "S" in flags else {}
    if both and after == "gone":
        answer, after = ("A+0", "SYN_RECV") if "S" in flags else ("", "CLOSE")
    sent = peer.send(flags, seq, ack, b"z" * length, **syn)
    if answer == "":
        assert sent == [], peer.story(f"no answer wanted, got {sent}")
    elif answer == "R":
        peer.one(sent, flags="R", seq=ack)
    elif answer == "SA":
        peer.one(sent, flags="SA", seq=0, ack=1)
    else:
        peer.one(sent, flags="A", seq=1, ack=1 + int(answer[2:]))
    if both:
        assert peer.conn.state == after, peer.story(f"the state is {peer.conn.state}")
        if after == "CLOSE":
            assert peer.conn.getsockopt(1, 4) == ECONNREFUSED
    elif after in ("gone", "SYN_RECV"):
        with pytest.raises(BlockingIOError):
            wire.server.accept()
        sent = peer.send("A", 1, 1)
        if after == "gone":
            peer.one(sent, flags="R", seq=1)
        else:
            assert sent == [], peer.story(f"it still waits for its ACK, got {sent}")
            peer.conn, _ = wire.server.accept()
    else:
        peer.conn, _ = wire.server.accept()
        assert peer.conn.state == after
        if length and seq == 1:
            assert peer.conn.recv(100) == b"z" * length
    peer.send("RA", 1 + (int(answer[2:]) if "+" in answer else 0), 1)
    if peer.conn:
        peer.conn.close()


@pytest.mark.parametrize("layout, six, stamps", QUICK, ids=[ids(w) for w in QUICK])
def test_between_both_syns_and_the_acknowledgement(layout, six, stamps):
    with Wire(layout, six, stamps) as wire:
        for k, row in enumerate(CALLED):
            for both in (False, True):
                if not (INTERPRETED and (k + both + six) % 2):
                    called(wire, *row, both)


@pytest.mark.parametrize("six", [False, True])
def test_both_call_at_once_and_the_second_segment_crosses_too(six):
    with Wire(six=six, stamps=True) as wire:
        peer = wire.peer()
        peer.call()
        peer.one(peer.send("S", 0, options=peer.syn_options), flags="SA", seq=0, ack=1)
        peer.stamps = True
        sent = peer.send("SA", 0, 1, options=peer.syn_options)
        assert [s.flags for s in sent] in ([], ["A"]) and peer.conn.state == "ESTABLISHED"
        peer.one(peer.send("PA", 1, 1, b"hello"), flags="A", seq=1, ack=6)
        assert peer.read() == b"hello"
