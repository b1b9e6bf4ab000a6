"""The family ethtool by name: commands and attributes that configuring a NIC for device memory needs.

Law.   A name and its number are written down once.
Reads. Linux include/uapi/linux/ethtool_netlink{,_generated}.h; Documentation/netlink/specs/ethtool.yaml.
Omits. Every other command of the family.
"""

from devmemlab.host.genl.operations import CTRL, Operation
from devmemlab.host.genl.sets import SETS, Field

SPLIT = ("auto", "off", "on")
"""tcp-data-split by number; the kernel's names are unknown, disabled and enabled."""
HEADER = Field(1, "nest", "header")
SWITCH = Field(0, "u8")
COALESCE = ("rx-usecs", "rx-max-frames", "rx-usecs-irq", "rx-max-frames-irq", "tx-usecs", "tx-max-frames", "tx-usecs-irq",
            "tx-max-frames-irq", "stats-block-usecs", "use-adaptive-rx", "use-adaptive-tx")

ETHTOOL_SETS = {
    **SETS,
    "header": {"dev-index": Field(1), "dev-name": Field(2, "string"), "flags": Field(3)},
    "rings": {"header": HEADER, "rx-max": Field(2), "rx-mini-max": Field(3), "rx-jumbo-max": Field(4), "tx-max": Field(5),
              "rx": Field(6), "rx-mini": Field(7), "rx-jumbo": Field(8), "tx": Field(9), "rx-buf-len": Field(10),
              "tcp-data-split": Field(11, "u8", words=SPLIT), "cqe-size": Field(12), "tx-push": SWITCH._replace(number=13),
              "rx-push": SWITCH._replace(number=14), "tx-push-buf-len": Field(15), "tx-push-buf-len-max": Field(16),
              "hds-thresh": Field(17), "hds-thresh-max": Field(18)},
    "channels": {"header": HEADER, "rx-max": Field(2), "tx-max": Field(3), "other-max": Field(4), "combined-max": Field(5),
                 "rx-count": Field(6), "tx-count": Field(7), "other-count": Field(8), "combined-count": Field(9)},
    "coalesce": {"header": HEADER, **{name: Field(2 + i, "u8" if name.startswith("use") else "u32")
                                      for i, name in enumerate(COALESCE)}},
    "features": {"header": HEADER, "hw": Field(2, "nest", "bitset"), "wanted": Field(3, "nest", "bitset"),
                 "active": Field(4, "nest", "bitset"), "nochange": Field(5, "nest", "bitset")},
    "bitset": {"nomask": Field(1, "flag"), "size": Field(2), "bits": Field(3, "nest", "bits"), "value": Field(4, "binary"),
               "mask": Field(5, "binary")},
    "bits": {"bit": Field(1, "nest", "bit", many=True)},
    "bit": {"index": Field(1), "name": Field(2, "string"), "value": Field(3, "flag")},
}
"""Set -> name -> Field, with those of the controller."""

ETHTOOL_COMMANDS = {op.name: op for op in [
    *CTRL, Operation(11, "features-get", "features", dump=True), Operation(12, "features-set", "features"),
    Operation(15, "rings-get", "rings", dump=True), Operation(16, "rings-set", "rings"),
    Operation(17, "channels-get", "channels", dump=True), Operation(18, "channels-set", "channels"),
    Operation(19, "coalesce-get", "coalesce", dump=True), Operation(20, "coalesce-set", "coalesce")]}
"""Name -> Operation."""
