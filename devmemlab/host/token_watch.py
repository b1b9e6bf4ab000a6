"""The watch over tokens: which line received each, which line gave it back, and who still reads what was given back.

Law.   Memory is a program's while a token of it is live; what it reads there otherwise was handed out and returned before.
Reads. Spec sections 14.5 and 15; Linux mm/page_poison.c and KASAN's reports, for the idea.
Omits. Reads through an array that was made before the return: nobody sees them; the poison in what was read is found by
       `verify`. A token number handed out again for the same octets cannot be told from the first. Memory of tokens that the
       end of a socket returned is not poisoned.

Off, it costs one comparison a system call. On, each token costs about a microsecond, and each buffer that is let go of is filled.
"""

import numpy as np

from devmemlab.base.xarray import xa_load
from devmemlab.host.token_records import Finding, Held, UseAfterReturn, occupant, value_of
from devmemlab.host.user_line import UserLine, user_line
from devmemlab.mem.netmem import PLACE_SKB, PLACE_TOKEN
from devmemlab.mem.poison import REGION_GUARDS, find_poison, poison
from devmemlab.mem.provider_table import net_iov_binding, net_iov_virtual_offset
from devmemlab.mem.region import memory
from devmemlab.sock.uapi import SCM_DEVMEM_DMABUF, Ancdata, frags

PAGE_SHIFT = 12
KEPT, KEPT_OF_A_PAGE = 1 << 16, 4
SOCKET_ENDED = UserLine("the end of its socket", 0, "")


