# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 0. The problem: bytes that take the long way
#
# A program on a GPU machine waits for data from the network. The data is for the GPU. On its way there each byte is
# usually written into host memory, read, written again, read again - and nobody ever looks at it there.
# **Device memory TCP** leaves all that out: the network card puts the payload straight into the device's memory, and the
# program gets *tokens* that say where it is.
#
# In this lesson you
#
# 1. predict how often a byte is copied,
# 2. receive one real transfer in four ways and count,
# 3. do the device memory way by hand, one system call at a time, with the five mistakes that everybody makes first,
# 4. turn two knobs and watch what changes.
#
# It takes about twenty minutes and needs no network card: the traffic was recorded from a Linux kernel, and the card, the
# driver and the kernel's receive path are compiled Python that you can read. Run the cells from top to bottom (Shift+Enter); what
# stands below them already is left from an earlier run. The very first comparison compiles for a minute or two, with `[*]` at its
# left; after that it is fast.
#
# Four words: a **frame** is what the card receives; its **headers** say where it belongs, its **payload** is the data. **DMA** is
# a card writing into memory by itself. An **skb** is what the kernel keeps of a frame.

# %% [markdown]
# ## Why does it matter?
#
# **Level: cost.** In Linux: [Documentation/networking/devmem.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/networking/devmem.rst).
# Here: `devmemlab/lab/crossings.py`, `devmemlab/lab/packet_story.py`.
#
# (Every section of every lesson says its *level* like this. **Story**: what happens, and why anybody wants it. **Mechanism**: how
# it works inside. **ABI**: numbers, octets and errors that programs rely on. **Cost**: what is counted or measured. **Research**:
# what could be done otherwise. Then come the kernel's file that does it and the lab's. Read one level first, if you like.)
#
# Count how often each payload byte crosses the wires of host memory (DRAM), once for each write and once for each read:
#
# | way of receiving | crossings of DRAM | copies by the CPU | crossings of the PCIe switch's uplink |
# |---|---|---|---|
# | device memory TCP, card and device under one switch | 0 | 0 | 0 |
# | `recv()` into a pinned buffer, then copied to the device | 4 | 1 | 2 |
# | `recv()` into an ordinary buffer, then a staging buffer, then the device | 6 | 2 | 2 |
#
# *Modelled*: caches that help are left out; with a cached store the CPU reads a line before it writes it, and 4 becomes 5, 6
# becomes 8.
#
# | figure | how it is known |
# |---|---|
# | 189 of 200 Gbit/s into GPU memory, with the kernel series that brought device memory TCP | *quoted*: M. Almasry, cover letter of v9 on the netdev list, May 2024 |
# | staging through the host uses the switch's uplink twice in each direction when a machine sends and receives | *quoted*: M. Almasry, thread of the first RFC on the netdev list, 2023 |
# | 55 GB/s from pinned host memory to a GPU over PCIe 5 x16 | *quoted*: stas00/ml-engineering on GitHub, network/README.md |
# | 614 GB/s: the most that two processors with eight channels of DDR5-4800 each can move | *calculated*: 2 x 8 x 4800 MT/s x 8 bytes |
#
# Now put them together. One 200 Gbit/s card delivers about 24 GB/s. Through a pinned buffer that costs 4 x 24 = 97 GB/s of
# DRAM traffic. A machine with eight such cards would need 773 GB/s, *more than its memory can do*, before anything has been
# computed.

# %% [markdown]
# ## 1. Predict
#
# **Level: story.** Here: `devmemlab/lab/compare.py`.
#
# We count a **copy** whenever a payload byte is written somewhere, no matter by whom: the network card's own write (DMA)
# counts too. How often is each byte copied until it is in device memory?
#
# - **devmem**: device memory TCP
# - **host_copy**: the card writes into host pages, `recv()` into a pinned buffer, from there to the device
# - **host_copy_pageable**: the same, but the program's buffer is ordinary memory
# - **memcpy**: one plain copy of the same bytes, as a yardstick
#
# Change the numbers to what you think.

