"""The control messages of sendmsg: which binding the octets are to come from.

Law.   A message that cannot be understood is remembered and reported later, where the kernel reports it.
Reads. Linux net/core/sock.c (sock_cmsg_send); spec section 17.2.
Omits. Marks, priorities and time stamps, which Linux's TCP takes: they are refused here, since nothing acts upon them.
"""

from devmemlab.sock.uapi import SCM_DEVMEM_DMABUF, SOL_SOCKET

SCM_RIGHTS, SCM_CREDENTIALS = 1, 2
ID_BYTES = 4


def dmabuf_message(dmabuf_id):
    """Write the control message that names a binding.

    Parameters
    ----------
    dmabuf_id : int
        From ``bind_tx``.

    Returns
    -------
    cmsg : tuple of (int, int, bytes)
        As ``sendmsg`` takes it.
    """
    return SOL_SOCKET, SCM_DEVMEM_DMABUF, int(dmabuf_id).to_bytes(ID_BYTES, "little")


def parse_send_cmsgs(ancdata, tx_binding):
    """Read the control messages of a send.

    Parameters
    ----------
    ancdata : sequence of (int, int, bytes)
        Level, type and body of each.
    tx_binding : bool
        Whether the kernel knows of sending from device memory.

    Returns
    -------
    dmabuf_id, fine : int, bool
        The last id that was read before the end, or before the first message that is not understood; 0 for none.
    """
    dmabuf_id = 0
    for level, kind, body in ancdata:
        if level != SOL_SOCKET or kind in (SCM_RIGHTS, SCM_CREDENTIALS):
            continue                    # other protocols', or a UNIX socket's
        if kind != SCM_DEVMEM_DMABUF or len(body) != ID_BYTES or not tx_binding:
            return dmabuf_id, False
        dmabuf_id = int.from_bytes(bytes(body), "little")
    return dmabuf_id, True
