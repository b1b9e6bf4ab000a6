"""One program for a lab host and for a real kernel: a receiver that goes as far as the hardware lets it.

Law.   Not a line of `receive` knows which of the two it runs on.
Reads. House law 10; interfaces section 2.
Omits. Waiting for a peer on another machine: `devmemlab.lab.ncdevmem` is that program.

    receive(trainer, storage, "eth1", "10.0.0.2")                   # two hosts of a lab
    receive(k := dml.linux.Kernel(), k, "lo", "127.0.0.1")          # this machine: python -m devmemlab.lab.same_program
"""

import json
import sys

import devmemlab as dml
from devmemlab.base.errno import name_of


def receive(k, far, ifname, address, payload=bytes(range(256)) * 64, port=5201, queue=1):
    """Configure, bind, receive, return the tokens; a step that is refused is told and the next one taken.

    Parameters
    ----------
    k, far : Host or Kernel
        Who receives and who sends.
    ifname, address : str
        Interface and address of the receiver.
    payload : bytes
        What is sent.
    port, queue : int
        Where it is received.

    Returns
    -------
    told : dict
        ``steps`` (name -> errno and extack, None for success), ``received`` (whether the payload came whole),
        ``device_octets``, ``freed``.
    """
    steps = {}

    def step(name, call, *args, **options):
        try:
            result, steps[name] = call(*args, **options), None
            return result
        except OSError as refusal:
            extack = getattr(refusal, "extack", None)
            steps[name] = [name_of(refusal.errno), extack.as_dict() if extack else {}]

    dmabuf, nic, netdev = step("udmabuf", k.udmabuf, "1MiB"), k.ethtool(ifname), k.netlink("netdev")
    step("split", nic.set_rings, tcp_data_split="on", hds_thresh=0)
    step("rss", nic.set_rxfh_indir, equal=1)
    step("rule", nic.add_rule, flow_type="tcp4", dst_port=port, queue=queue)
    fd = k.open_other() if dmabuf is None else dmabuf
    step("bind", netdev.bind_rx, {"ifindex": k.ifindex(ifname), "fd": fd, "queues": [{"type": "rx", "id": queue}]})
    memory = None if dmabuf is None else k.mmap(dmabuf)
    listener, sender = k.socket(dml.AF_INET, dml.SOCK_STREAM), far.socket(dml.AF_INET, dml.SOCK_STREAM)
    listener.bind(("", port))
    listener.listen()
    sender.connect((address, port))
    conn, _ = listener.accept()
    sender.sendall(payload)
    came, device_octets, freed = b"", 0, 0
    while len(came) < len(payload):
        data, ancdata, _, _ = conn.recvmsg(1 << 20, dml.CMSG_SPACE(24) * 64, dml.MSG_SOCK_DEVMEM)
        for frag in dml.frags(ancdata):
            if frag.kind == dml.SCM_DEVMEM_LINEAR:
                came, data = came + data[:frag.frag_size], data[frag.frag_size:]
            else:
                came += memory[int(frag.frag_offset):int(frag.frag_offset) + int(frag.frag_size)].tobytes()
                device_octets += int(frag.frag_size)
                freed += k.dontneed(conn, [(frag.frag_token, 1)])
        came += data
    for thing in (conn, sender, listener, netdev):
        thing.close()
    k.close(fd)
    return {"steps": steps, "received": came == payload, "device_octets": device_octets, "freed": freed}


if __name__ == "__main__":
    here = dml.linux.Kernel()
    print(json.dumps(receive(here, here, *(sys.argv[1:3] or ["lo", "127.0.0.1"]))))
