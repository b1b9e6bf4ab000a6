"""page-pool-get and page-pool-stats-get: which pools there are, what they have out, what they have counted.

Law.   A pool is shown as long as it exists and has, or had, a device.
Reads. Linux net/core/page_pool_user.c; spec sections 6.9 and 6.10.
Omits. Pools of other namespaces.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, ENODEV
from devmemlab.host.genl.devices import devices_of
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.operations import POOL_INFO
from devmemlab.mem.pool_stats import page_pool_fill, page_pool_find, page_pool_stats_fill, visible


def _listed(host, ifindex=None):
    """Rows of the pools that can be seen: device by device, the newest of each first."""
    ctl = host.mem.pools.ctl
    rows = [int(row) for row in np.nonzero(ctl.alive)[0] if visible(ctl[row])]
    return sorted((row for row in rows if ifindex in (None, ctl[row].ifindex)), key=lambda row: (ctl[row].ifindex, -ctl[row].id))


def _find(host, pool_id):
    """Row of a pool, or the kernel's refusal."""
    try:
        return page_pool_find(host.mem, pool_id)
    except OSError as no:
        raise Refused(no.errno, f"there is no page_pool {pool_id}; dump page-pool-get for those there are") from None


def _check_device(request, ifindex):
    """Refuse a device that is not there."""
    if ifindex is not None and ifindex not in devices_of(request.host):
        raise Refused(ENODEV, f"there is no interface number {ifindex}")


def page_pool_get(request):
    """Answer page-pool-get.

    Parameters
    ----------
    request : Request
        With ``id``.

    Returns
    -------
    replies : list of dict
        One.

    Raises
    ------
    Refused
        EINVAL, ENOENT.
    """
    request.need("id")
    return [page_pool_fill(request.host.mem, _find(request.host, request.number("id")))]


def page_pool_dump(request):
    """Answer a dump of page-pool-get.

    Parameters
    ----------
    request : Request
        With ``ifindex`` perhaps, where the release looks at it.

    Returns
    -------
    replies : list of dict
        One a pool.
    """
    ifindex = request.number("ifindex")
    _check_device(request, ifindex)
    return [page_pool_fill(request.host.mem, row) for row in _listed(request.host, ifindex)]


def stats_get(request):
    """Answer page-pool-stats-get.

    Parameters
    ----------
    request : Request
        With ``info``, which names a pool by ``id`` and by nothing else.

    Returns
    -------
    replies : list of dict
        One.

    Raises
    ------
    Refused
        EINVAL, ENOENT.
    """
    request.need("info")
    nest = request.where("info")
    table = request.inside(nest, POOL_INFO)
    request.need("id", table=table, within="page-pool-info", nest=nest)
    wrong = request.where("ifindex", table, "page-pool-info")
    if wrong is not None:
        raise Refused(EINVAL, "statistics are asked for by the id of a pool alone", msg="selecting by ifindex not supported",
                      bad_attr=wrong)
    return [page_pool_stats_fill(request.host.mem, _find(request.host, request.number("id", table, "page-pool-info")))]


def stats_dump(request):
    """Answer a dump of page-pool-stats-get.

    Parameters
    ----------
    request : Request
        With ``info`` and in it ``ifindex`` perhaps, where the release looks at it.

    Returns
    -------
    replies : list of dict
        One a pool.
    """
    nest, ifindex = request.where("info"), None
    if nest is not None:
        ifindex = request.number("ifindex", request.inside(nest, POOL_INFO), "page-pool-info")
    _check_device(request, ifindex)
    return [page_pool_stats_fill(request.host.mem, row) for row in _listed(request.host, ifindex)]
