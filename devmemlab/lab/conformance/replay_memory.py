"""udmabuf and the file descriptor of a dmabuf.

Law.   The memory file, its seals and its length are made as the record says; what it leaves out is as in every other record.
Reads. Linux drivers/dma-buf/{udmabuf,dma-buf}.c; recorded group udmabuf.
Omits. Device files, sysfs and procfs, which the lab does not have.
"""

import os

from devmemlab.lab.conformance.answers import Answer, NotModelled, attempt
from devmemlab.mem.udmabuf import F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE

SEALS = {"SHRINK": F_SEAL_SHRINK, "GROW": F_SEAL_GROW, "WRITE": F_SEAL_WRITE, "FUTURE_WRITE": F_SEAL_FUTURE_WRITE,
         "SEAL": F_SEAL_SEAL}
FILE_BYTES = 65536
NOT_FILES = {"readlink": "procfs", "read(/proc/self/fdinfo)": "procfs", "read": "sysfs", "open(/dev/udmabuf)": "device files"}
SEEK_END = 2
SEALABLE, ONLY_CLOEXEC = 3, 1


def memory_file(host, record):
    """Make what a record passes as its memory file.

    Parameters
    ----------
    host : Host
        Gets the descriptor.
    record : Record
        ``args`` may say ``memfd``, ``seals``, ``size``.

    Returns
    -------
    fd : int
        A descriptor, or a number that is not open.
    """
    what, size = record.args.get("memfd"), record.args.get("size", 0)
    if isinstance(what, int):
        return what
    if what == "/dev/null":
        return host.open_other(what)
    if what == "udmabuf fd":
        return host.udmabuf(FILE_BYTES)
    # The lab's memory files do not grow, so a whole one is made for the record that asks for a whole big one.
    length = size if record.leaf.startswith("size-64MiB") else FILE_BYTES
    if what in ("no MFD_ALLOW_SEALING", "regular file on rootfs/tmpfs"):
        return host.memfd_create("file", ONLY_CLOEXEC, length)
    if what is not None:
        raise NotModelled(f"a memory file called {what!r} is not known here")
    fd = host.memfd_create("memfd", SEALABLE, length)
    host.add_seals(fd, sum(SEALS[name] for name in record.args.get("seals", "SHRINK").split("|")))
    return fd


def create(host, record):
    """Make a dmabuf as the record does, and ask for its size.

    Parameters
    ----------
    host : Host
        Gets the descriptor.
    record : Record
        Of UDMABUF_CREATE or UDMABUF_CREATE_LIST.

    Returns
    -------
    result : dict
        ``fd``, where the record tells it, and ``size``.
    """
    args = record.args
    if record.leaf == "bad-ptr":
        return host.udmabuf_create(None)
    memfd = memory_file(host, record)
    if record.call == "ioctl(UDMABUF_CREATE)":
        items = [(memfd, args.get("offset", 0), args.get("size", FILE_BYTES))]
    else:
        items = [(memfd, offset, size) for _, offset, size in args["items"]]
        # Long lists are abbreviated to their first items, which are all alike.
        items += items[-1:] * (args["count"] - len(items))
    fd = host.udmabuf_create(items)
    result = {"size": host.lseek(fd, 0, SEEK_END)}
    return {"fd": True, **result} if record.call == "ioctl(UDMABUF_CREATE)" else result


def on_a_real_kernel(record):
    """Look for the control device.

    Parameters
    ----------
    record : Record
        Of the group udmabuf.

    Returns
    -------
    answer : Answer
        Of opening it.

    Raises
    ------
    NotModelled
        The record asks for more.
    """
    if record.call != "open(/dev/udmabuf)":
        raise NotModelled("only the control device is looked for on the running kernel")
    answer = attempt(os.open, "/dev/udmabuf", os.O_RDWR)
    if answer.errno is None:
        os.close(answer.result)
    return answer._replace(result=None)


def replay(face, record):
    """Make the call of a record.

    Parameters
    ----------
    face : LabFace
        On whom.
    record : Record
        Of the group udmabuf.

    Returns
    -------
    answer : Answer
        What came back.
    """
    if not face.lab_side:
        return on_a_real_kernel(record)
    if record.call in NOT_FILES:
        raise NotModelled(f"the lab has no {NOT_FILES[record.call]}")
    host, args = face.host, record.args
    before = set(host.fds.things)
    try:
        if record.call.startswith("ioctl(UDMABUF"):
            return attempt(create, host, record)
        fd = host.udmabuf(FILE_BYTES)
        if record.call == "ioctl(DMA_BUF_IOCTL_SYNC)":
            return Answer(*attempt(host.dmabuf_sync, fd, args["flags"])[:1], result=0)
        calls = {"lseek(dmabuf)": lambda: host.lseek(fd, args["off"], args["whence"]), "read(dmabuf)": lambda: host.read(fd, 1),
                 "write(dmabuf)": lambda: host.write(fd, b"x"), "ftruncate(dmabuf)": lambda: host.ftruncate(fd, 4096),
                 "fstat-size(dmabuf)": lambda: host.fstat_size(fd), "dup(dmabuf)": lambda: host.dup(fd) and None}
        if record.call not in calls:
            raise NotModelled(f"the call {record.call} is not known here")
        return attempt(calls[record.call])
    finally:
        for fd in sorted(set(host.fds.things) - before):
            host.close(fd)
        host.mem.run_work(host.clock.now_ns, host.trace)
