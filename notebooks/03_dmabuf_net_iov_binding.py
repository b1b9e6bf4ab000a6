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
# # 3. A dmabuf, cut up for a network card
#
# A network card takes its buffers one at a time, each about a page long, and gives them back in any order. Device memory is one
# big thing with a file descriptor. Between the two stand three ideas: the *dmabuf* (memory that can be lent), the *net_iov* (one
# page-sized piece of it that a network stack can pass around without being able to read it) and the *binding* (who lent what
# to which queue, and until when).
#
# In this lesson you
#
# 1. make a dmabuf, past the refusals that everybody meets,
# 2. cut it into net_iovs, and predict in which order they are handed out,
# 3. try to read one, and fail on purpose,
# 4. see why descriptors that look like pages lost against these,
# 5. unbind while your program still holds data, twice, and find out who keeps what alive.
#
# It takes about twenty-five minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. Memory that can be lent
#
# **Level: ABI.** In Linux: [drivers/dma-buf/udmabuf.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/dma-buf/udmabuf.c).
# Here: `devmemlab/mem/udmabuf.py`.
#
# Exporters of real dmabufs are drivers of GPUs and other accelerators. To try things out there is *udmabuf*: the program's own
# memory, wrapped. It takes a *memfd*, a file without a disk, and it is picky, because a device will write there without asking
# again: the file must never become shorter.

# %%
import devmemlab as dml

lab = dml.Lab()
host = lab.host("here", ip="192.0.2.1", ifname="eth1", rx_queues=2)
mem = host.mem
file = mem.memfd("64KiB")

# %% [markdown]
# `mem` is the memory side of the host's kernel; programs see it through system calls. Each item is a file, an offset and a size.
# **Predict**: which of these five requests are refused, and with one errno or with several?

# %%
requests = {
    "not sealed": (file, 0, 65536),
    "half a page": (file, 0, 2048),
    "nothing": (file, 0, 0),
    "no memfd": ("a socket", 0, 65536),
    "too long": (file, 0, 131072),
}

# %%
for name, item in requests.items():
    try:
        mem.udmabuf_create([item])
    except OSError as error:
        print(f"{name:12}{error.errno:3} {error.strerror}")

# %% [markdown]
# All five. "Too long" fails for the missing seal, like the first one: checks have an order. With the seal against shrinking it
# fails for its own reason, and the first request works:

# %%
from devmemlab.mem.udmabuf import F_SEAL_SHRINK

file.add_seals(F_SEAL_SHRINK)
try:
    mem.udmabuf_create([requests["too long"]])
except OSError as error:
    print(error.errno, error.strerror)
scattered = mem.udmabuf_create([requests["not sealed"]])

# %% [markdown]
# One more: this kernel lends 64 MiB at most (release 7.3 lends more). `host.udmabuf` makes the memfd, seals it and wraps it.

# %%
try:
    host.udmabuf("65MiB")
except OSError as error:
    print(error.errno, error.strerror)

# %% [markdown]
# ## 2. The list
#
# **Level: mechanism.** In Linux: [Documentation/driver-api/dma-buf.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/driver-api/dma-buf.rst).
# Here: `devmemlab/mem/dmabuf_map.py`.
#
# A device *attaches* to a dmabuf and *maps* it, and gets a list: at which address each segment begins, and how long it is. The
# order of the list defines the *offsets*, the only addresses that a program will ever hear of. udmabuf lists every page by
# itself; device memory is often one segment.

# %%
whole = mem.export(dml.DeviceMemory("64KiB"))
for name, row in (("udmabuf", scattered), ("device memory", whole)):
    dmabuf = mem.dmabufs.buf[row]
    print(f"{name}: {dmabuf.length:,} octets in a list of {dmabuf.sg_count}")

# %% [markdown]
# ## 3. The binding
#
# **Level: mechanism.** In Linux: [net/core/devmem.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/devmem.c),
# [lib/genalloc.c](https://elixir.bootlin.com/linux/v6.18/source/lib/genalloc.c).
# Here: `devmemlab/mem/binding_create.py`, `devmemlab/mem/gen_pool.py`.
#
# `bind` attaches, maps, and cuts every segment (a *chunk*) into net_iovs of 4096 octets. It keeps a bitmap of those that are
# free. Last of all the binding gets its id: the number that bind-rx answers, and that comes with every piece of payload.

