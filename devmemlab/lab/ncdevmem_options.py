"""The options of ncdevmem: what is refused, and in which words.

Law.   What cannot be read as an option is wrong usage (2); what is read but refused is a failed run (1), as in the kernel's tool.
Reads. Spec section 20.1 (options, mode selection).
Omits. Warnings for unknown options, which the kernel's tool goes on after: they are wrong usage here.
"""

import ipaddress

import click

from devmemlab.base.units import parse_size


class Address(click.ParamType):
    """An IP address, as people write it."""

    name = "ip"

    def convert(self, value, param, ctx):
        """Read it; an IPv4 address in IPv6 clothes is an IPv4 address.

        Parameters
        ----------
        value : str
            The text.
        param : click.Parameter
            For the message.
        ctx : click.Context
            For the message.

        Returns
        -------
        address : str
            Its canonical spelling.
        """
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            self.fail(f"{value!r} is no IPv4 or IPv6 address", param, ctx)
        return str(getattr(address, "ipv4_mapped", None) or address)


class Modulus(click.ParamType):
    """Modulus of the pattern."""

    name = "n"

    def convert(self, value, param, ctx):
        """Read it.

        Parameters
        ----------
        value : str
            The text.
        param : click.Parameter
            For the message.
        ctx : click.Context
            For the message.

        Returns
        -------
        modulus : int
            0 or 2 to 256.
        """
        if not str(value).isdigit() or not (int(value) == 0 or 2 <= int(value) <= 256):
            self.fail(f"{value!r}: 0 or 2 to 256 is possible", param, ctx)
        return int(value)


class Size(click.ParamType):
    """A number of bytes."""

    name = "size"

    def convert(self, value, param, ctx):
        """Read it.

        Parameters
        ----------
        value : str
            The text.
        param : click.Parameter
            For the message.
        ctx : click.Context
            For the message.

        Returns
        -------
        nbytes : int
            0 or more.
        """
        try:
            return parse_size(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


def check_options(options):
    """Refuse what the kernel's tool refuses, in the tool's order, and choose what is to be done.

    Parameters
    ----------
    options : dict
        As declared.

    Returns
    -------
    wanted : Wanted
        What to do.

    Raises
    ------
    ValueError
        With a sentence that says what to do instead.
    """
    from devmemlab.base.profile import DEFAULT, PROFILES
    from devmemlab.lab.ncdevmem_reader import UDMABUF_BYTES, Wanted
    from devmemlab.mem.region import PAGE_SIZE

    ifname, server, client, port, listen = (options[name] for name in ("ifname", "server", "client", "port", "listen"))
    first, count, page_size = options["first"], options["count"], options["page_size"]
    if not ifname:
        raise ValueError("-f IF is missing: the interface to use (any name does for a host of the lab: -f eth1)")
    mode = "self-test" if server is None and client is None else "server" if listen else "client"
    if mode != "self-test" and server is None:
        raise ValueError("-s IP is missing: the address of the server (neither -s nor -c: the self-test)")
    if mode != "self-test" and port is None:
        raise ValueError("-p PORT is missing")
    if (first is None) != (count is None):
        raise ValueError("-t and -q go together: the first queue and how many")
    if page_size is not None and (page_size < PAGE_SIZE or page_size & (page_size - 1)):
        raise ValueError(f"-b {page_size}: a power of two, {PAGE_SIZE} or more, is possible")
    kernel = options["kernel"] or ("7.3" if (page_size or 0) > PAGE_SIZE else DEFAULT)
    if (page_size or 0) > PAGE_SIZE and options["backend"] == "sim" and not PROFILES[kernel].rx_page_size:
        raise ValueError(f"-b {page_size}: kernel {kernel} has no rx-page-size; 7.3 has: --kernel 7.3")
    if client is not None and server is not None and (":" in client) != (":" in server):
        raise ValueError(f"-c {client} and -s {server} are not of one family")
    dmabuf = UDMABUF_BYTES if options["dmabuf"] is None else options["dmabuf"]
    if dmabuf == 0 or dmabuf % PAGE_SIZE:
        raise ValueError(f"--dmabuf {dmabuf}: whole pages of {PAGE_SIZE} bytes are possible")
    if options["chunk"] is not None and options["chunk"] < 1:
        raise ValueError(f"-z {options['chunk']}: 1 or more is possible")
    for name, needed in (("tap", "sim"), ("kernel", "sim")):
        if options[name] is not None and options["backend"] != needed:
            raise ValueError(f"--{name} is of the lab's hosts; leave it out with --backend linux")
    return Wanted(ifname, server, client, port, options["modulus"], first, count, dmabuf, not options["leave_nic"],
                  options["no_linear"], options["one_by_one"], options["verbose"], mode, options["chunk"],
                  page_size if (page_size or 0) > PAGE_SIZE else None, kernel)
