"""Refusals of a network device: an errno, the sentence that travels to user space, and what to do.

Law.   A refusal has changed nothing.
Reads. Linux include/linux/netlink.h (extended acknowledgements); recorded answers of running kernels for their wording.
Omits. Offsets and attribute numbers: the netlink side adds those.
"""

from devmemlab.base.errno import EOPNOTSUPP, name_of


class ProviderError(OSError):
    """A refusal with the sentence that netlink carries as extack.

    Parameters
    ----------
    number : int
        Errno, positive or negative.
    message : str
        The sentence, as short as the kernel says it.
    advice : str, optional
        What to do; people see it, extack does not.
    """

    def __init__(self, number, message, advice=""):
        number = abs(int(number))
        super().__init__(number, f"{message} ({name_of(number)})" + (f": {advice}" if advice else ""))
        self.message = message


def unsupported(name, what, advice="use an interface that lab.host() or host.add_nic() made"):
    """Make the refusal of a device that lacks an operation.

    Parameters
    ----------
    name : str
        The interface.
    what : str
        What was wanted of it.
    advice : str
        What to do.

    Returns
    -------
    error : ProviderError
        EOPNOTSUPP.
    """
    return ProviderError(EOPNOTSUPP, f"{name} cannot {what}", advice)
