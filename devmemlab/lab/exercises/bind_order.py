"""Puzzle: which of several mistakes does bind-rx tell?

Law.   The first check that fails answers; none behind it is made.
Reads. devmemlab/host/genl/bind_rx.py, devmemlab/net/restart.py; spec sections 9.3 and 8.3, Linux 6.18.
Omits. Answers that depend on the driver; what is undone when a bind fails at its second queue.
"""

from devmemlab.base.errno import EBADF, EBUSY, EEXIST, EINVAL, ENODEV, EOPNOTSUPP, EPERM, ERANGE
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise

FIELDS = ("admin", "ifindex", "fd", "queues", "queue_ops", "nest", "queue_type", "queue_id", "rx_queues", "fd_kind", "split",
          "threshold",
          "xdp", "bound", "xsk")
GOOD = dict(admin=1, ifindex=2, fd=1, queues=1, queue_ops=1, nest=1, queue_type=0, queue_id=3, rx_queues=8, fd_kind=2, split=1,
            threshold=0, xdp=0, bound=0, xsk=0)
DEVICES = (1, 2, 3)
CHECKS = (
    ("admin", "0", EPERM), ("ifindex", "0", ERANGE), ("ifindex", "-1: not given", EINVAL), ("fd", "not given", EINVAL),
    ("queues", "not given", EINVAL), ("ifindex", "no device", ENODEV), ("queue_ops", "0", EOPNOTSUPP), ("nest", "0", EINVAL),
    ("queue_type", "1: tx", EINVAL), ("queue_id", "too large", EINVAL), ("fd_kind", "0: closed", EBADF),
    ("fd_kind", "1: no dmabuf", EINVAL), ("split", "0: off or auto", EINVAL), ("threshold", "above 0", EINVAL),
    ("xdp", "1", EEXIST),
    ("bound", "1", EEXIST), ("xsk", "1", EBUSY))
BAD = (dict(admin=0), dict(ifindex=0), dict(ifindex=-1), dict(fd=0), dict(queues=0), dict(ifindex=9), dict(queue_ops=0),
       dict(nest=0),
       dict(queue_type=1), dict(queue_id=8), dict(fd_kind=0), dict(fd_kind=1), dict(split=0), dict(threshold=1), dict(xdp=1),
       dict(bound=1), dict(xsk=1))


def _case(name, *wrong):
    facts = dict(GOOD)
    for change in wrong:
        facts.update(change)
    return one(name, "bind_rx", request=[facts[field] for field in FIELDS])


def _edges():
    alone = [_case(f"only {field} is wrong ({how})", change) for (field, how, _), change in zip(CHECKS, BAD)]
    # Two neighbours at once tell every exchange of two checks. The later one is set first: a field keeps the earlier value.
    pairs = [_case(f"{CHECKS[k][0]} ({CHECKS[k][1]}) before {CHECKS[k + 1][0]} ({CHECKS[k + 1][1]})", BAD[k + 1], BAD[k])
             for k in range(len(BAD) - 1) if set(BAD[k]) != set(BAD[k + 1])]
    return [_case("nothing is wrong"), *alone, *pairs, _case("everything is wrong", *reversed(BAD)),
            _case("everything but the privilege", *reversed(BAD[1:])), _case("the last queue", dict(queue_id=7)),
            _case("the first queue", dict(queue_id=0)), _case("ifindex 0, and no fd", BAD[3], BAD[1]),
            _case("no such device, and no queues", BAD[5], BAD[4]), _case("a closed fd, and split is off", BAD[12], BAD[10]),
            _case("a tx queue that is too high, of a bound queue", BAD[15], BAD[9], BAD[8]), _case("device 1", dict(ifindex=1)),
            _case("device 3", dict(ifindex=3)), _case("device 4 is not there", dict(ifindex=4))]


def _more(random):
    for number in range(20):
        yield _case(f"random request {number}", *random.sample(BAD, random.randrange(1, 4)))


def _twin(arrays, call):
    facts = dict(zip(FIELDS, arrays["request"]))
    wrong = (not facts["admin"], facts["ifindex"] == 0, facts["ifindex"] < 0, not facts["fd"], not facts["queues"],
             facts["ifindex"] not in DEVICES, not facts["queue_ops"], not facts["nest"], facts["queue_type"] != 0,
             facts["queue_id"] >= facts["rx_queues"], facts["fd_kind"] == 0, facts["fd_kind"] == 1, not facts["split"],
             facts["threshold"] > 0, facts["xdp"], facts["bound"], facts["xsk"])
    return Wanted(next((-number for said, (_, _, number) in zip(wrong, CHECKS) if said), 0))


def _given(arrays, call):
    return [Lane("request", [Cell(1, "" if value == GOOD[field] else "dropped", f"{field} {value}")
                             for field, value in zip(FIELDS, arrays["request"])])]


def _lanes(arrays, call, returned, after):
    if returned == 0:
        return [Lane("", [Cell(len(FIELDS), "device", "bound")])]
    return [Lane("", [Cell(len(FIELDS), "dropped", f"{returned}")])]


EXERCISE = Exercise(
    "bind_order", "Which mistake is told?", "10", {"bind_rx": ("request",)},
    "A request to bind a dmabuf to one RX queue may be wrong in many ways at once. Answer like Linux 6.18: with the first check "
    "that fails. The devices of this machine have the numbers 1, 2 and 3.",
    {"request": "int64[15]: 0 `admin`, the caller has CAP_NET_ADMIN; 1 `ifindex`, -1 when it is not given; 2 `fd`, 3 `queues`, "
                "1 when they are given; 4 `queue_ops`, the device can restart single queues; 5 `nest`, the queue has both id "
                "and type; 6 `queue_type`, 0 rx, 1 tx; 7 `queue_id`; 8 `rx_queues`, active RX queues; 9 `fd_kind`, 0 closed, 1 "
                "something else, 2 a dmabuf; 10 `split`, header split is on; 11 `threshold`, hds-thresh; 12 `xdp`, an XDP "
                "program is attached; 13 `bound`, the queue has a provider; 14 `xsk`, the queue has an AF_XDP pool"},
    "0 when it is bound",
    [("EPERM", "the caller is not privileged, whatever else is asked"), ("ERANGE", "`ifindex` is 0: the policy refuses that "
                                                                                   "value"),
     ("EINVAL", "`ifindex`, `fd` or `queues` is not given"), ("ENODEV", "there is no such device"),
     ("EOPNOTSUPP", "the device has no queue operations"),
     ("EINVAL", "the queue lacks id or type, or is no rx queue, or is not below the active ones"),
     ("EBADF", "the fd is closed"), ("EINVAL", "the fd is no dmabuf"), ("EINVAL", "header split is off, or hds-thresh is not 0"),
     ("EEXIST", "an XDP program is attached"), ("EEXIST", "the queue is bound"), ("EBUSY", "the queue has an AF_XDP pool")],
    ["The order of the list is the order of your lines: seventeen `if` are fine.",
     "Who may ask; is the message whole; whom does it name; is the queue right; is the memory right; is the queue free."],
    _edges, _more, _twin, _lanes, _given, unit="fields of the request; what is wrong is marked",
)
