"""Faults of the card and of the way to it: steering, header split, checksums, rings and interrupts.

Law.   See fault.py: each entry is a run with one thing wrong.
Reads. Spec sections 11, 12, 13.3; performance-anchors section 8 (steering and set-up, payload on the host).
Omits. Cards that are broken.
"""

from devmemlab.lab.faults.fault import Fault, the_queue
from devmemlab.lab.faults.job import IFNAME, PORT, Job
from devmemlab.lab.frames import make_frame
from devmemlab.lab.scenes_steering import Flow, frame


def _no_rule():
    return Job().prepare(rule=None).bind().call().go()


def _again(job):
    return job.begin_again().call().go()


def _ruled(job):
    job.receiver.sh(f"ethtool -N {IFNAME} flow-type tcp4 dst-port {PORT} action 1")
    return _again(job)


def _wrong_port():
    return Job().prepare(rule=PORT + 1).bind().call().go()


def _ntuple_off():
    job = Job().prepare()
    job.receiver.sh(f"ethtool -K {IFNAME} ntuple off")
    return job.bind().call().go()


def _ntuple_on(job):
    job.receiver.sh(f"ethtool -K {IFNAME} ntuple on")
    return _again(job)


def _stranger():
    """An ordinary program on a machine where somebody bound a queue and left RSS as it was."""
    job = Job().prepare(rule=None, narrow=False)
    job.flags = 0
    return job.bind().call(sport=40000).go(5)


def _narrowed(job):
    job.receiver.sh(f"ethtool -X {IFNAME} equal 1")
    return job.begin_again().call(sport=40002).go()


def _stranger_served(job):
    """Tell whether the ordinary program did not get its octets."""
    return len(job.received) < len(job.stream)


def _stranger_alone():
    job = Job().prepare(rule=None)
    job.flags = 0
    return job.bind().call(sport=40000).go(5)


def _headers(length):
    job = Job()
    job.receiver.netdev.header_bytes = length
    return job.prepare().bind().call().go()


def _longer_headers(job):
    job.netlink.close()
    job.receiver.netdev.header_bytes = 128
    return job.begin_again().bind().call().go()


def _old_kernel():
    return Job(message=200, kernel="6.12").prepare(thresh=256).bind().call().go()


def _old_whole():
    return Job(message=200, kernel="6.12").prepare().bind().call().go()


def _no_threshold(job):
    job.netlink.close()
    job.receiver.sh(f"ethtool -G {IFNAME} hds-thresh 0")
    return job.begin_again().bind().call().go()


def _tunnelled():
    """Frames that are no plain TCP, and a card that spreads by hash: some come to the device queue."""
    job = Job().prepare(rule=None, narrow=False).bind()
    here = job.receiver
    body = frame(here, Flow("198.51.100.1", 40000, here.ip, 443), b"inside a tunnel" * 8)[14:]
    for source in range(1, 9):
        octets = bytearray(make_frame(payload=body, protocol=47))
        octets[0:6] = int(here.nics.ctl[0].mac).to_bytes(6, "big")
        octets[26:30], octets[30:34] = bytes([198, 51, 100, source]), bytes([192, 0, 2, 1])
        here.port.inject(bytes(octets), at_ns=job.lab.clock.now_ns + 1000 * source)
    job.lab.run(until_ns=job.lab.clock.now_ns + 10**6)
    return job


def _tunnelled_apart(job):
    job.receiver.sh(f"ethtool -X {IFNAME} equal 1; ethtool -N {IFNAME} flow-type tcp4 dst-port {PORT} action 1")
    job.netlink.close()
    before = _uncut(job)
    job.bind().call().go()
    job.uncut = before
    return job


def _uncut(job):
    """Count the frames that the driver could not take."""
    return job.receiver.ethtool(IFNAME).get_stats()["rx_skb_alloc_fail[1]"]


def _tunnel_drops(job):
    """Tell whether frames were dropped since the last mend."""
    return _uncut(job) > getattr(job, "uncut", 0)


def _sums_off():
    job = Job().prepare().bind()
    job.receiver.sh(f"ethtool -K {IFNAME} rx off")
    return job.call().go(250)


def _sums_on(job):
    job.receiver.sh(f"ethtool -K {IFNAME} rx on")
    return job.go(3000)


def _moderated(usecs, ring, messages=24):
    job = Job(messages, ring=ring)
    job.receiver.sh(f"ethtool -C {IFNAME} rx-usecs {usecs}")
    return job.prepare().bind().call().go(300)


def _unmoderated(job):
    job.receiver.sh(f"ethtool -C {IFNAME} rx-usecs 0")
    return job.more().go(300)


def _slow(job):
    """Tell whether the job took more than twice as long as it should."""
    return job.ms_a_message > 0.06


def _dropped(job):
    """Tell whether the latest messages had to be sent again."""
    return job.sender.nstat()["TcpRetransSegs"] > job.again