# %%
card = host.ifindex("eth1")
pieces, piece = mem.bind(card, scattered), mem.bind(card, whole)
for binding in (pieces, piece):
    chunks = dml.scenes.chunks(host, binding)
    print(f"id {mem.providers.binding[binding].id}: {len(chunks)} chunks, the last: {chunks[-1]}")

# %% [markdown]
# Net_iovs are handed out one at a time, from the lowest free one of a chunk. **Predict** the first four offsets of each binding.
# (A *page_pool* asks for them; the next lesson is about it.)

# %%
my_guess = {"one piece": [0, 4096, 8192, 12288], "page by page": [0, 4096, 8192, 12288]}

# %%
offsets = {}
for name, binding in (("one piece", piece), ("page by page", pieces)):
    pool = dml.scenes.devmem_pool(host, binding)
    taken = [mem.alloc(pool) for _ in range(4)]
    offsets[name] = [dml.scenes.offset_of(host, netmem) for netmem in taken]
    print(f"{name:13} you said {my_guess[name]}, handed out: {offsets[name]}")

# %% [markdown]
# From the end! Every chunk is put at the *head* of the allocator's list when it is added, so the last segment is the first to be
# used. Within one segment addresses go up. Programs that print offsets of a udmabuf are puzzled by this.

# %%
dml.heat_map(host, piece)

# %%
dml.heat_map(host, pieces)

# %% [markdown]
# ### Step by step
#
# Here a small binding lives through ten steps and the end of its pool. Change the shape of the memory, the release of the kernel
# and the step, with the mouse or with Tab, Enter and the arrow keys.
#
# - Step 8 takes a buffer that was in use before. Which one, and why that one?
# - Release `next` hands out from a stack, up to 64 at once. Where are all the free ones after step 1?

# %%
control = dml.BindingControl()
control

# %%
control.step.value = 8
print(control.text)

# %%
control.kernel.value, control.step.value = "next", 1
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# Step 8 takes the one that went to the pool's cache in step 6, a stack: what came last goes first, and is likely to be in the
# processor's caches. The one in the ring waits. Under `next` a single step fetches all of them: one is out and the others rest
# in the pool's cache, because asking for 64 at once costs little more than asking for one.
#
# </details>

# %% [markdown]
# ## 4. Two kinds of handle
#
# **Level: mechanism.** In Linux: [include/net/netmem.h](https://elixir.bootlin.com/linux/v6.18/source/include/net/netmem.h).
# Here: `devmemlab/mem/netmem.py`.
#
# The network stack passes buffers around by a handle, a *netmem*. Bit 0 says what it is: clear for a page of host memory, set for
# a net_iov. Everything that a pool does is the same for both, and a single test of a bit tells them apart where it matters.

# %%
page = mem.alloc(mem.page_pool_create())
niov = taken[0]
print("bit 0 of the page:", page & 1, " bit 0 of the net_iov:", niov & 1)

# %% [markdown]
# Where it matters: the processor can read a page. Kernels ask for the address of a netmem and get -EFAULT for a net_iov (Linux
# answers NULL); the Python face raises.

# %%
from devmemlab.mem.netmem import netmem_address

print("page:", len(mem.octets(page)), "octets; kernels get an address:", netmem_address(mem.netmems, page) > 0)
print("net_iov: kernels get", netmem_address(mem.netmems, niov))

# %%
try:
    mem.octets(niov)
except OSError as error:
    unreadable = error.errno
unreadable

# %% [markdown]
# This is what *unreadable* means. The memory is there, and the program may look at it through its own mapping of the dmabuf or
# on the device. The network stack may not, and need not.
#
# ### Arithmetic
#
# There is not much to know about a net_iov: the chunk that it lies in, and its number there. Offset and bus address follow. Do
# it by hand for the third one that was taken:

# %%
row = mem.netmems[taken[2] >> 1]
chunk = mem.providers.chunk[row.owner]
number = (taken[2] >> 1) - chunk.niov_first
print("offset:", chunk.base_virtual + number * 4096, "of which", chunk.base_virtual, "is where its chunk begins")

# %%
assert chunk.base_virtual + number * 4096 == offsets["page by page"][2]
assert chunk.dma_addr + number * 4096 == row.dma_addr
assert page & 1 == 0 and niov & 1 == 1 and unreadable == 14

