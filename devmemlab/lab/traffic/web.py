"""A web server that hands out the stream and takes what is uploaded: the other end of an unmodified curl.

Law.   What is handed out follows from the seed; what is taken is checked against it octet by octet.
Reads. RFC 9110 and RFC 9112 as far as one request with a length goes.
Omits. Several requests on a connection, chunks, ranges, TLS.

``GET /NBYTES`` answers with the first octets of the stream, ``PUT`` (or ``POST``) takes as many as its Content-Length says
and answers with their SHA-256.
"""

from devmemlab.lab.traffic.actor import Actor
from devmemlab.lab.traffic.bulk import CHUNK_BYTES, Bulk, Sink

HEAD_BYTES = 1 << 14
END = b"\r\n\r\n"


class WebServer(Actor):
    """Serve one request on one connection.

    Parameters
    ----------
    sock : socket
        Accepted.
    seed : int
        Decides what is handed out, and what is expected.

    Attributes
    ----------
    method, path : str
        Of the request, once it has come.
    body : Bulk or Sink or None
        The actor that hands out or takes, once the request has come.
    """

    def __init__(self, sock, seed=0):
        super().__init__(sock)
        self.seed, self.method, self.path, self.body = seed, "", "", None
        self._head, self._going, self._answered = bytearray(), bytearray(), False

    def step(self):
        """Do what can be done without waiting; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when octets moved.
        """
        moved = False
        while self.body is None and not self.done and (octets := self._recv(CHUNK_BYTES)) is not None:
            moved = True
            self._head += octets
            if END in self._head:
                self._begin()
            elif not octets or len(self._head) > HEAD_BYTES:
                self.done = True
        moved = self._go() or moved
        if self.body is not None and not self._going and not self.body.done:
            moved = self.body.step() or moved
        if self.body is not None and self.body.done and not self._answered:
            self._answered = moved = True
            if self.method != "GET":
                text = f"{self.body.sha256}\n".encode()
                self._going += self._line("200 OK", len(text)) + text
                self._go()
        self.done = self.done or self._answered and not self._going
        return moved

    def _begin(self):
        """Read the request, and choose what serves it."""
        head, _, rest = bytes(self._head).partition(END)
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path = (lines[0].split() + ["", ""])[:2]
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        wanted = self.path.strip("/") if self.method == "GET" else fields.get("content-length", "")
        if self.method not in ("GET", "PUT", "POST") or not wanted.isdecimal():
            self._going += self._line("400 Bad Request", 0)
            self._answered = True
        elif self.method == "GET":
            self._going += self._line("200 OK", int(wanted))
            self.body = Bulk(self.sock, int(wanted), self.seed, finish=False)
        else:
            if fields.get("expect", "").lower() == "100-continue":
                self._going += b"HTTP/1.1 100 Continue\r\n\r\n"
            self.body = Sink(self.sock, int(wanted), self.seed)
            if rest:
                self.body._look(rest)
            self.body.done = self.body.received == self.body.nbytes

    def _line(self, status, nbytes):
        """Make the head of an answer.

        Parameters
        ----------
        status : str
            Number and words.
        nbytes : int
            Octets that follow.

        Returns
        -------
        head : bytes
            With the empty line.
        """
        return f"HTTP/1.1 {status}\r\nContent-Length: {nbytes}\r\nConnection: close\r\n\r\n".encode()

    def _go(self):
        """Send what waits.

        Returns
        -------
        moved : bool
            True when the socket took octets.
        """
        moved = False
        while self._going and (taken := self._send(self._going)):
            del self._going[:taken]
            moved = True
        return moved

    def __repr__(self):
        return f"<WebServer: {self.method or 'no request'} {self.path}, {self.body!r}>"