FAULTS = (
    Fault("no_rule", "no steering rule", "RSS leaves queue 1 alone, as it should, but nobody added a rule for port 5201.",
          "What does the program see?", ("nothing arrives", "its octets, in host memory, and no error at all", "14 EFAULT",
                                         "19 ENODEV"), "b",
          "RSS chose queue 0. A call with MSG_SOCK_DEVMEM takes host memory as well; that no control message comes is the only "
          "sign.", f"ethtool -N {IFNAME} flow-type tcp4 dst-port {PORT} action 1, before the peer connects", "no-rule", _no_rule,
          _ruled, source="spec 11.3, 14.2; traps 1; anchors 8"),
    Fault("wrong_port", "a rule for another port", "The rule says dst-port 5202; the program listens on 5201.",
          "Where does the payload go?", ("to device memory: the queue is bound", "nowhere: the card drops it",
                                         "to host memory: the rule does not match", "to device memory, without tokens"), "c",
          "A rule that does not match is no rule. Ask the card why: it compares field by field.",
          f"a rule with dst-port {PORT}", "rule-misses", _wrong_port, _ruled, source="spec 11.2"),
    Fault("ntuple_off", "ntuple-filters off", "The rule is right, but the feature ntuple-filters is off.",
          "What becomes of the rule?", ("it is deleted", "it is there, and not looked at", "it is looked at after RSS",
                                        "ethtool -N would have refused it, so it works"), "b",
          "ethtool -n still lists it. The card looks at no rules, RSS chooses, and payload goes to host memory.",
          f"ethtool -K {IFNAME} ntuple on", "ntuple-off", _ntuple_off, _ntuple_on, source="features B8"),
    Fault("stranger", "RSS not narrowed", "A queue is bound, but RSS still spreads all connections over both queues. An ordinary "
          "program, which knows nothing of device memory, receives.", "What can happen to it?",
          ("nothing: its data is copied to host memory", "recv answers 14 EFAULT, for ever", "it is a little slower",
           "it reads the other program's data"), "b",
          "Its connection hashed to queue 1, so its payload is where it cannot read it.",
          f"ethtool -X {IFNAME} equal 1, before anything connects", "rss-not-narrowed", _stranger, _narrowed, _stranger_alone,
          shows=_stranger_served, source="spec 11.3, 14.4; anchors 8"),
    Fault("short_headers", "short header buffers", "The driver's header buffers have 64 octets. Ethernet, IPv4 and TCP with the "
          "options of a SYN take 74.", "What happens?", ("headers are cut off at 64", "the connection is never made",
                                                         "the rest of the headers lies before the payload",
                                                         "the card takes a second buffer"), "b",
          "What does not fit is not cut, and what is not cut cannot be taken on a device queue: the SYN itself is dropped.",
          "header buffers of 128 octets", "header-overflow", lambda: _headers(64), _longer_headers, ask=the_queue,
          source="spec 12.2, case 38"),
    Fault("old_threshold", "a threshold on kernel 6.12", "Kernel 6.12 does not look at hds-thresh when it binds. It is 256.",
          "What does a sender of messages of 200 octets see?", ("they arrive in host memory", "only messages above 256 arrive",
                                                                "not even the connection is made", "they arrive, slower"), "c",
          "A SYN carries no payload, so it is at or below the threshold, not cut, and dropped.",
          f"ethtool -G {IFNAME} hds-thresh 0", "split-threshold", _old_kernel, _no_threshold, _old_whole, ask=the_queue,
          source="spec 21; anchors 8"),
    Fault("tunnel", "frames in a tunnel", "Frames with GRE inside come to a card whose RSS was not narrowed.",
          "What becomes of those that hash to the bound queue?", ("the inner TCP payload goes to device memory",
                                                                  "the driver drops them", "they are copied to host memory",
                                                                  "they go to queue 0"), "b",
          "The cut is that of plain TCP. Whole frames would put headers into memory that nobody may read.",
          f"ethtool -X {IFNAME} equal 1", "not-tcp", _tunnelled, _tunnelled_apart, ask=the_queue, shows=_tunnel_drops,
          source="features B16; spec 12.2"),
    Fault("sums_off", "receive checksum off", f"Somebody looks for a fault with ethtool -K {IFNAME} rx off.", "What happens?",
          ("the kernel adds up the payload itself", "every data segment is discarded", "damaged data reaches the program",
           "nothing: Ethernet has a sum of its own"), "b",
          "The kernel would have to read the payload. It cannot, so each segment counts as damaged.",
          f"ethtool -K {IFNAME} rx on", "checksum-off", _sums_off, _sums_on, source="spec 13.3, case 37"),
    Fault("late_interrupts", "interrupts held back", f"ethtool -C {IFNAME} rx-usecs 1000: the card tells the driver at most "
          "once in a millisecond.", "What is seen?", ("frames are dropped", "the transfer takes more than twice as long",
                                                      "TCP sends segments again", "nothing: only the CPU has less to do"), "b",
          "Acknowledgements wait for the interrupt, so the sender's window opens a round trip, and a millisecond, later.",
          "rx-usecs 20 or less", "interrupts-late", lambda: _moderated(1000, 64), _unmoderated, shows=_slow, source="features "
              "B9"),
    Fault("short_ring", "a short ring", "The ring has 8 descriptors, and interrupts are held back for 500 us.",
          "Which counter tells?", ("rx_buf_alloc_fail", "rx_hw_drop_overruns alone", "rx_csum_bad", "none: TCP's window "
              "closes"), "b",
          "The pool is full of buffers all the time. They are not posted, because the driver does not know that it is its turn.",
          f"ethtool -C {IFNAME} rx-usecs 20, or ethtool -G {IFNAME} rx 64", "ring-too-short", lambda: _moderated(500, 8),
          _unmoderated, shows=_dropped, source="features B9, D8; anchors 8, exhaustion"),
)