# %% [markdown]
# ## 5. Why not simply pages?
#
# **Level: research.** In Linux: [include/net/netmem.h](https://elixir.bootlin.com/linux/v6.18/source/include/net/netmem.h).
# Here: `devmemlab/mem/netmem.py`.
#
# The kernel describes every page of host memory by a `struct page`, and the whole network stack knew how to deal with those. The
# first version of device memory TCP therefore made such descriptors for device memory. This is how it went:
#
# | version | what buffers were | how it is known |
# |---|---|---|
# | RFC v1, 2023 | `struct page`s made up for device memory | *quoted*: M. Almasry, cover letter of v9, netdev, May 2024 |
# | RFC v2 | pieces cut from the list of the dmabuf (its scatterlist); no pages | *quoted*: the same |
# | v5 | one handle for both kinds (netmem), one reference count (`pp_ref_count`) | *quoted*: the same |
# | v6 | an "unreadable" mark on packets, so that io_uring can share it | *quoted*: the same |
# | Linux 6.12, 2024 | what you have here | *quoted*: the release |
#
# Pages lost although they were fast: about 96.6 % of 200 Gbit/s for v1 (*quoted*: M. Almasry in the thread of RFC v1; the claim
# was withdrawn with v2, until it could be measured again, and 189 of 200 Gbit/s were reported later). They lost to a rule: **who
# imports a dmabuf must never touch the pages behind it**. There may be none, and whoever owns them does not expect others to
# count references there. A debug option of the kernel even scrambles those pointers to catch offenders (*quoted*: D. Vetter,
# commit 84335675f222 "dma-buf: Add debug option", 2021).
#
# The new handle is not free. Every place that took a page had to learn the test of bit 0. On the fast path of the page_pool
# that meant 8, 10, then 9 cycles (next lesson), and on an arm64 machine 5 % or 17 % more time, depending on the path
# (*quoted*: Huawei's answer to the series on netdev, Message-ID 42c202e6-8c4c-494f-8c28-17d66ed75880).

# %% [markdown]
# ## 6. Unbind too early
#
# **Level: mechanism.** In Linux: [net/core/devmem.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/devmem.c).
# Here: `devmemlab/mem/binding.py`.
#
# Now a program that receives, as in lesson 0. It holds tokens for the data of one call.

# %%
ROOM = dml.CMSG_SPACE(24) * 128
program = dml.scenes.connection(dmabuf="8MiB")
held = dml.frags(program.conn.recvmsg(1 << 20, ROOM, dml.MSG_SOCK_DEVMEM)[1])
print(f"{len(held)} tokens, all of binding {set(map(int, held.dmabuf_id))}")

# %%
dml.reference_graph(program.host)

# %% [markdown]
# It closes the netlink socket that made the binding: by mistake, or because a crash closed it. **Predict** what happens to the
# tokens. Are they void? Does the payload disappear?

# %%
first = held[0]
before = program.device.read(int(first.frag_offset), 8)
program.netlink.close()
dml.heat_map(program.host)

# %% [markdown]
# Nothing happened to them. The id is gone, and the card has been given ordinary pages (they are no part of this map). What was
# in the card's ring went home. The 45 that tokens hold stay where they are, *detached*: their pool waits for them, and keeps the
# binding alive. The pool looks every second whether they are back.

# %%
dml.reference_graph(program.host)

# %%
again = program.host.netlink("netdev")
{pool["dmabuf"]: pool["inflight"] for pool in again.dump("page-pool-get") if "dmabuf" in pool}

# %% [markdown]
# The kernel shows such pools: the binding that a pool is of, and how many of its buffers are in flight. The payload is still
# there:

# %%
assert program.device.read(int(first.frag_offset), 8) == before
before.hex(" ")

# %% [markdown]
# ### ... and bind again
#
# The program notices, binds the same dmabuf to the same queue, and receives on. That is allowed at once. **Predict**: is the old
# data still safe while its tokens are held?

# %%
request = {"ifindex": program.host.ifindex("eth1"), "fd": program.fd, "queues": [{"type": "rx", "id": 1}]}
reply = again.bind_rx(request)
fresh = dml.frags(program.conn.recvmsg(1 << 20, ROOM, dml.MSG_SOCK_DEVMEM)[1])
print(f"binding {reply['id']}: {len(fresh)} tokens")

# %%
after = program.device.read(int(first.frag_offset), 8)
shared = set(held.frag_offset.tolist()) & set(fresh.frag_offset.tolist())
print(f"{len(shared)} offsets are held under both bindings; the octets at the first: {before.hex()} then {after.hex()}")

# %% [markdown]
# No! The second binding has net_iovs of its own for the same memory, and knows nothing of the first one's. The card wrote new
# payload over old payload that the program still held. Linux behaves the same way: *finish with the tokens of a binding before
# you bind its memory again*.

