"""A request after its policy has been kept: what a command's code works with.

Law.   A command sees attributes that have been judged, and refuses with their offsets.
Reads. Linux include/net/genetlink.h (struct genl_info), include/linux/netlink.h (NL_REQ_ATTR_CHECK, GENL_REQ_ATTR_CHECK).
Omits. Reply messages that do not fit: replies here have no limit.
"""

from devmemlab.base.errno import EINVAL
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.rules import number_of, parse
from devmemlab.host.genl.sets import SETS
from devmemlab.host.genl.wire import HEADERS, attributes


class Request:
    """One request.

    Parameters
    ----------
    sock : GenlSock
        The socket it came in on.
    process : Host or Process
        Who sent it.
    operation : Operation
        What it asks for.
    octets : bytes
        All of it.
    table : dict of int to Attribute
        Its attributes.

    Attributes
    ----------
    host : Host
        The machine that answers.
    """

    def __init__(self, sock, process, operation, octets, table):
        self.sock, self.process, self.operation, self.octets, self.table = sock, process, operation, octets, table
        self.host = sock.host

    def number(self, name, table=None, within=None):
        """Read a number.

        Parameters
        ----------
        name : str
            Its attribute.
        table : dict, optional
            Attributes of a nest; those of the request when left out.
        within : str, optional
            Set of that nest.

        Returns
        -------
        value : int or None
            None when it is not there.
        """
        field = SETS[within or self.operation.set][name]
        found = (self.table if table is None else table).get(field.number)
        return None if found is None else number_of(self.octets, found, signed=field.kind == "s32")

    def where(self, name, table=None, within=None):
        """Find an attribute.

        Parameters
        ----------
        name, table, within
            As for `number`.

        Returns
        -------
        found : Attribute or None
            For ``bad_attr`` and for `inside`.
        """
        return (self.table if table is None else table).get(SETS[within or self.operation.set][name].number)

    def need(self, *names, table=None, within=None, nest=None):
        """Refuse a request that lacks something.

        Parameters
        ----------
        *names : str
            Attributes, in the order of the check.
        table : dict, optional
            Attributes of a nest.
        within : str, optional
            Set of that nest.
        nest : Attribute, optional
            The nest.

        Raises
        ------
        Refused
            EINVAL with ``miss_type``.
        """
        name_of_set = within or self.operation.set
        for name in names:
            number = SETS[name_of_set][name].number
            if number not in (self.table if table is None else table):
                place = f"a {name_of_set} nest" if nest else "the request"
                raise Refused(EINVAL, f"{place} lacks {name!r}", miss_type=number, miss_nest=nest)

    def inside(self, nest, policy):
        """Open a nest.

        Parameters
        ----------
        nest : Attribute
            One that was found.
        policy : dict of int to Rule
            What may be inside.

        Returns
        -------
        table : dict of int to Attribute
            What is.
        """
        return parse(self.octets, nest.start, nest.end, policy, 1)

    def every(self, name):
        """Find every occurrence of an attribute.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        found : list of Attribute
            In the order of the request.
        """
        number = SETS[self.operation.set][name].number
        return [one for one in attributes(self.octets, HEADERS, len(self.octets))[0] if one.number == number]
