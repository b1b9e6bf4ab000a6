"""Replaying a recording: causes before effects, and the host's own numbers."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.base.paths import data_folder
from devmemlab.host import ports
from devmemlab.lab.stream import stream_digest
from devmemlab.wire import frame as fr
from devmemlab.wire.pcap import Capture, CaptureError
from devmemlab.wire.tcp import ACK, FIN, PSH, RST, SYN
from tests.ports.kit import CLIENT_ISN, RECEIVER, SENDER, SYN_OPTIONS, ToyReceiver, bulk, burst_of, made, seen

NXT = (CLIENT_ISN + 1) & 0xFFFFFFFF
PAYLOAD = b"".join(bytes([k]) * 100 for k in (1, 2, 3, 4))


def flags(burst):
    return [s[1] for s in seen(burst)]


def answer(port, now_ns, seq, ack_seq, tcp_flags, **fields):
    fields = {"window": 1000, **fields}
    port.send(now_ns, burst_of(made(RECEIVER, SENDER, seq=seq, ack_seq=ack_seq, tcp_flags=tcp_flags, **fields)))


def test_flows_are_found_and_described():
    there, back = ports.flows_of(bulk())
    assert there[:6] == ("10.0.0.1", "10.0.0.2", 40000, 5201, "02:00:00:00:00:01", "02:00:00:00:00:02")
    assert (there.frames, there.payload_bytes, there.mss, there.handshake, there.host_connects) == (8, 400, 100, True, False)
    assert (back.src, back.frames, back.payload_bytes, back.host_connects) == ("10.0.0.2", 3, 0, True)
    assert [f.handshake for f in ports.flows_of(bulk(handshake=False))] == [False, False]


def test_only_the_syn_comes_before_the_host_has_answered():
    port = ports.Pcap(bulk())
    assert port.next_ns() == 0 and not port.live and port.fileno() is None
    assert seen(port.recv(70)) == [(70, "S", CLIENT_ISN, 0, b"")]
    assert port.recv(10 ** 6) is None
    answer(port, 20_000, 555, NXT, SYN | ACK)
    assert port.next_ns() <= 20_000
    assert seen(port.recv(20_000)) == [(20_000, "A", NXT, 556, b"")]
    assert port.next_ns() == 21_000, "the gap of the recording is kept, from the frame that had to wait"
    assert seen(port.recv(21_000)) == [(21_000, "PA", NXT, 556, b"\1" * 100)]


def test_acknowledgements_and_sack_and_echo_become_the_hosts_own():
    frames = [made(SENDER, RECEIVER, seq=10, tcp_flags=SYN, **{**SYN_OPTIONS, "opt_wscale": 0}, opt_timestamp=1, ts_val=1),
              made(SENDER, RECEIVER, seq=11, ack_seq=9001, tcp_flags=ACK, opt_timestamp=1, ts_val=2, ts_ecr=7000),
              made(SENDER, RECEIVER, seq=11, ack_seq=9001, tcp_flags=ACK, opt_timestamp=1, ts_val=3, ts_ecr=7050,
                   sack_count=1, sack_0_start=9101, sack_0_end=9201)]
    store = burst_of(*frames)
    before = store.octets.copy()
    port = ports.Pcap(store, speed=None)
    port.recv(0)
    answer(port, 0, 0xFFFFFFFF, 11, SYN | ACK, opt_timestamp=1, ts_val=100, ts_ecr=1)
    answer(port, 0, 0, 11, ACK | PSH, payload=b"x" * 200, opt_timestamp=1, ts_val=130, ts_ecr=1)
    burst = port.recv(0)
    assert [s[3] for s in seen(burst)] == [0, 0]
    pkts = Capture(*burst).packets()
    assert pkts.ts_ecr.tolist() == [100, 130], "moved by as much as the host's clock is away, never later than its last word"
    assert (pkts.sack_0_start[1], pkts.sack_0_end[1]) == (100, 200)
    assert (store.octets == before).all(), "the capture is never changed"


def test_the_window_of_the_host_is_kept():
    port = ports.Pcap(bulk(), speed=None)
    port.recv(0)
    answer(port, 0, 1, NXT, SYN | ACK, window=250, opt_wscale=3)
    assert flags(port.recv(0)) == ["A", "PA", "PA"] and port.recv(0) is None
    answer(port, 5, 2, NXT + 200, ACK, window=25)
    got = [(at_ns, payload) for at_ns, _, _, _, payload in seen(port.recv(5))]
    assert got == [(5, b"\3" * 100), (5, b"\4" * 100), (5, b"")], "25 << 3 is 200, and a FIN needs no room"


def test_the_last_acknowledgement_waits_for_the_hosts_fin():
    port = ports.Pcap(bulk(), resend_ns=None)
    toy = ToyReceiver(port)
    now = toy.run()
    assert port.done and toy.acks[-1] == toy.nxt and bytes(toy.got) == PAYLOAD
    port.rewind()
    assert not port.done and port.counters["played"] == 0
    port.recv(now)
    answer(port, now, 77, NXT, SYN | ACK)
    while port.next_ns() is not None:
        now = port.next_ns()
        assert port.recv(now) is not None
    assert not port.done, "the host has not closed yet"
    answer(port, now + 9, 78, NXT + 401, ACK | FIN)
    assert seen(port.recv(port.next_ns()))[0][3] == 79 and port.done and port.next_ns() is None


@pytest.mark.parametrize("lose", [{1}, {3}, {4, 5}, {6}, {7, 8}, {2, 7}])
def test_what_the_host_lost_is_played_again(lose):
    port = ports.Pcap(bulk(), resend_ns=1000)
    toy = ToyReceiver(port, lose=lose)
    toy.run()
    assert bytes(toy.got) == PAYLOAD and port.counters["resent"] >= 1 and port.done


def test_without_resending_a_loss_is_final():
    port = ports.Pcap(bulk(), resend_ns=None)
    toy = ToyReceiver(port, lose={4})
    toy.run()
    assert bytes(toy.got) == b"\1" * 100 and port.counters["resent"] == 0


def test_a_host_that_never_answers_is_given_up():
    port = ports.Pcap(bulk(), resend_ns=1000)
    now, tries = 0, 0
    while (at_ns := port.next_ns()) is not None:
        now = max(now, at_ns)
        while (burst := port.recv(now)) is not None:
            tries += len(burst.frame)
    assert tries == 9 and port.counters["skipped"] == 7 and port.done and now == 1000 * (2 ** 9 - 1)


def test_a_reset_ends_the_connection():
    port = ports.Pcap(bulk())
    port.recv(0)
    answer(port, 0, 0, NXT, RST | ACK)
    assert port.recv(10 ** 12) is None and port.done and port.next_ns() is None
    assert port.counters == {"frames": 8, "played": 1, "resent": 0, "skipped": 7}


def test_speed_divides_the_times():
    for speed, factor in ((1.0, 1.0), (2.0, 0.5), (0.25, 4.0)):
        port = ports.Pcap(bulk(step_ns=4000), speed=speed, start_ns=10 ** 6)
        assert port.next_ns() == 0 or port.next_ns() == 10 ** 6
        assert port.recv(10 ** 6 - 1) is None
        port.recv(10 ** 6)
        answer(port, 10 ** 6, 5, NXT, SYN | ACK)
        assert port.next_ns() == 10 ** 6 + 8000 * factor
    with pytest.raises(ValueError, match="not above 0"):
        ports.Pcap(bulk(), speed=0)


def test_a_burst_has_no_more_frames_than_asked():
    port = ports.Pcap(bulk(), speed=None, max_frames=2)
    port.recv(0)
    answer(port, 0, 5, NXT, SYN | ACK)
    assert [len(port.recv(0).frame) for _ in range(3)] == [2, 2, 2] and port.recv(0) is None


def test_a_host_that_connects_gets_its_syn_ack_after_its_syn():
    capture = bulk(server_opens=True)
    port = ports.Pcap(capture, speed=None)
    assert port.flow.host_connects and port.recv(0) is None and port.next_ns() is None
    answer(port, 4000, 333, 0, SYN, opt_wscale=0)
    got = seen(port.recv(4000))
    assert got[0] == (4000, "SA", CLIENT_ISN, 334, b"") and {s[3] for s in got} == {334}


def test_a_missing_handshake_is_made_up():
    port = ports.Pcap(bulk(handshake=False))
    toy = ToyReceiver(port)
    toy.run()
    assert bytes(toy.got) == PAYLOAD and port.done and port.counters["frames"] == 7


def test_frames_for_others_and_strangers_words_are_ignored():
    port = ports.Pcap(bulk())
    port.recv(0)
    stranger = ("10.0.0.9", 5201, "02:00:00:00:00:09")
    port.send(0, burst_of(made(stranger, SENDER, seq=5, ack_seq=NXT, tcp_flags=SYN | ACK), b"\0" * 14, b"\1" * 60))
    assert port.recv(10 ** 6) is None


def two_connections():
    """Two transfers at once, from two senders, and a frame that is not TCP."""
    other = ("10.0.0.3", 40000, "02:00:00:00:00:03")
    one, two = bulk(), bulk(sender=other, step_ns=1500)
    udp = bytearray(made(SENDER, RECEIVER, seq=1))
    udp[14 + 9] = 17
    frames = [(int(c.frame[k].at_ns), c.frame_bytes(k)) for c in (one, two) for k in range(len(c))]
    frames.append((5_000_100, bytes(udp)))
    frames.sort(key=lambda f: f[0])
    burst = burst_of(*(f[1] for f in frames))
    burst.frame.at_ns = [f[0] for f in frames]
    return Capture(*burst)


def test_to_an_address_to_a_port_and_to_one_flow():
    capture = two_connections()
    assert len(ports.Pcap(capture, "10.0.0.2").flows) == 2
    assert ports.Pcap(capture, "10.0.0.2").counters["frames"] == 17, "what is not TCP comes along"
    assert ports.Pcap(capture, ("10.0.0.2", 5201)).counters["frames"] == 16
    for flow in ports.flows_of(capture):
        port = ports.Pcap(capture, flow)
        assert port.flows == [flow] and port.counters["frames"] == flow.frames
    with pytest.raises(ValueError, match=r"nothing .* goes to '192.0.2.7'; TCP goes to 10.0.0.1 port 40000, 10.0.0.2"):
        ports.Pcap(capture, "192.0.2.7")
    with pytest.raises(ValueError, match="5202"):
        ports.Pcap(capture, ("10.0.0.2", 5202))


def test_a_connection_that_waits_holds_no_other_up():
    port = ports.Pcap(two_connections(), "10.0.0.2", start_ns=0)
    now, got = 0, []
    first = ToyReceiver(port)
    while (at_ns := port.next_ns()) is not None and at_ns < 10 ** 8:
        now = max(now, at_ns)
        while (burst := port.recv(now)) is not None:
            times = burst.frame.at_ns.tolist()
            assert times == sorted(times) and times[-1] <= now
            for row in burst.frame:
                pkt = fr.make_packets(1)[0]
                fr.parse_frame(burst.octets, row.offset, row.length, pkt)
                got.append((pkt.saddr_lo & 0xFF, pkt.err))
                if pkt.err == 0 and pkt.saddr_lo & 0xFF == 1:
                    first.take(now, fr.Burst(burst.octets.copy(), np.array([row]).view(np.recarray)))
    assert bytes(first.got) == PAYLOAD
    assert [g for g in got if g[0] == 3] == [(3, 0)], "the other has only sent its SYN"
    assert [g for g in got if g[1]], "and the frame that is not TCP was played"


def test_clamp_does_not_wait_for_words_that_the_host_never_says():
    frames = [made(SENDER, RECEIVER, seq=10, tcp_flags=SYN, opt_wscale=0),
              made(SENDER, RECEIVER, seq=11, ack_seq=901, tcp_flags=ACK),
              made(SENDER, RECEIVER, b"y" * 50, seq=11, ack_seq=901 + 300, tcp_flags=ACK | PSH),
              made(SENDER, RECEIVER, seq=61, ack_seq=901 + 300, tcp_flags=ACK | FIN)]
    waits, clamps = (ports.Pcap(burst_of(*frames), speed=None, clamp=clamp) for clamp in (False, True))
    for port in (waits, clamps):
        port.recv(0)
        answer(port, 0, 5000, 11, SYN | ACK)
    assert flags(waits.recv(0)) == ["A"] and waits.recv(0) is None
    assert [s[1:4] for s in seen(clamps.recv(0))] == [("A", 11, 5001), ("PA", 11, 5001), ("FA", 61, 5001)]
    answer(clamps, 5, 5001, 62, ACK | FIN)
    assert [s[1:4] for s in seen(clamps.recv(5))] == [("FA", 61, 5002)], "the host's own FIN is acknowledged"
    assert clamps.done


@given(st.integers(0, 0xFFFFFFFF), st.integers(1, 8), st.integers(100, 900), st.integers(0, 4), st.integers(1, 70),
       st.sets(st.integers(1, 20), max_size=4), st.sampled_from([None, 1.0, 7.0]))
def test_any_receiver_gets_the_stream(isn, parts, window, wscale, max_frames, lose, speed):
    port = ports.Pcap(bulk(parts=parts), speed=speed, max_frames=max_frames, resend_ns=5000)
    toy = ToyReceiver(port, isn=isn, window=window, wscale=wscale, lose=lose)
    toy.run()
    assert bytes(toy.got) == b"".join(bytes([k + 1]) * 100 for k in range(parts))


@pytest.mark.parametrize("mtu", [pytest.param(1500, marks=pytest.mark.once), 9000])
@pytest.mark.parametrize("speed", [pytest.param(1.0, marks=pytest.mark.once), None])
def test_the_real_captures_reach_a_toy_receiver_whole(mtu, speed, sizes):
    port = ports.Pcap(data_folder() / f"linux-bulk-mtu{mtu}.pcap", speed=speed, max_frames=sizes(64, 8))
    toy = ToyReceiver(port, isn=0xFFFFFF00, window=2000, wscale=10)
    toy.run()
    assert port.done and port.counters["resent"] == 0
    assert hashlib.sha256(toy.got).hexdigest() == stream_digest(1_999_993)


def test_captures_without_tcp_are_refused():
    with pytest.raises(CaptureError, match="holds no TCP"):
        ports.Pcap(burst_of(b"\0" * 60))
    with pytest.raises(CaptureError, match="no such file"):
        ports.Pcap("nowhere.pcap")
