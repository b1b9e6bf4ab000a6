"""The RX ring: wraps, runs dry, recovers; every buffer stays accounted for."""

from tests.scripts.kit import PEER, Script


def test_the_ring_wraps_many_times_and_slots_are_used_in_order():
    with Script(device=True, rx_ring=8) as s:
        s.handshake()
        for k in range(40):
            s.data(bytes([k]) * 10)
            assert s.drain() == bytes([k]) * 10
        q = s.host.rxqs.ctl[1]
        assert q.used == q.complete == q.clean == 42 and q.post - q.clean == 8
        assert s.host.audit().descriptors == 16
        first = s.host.mem.providers.binding[1].niov_first
        assert s.host.mem.netmems.pp_ref_count[first:first + 64].max() == 1


def test_case_59_a_user_who_keeps_every_token_starves_the_ring_and_flow_resumes_after_dontneed():
    with Script(device=True, dmabuf=32 * 4096, rx_ring=16) as s:
        s.handshake()
        tokens = []
        seq = 1
        while True:
            s.data(b"k" * 100, seq=seq)
            if s.row.bytes_received < seq + 99:
                break
            seq += 100
            _, pieces = s.recvmsg()
            tokens += [int(p.frag_token) for p in pieces]
        q = s.host.rxqs.ctl[1]
        assert len(tokens) == 32 and s.host.audit().tokens == 32
        assert q.rx_buf_alloc_fail > 0 and q.rx_dropped_pkt == 1 and s.host.audit().descriptors == 16
        assert s.conn.state == "ESTABLISHED"
        s.forget()
        s.host.dontneed(s.conn, [(min(tokens), len(tokens))])
        s.data(b"k" * 100, seq=seq)
        assert s.drain() == b"k" * 100 and s.row.bytes_received == seq + 99


def test_a_burst_longer_than_the_ring_loses_only_what_found_no_descriptor():
    with Script(device=True, rx_ring=8) as s:
        s.handshake()
        for k in range(12):
            s.port.inject(s.segment("A", bytes([k]) * 10, seq=1 + 10 * k), at_ns=0)
        s.lab.run(until_ns=0)
        s._collect()
        assert s.forget()[-1]["ack"] == 81 and s.host.rxqs.ctl[1].rx_dropped_pkt == 4
        for k in range(8, 12):
            s.data(bytes([k]) * 10, seq=1 + 10 * k)
        assert s.drain() == b"".join(bytes([k]) * 10 for k in range(12))


def test_two_flows_on_one_queue_share_the_ring():
    with Script(device=True) as s:
        s.handshake()
        first = s.conn
        s.peer, s.next, s.ack, s.iss = (PEER[0], 40001, PEER[2]), 0, 0, None
        s.handshake()
        s.data(b"second")
        assert s.drain() == b"second" and first.fileno() != s.conn.fileno()
