"""The self-test of ncdevmem: what a bind needs, what it forbids, and that everything is back afterwards.

Law.   A step that must fail and succeeds ends the test as one that must succeed and fails does; the NIC is put back in any case.
Reads. Spec section 20.1 (self-test sequence); Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c (run_devmem_tests).
Omits. Traffic: the self-test is about configuration alone.
"""

import contextlib

from devmemlab.base.errno import EIO, name_of
from devmemlab.lab.ncdevmem_setup import bind_request, chosen_queues, make_memory, rx_queues, split_headers


class SelfTest:
    """The six steps.

    Parameters
    ----------
    k : Host or Kernel
        The Linux face.
    wanted : Wanted
        See `devmemlab.lab.ncdevmem_reader`.
    say : callable
        Takes a message for people.

    Attributes
    ----------
    steps : list of dict
        ``step``, ``wanted`` (``"fails"`` or ``"works"``), ``errno`` and ``said`` of each.
    """

    def __init__(self, k, wanted, say):
        self.k, self.wanted, self.say, self.steps = k, wanted, say, []

    def run(self):
        """Do all steps.

        Raises
        ------
        OSError
            EIO: something worked that must not; or what was refused that must work.
        """
        k, wanted = self.k, self.wanted
        ifindex = k.ifindex(wanted.ifname)
        queues = chosen_queues(wanted, rx_queues(k, ifindex))
        self.say(f"using queues {queues.start}..{queues.stop - 1}")
        nic = k.ethtool(wanted.ifname)
        with contextlib.ExitStack() as undo:
            fd = make_memory(k, wanted, undo)
            if wanted.configure:
                split_headers(nic, undo)
                undo.callback(nic.set_rxfh_indir, default=True)
                nic.set_rxfh_indir(equal=queues.start)
            request = bind_request(ifindex, fd, queues, wanted.page_size)
            self._bind("binding queues without id and type", {**request, "queues": [{}] * len(queues)}, works=False)
            if wanted.configure:
                nic.set_rings(tcp_data_split="auto")
                self._bind("binding with header split off", request, works=False)
                nic.set_rings(tcp_data_split="on")
            with self._bind("binding", request, works=True):
                self._channels(nic, len(queues))
        self.say(f"self-test of {wanted.ifname}: ok")

    def _bind(self, step, request, works):
        """Bind with a socket of its own; returns it where the bind worked, so that closing it unbinds."""
        netdev = self.k.netlink("netdev")
        try:
            reply = netdev.bind_rx(request)
        except OSError as refusal:
            netdev.close()
            self._note(step, works, refusal)
            if works:
                raise
            return None
        self._note(step, works, None)
        if not works:
            netdev.close()
            raise OSError(EIO, f"{step} must fail, and gave dmabuf id {reply['id']}")
        self.say(f"got dmabuf id={reply['id']}")
        return contextlib.closing(netdev)

    def _channels(self, nic, count):
        """Try to take the bound queues away."""
        before = nic.get_channels()
        fewer = {"combined": count} if before["combined"] else {"rx": count, "tx": count}
        try:
            nic.set_channels(**fewer)
        except OSError as refusal:
            self._note("taking the bound queues away", False, refusal)
            return
        self._note("taking the bound queues away", False, None)
        nic.set_channels(**{name: before[name] for name in fewer})
        raise OSError(EIO, f"ethtool -L {self.wanted.ifname} "
                         f"{' '.join(f'{name} {number}' for name, number in fewer.items())} must fail while queues are bound")

    def _note(self, step, works, refusal):
        """Remember a step, and say what came of it."""
        extack = getattr(refusal, "extack", None)
        said = getattr(extack, "msg", None) or (refusal and (refusal.strerror or str(refusal)))
        self.steps.append({"step": step, "wanted": "works" if works else "fails",
                           "errno": None if refusal is None else name_of(refusal.errno), "said": said})
        fine = works == (refusal is None)
        self.say(f"{step}: {'works' if refusal is None else f'fails, {said}'}{'' if fine else ' - that is wrong'}")
