"""Hooks of a NIC: functions of one's own that stand in for parts of the machine.

Law.   A hook is checked when the NIC is made; what it answers later is checked by whoever asks it.
Reads. House rules, section 5 (user hooks); `devmemlab.mem.user_provider`, `devmemlab.nic.user_steer`.
Omits. The order in which a page_pool's own cache and ring give buffers back: no hook is asked there.

============  ==============================================================================================
provider      `UserProvider`: the memory provider of every queue of this NIC that bind-rx puts on a dmabuf
allocator     `UserProvider`, ``"gen_pool"`` or ``"lifo"``: how such a binding hands out its net_iovs
steering      function: the queue of every packet that no n-tuple rule decides about
============  ==============================================================================================
"""

from devmemlab.base.errno import EINVAL, error
from devmemlab.mem.provider_table import ALLOCATORS, USER
from devmemlab.mem.user_provider import UserProvider


def rx_memory(provider=None, allocator=None):
    """Check the memory hooks of a NIC.

    Parameters
    ----------
    provider : UserProvider, optional
        Memory provider of bound queues; the kernel's own when left out.
    allocator : str or UserProvider, optional
        Allocator of bindings; the release's when left out.

    Returns
    -------
    options : dict
        What bind-rx passes to `Mem.bind` besides the request.

    Raises
    ------
    OSError
        EINVAL: neither functions nor a known name, or both hooks at once.
    """
    names = ALLOCATORS[:USER]
    if provider is not None and not isinstance(provider, UserProvider):
        raise error(EINVAL, f"provider={provider!r}: wrap its functions, dml.UserProvider(alloc, release)")
    if allocator is not None and not isinstance(allocator, UserProvider) and allocator not in names:
        raise error(EINVAL, f"allocator={allocator!r}: there are {', '.join(names)}, or dml.UserProvider(alloc, release)")
    if provider is not None and allocator is not None:
        raise error(EINVAL, "provider= and allocator= both say how buffers are handed out; give one of them")
    return {name: hook for name, hook in (("provider", provider), ("allocator", allocator)) if hook is not None}
