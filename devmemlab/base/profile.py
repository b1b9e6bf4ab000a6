"""Profiles: one kernel release and its build options, as values that the rooms look at.

Law.   A difference between releases is a field here, never a version comparison elsewhere.
Reads. Spec sections 21 (what changed between versions) and 27 (what running kernels answered).
Omits. Differences that no program can observe (locking, internal layout).
"""

from typing import NamedTuple

from devmemlab.base.errno import EBADF, EBADFD, EEXIST, EINVAL, ERANGE

MIB = 1 << 20


class Profile(NamedTuple):
    """One release.

    Attributes
    ----------
    name : str
        What ``kernel=`` takes.
    release : str
        The release that was read or measured.
    allocator : str
        ``"gen_pool"`` (first fit, newest chunk first) or ``"lifo"`` (flat stack of indices).
    batch : int
        Net_iovs that one provider trip may bring: 1 or 64.
    binding_ref : str
        ``"pool"``: a page_pool holds the binding; ``"niov"``: every net_iov out of the provider does too.
    dma_sync : str
        What a devmem pool must do about DMA_SYNC_DEV: ``"refused"`` or ``"required"``.
    unreadable_flag : bool
        True: a pool adopts a queue's provider only with ALLOW_UNREADABLE_NETMEM.
    pp_flags : int
        Flags of a page_pool that the release knows; 7 is all but ALLOW_UNREADABLE_NETMEM.
    ring_limit : str
        Oversized rings are made smaller (``"clamp"``, to 16384) or refused (``"refuse"``, above 32768).
    id_order : str
        A binding's id is allocated ``"early"`` (a failed bind consumes one) or ``"late"``.
    map_direction : str
        Dmabufs are mapped ``"bidirectional"`` or as ``"directional"`` as the binding.
    alignment : str
        Segment lengths must be multiples of: nothing (``"none"``) or the net_iov size (``"niov"``).
    rx_page_size : bool
        bind-rx takes a net_iov size above a page.
    tx_binding : bool
        bind-tx exists.
    tx_empty_errno : int
        A send of no octets that names a binding; 0: nothing is looked at (quirk Q16).
    udmabuf_cap_bytes : int
        Largest udmabuf; 0 when there is no cap.
    page_pool_stats : bool
        Built with page-pool statistics.
    not_dmabuf_errno : int
        Answer to an fd of another kind where a dmabuf is wanted.
    closed_fd_errno : int
        Answer to a closed fd where a dmabuf is wanted.
    provider_ops : bool
        A table of provider operations exists (io_uring can be a provider).
    hds_check : bool
        The core itself refuses to bind while header split is off.
    queue_range_errno : int
        bind-rx to a queue beyond the last one.
    duplicate_queue_errno : int
        bind-rx naming one queue twice; 0 when that is accepted.
    dontneed_frag_limit : int
        References that one SO_DEVMEM_DONTNEED may drop; 0 when unlimited.
    dmabuf_id_in_dumps : bool
        queue-get and page-pool-get tell the binding id.
    provider_check : bool
        A queue restart checks that the driver used the provider (ENODATA).
    running_check : bool
        A queue restart leaves stop and start out while the interface is down.
    provider_guard : bool
        Providers exclude XDP programs, AF_XDP pools and too few channels.
    """

    name: str
    release: str
    allocator: str = "gen_pool"
    batch: int = 1
    binding_ref: str = "pool"
    dma_sync: str = "required"
    unreadable_flag: bool = True
    pp_flags: int = 15
    ring_limit: str = "clamp"
    id_order: str = "late"
    map_direction: str = "directional"
    alignment: str = "none"
    rx_page_size: bool = False
    tx_binding: bool = True
    tx_empty_errno: int = 0
    udmabuf_cap_bytes: int = 64 * MIB
    page_pool_stats: bool = True
    not_dmabuf_errno: int = EINVAL
    closed_fd_errno: int = EBADF
    provider_ops: bool = True
    hds_check: bool = True
    queue_range_errno: int = EINVAL
    duplicate_queue_errno: int = 0
    dontneed_frag_limit: int = 1024
    dmabuf_id_in_dumps: bool = True
    provider_check: bool = True
    running_check: bool = True
    provider_guard: bool = True


DEFAULT = "6.18"
PROFILES = {
    "v9": Profile(
        "v9", "6.9 + series v9", binding_ref="niov", dma_sync="refused", unreadable_flag=False, pp_flags=7,
        ring_limit="refuse", id_order="early", map_direction="bidirectional", tx_binding=False, not_dmabuf_errno=EBADFD,
        closed_fd_errno=EBADFD, hds_check=False, queue_range_errno=ERANGE, duplicate_queue_errno=EEXIST, dontneed_frag_limit=0,
        dmabuf_id_in_dumps=False, provider_check=False, running_check=False, provider_guard=False),
    "6.12": Profile(
        "6.12", "6.12.107", dma_sync="refused", unreadable_flag=False, ring_limit="refuse", id_order="early",
        tx_binding=False, provider_ops=False, hds_check=False, queue_range_errno=ERANGE, duplicate_queue_errno=EEXIST,
        page_pool_stats=False, running_check=False),
    "6.18": Profile("6.18", "6.18.19"),
    "7.3": Profile("7.3", "7.3.4", tx_empty_errno=EINVAL, alignment="niov", rx_page_size=True, udmabuf_cap_bytes=0),
    "next": Profile("next", "net-next, September 2026", allocator="lifo", batch=64, alignment="niov", rx_page_size=True,
                    udmabuf_cap_bytes=0, tx_empty_errno=EINVAL),
}


def profile(name=DEFAULT, **build):
    """Look a profile up.

    Parameters
    ----------
    name : str or Profile
        One of `PROFILES`; a profile is returned as it is.
    **build
        Fields to replace: build options such as ``page_pool_stats=False``, or a single ablation.

    Returns
    -------
    profile : Profile
        The release.

    Raises
    ------
    ValueError
        No such profile or field; the message names the choices.
    """
    if isinstance(name, Profile):
        found = name
    elif name in PROFILES:
        found = PROFILES[name]
    else:
        raise ValueError(f"no kernel profile {name!r}; choose one of {', '.join(PROFILES)}")
    for field in build:
        if field not in Profile._fields:
            raise ValueError(f"a profile has no field {field!r}; it has {', '.join(Profile._fields)}")
    return found._replace(**build)
