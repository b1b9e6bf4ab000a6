"""bind-rx: queues are put on a dmabuf, in the order of checks that each release has.

Law.   A refused bind leaves no binding and no queue changed; a binding lives exactly as long as its netlink socket.
Reads. Linux net/core/netdev-genl.c (netdev_nl_bind_rx_doit, netdev_nl_sock_priv_destroy); spec sections 9.3 and 9.6.
Omits. Queues of one device on several DMA devices; replies that do not fit.

Up to 6.12 the binding is made before the queues are read, and each queue is bound as soon as it is read. Since then the queues
are read first, and bound by rising number.
"""

from devmemlab.base.errno import EBADF, EEXIST, EINVAL, ENETDOWN, EOPNOTSUPP, name_of
from devmemlab.host.genl.devices import can, device_at, devices_of
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.sets import QUEUE_TYPES, RX
from devmemlab.mem.netmem import PAGE_SIZE

def sentence(no):
    """Take the advice out of an error.

    Parameters
    ----------
    no : OSError
        As `devmemlab.base.errno.error` or `devmemlab.net.refusal` make them, or any other.

    Returns
    -------
    text : str
        What stands behind the number's name; all of it when that is not there.
    """
    text, name = str(no.strerror or no), f"({name_of(no.errno)})"
    return text.partition(name)[2].lstrip(": ") if name in text else text


def dmabuf_for(request):
    """Resolve the file descriptor of a bind.

    Parameters
    ----------
    request : Request
        With ``fd``.

    Returns
    -------
    dmabuf : int
        Row.

    Raises
    ------
    Refused
        EBADF or EINVAL, or what the release says for those.
    """
    profile = request.host.profile
    try:
        return request.process.dmabuf_of(request.number("fd"))
    except OSError as no:
        number = profile.closed_fd_errno if no.errno == EBADF else profile.not_dmabuf_errno
        raise Refused(number, sentence(no)) from None


def make_binding(request, device, **options):
    """Make the binding of a request.

    Parameters
    ----------
    request : Request
        With ``fd``.
    device : device
        Whose DMA it is.
    **options
        For `Mem.bind`: direction, niov_bytes, provider, allocator.

    Returns
    -------
    binding : int
        Row.

    Raises
    ------
    Refused
        As spec section 4.2.
    """
    host = request.host
    early = host.profile.id_order == "early"
    if not early and not can(device, "has_dma"):
        raise Refused(EOPNOTSUPP, f"{device.name} has no DMA of its own", msg="Device doesn't support DMA")
    dmabuf = dmabuf_for(request)
    if early and not can(device, "has_dma"):
        raise Refused(EINVAL, f"{device.name} has no DMA of its own")
    try:
        return host.mem.bind(device.ifindex, dmabuf, trace=host.trace, **options)
    except OSError as no:
        msg = _misaligned(host, dmabuf, options.get("niov_bytes", PAGE_SIZE)) if no.errno == EINVAL else None
        raise Refused(no.errno, sentence(no), msg=msg) from None


def _misaligned(host, dmabuf, niov_bytes):
    """The kernel's sentence about the first segment that cannot be cut into larger net_iovs."""
    buf = host.mem.dmabufs.buf[dmabuf]
    for segment in host.mem.dmabufs.sg[buf.sg_first:buf.sg_first + buf.sg_count]:
        if (segment.dma_addr | segment.length) % niov_bytes and niov_bytes > PAGE_SIZE:
            return (f"dmabuf sg entry (addr={int(segment.dma_addr):#018x}, len={int(segment.length)}) not aligned to niov size "
                    f"{niov_bytes}")
    return None


def _queue(request, nest):
    """Read one ``queues`` nest; gives the queue's number and where that stands."""
    field = request.operation.do_policy[2]
    within = "queue-dmabuf" if request.operation.set == "bind-dmabuf" else "queue-id"
    table = request.inside(nest, field.nested)
    request.need("id", "type", table=table, within=within, nest=nest)
    kind = QUEUE_TYPES[request.number("type", table, within)]
    if kind != RX:
        raise Refused(EINVAL, f"queue type {kind!r} cannot be bound, {RX!r} can", bad_attr=request.where("type", table, within))
    return request.number("id", table, within), request.where("id", table, within)