class TokenWatch:
    """What ``host.watch_tokens()`` makes; ``close`` ends it, and so does the end of the ``with`` block.

    Parameters
    ----------
    host : Host
        Whose tokens.
    detect : bool
        Poison what is returned and check reads; False: only record lines, for ``host.token_report()``.
    report_only : bool
        True: findings are collected, not raised.

    Attributes
    ----------
    findings : list of Finding
        Uses after a return, in the order in which they were met.
    live : dict of (int, int) to Held
        Connection row and token -> who received it.
    """

    def __init__(self, host, detect=True, report_only=False):
        self.host, self.detect, self.report_only = host, detect, report_only
        self.findings, self.live = [], {}
        self._number, self._pages, self._returned = 0, {}, {}
        if detect:
            REGION_GUARDS.add(self)

    def close(self):
        """Stop watching; what was poisoned stays so until it is written again."""
        REGION_GUARDS.discard(self)
        if self.host.token_watch is self:
            self.host.token_watch = None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def received(self, conn, control):
        """Note the tokens that a recvmsg handed out.

        Parameters
        ----------
        conn : Socket
            Who received.
        control : bytes
            The used part of its control buffer.
        """
        pieces = frags(Ancdata(control))
        line, now_ns, host = user_line(2), int(self.host.clock.now_ns), self.host
        for piece in pieces[pieces.kind == SCM_DEVMEM_DMABUF]:
            key = conn.sock, int(piece.frag_token)
            netmem = int(xa_load(host.tokens, *key))
            if key in self.live:
                self._gone(self.live[key], SOCKET_ENDED, now_ns)
            binding = int(net_iov_binding(host.mem.netmems, host.mem.providers, netmem))
            offset = int(piece.frag_offset)
            inside = offset - int(net_iov_virtual_offset(host.mem.netmems, host.mem.providers, netmem))
            self._number += 1
            held = Held(self._number, *key, netmem, int(host.mem.netmems[netmem >> 1].dma_addr) + inside, int(piece.frag_size),
                        offset, int(piece.dmabuf_id), host.mem.backing.get(int(host.mem.providers.binding[binding].dmabuf)),
                        1 << int(host.mem.providers.binding[binding].niov_shift), line, now_ns)
            self.live[key] = held
            for page in held.pages():
                self._pages.setdefault(page, []).append(held)

    def returned(self, sock, ids):
        """Note which tokens a DONTNEED has really returned; called right after it, before anything else can happen.

        Parameters
        ----------
        sock : int
            Row of the connection.
        ids : iterable of int
            Tokens that it named.
        """
        line, now_ns = user_line(2), int(self.host.clock.now_ns)
        gone = {}
        for token in dict.fromkeys(ids):
            held = self.live.get((sock, token))
            if held is not None and xa_load(self.host.tokens, sock, token) == 0:
                self._gone(held, line, now_ns)
                gone[held.netmem] = held
        if self.detect:
            for held in gone.values():
                self._poison(held)

    def _gone(self, held, line, now_ns):
        """Move a record from the living to the returned.

        Parameters
        ----------
        held : Held
            The record.
        line : UserLine
            Who returned it.
        now_ns : int
            When.
        """
        del self.live[held.sock, held.token]
        held.returned, held.returned_ns = line, now_ns
        self._returned[held.number] = held
        if len(self._returned) > KEPT:
            del self._returned[next(iter(self._returned))]
        for page in held.pages():
            records = self._pages[page]
            before = [one for one in records if one.returned is not None]
            if len(before) > KEPT_OF_A_PAGE:
                records.remove(before[0])

    def _poison(self, held):
        """Poison a buffer if that was its last reference.

        Parameters
        ----------
        held : Held
            The token that went.
        """
        row = self.host.mem.netmems[held.netmem >> 1]
        if row.pp_ref_count == 1 and row.place not in (PLACE_SKB, PLACE_TOKEN):
            poison(memory(), int(row.dma_addr), held.buffer_bytes, held.number)

    def reconcile(self):
        """Note tokens that went with their sockets."""
        for held in list(self.live.values()):
            if xa_load(self.host.tokens, held.sock, held.token) != held.netmem:
                self._gone(held, SOCKET_ENDED, int(self.host.clock.now_ns))

    def guard(self, region, address, nbytes):
        """Check what a program reads with ``read``, or looks at with ``view``.

        Parameters
        ----------
        region : Region
            Of what.
        address, nbytes : int
            The range.
        """
        if nbytes <= 0 or not self._pages:
            return
        self.reconcile()
        end = address + nbytes
        pages = range(address >> PAGE_SHIFT, (end - 1 >> PAGE_SHIFT) + 1)
        for page in pages if len(pages) < len(self._pages) else sorted(page for page in self._pages if page in pages):
            asked = slice(max(address - (page << PAGE_SHIFT), 0), min(end - (page << PAGE_SHIFT), 1 << PAGE_SHIFT))
            held = self._stale(self._pages.get(page, ()), page, asked, region)
            if held is not None:
                self._found(held, "read")

    @staticmethod
    def _stale(records, page, asked, region):
        """Find memory that was handed out, is not any more, and is not the program's by another token.

        Parameters
        ----------
        records : sequence of Held
            Of this page, oldest first.
        page : int
            Its number.
        asked : slice
            Which octets of it are read.
        region : Region
            Where it lies; records of a region that is gone do not count.

        Returns
        -------
        held : Held or None
            The latest.
        """
        mine = np.zeros(1 << PAGE_SHIFT, bool)
        for held in records:
            if held.returned is None:
                mine[held.within(page)] = True
        for held in reversed(records):
            if held.returned is not None and held.region in (None, region):
                theirs = np.zeros(1 << PAGE_SHIFT, bool)
                theirs[held.within(page)] = True
                if (theirs & ~mine)[asked].any():
                    return held
        return None

    def check_frag(self, conn, frag):
        """Check that a piece still is what recvmsg said it was.

        Parameters
        ----------
        conn : Socket
            Who received it.
        frag : record of FRAG_DTYPE
            One record of `devmemlab.frags`.
        """
        if value_of(frag, "kind") != SCM_DEVMEM_DMABUF:
            return
        self.reconcile()
        token, offset, size = (value_of(frag, name) for name in ("frag_token", "frag_offset", "frag_size"))
        live = self.live.get((conn.sock, token))
        if live is not None and (live.offset, live.size) == (offset, size):
            return
        for held in reversed(self._returned.values()):
            if (held.sock, held.token, held.offset, held.size) == (conn.sock, token, offset, size):
                self._found(held, "used")
                return

    def verify(self, octets):
        """Look for poison in octets that a program has read in a way that nobody sees.

        Parameters
        ----------
        octets : bytes-like or array
            What it read.

        Returns
        -------
        findings : list of Finding
            Those of tokens that are remembered; raised at the first unless ``report_only``.
        """
        before = len(self.findings)
        for _, stamp in find_poison(octets):
            if stamp in self._returned:
                self._found(self._returned[stamp], "read, as its poison tells,")
        return self.findings[before:]

    def _found(self, held, verb):
        """Report a use after a return.

        Parameters
        ----------
        held : Held
            Whose memory.
        verb : str
            What was done.
        """
        finding = Finding(held, verb, user_line(2), occupant(self.host, held.netmem, self.live))
        self.findings.append(finding)
        if not self.report_only:
            raise UseAfterReturn(finding)


def check_frag(conn, frag):
    """Check that a piece still is what recvmsg said it was; does nothing where nobody watches, a real kernel included.

    Parameters
    ----------
    conn : Socket
        Who received it.
    frag : record of FRAG_DTYPE
        One record of `devmemlab.frags`.

    Raises
    ------
    UseAfterReturn
        Its token was returned; see ``host.watch_tokens``.
    """
    watch = getattr(getattr(conn, "host", None), "token_watch", None)
    if watch is not None and watch.detect:
        watch.check_frag(conn, frag)
