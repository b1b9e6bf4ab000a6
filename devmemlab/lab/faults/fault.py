"""A fault: a switch of the lab, a question about what it does, and how it is mended.

Law.   A fault is a job that is run with one thing wrong; what is seen is read from that run, never written down beside it.
Reads. Features L6 and L12; spec section 12.4 for what is worth predicting.
Omits. Faults that come and go by themselves.
"""

from typing import NamedTuple

from devmemlab.lab.faults.job import IFNAME, QUEUE, Job

LETTERS = "abcd"


def healthy():
    """Run the job with nothing wrong.

    Returns
    -------
    job : Job
        Whole.
    """
    return Job().prepare().bind().call().go()


def the_socket(job):
    """Name what to ask about: the connection.

    Parameters
    ----------
    job : Job
        Any.

    Returns
    -------
    thing : object
        For ``lab.why``.
    """
    return job.conn


def the_queue(job):
    """Name what to ask about: the queue.

    Parameters
    ----------
    job : Job
        Any.

    Returns
    -------
    thing : tuple
        For ``lab.why``.
    """
    return job.receiver, IFNAME, QUEUE


def not_whole(job):
    """Tell whether the symptom is there: something did not come, or not into device memory.

    Parameters
    ----------
    job : Job
        Any.

    Returns
    -------
    seen : bool
        True with the fault, False without.
    """
    return not job.whole


def sent_again(job):
    """Tell whether the symptom is there: the sender had to send the latest messages again.

    Parameters
    ----------
    job : Job
        Any.

    Returns
    -------
    seen : bool
        True with the fault, False without.
    """
    return job.sender.nstat()["TcpRetransSegs"] > job.again


class Fault(NamedTuple):
    """A fault.

    name, title : str
        One word for programs, a few for people.
    switch : str
        What is wrong, as a person or a program would have done it.
    question : str
        What is to be predicted.
    choices : tuple of str
        Answers a, b, c, ...
    answer : str
        The letter of the right one.
    told : str
        Why that is what happens.
    fix : str
        What mends it.
    key : str
        What ``lab.why`` has to call it.
    broken : callable
        ``broken() -> Job``, run.
    mend : callable
        ``mend(job) -> Job``: mended where it stands, and run on.
    whole : callable
        ``whole() -> Job``: the same run with nothing wrong.
    ask : callable
        ``ask(job)``: whom ``lab.why`` is asked about.
    shows : callable
        ``shows(job) -> bool``: is the symptom there?
    source : str
        Where it comes from.
    """

    name: str
    title: str
    switch: str
    question: str
    choices: tuple
    answer: str
    told: str
    fix: str
    key: str
    broken: object
    mend: object
    whole: object = healthy
    ask: object = the_socket
    shows: object = not_whole
    source: str = ""

    @property
    def right(self):
        """str: the words of the right answer."""
        return self.choices[LETTERS.index(self.answer)]