def bind_rx(request):
    """Bind a dmabuf to RX queues.

    Parameters
    ----------
    request : Request
        With ``ifindex``, ``fd``, ``queues``, and ``rx-page-size`` perhaps.

    Returns
    -------
    replies : list of dict
        One, with the ``id`` of the binding.

    Raises
    ------
    Refused
        EINVAL, ENODEV, EOPNOTSUPP, EBADF, EEXIST, ...; queues already switched have been switched back.

    References
    ----------
    Linux net/core/netdev-genl.c, netdev_nl_bind_rx_doit().
    """
    request.need("ifindex", "fd", "queues")
    profile = request.host.profile
    niov_bytes = PAGE_SIZE
    if profile.rx_page_size and request.where("rx-page-size") is not None:
        niov_bytes = request.number("rx-page-size")
        if niov_bytes & niov_bytes - 1:
            raise Refused(EINVAL, f"rx-page-size {niov_bytes} is not a power of two", bad_attr=request.where("rx-page-size"))
    device = device_at(request, request.number("ifindex"))
    nests = request.every("queues")
    if profile.id_order == "early":
        return _bind_as_read(request, device, nests)
    if not can(device, "ops_locked"):
        raise Refused(EOPNOTSUPP, f"{device.name} has no queue operations: its queues cannot be restarted one by one",
                      bad_attr=request.where("ifindex"))
    wanted = set()
    for nest in nests:
        queue, where = _queue(request, nest)
        if queue >= device.real_num_rx_queues:
            raise Refused(EINVAL, f"queue {queue}: {device.name} has {device.real_num_rx_queues} RX queues", bad_attr=where)
        wanted.add(queue)
    binding = make_binding(request, device, niov_bytes=niov_bytes, **getattr(device, "rx_memory", {}))
    try:
        for queue in sorted(wanted):
            _open(device, queue, binding)
    except Refused:
        unbind(request.host, binding)
        raise
    return _bound(request, binding)


def _bind_as_read(request, device, nests):
    """Bind as 6.12 and earlier do."""
    if request.host.profile.provider_guard and getattr(device, "xdp", None):
        raise Refused(EEXIST, f"{device.name} has an XDP program; take it off first",
                      msg="unable to bind dmabuf to device with XDP program attached")
    binding = make_binding(request, device, **getattr(device, "rx_memory", {}))
    try:
        for nest in nests:
            queue, _ = _queue(request, nest)
            _open(device, queue, binding)
    except Refused:
        unbind(request.host, binding)
        raise
    return _bound(request, binding)


def _open(device, queue, binding):
    """Put one queue on a binding."""
    if not hasattr(device, "open_provider"):
        raise Refused(EOPNOTSUPP, f"{device.name} has no queue operations")
    try:
        device.open_provider(queue, binding)
    except OSError as no:
        # A driver that is down has no words for it; whoever refuses in the core has.
        advice = sentence(no)
        raise Refused(no.errno, f"queue {queue} of {device.name}" + (f": {advice}" if advice else ""),
                      msg=None if no.errno == ENETDOWN else getattr(no, "message", None)) from None


def _bound(request, binding):
    """Give a binding to its socket and tell its id."""
    request.sock.bindings.append(binding)
    request.host.poke()
    return [{"id": int(request.host.mem.providers.binding[binding].id)}]


def unbind(host, binding):
    """End a binding: its id goes, its queues go back to pages, its last reference of ours is dropped.

    Parameters
    ----------
    host : Host
        The machine.
    binding : int
        Row.
    """
    device = devices_of(host).get(int(host.mem.providers.binding[binding].ifindex))

    def close_queues():
        for queue in sorted(q for q, b in device.providers.items() if b == binding):
            try:
                device.close_provider(queue, binding)
            except OSError as no:
                # Nobody waits for an answer here: the queue stays as it is, and the log says so.
                host.mem.log.append(f"{device.name}: queue {queue} could not leave binding {binding}: {sentence(no)}")

    host.mem.unbind(binding, close_queues if device is not None else None, trace=host.trace)
    host.poke()
