"""What a live run needs: connections and programs on both sides of a station's wire, a stopwatch, and ss at the right moment.

Law.   The lab never waits for a program while frames come: whatever the kernel's side does, it does in a process of its own.
Reads. ss(8).
Omits. What the runs do: `devmemlab.lab.live_work`.
"""

import contextlib
import shutil
import subprocess
import time

from devmemlab.lab import traffic
from devmemlab.lab.stream import stream_octets
from devmemlab.sock.uapi import AF_INET, AF_INET6

PORT, MANY = 5201, 50
MIB = 1 << 20
PATIENCE_NS = 900 * 1_000_000_000


class Watcher(traffic.Actor):
    """Asks ss once, when most of a run is over, without making the lab wait for it.

    Parameters
    ----------
    station : Station
        Where.
    share : callable
        Tells which part of the run is done, 0 to 1.
    """

    def __init__(self, station, share):
        self.station, self.share, self.done, self._asked = station, share, False, None

    def step(self):
        """Ask when it is time; see `Actor.step`.

        Returns
        -------
        moved : bool
            False: this moves nothing.
        """
        if self.share() >= 0.7:
            self.done = True
            if shutil.which("ss"):
                ip = self.station.ip
                self._asked = self.station.popen(["ss", "-tinH", "state", "established", "dst", f"[{ip}]" if ":" in ip else ip],
                                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return False

    def text(self):
        """Read the answer.

        Returns
        -------
        text : str
            Retransmits and round trip of the connection that sent or received most.
        """
        if self._asked is None:
            return "-"
        lines = [line.split() for line in self._asked.communicate(timeout=30)[0].splitlines() if line[:1].isspace()]
        told = [dict(word.split(":", 1) for word in words if ":" in word) for words in lines]
        if not told:
            return "-"
        most = max(told, key=lambda words: sum(int(words.get(f"bytes_{way}", 0)) for way in ("sent", "received")))
        return " ".join(f"{key}:{most[key]}" for key in ("retrans", "reord_seen", "rcv_ooopack", "rtt") if key in most)


class Bench:
    """A station with what every run needs.

    Parameters
    ----------
    station : Station
        Lab host and kernel.
    nbytes : int
        Payload of the run.
    folder : str
        For files.
    """

    def __init__(self, station, nbytes, folder):
        self.station, self.lab, self.host, self.nbytes, self.folder = station, station.lab, station.host, nbytes, folder
        self.six = ":" in station.ip
        self.watcher, self.seconds, self._began = None, 0.0, 0.0

    def listen(self):
        """Listen on the lab host.

        Returns
        -------
        server : Socket
            It waits 30 s for a connection.
        """
        server = self.host.socket(AF_INET6 if self.six else AF_INET)
        server.bind(("", PORT))
        server.listen(2 * MANY)
        server.settimeout(30)
        return server

    def connect(self):
        """Connect from the lab host to a program that will listen soon.

        Returns
        -------
        client : Socket
            Connected.
        """
        for _ in range(300):
            client = self.host.socket(AF_INET6 if self.six else AF_INET)
            client.settimeout(30)
            try:
                client.connect((self.station.sender_ip, PORT))
                return client
            except ConnectionRefusedError:
                client.close()
                self.lab.run(until_ns=self.lab.clock.now_ns + 50_000_000)
        raise TimeoutError(f"nobody listens on {self.station.sender_ip} port {PORT}")

    def start(self, *argv, **options):
        """Start a program beside the kernel.

        Parameters
        ----------
        *argv : str
            Program and arguments.
        **options
            Of ``subprocess.Popen``.

        Returns
        -------
        program : subprocess.Popen
            Its output is kept.
        """
        options = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        return self.station.popen([str(word) for word in argv], **options)

    def sending(self, *argv):
        """Start a program that reads the payload.

        Parameters
        ----------
        *argv : str
            Program and arguments.

        Returns
        -------
        program : subprocess.Popen
            Running.
        """
        with open(self.file(), "rb") as file:
            return self.start(*argv, stdin=file)

    def file(self):
        """Write the payload to a file, once.

        Returns
        -------
        path : str
            Where it is.
        """
        path = f"{self.folder}/{self.nbytes}"
        with contextlib.suppress(FileExistsError), open(path, "xb") as file:
            for start in range(0, self.nbytes, 4 * MIB):
                file.write(stream_octets(min(4 * MIB, self.nbytes - start), start))
        return path

    def drive(self, *actors, moved, total=None):
        """Move actors to their end, and take the time.

        Parameters
        ----------
        *actors : Actor
            Of the lab host.
        moved : callable
            Octets moved so far.
        total : int, optional
            Octets of all connections together; None: the payload of one.
        """
        self.watcher = Watcher(self.station, lambda: moved() / (total or self.nbytes))
        began = time.perf_counter()
        traffic.drive(self.lab, self.watcher, *actors, timeout_ns=PATIENCE_NS)
        self.seconds = time.perf_counter() - began

    def end(self, program, *sockets):
        """Close what the lab has open, and wait for the program.

        Parameters
        ----------
        program : subprocess.Popen
            It ends by itself.
        *sockets : Socket
            Closed.

        Returns
        -------
        said : str
            What the program wrote.
        """
        for sock in sockets:
            sock.close()
        self.lab.wait(lambda: program.poll() is not None, "end of the program", 60_000_000_000)
        said = program.stdout.read().decode()
        program.stdout.close()
        if program.returncode:
            raise ChildProcessError(f"the program ended with {program.returncode}: {said[-300:]}")
        return said
