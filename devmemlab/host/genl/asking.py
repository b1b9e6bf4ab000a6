"""Asking: requests by name, as a program spells them and reads the answers.

Law.   What is spelled here goes to the lab's kernel and to a real one alike; only who carries the octets differs.
Reads. Linux tools/net/ynl (names, and how replies are shown); spec sections 9.1 to 9.7.
Omits. Carrying octets: `devmemlab.host.netlink` and `devmemlab.linux.netlink` do. Reading a dump in several pieces.
"""

import os

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, name_of
from devmemlab.host.genl.extack import Extack, read_outcome
from devmemlab.host.genl.operations import NEWEST
from devmemlab.host.genl.sets import SETS, decode, encode, name_at
from devmemlab.host.genl.wire import HEADERS, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, generic, messages


class NetlinkError(OSError):
    """A refused netlink request.

    Parameters
    ----------
    number : int
        Errno.
    extack : Extack
        The kernel's own words, as far as it has any.
    advice : str
        What to do.
    """

    def __init__(self, number, extack, advice=""):
        said = "; ".join(part for part in (extack.msg, advice) if part)
        super().__init__(number, f"{os.strerror(number)} ({name_of(number)}){': ' if said else ''}{said}")
        self.extack = extack


class Asking:
    """Requests of one family by their names. A subclass has ``send(octets)``, which gives what came back.

    Attributes
    ----------
    words : bool
        Whether enumerations are shown as words ("rx") or as their numbers.
    sets : dict
        Attributes of the family by name, see `devmemlab.host.genl.sets.SETS`.
    commands : dict of str to Operation
        What the family can be asked.
    number : int
        Of the family, as the controller told it.
    """

    words, sets = True, SETS

    def advice(self, op, number, extack):
        """Say more about a refusal than the kernel does.

        Parameters
        ----------
        op : Operation
            What was asked.
        number : int
            Errno.
        extack : Extack
            The kernel's own words.

        Returns
        -------
        advice : str
            Empty when there is nothing to say.
        """
        return ""

    def request(self, name, attrs=None, dump=False):
        """Spell a request without sending it.

        Parameters
        ----------
        name : str or int
            Command.
        attrs : dict, optional
            Attributes by name, or by number with octets as value.
        dump : bool
            Whether everything is asked for.

        Returns
        -------
        octets : bytes
            One message.

        Raises
        ------
        NetlinkError
            EOPNOTSUPP, EINVAL: a name that nobody knows.
        """
        op = self._operation(name)
        bits = NLM_F_REQUEST | (NLM_F_DUMP if dump else NLM_F_ACK)
        return self._spell(op, attrs or {}, bits, self.number)

    def _operation(self, name):
        """Look a command up."""
        if isinstance(name, int):
            known = next((op for op in self.commands.values() if op.number == name), None)
            return known or NEWEST["dev-get"]._replace(number=name, name=f"command {name}", set="nothing")
        if name not in self.commands:
            raise NetlinkError(EOPNOTSUPP, Extack(), f"{name!r} is not known; {', '.join(self.commands)} are")
        return self.commands[name]

    def _spell(self, op, attrs, bits, family):
        """Write a request."""
        self._seq += 1
        try:
            body = encode(op.set, attrs, self.sets)
        except KeyError as no:
            advice = f"{op.name} has no attribute {no.args[0]!r}; its names are {', '.join(self.sets[op.set])}"
            raise NetlinkError(EINVAL, Extack(msg="Unknown attribute type"), advice) from None
        return generic(family, bits, self._seq, 0, op.number, body)

    def _replies(self, op, request):
        """Send one request; gives its replies, or raises what ended it."""
        out = []
        for reply in messages(self.send(request)):
            if reply.kind in (NLMSG_ERROR, NLMSG_DONE):
                number, extack = read_outcome(reply)
                if number:
                    path = name_at(op.set, request, HEADERS, extack.bad_attr_offset, self.sets)
                    extack.bad_attr = path[-1] if path else None
                    path = name_at(op.set, request, HEADERS, extack.miss_nest_offset, self.sets)
                    extack.miss_nest = path[-1] if path else None
                    raise NetlinkError(number, extack, self.advice(op, number, extack))
            else:
                out.append(reply.octets)
        return out

    def _do(self, op, attrs, family):
        """Send a request; gives its first reply."""
        replies = self._replies(op, self._spell(op, attrs, NLM_F_REQUEST | NLM_F_ACK, family))
        return decode(op.set, replies[0], HEADERS, words=self.words, sets=self.sets) if replies else {}

    def do(self, name, attrs=None):
        """Send one request.

        Parameters
        ----------
        name : str or int
            Command: ``"bind-rx"``, ``"queue-get"``, ...
        attrs : dict, optional
            Attributes by their YAML names, in the order in which they are sent; an int as a name is a raw attribute number.

        Returns
        -------
        reply : dict
            Attributes; empty when there are none.

        Raises
        ------
        NetlinkError
            With ``extack``.
        """
        return self._do(self._operation(name), attrs or {}, self.number)

    def dump(self, name, attrs=None):
        """List everything of a kind.

        Parameters
        ----------
        name : str or int
            Command: ``"queue-get"``, ``"page-pool-get"``, ...
        attrs : dict, optional
            What narrows it: ``{"ifindex": 2}``.

        Returns
        -------
        replies : list of dict
            Attributes of each.

        Raises
        ------
        NetlinkError
            With ``extack``.
        """
        op = self._operation(name)
        request = self._spell(op, attrs or {}, NLM_F_REQUEST | NLM_F_DUMP, self.number)
        return [decode(op.set, reply, HEADERS, words=self.words, sets=self.sets) for reply in self._replies(op, request)]

    def bind_rx(self, attrs):
        """Bind a dmabuf to RX queues.

        Parameters
        ----------
        attrs : dict
            ``ifindex``, ``fd``, ``queues`` (list of ``{"type": "rx", "id": n}``), ``rx-page-size`` perhaps.

        Returns
        -------
        reply : dict
            ``{"id": binding id}``.

        Raises
        ------
        NetlinkError
            See `devmemlab.host.genl.bind_rx`.
        """
        return self.do("bind-rx", attrs)

    def bind_tx(self, attrs):
        """Bind a dmabuf for sending.

        Parameters
        ----------
        attrs : dict
            ``ifindex``, ``fd``.

        Returns
        -------
        reply : dict
            ``{"id": binding id}``.

        Raises
        ------
        NetlinkError
            See `devmemlab.host.genl.bind_tx`.
        """
        return self.do("bind-tx", attrs)