# %%
my_guess = {"devmem": 1, "host_copy": 2, "host_copy_pageable": 2, "memcpy": 1}

# %% [markdown]
# ## 2. One real transfer, four ways
#
# **Level: cost.** In Linux: [net/ipv4/tcp.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp.c).
# Here: `devmemlab/lab/compare.py`, `devmemlab/sock/recvmsg.py`.
#
# The capture holds two million octets that one Linux kernel sent to another, in frames of 1500 octets. Every way receives
# the very same frames, and afterwards the payload is read *where the device would read it* and its SHA-256 compared.

# %%
import devmemlab as dml

result = dml.compare(size="2MiB", mtu=1500, repeats=3)
result.input

# %% tags=["nbval-ignore-output"]
result

# %% [markdown]
# What was your guess worth?

# %%
for row in result.rows:
    counted = row.copied_bytes_per_payload_byte
    print(f"{row.mode:20} you said {my_guess[row.mode]}, counted: {counted:.2f}")

# %% [markdown]
# ### Where every byte went
#
# `C1` is the first copy of the payload, `C2` the second, and so on; `h` marks headers. The number above an arrow says how many octets
# went this way, the one below in how many pieces.

# %%
flow = result.byte_flow()
flow

# %% [markdown]
# The same in words (every picture here has such a text):

# %%
print(flow.text)

# %% [markdown]
# Look at strip A. Host memory gets headers only, not one octet of payload. That is all the kernel's TCP needs: it works on
# headers, and the frames' payload is *unreadable* to it.

# %% [markdown]
# ### Watch it move
#
# The same frames once more, one by one, A beside B. Press **Play**, or step: Space and the arrow keys work when the picture has
# the focus. **Predict** before you play: which of the two numbers at the right grows faster in B, and by how much when all is
# done? In A tokens are handed out and given back; how many octets does that move?

# %%
from devmemlab.view.memory_flow import memory_flow

moving = memory_flow(mtu=1500, speed=4.0)
moving

# %%
end = moving.film.values()
assert end["A.DMA_DEVICE"] == result["devmem"].stages["DMA_DEVICE"][0] == end["A.copied"]
assert end["B.copied"] == 3 * end["A.copied"] and end["A.given"] == end["A.returned"]
print(f"host memory was crossed by {end['A.dram']:,} octets in A and by {end['B.dram']:,} in B")

# %% tags=["nbval-ignore-output"]
result.plot()

# %% [markdown]
# **Read times with care.** They are measured on this machine, where the processor plays the network card as well. Device memory
# TCP need not win here, and often it loses: its one copy goes to memory that no cache holds, and every token is handed out and
# taken back, while two megabytes that are copied three times stay in the cache. Run it again and see how much the bars move.
# The copies on the right do not move: they were counted. At 24 GB/s they are what a machine runs out of.

# %% [markdown]
# ## 3. By hand
#
# **Level: ABI.** In Linux: [net/core/netdev-genl.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/netdev-genl.c),
# [net/ipv4/tcp.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp.c),
# [net/core/sock.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/sock.c).
# Here: `devmemlab/host/genl/bind_rx.py`, `devmemlab/sock/recvmsg.py`, `devmemlab/sock/tokens.py`.
#
# A capture becomes a *port* that plays the recorded sender, and a host that answers to the recorded receiver's address. What
# follows is what a program does on a real kernel, call by call.

# %%
from devmemlab.base.paths import data_folder

port = dml.ports.Pcap(data_folder() / "linux-bulk-mtu1500.pcap", speed=None)
lab = dml.Lab()
host = lab.host("receiver", ip=port.flow.dst, mac=port.flow.dst_mac, rx_queues=2, ifname="eth1", port=port)
host

# %% [markdown]
# Device memory, and a file descriptor for it: a *dmabuf*. Then a request to the kernel to bind it to a receive queue.

