"""What a program asks the controller of generic netlink: what families there are, and what their requests may hold.

Law.   A program learns numbers from the kernel it runs on, never from a header file alone.
Reads. Linux include/uapi/linux/genetlink.h; net/netlink/{genetlink,policy}.c.
Omits. Listening for families that come and go.
"""

from devmemlab.host.genl.ctrl import read_policies
from devmemlab.host.genl.operations import CTRL_ID, NEWEST
from devmemlab.host.genl.sets import SETS, decode
from devmemlab.host.genl.wire import HEADERS, NLM_F_DUMP, NLM_F_REQUEST, attributes

FAMILY = "netdev"


class Controller:
    """The part of a netlink socket that asks about families."""

    def getfamily(self, name=FAMILY):
        """Ask the controller what a family is.

        Parameters
        ----------
        name : str
            Of the family.

        Returns
        -------
        reply : dict
            ``family-id``, ``ops``, ``mcast-groups``, ...
        """
        return self._do(NEWEST["getfamily"], {"family-name": name}, CTRL_ID)

    def getpolicy(self, name=FAMILY):
        """Ask the controller what may stand in the requests of a family.

        Parameters
        ----------
        name : str
            Of the family.

        Returns
        -------
        op_policy : dict of int to dict
            Command -> number of the policy of its ``do`` and its ``dump``.
        policies : dict of int to dict
            Policy number -> attribute number -> NL_POLICY_TYPE_ATTR_* number -> value.
        """
        op = NEWEST["getpolicy"]
        commands, policies = {}, {}
        for octets in self._replies(op, self._spell(op, {"family-name": name}, NLM_F_REQUEST | NLM_F_DUMP, CTRL_ID)):
            commands.update(decode("ctrl", octets, HEADERS).get("op-policy", {}))
            for one in attributes(octets, HEADERS, len(octets))[0]:
                if one.number == SETS["ctrl"]["policy"].number:
                    read_policies(octets, one.start, one.end, policies)
        return commands, policies
