"""What a program does with tokens: return them, one call or a million; and ask who has them.

Law.   ``dontneed`` is one system call; ``dontneed_tokens`` is as many as it takes, and crosses into the machine once.
Reads. interfaces section 2; spec section 15.
Omits. Returning tokens of several sockets in one call: Linux has no such call.
"""

import numpy as np

from devmemlab.host.entry_tokens import machine_dontneed_tokens
from devmemlab.host.token_report import token_report
from devmemlab.host.token_watch import TokenWatch
from devmemlab.sock.token_batch import OPTVAL_BYTES, token_ids
from devmemlab.sock.uapi import SO_DEVMEM_DONTNEED, SOL_SOCKET


class Tokens:
    """The part of a host that deals with tokens.

    Attributes
    ----------
    token_watch : TokenWatch or None
        Who looks on.
    """

    token_watch = None

    def dontneed(self, conn, tokens):
        """Return tokens: one ``setsockopt(SO_DEVMEM_DONTNEED)``.

        Parameters
        ----------
        conn : Socket
            The connection that received them.
        tokens : sequence of (token_start, token_count)
            At most 128 ranges with at most 1024 tokens in all.

        Returns
        -------
        freed : int
            References released.
        """
        return conn.setsockopt(SOL_SOCKET, SO_DEVMEM_DONTNEED, np.asarray(tokens, "<u4").tobytes())

    def dontneed_tokens(self, conn, tokens):
        """Return any number of tokens: neighbours are joined to ranges, and as many calls are made as it takes.

        Parameters
        ----------
        conn : Socket
            The connection that received them.
        tokens : recarray of FRAG_DTYPE, or sequence of int
            Records of `devmemlab.frags`, or token numbers; they go back in this order.

        Returns
        -------
        freed : int
            References released, by all calls.
        """
        ids = token_ids(tokens)
        freed = int(machine_dontneed_tokens(self.machine, self.trace, conn._open, ids, np.zeros(OPTVAL_BYTES, np.uint8),
                                            self.clock.now_ns))
        conn.calls.returned(self.clock.now_ns, len(ids), freed)
        if self.token_watch is not None:
            self.token_watch.returned(conn.sock, ids.tolist())
        return freed

    def watch_tokens(self, detect=True, report_only=False):
        """Watch over tokens from now on: which line received and returned each, and whether it is used afterwards.

        Parameters
        ----------
        detect : bool
            Poison what is returned and check reads; False: only record lines.
        report_only : bool
            True: findings are collected, not raised.

        Returns
        -------
        watch : devmemlab.host.token_watch.TokenWatch
            ``findings``, ``verify(octets)``, ``close()``; good for a ``with`` block.
        """
        if self.token_watch is not None:
            self.token_watch.close()
        self.token_watch = TokenWatch(self, detect, report_only)
        return self.token_watch

    def token_report(self):
        """List the tokens that are held, by the line that received them, and how long tokens were held.

        Returns
        -------
        report : devmemlab.host.token_report.TokenReport
            ``groups``, ``residency``, ``lives``; prints as text, shows as a table in a notebook.
        """
        return token_report(self)