# %%
device = dml.DeviceMemory("16MiB")
fd = host.export(device)
netdev = host.netlink("netdev")
request = {"ifindex": host.ifindex("eth1"), "fd": fd, "queues": [{"type": "rx", "id": 1}]}

# %% [markdown]
# **Mistake 1, errno 22 (EINVAL).** The card must cut headers from payload first. It does not do that by itself:

# %%
try:
    netdev.bind_rx(request)
except OSError as error:
    print(error.errno, error.strerror)

# %% [markdown]
# So switch header split on. Keep other traffic away from the queue (queue 0 takes it) and steer our connection to it:

# %%
nic = host.ethtool("eth1")
nic.set_rings(tcp_data_split="on", hds_thresh=0)
nic.set_rxfh_indir(equal=1)
nic.add_rule(flow_type="tcp4", dst_port=port.flow.dport, queue=1)

# %% [markdown]
# **Mistake 2, errno 19 (ENODEV).** The request names an interface by its number, and numbers differ from machine to machine.
# Ask for it, never write it down:

# %%
try:
    netdev.bind_rx({**request, "ifindex": 7})
except OSError as error:
    print(error.errno, error.strerror)

# %% [markdown]
# Now it works. The answer is the id of the *binding*, which lives as long as the netlink socket that asked for it.

# %%
binding = netdev.bind_rx(request)
[queue for queue in netdev.dump("queue-get", {"ifindex": host.ifindex("eth1")}) if queue["type"] == "rx"]

# %% [markdown]
# **Mistake 3, errno 17 (EEXIST).** A queue serves one binding. An earlier run of your program that still has its socket open
# is enough:

# %%
try:
    netdev.bind_rx(request)
except OSError as error:
    print(error.errno, error.strerror)

# %% [markdown]
# From here on it is an ordinary TCP server. `accept` plays the recorded handshake.

# %%
server = host.socket(dml.AF_INET, dml.SOCK_STREAM)
server.bind(("", port.flow.dport))
server.listen()
conn, peer = server.accept()
conn, peer

# %% [markdown]
# **Mistake 4, errno 14 (EFAULT).** Payload in device memory cannot be copied into your buffer. A plain `recv` says so, in the
# only words it has; nothing is lost:

# %%
try:
    conn.recv(4096)
except OSError as error:
    print(error.errno, error.strerror)

# %% [markdown]
# **Mistake 5, errno 525.** The answer comes as control messages of 40 octets each, and there must be room for at least one.
# The number has no name outside the kernel, and `strerror` does not know it. Nothing is lost either:

# %%
try:
    conn.recvmsg(1 << 20, 39, dml.MSG_SOCK_DEVMEM)
except OSError as error:
    print(error.errno, error.strerror)

# %% [markdown]
# And the right way. No bytes come back: `data` is empty. Each control message says where in the device memory a piece of the
# stream lies, how long it is, and by which *token* you hold it.

# %%
ROOM = dml.CMSG_SPACE(24) * 128
data, ancdata, flags, address = conn.recvmsg(1 << 20, ROOM, dml.MSG_SOCK_DEVMEM)
pieces = dml.frags(ancdata)
print(f"{len(data)} bytes, {len(pieces)} pieces")
for piece in pieces[:4]:
    print(f"token {piece.frag_token}: {piece.frag_size} octets at {piece.frag_offset}")

# %% [markdown]
# Two things to notice: every piece is 1448 octets, what one frame carries, and offsets jump in steps of 4096, because the card
# was given the memory in pages. The device sees the payload (the host never did):

# %%
first = pieces[0]
device.read(int(first.frag_offset), 16).hex(" ")

# %% [markdown]
# While you hold tokens, the card cannot use those pages. The audit counts who holds what:

# %%
held = host.audit()
print(f"{held.tokens} tokens held, {held.descriptors} pages waiting in the card's rings")