# %%
assert after != before and len(shared) == len(held)
returned = program.host.dontneed(program.conn, [(int(held.frag_token[0]), len(held))])
later = program.lab.run(until_ns=program.lab.clock.now_ns + 2 * 10**9)
{pool["dmabuf"]: pool["inflight"] for pool in again.dump("page-pool-get") if "dmabuf" in pool}

# %% [markdown]
# The last token of binding 1 came back. At its next look the pool was gone, and with it the binding.

# %% [markdown]
# ## 7. A queue that cannot be closed
#
# **Level: mechanism.** In Linux: [net/core/netdev_rx_queue.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/netdev_rx_queue.c).
# Here: `devmemlab/net/restart.py`, `devmemlab/net/provider_queue.py`.
#
# Unbinding has two halves: the id goes, then the queues are restarted on ordinary pages. A restart needs memory, and may fail.
# We order such a failure. `references` are those on the binding.

# %%
stuck = dml.scenes.connection(dmabuf="4MiB", rx_ring=64)
own = stuck.host.mem.providers.binding[1]
print("bound:", dict(references=int(own.ref), found_by_id=int(own.live)))
stuck.host.netdev.fail_next("mem_alloc")
stuck.netlink.close()
print("unbound:", dict(references=int(own.ref), found_by_id=int(own.live)))

# %% [markdown]
# Closing a socket cannot fail, so the program hears nothing; the kernel writes a warning to its log. **Predict** what the next
# recvmsg brings: ordinary data, an error, or tokens of a binding that nobody can find any more?

# %%
ghosts = dml.frags(stuck.conn.recvmsg(1 << 20, ROOM, dml.MSG_SOCK_DEVMEM)[1])
ghosts = dml.frags(stuck.conn.recvmsg(1 << 20, ROOM, dml.MSG_SOCK_DEVMEM)[1])
print(f"{len(ghosts)} tokens of binding {set(map(int, ghosts.dmabuf_id))}")

# %% [markdown]
# Tokens, in the second call too, for data that arrived after the end. The queue runs on with its old pool. The pool took a
# reference on the binding when it was made, and only its own end gives that up. So everything stays in order, except that
# nobody asked for it. The next restart of the queue ends it, here a change of the ring's size. When the connection is closed too,
# the last buffers come home:

# %%
stuck.host.ethtool("eth1").set_rings(rx=32)
stuck.conn.close()
end = stuck.lab.run(until_ns=stuck.lab.clock.now_ns + 2 * 10**9)
dmabuf = stuck.host.mem.dmabufs.buf[stuck.host.dmabuf_of(stuck.fd)]
print("attachments:", dmabuf.attachments, " mappings:", dmabuf.mappings)

# %% [markdown]
# ### Puzzle: first fit
#
# Whoever lends memory must find some that is free, and must not believe everything that he is told when it comes back. Fill in the blank and run its cell; `chunk_allocator_puzzle.hint()` tells
# hints, one at a time.

# %%
chunk_allocator_puzzle = dml.exercise("chunk_allocator")
chunk_allocator_puzzle

# %% tags=["exercise"]
@dml.kernel
def chunk_alloc(taken, pages):
    return -38      # ENOSYS: not yet

@dml.kernel
def chunk_free(taken, first, pages):
    return -38      # ENOSYS: not yet

chunk_allocator_puzzle.check(chunk_alloc, chunk_free)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert offsets == {"one piece": [0, 4096, 8192, 12288], "page by page": [61440, 57344, 53248, 49152]}
assert returned == len(held) and reply["id"] == 2
assert 1 not in [pool.get("dmabuf") for pool in again.dump("page-pool-get")]
assert own.kind == 0 and dmabuf.attachments == 0 and set(ghosts.dmabuf_id) == {1}
assert program.host.audit().netmems_in_flight >= len(fresh)

# %% [markdown]
# | who | holds what | until |
# |---|---|---|
# | the netlink socket | the binding | it is closed |
# | a pool | the binding | all its buffers are back and it is freed |
# | the card, a packet, a token | a net_iov | each gives it back |
# | the binding | the dmabuf, attached and mapped | nobody holds the binding |
#
# **Now read** the room `devmemlab/mem`: `netmem.py` (handles), `gen_pool.py` (which one is handed out, in 140 lines) and
# `binding.py` (both halves of unbind). The next lesson is about what stands between a binding and the card.

# %%
lab.close()
program.lab.close()
stuck.lab.close()
