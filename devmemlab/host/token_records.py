"""Records of the watch: one token from receipt to return, and what is said when its memory is used afterwards.

Law.   A finding names the token, both lines of the program, the line that used it, and who has the memory now.
Reads. KASAN's reports (allocated by, freed by), for the form.
Omits. Call stacks: one line each.
"""

from typing import NamedTuple

from devmemlab.host.inspect import tokens_of
from devmemlab.mem.netmem import PLACES

PAGE_SHIFT = 12


class Held:
    """A token that was handed out.

    Parameters
    ----------
    number : int
        Of this record; the stamp in the poison.
    sock, token, netmem : int
        Row of the connection, token, handle.
    address, size : int
        The octets that the token describes.
    offset, dmabuf_id : int
        The same as the program was told.
    region : Region or None
        Where they lie; None when the dmabuf has several regions.
    buffer_bytes : int
        Of the whole net_iov.
    received : UserLine
        Who received it.
    born_ns : int
        When.

    Attributes
    ----------
    returned, returned_ns : UserLine or None, int
        Who gave it back, and when.
    """

    __slots__ = ("address", "born_ns", "buffer_bytes", "dmabuf_id", "netmem", "number", "offset", "received", "region",
                 "returned", "returned_ns", "size", "sock", "token")

    def __init__(self, number, sock, token, netmem, address, size, offset, dmabuf_id, region, buffer_bytes, received, born_ns):
        self.number, self.sock, self.token, self.netmem, self.address, self.size = number, sock, token, netmem, address, size
        self.offset, self.dmabuf_id, self.region, self.buffer_bytes = offset, dmabuf_id, region, buffer_bytes
        self.received, self.born_ns, self.returned, self.returned_ns = received, born_ns, None, -1

    def pages(self):
        """List the pages that its octets touch.

        Returns
        -------
        pages : range
            Numbers of pages of 4096.
        """
        return range(self.address >> PAGE_SHIFT, (self.address + max(self.size, 1) - 1 >> PAGE_SHIFT) + 1)

    def within(self, page):
        """Say which octets of a page it describes.

        Parameters
        ----------
        page : int
            Its number.

        Returns
        -------
        where : slice
            Within the page.
        """
        start = self.address - (page << PAGE_SHIFT)
        return slice(max(start, 0), max(min(start + self.size, 1 << PAGE_SHIFT), 0))

    def __repr__(self):
        return f"<token {self.token} of connection {self.sock}, received at {self.received}, returned at {self.returned}>"


class Finding(NamedTuple):
    """A use after a return: the record, what was done, at which line, and who has the memory now."""

    held: Held
    verb: str
    used: NamedTuple
    occupant: str

    def __str__(self):
        held = self.held
        return (f"octets [{held.offset}, {held.offset + held.size}) of binding {held.dmabuf_id} were {self.verb} after their "
                f"token was returned\n  used:     {self.used}\n  token:    {held.token} of connection {held.sock}\n"
                f"  received: {held.received}\n  returned: {held.returned}\n  now:      {self.occupant}")

    __repr__ = __str__


class UseAfterReturn(RuntimeError):
    """A program used memory of a token that it had returned.

    Parameters
    ----------
    finding : Finding
        Everything that is known.

    Attributes
    ----------
    finding : Finding
        The same.
    """

    def __init__(self, finding):
        super().__init__(str(finding))
        self.finding = finding


PLACE_WORDS = {
    "provider": "free in the dmabuf", "cache": "free in the cache of its page_pool", "ring": "free in the ring of its page_pool",
    "posted": "posted to the card, which may write into it at any time", "skb": "in a socket, not read yet",
}


def occupant(host, netmem, live):
    """Say who has a buffer now.

    Parameters
    ----------
    host : Host
        Not changed.
    netmem : int
        Handle.
    live : dict
        Records of live tokens.

    Returns
    -------
    words : str
        Where the buffer is.
    """
    tokens = tokens_of(host.tokens).get(netmem, ())
    if tokens:
        said = [f"token {token} of connection {sock}"
                + (f", received at {live[sock, token].received}" if (sock, token) in live else "") for sock, token in tokens]
        return "; ".join(said)
    row = host.mem.netmems[netmem >> 1]
    return PLACE_WORDS.get("provider" if row.pp == 0 else PLACES[row.place], "in other hands")


def value_of(record, name):
    """Read a field of a record, or of an array of one record.

    Parameters
    ----------
    record : numpy record
        With names.
    name : str
        Field.

    Returns
    -------
    value : int
        The only one.
    """
    return int(record[name].item() if hasattr(record[name], "item") else record[name])