# %% [markdown]
# Give tokens back when the device has used the data, at most 128 entries a call. The loop receives the rest; it reads the
# device memory only to check it, which a real program would leave to the device.

# %%
import hashlib

digest, returned = hashlib.sha256(), 0
while len(pieces):
    for piece in pieces:
        digest.update(device.read(int(piece.frag_offset), int(piece.frag_size)))
    returned += host.dontneed(conn, [(token, 1) for token in pieces.frag_token])
    data, ancdata, flags, address = conn.recvmsg(1 << 20, ROOM, dml.MSG_SOCK_DEVMEM)
    pieces = dml.frags(ancdata)
print(f"{returned} tokens returned")

# %%
assert digest.hexdigest() == result.input["sha256"]
assert host.audit().netmems_in_flight == 0
host

# %% [markdown]
# The digest is the sender's, nothing is in flight, and the ledger shows what moved: headers to host memory, payload to the
# device. Closing the netlink socket ends the binding.

# %%
conn.close()
server.close()
netdev.close()
host.close(fd)

# %% [markdown]
# ## 4. Turn the knobs
#
# **Level: cost.** In Linux: [Documentation/networking/ethtool-netlink.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/networking/ethtool-netlink.rst).
# Here: `devmemlab/nic/hds.py`.
#
# Frames of 9000 octets (another recording of the same stream), and the size of the program's buffer in the copying ways. Use
# the mouse, or Tab, Enter and the arrow keys.
#
# - What happens to the header octets when the MTU grows? Why by that factor?
# - The buffer does not change how often a byte is copied. What does it change? (Look below the arrows.)

# %%
control = dml.TransferControl()
control

# %% [markdown]
# A cell can turn them as well:

# %%
control.mtu.value = 9000
control.app_buffer.value = "64KiB"
print(control.text)

# %%
for mtu, seen in ((1500, result), (9000, control.result)):
    octets, frames = seen["devmem"].stages["DMA_HEADER"]
    print(f"MTU {mtu}: {octets:,} octets of headers in {frames:,} frames")

# %% [markdown]
# <details><summary>Answers</summary>
#
# Six times fewer frames carry the same payload, so six times fewer headers cross host memory; each one stays as long as it
# was. A small buffer is copied on in many small pieces while it is still in the processor's cache; a large one may have gone
# to DRAM and must be read back. That can make the copying ways a little faster here. The copies are as many as before.
#
# </details>
#
# ## What you saw
#
# If these hold, so does this lesson:

# %%
copies = [row.copied_bytes_per_payload_byte for row in result.rows]
assert copies == [1, 3, 4, 1]
assert all(row.sha256_ok for row in result.rows + control.result.rows)
assert all(row.netmems_in_flight == 0 for row in result.rows + control.result.rows)
assert result["devmem"].tokens_issued == result["devmem"].tokens_returned == returned
assert control.result["devmem"].stages["DMA_HEADER"][0] * 5 < result["devmem"].stages["DMA_HEADER"][0]

# %% [markdown]
# | errno | name | you forgot to | |
# |---|---|---|---|
# | 22 | EINVAL | switch header split on before binding | `set_rings(tcp_data_split="on", hds_thresh=0)` |
# | 19 | ENODEV | ask for the interface's number | `ifindex("eth1")` |
# | 17 | EEXIST | end the binding that the queue has already | close the netlink socket that made it |
# | 14 | EFAULT | say that you can take tokens | `MSG_SOCK_DEVMEM` |
# | 525 | none | leave room for control messages | `CMSG_SPACE(24)` for each piece |
#
# **Now read** the room `devmemlab/sock`: `recvmsg.py`, the call you made above, in 250 lines that mirror the kernel's. Then
# `tokens.py`, where `dontneed` gives the pages back. In a terminal, `devmemlab demo` makes the comparison of
# this page, and `devmemlab replay` takes a capture of your own.

# %%
lab.close()
device.close()
