"""Commands of the families and the policies of their requests, for every release.

Law.   What a release checks is a table; two releases differ in data, not in code.
Reads. Linux net/core/netdev-genl-gen.c and the policy dumps of 6.12.107, 6.18.15, 6.18.44 and 7.3.4; spec sections 9.1 and 9.2.
Omits. Anything about 6.9's policies beyond spec section 21 (series v9).
"""

from typing import NamedTuple

from devmemlab.host.genl.rules import S32_MAX, U32_MAX, Rule, nest, u32, uint

CTRL_ID, NETDEV_ID = 16, 32
MCAST = {"mgmt": 4, "page-pool": 5}
ADMIN, NS_ADMIN = 0x01, 0x10
DO, DUMP, HASPOL = 0x02, 0x04, 0x08
DEV_NTF = {"add": 2, "del": 3, "change": 4}
POOL_NTF = {"add": 6, "del": 7, "change": 8}
NOTIFICATIONS = {2: ("dev-add-ntf", "dev"), 3: ("dev-del-ntf", "dev"), 4: ("dev-change-ntf", "dev"),
                 6: ("page-pool-add-ntf", "page-pool"), 7: ("page-pool-del-ntf", "page-pool"),
                 8: ("page-pool-change-ntf", "page-pool")}


class Operation(NamedTuple):
    """One command of a family.

    number : int
        On the wire.
    name : str
        In the YAML specification.
    set : str
        Attribute set of its requests and replies.
    do, dump : bool
        What can be asked of it.
    do_policy, dump_policy : dict of int to Rule, optional
        What may stand in the request; without one the attributes of a dump are not looked at.
    rights : int
        ADMIN or NS_ADMIN when the caller needs to be an administrator.
    """

    number: int
    name: str
    set: str
    do: bool = True
    dump: bool = False
    do_policy: dict = None
    dump_policy: dict = None
    rights: int = 0

    @property
    def bits(self):
        """What the controller tells of it: rights, DO, DUMP, HASPOL."""
        return self.rights | (DO if self.do else 0) | (DUMP if self.dump else 0) | HASPOL


IFINDEX = u32(low=1)
QUEUE_ID = {1: u32(), 3: u32(high=1)}
POOL_INFO = {1: uint(1, U32_MAX), 2: u32(1, S32_MAX)}
LEASE = {1: IFINDEX, 2: nest(QUEUE_ID), 3: Rule("s32", 0, S32_MAX)}
V9_QUEUE = {1: u32(high=1), 2: u32()}
PAGE = 4096

DEV_GET = Operation(1, "dev-get", "dev", dump=True, do_policy={1: IFINDEX})
POOL_GET = Operation(5, "page-pool-get", "page-pool", dump=True, do_policy={1: uint(1, U32_MAX)})
POOL_STATS = Operation(9, "page-pool-stats-get", "page-pool-stats", dump=True, do_policy={1: nest(POOL_INFO)})
QUEUE_GET = Operation(10, "queue-get", "queue", dump=True, do_policy={1: u32(), 2: IFINDEX, 3: u32(high=1)},
                      dump_policy={2: IFINDEX})
NAPI_GET = Operation(11, "napi-get", "napi", dump=True, do_policy={2: u32()}, dump_policy={1: IFINDEX})
QSTATS_GET = Operation(12, "qstats-get", "qstats", do=False, dump=True, dump_policy={1: IFINDEX, 4: uint(mask=1)})
BIND_RX = Operation(13, "bind-rx", "dmabuf", do_policy={1: IFINDEX, 2: nest(QUEUE_ID), 3: u32()}, rights=ADMIN)
NAPI_SET = Operation(14, "napi-set", "napi", do_policy={2: u32(), 5: u32(high=S32_MAX), 6: uint(), 7: uint(), 8: u32(high=1)},
                     rights=ADMIN)
BIND_TX = Operation(15, "bind-tx", "dmabuf", do_policy={1: IFINDEX, 3: u32()})
QUEUE_CREATE = Operation(16, "queue-create", "queue", do_policy={2: IFINDEX, 3: u32(high=1), 8: nest(LEASE)}, rights=ADMIN)

FIRST = [DEV_GET, POOL_GET, POOL_STATS, QUEUE_GET, NAPI_GET, QSTATS_GET]
RELEASES = {
    "v9": [DEV_GET, POOL_GET, POOL_STATS, QUEUE_GET,
           BIND_RX._replace(number=11, set="bind-dmabuf", do_policy={1: IFINDEX, 2: nest(V9_QUEUE), 3: u32()}),
           NAPI_GET._replace(number=12), QSTATS_GET._replace(number=13)],
    "6.12": [*FIRST, BIND_RX],
    "6.18": [*FIRST, BIND_RX, NAPI_SET, BIND_TX],
    "7.3": [DEV_GET, POOL_GET._replace(dump_policy={2: u32(1, S32_MAX)}), POOL_STATS._replace(dump_policy={1: nest(POOL_INFO)}),
            QUEUE_GET, NAPI_GET, QSTATS_GET,
            BIND_RX._replace(do_policy={**BIND_RX.do_policy, 5: u32(PAGE)}, rights=NS_ADMIN),
            NAPI_SET._replace(do_policy={**NAPI_SET.do_policy, 8: u32(high=2)}), BIND_TX, QUEUE_CREATE],
}
CTRL = [Operation(3, "getfamily", "ctrl", dump=True, do_policy={1: Rule("u16", 0, 65535), 2: Rule("string", high=15)}),
        Operation(10, "getpolicy", "ctrl", do=False, dump=True,
                  dump_policy={1: Rule("u16", 0, 65535), 2: Rule("string", high=15), 10: u32()})]
NEWEST = {op.name: op for op in [*RELEASES["7.3"], *CTRL]}


def netdev_operations(profile):
    """List the commands that a kernel has.

    Parameters
    ----------
    profile : Profile
        Release and build options.

    Returns
    -------
    operations : dict of int to Operation
        By number, in the kernel's order.
    """
    if profile.name in RELEASES:
        release = RELEASES[profile.name]
    else:
        release = RELEASES["7.3" if profile.rx_page_size else "6.18" if profile.tx_binding else "6.12"]
    return {op.number: op for op in release if op.name != "page-pool-stats-get" or profile.page_pool_stats}


def shares_rejection(profile):
    """Tell whether the release numbers dump-only commands 0 in policy dumps, and all refusals of attributes alike.

    Parameters
    ----------
    profile : Profile
        Release.

    Returns
    -------
    old : bool
        True up to 6.18.
    """
    return not profile.rx_page_size
