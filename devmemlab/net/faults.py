"""Faults to order: which driver operation fails next, how often, and with which errno.

Law.   A fault strikes before the operation has changed anything, as the contract of the driver operations demands.
Reads. Linux Documentation/fault-injection/fault-injection.rst for the idea; include/net/netdev_queues.h for the contract.
Omits. Probabilities: a plan is exact, so that a test means one thing.
"""

from typing import NamedTuple

from devmemlab.base.errno import EINVAL, ENOMEM, error
from devmemlab.net.refusal import ProviderError

STEPS = ("blob", "mem_alloc", "stop", "start", "validate_qcfg")
"""What can fail. ``blob``: the core's own memory for a restart. ``mem_free`` cannot: it answers nothing."""


class Fault(NamedTuple):
    """One line of a plan.

    step : str
        One of `STEPS`.
    skip : int
        Calls that succeed first.
    times : int
        Calls that fail after those.
    errno : int
        Their answer.
    queue : int or None
        Only calls for this queue count.
    """

    step: str
    skip: int
    times: int
    errno: int
    queue: int | None


class Faults:
    """The plan of one device.

    Attributes
    ----------
    plan : list of Fault
        What is still to come.
    hits : int
        Faults that struck.
    """

    def __init__(self):
        self.plan = []
        self.hits = 0

    def add(self, step, times=1, errno=ENOMEM, skip=0, queue=None):
        """Plan a fault.

        Parameters
        ----------
        step : str
            One of `STEPS`.
        times : int
            How many calls fail.
        errno : int
            What they answer.
        skip : int
            How many calls succeed first.
        queue : int, optional
            Only calls for this queue count.

        Raises
        ------
        OSError
            EINVAL: no such step, or nothing that could strike.
        """
        if step not in STEPS:
            raise error(EINVAL, f"{step!r} cannot fail; {', '.join(STEPS)} can")
        if times < 1 or skip < 0 or errno < 1:
            raise error(EINVAL, f"times={times}, skip={skip}, errno={errno}: 1 or more, 0 or more, and a positive number")
        self.plan.append(Fault(step, skip, times, errno, queue))

    def check(self, step, queue):
        """Strike if the plan says so.

        Parameters
        ----------
        step : str
            What is about to be done.
        queue : int
            For which queue.

        Raises
        ------
        ProviderError
            The planned errno.
        """
        for at, fault in enumerate(self.plan):
            if fault.step != step or fault.queue not in (None, queue):
                continue
            if fault.skip:
                self.plan[at] = fault._replace(skip=fault.skip - 1)
                return
            self.plan[at] = fault._replace(times=fault.times - 1)
            if self.plan[at].times == 0:
                del self.plan[at]
            self.hits += 1
            raise ProviderError(fault.errno, f"injected fault: {step} of queue {queue}", "it was planned with fail_next")
