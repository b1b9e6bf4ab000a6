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
# # 2. Two memories and a ledger
#
# A machine with an accelerator has two memories: the host's DRAM, next to the processor, and the device's own, at the far end
# of a bus. Both are just addresses to a network card. That is the whole trick of device memory TCP: give the card addresses of
# the second kind. This lesson is about what follows from that.
#
# In this lesson you
#
# 1. put both memories side by side and see that a copy is a copy, whoever makes it,
# 2. read the *ledger*, in which every octet is written down where it crosses a link,
# 3. ask for whom the data is, and see the answer change what is worth doing,
# 4. meet memory that the card cannot reach, reads that are out of date, and a device that writes where it must not.
#
# It takes about twenty minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. One address space
#
# **Level: story.** In Linux: [Documentation/driver-api/dma-buf.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/driver-api/dma-buf.rst).
# Here: `devmemlab/mem/region.py`, `devmemlab/mem/dmabuf_map.py`.
#
# On a real machine a device's memory appears among the physical addresses through a window, its *BAR* (base address register).
# Whoever may use the bus can read and write there, the processor and other devices too. Here an address is an index into one
# large array of octets, and a *region* is a range of it with an owner.

# %%
import devmemlab as dml

ram = dml.host_memory("1MiB")
device = dml.DeviceMemory("1MiB")
print(f"{ram.name}: {ram.length:,} octets; {device.name}: {device.length:,} octets")

# %% [markdown]
# A copy from one to the other is an assignment. The processor reads each octet and writes it again:

# %%
ram.view()[:5] = list(b"hello")
device.view()[:5] = ram.view()[:5]
device.read(0, 5)

# %% [markdown]
# When a network card does the same with data from the wire we call it *DMA* (direct memory access). It needs no instruction of
# the processor, but it is a write like any other and takes its share of what the memory can do.

# %% [markdown]
# ## 2. Predict
#
# **Level: cost.** Here: `devmemlab/lab/crossings.py`.
#
# Two million octets of payload arrive. **How many octets are written to or read from host memory** until the payload is in
# device memory, headers left out? Every write counts and every read counts.
#
# - **devmem**: the card writes into device memory
# - **host_copy**: the card writes into host pages, `recv()` copies them into a pinned buffer, that is copied to the device
# - **host_copy_pageable**: the program's buffer is ordinary memory, so a staging buffer comes in between

# %%
my_guess = {"devmem": 2_000_000, "host_copy": 4_000_000, "host_copy_pageable": 6_000_000}

# %% [markdown]
# ## 3. The ledger
#
# **Level: cost.** Here: `devmemlab/mem/ledger.py`.
#
# The same frames, recorded from a Linux kernel, are received in the three ways. Each stage that moves octets writes down how
# many, and in how many pieces. These numbers are *counted*, and so they are the same every time.

# %%
result = dml.compare(size="2MiB", mtu=1500, repeats=1, modes=tuple(my_guess))
for row in result.rows:
    print(row.mode)
    for stage, (octets, pieces) in row.stages.items():
        print(f"    {stage:15} {octets:>10,} octets in {pieces:,} pieces")

# %%
result.byte_flow()

# %% [markdown]
# A stage always crosses the same links. `DMA_HOST` writes host memory once. `RECV_COPY` reads it and writes it. `HOST_TO_DEVICE`
# reads it once more, and what the card wrote straight into the device (`DMA_DEVICE`) does not cross it at all. Octets times
# crossings is a *model*: it leaves out caches, which spare some reads and cost others.

# %%
for row in result.rows:
    payload = {stage: moved for stage, moved in row.stages.items() if "HEADER" not in stage}
    crossed = dml.crossings(payload)
    print(f"{row.mode:20} you said {my_guess[row.mode]:>10,}, modelled: {crossed['dram_written'] + crossed['dram_read']:>10,}")

# %% [markdown]
# Four times and six times the payload, and not once. With headers, and with the other links:

# %%
dml.crossing_bars(result)

# %% [markdown]
# ### On the map
#
# Both ways once more, frame by frame, on the machine where it happens. The *uplink* joins a PCIe switch to the processor. Press
# **Play**, or Space when the picture has the focus. **Predict**: which link carries not one octet in A? Which carries most in B?

# %%
buses = dml.bus_map(mtu=1500, position=7000)
buses

# %%
end = buses.film.values()
print(f"A, host memory: {end['A/host memory, written'] + end['A/host memory, read']:,} octets, uplink: {end['A/uplink']:,}")
print(f"B, host memory: {end['B/host memory, written'] + end['B/host memory, read']:,} octets, uplink: {end['B/uplink']:,}")
assert end["A.down"] == 0 and end["B.down"] == end["B.device"] == end["A.device"] == result.input["bytes"]
assert end["B/uplink"] - end["A/uplink"] == 2 * result.input["bytes"]

# %% [markdown]
# Look at what comes up the uplink in B and goes down again: the payload was already at the switch, one step from the device.
# Card and device hang below the same switch here, as they do in machines built for this; what goes from one to the other turns
# round in the switch, and only headers go up. What the links can carry:
#
# | link | GB/s | how it is known |
# |---|---|---|
# | PCIe 4 x16, writes of 256 octets | 26.0 | *modelled*: pcie-bench/pcie-model on GitHub (SIGCOMM 2018) |
# | PCIe 5 x16, writes of 256 octets | 52.0 | *modelled*: the same |
# | PCIe 5 x16, pinned host memory to an H200 | 55.4 | *quoted*: stas00/ml-engineering on GitHub, network/README.md |
# | eight channels of DDR5-4800, one processor | 307 | *calculated*: 8 x 4800 MT/s x 8 octets |
# | device memory of an H100 SXM | 3350 | *quoted*: stas00/ml-engineering on GitHub, compute/accelerator/README.md |
#
# The memory at the end of the path is the fastest one. What runs out is on the way.

# %% [markdown]
# ## 4. For whom is it?
#
# **Level: cost.** Here: `devmemlab/lab/crossings.py`.
#
# So far the device alone used the payload. Choose somebody else, with the mouse or with Tab and Enter.
#
# - Which of the copies does nobody need when the processor alone uses the data?
# - What does device memory TCP cost then?

# %%
control = dml.LedgerControl(result)
control

# %% [markdown]
# A cell can choose as well:

# %%
control.order.value = "cpu"
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# When the processor alone uses it, nothing is copied to the device, and the staging buffer falls away too. Device memory TCP
# now carries the payload over the uplink as often as the others do, in the worst possible way: the processor reads device
# memory through the window, a few octets at a time, and waits for each. The bars count octets, they do not know about waiting.
# Somebody measured it: looking at the payload on the host costs about 90 % of the throughput (*quoted*: kperf on GitHub,
# pull request 5). Device memory TCP is for data that the device wants.
#
# </details>

# %% [markdown]
# ## 5. Can the card get there at all?
#
# **Level: mechanism.** In Linux: [drivers/dma-buf/dma-buf.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/dma-buf/dma-buf.c).
# Here: `devmemlab/mem/dmabuf.py`, `devmemlab/mem/exporter.py`.
#
# Two conditions are easily missed. A BAR may be smaller than the memory behind it: this device shows 4 of its 16 MiB. And two
# devices reach each other only where the bus between them allows it (*peer to peer*).
#
# **Predict**: which of these two dmabufs can be bound to the card? Which can the processor map?

# %%
lab = dml.Lab()
host = lab.host("here", ip="192.0.2.1", ifname="eth1")
card = host.ifindex("eth1")
small_window = host.export(dml.DeviceMemory("16MiB", bar_bytes="4MiB"))
other_bus = host.export(dml.DeviceMemory("16MiB", bus="pci1"))

# %%
for fd in (small_window, other_bus):
    try:
        host.mem.bind(card, host.dmabuf_of(fd))
    except OSError as error:
        print(error.errno, error.strerror)

# %%
for name, fd in (("small window", small_window), ("other bus", other_bus)):
    try:
        print(f"{name}: the processor maps {len(host.mmap(fd)):,} octets")
    except OSError as error:
        print(f"{name}: {error.errno} {error.strerror}")

# %% [markdown]
# The processor sits above both buses, so it reaches the second device; the card does not. The errno is the exporter's: bind-rx
# hands on what it says. On real machines the remedies are "resizable BAR" in the firmware and a card below the same switch.

# %% [markdown]
# ## 6. A read that is out of date
#
# **Level: ABI.** In Linux: [include/uapi/linux/dma-buf.h](https://elixir.bootlin.com/linux/v6.18/source/include/uapi/linux/dma-buf.h).
# Here: `devmemlab/mem/dmabuf_file.py`.
#
# The processor keeps what it has read in its cache. Most machines keep caches and DMA in step by themselves (they are
# *coherent*), but a dmabuf promises nothing of the kind. This region is not coherent:

# %%
odd = dml.DeviceMemory("1MiB", coherent=False)
fd = host.export(odd)
mapped = host.mmap(fd)
mapped[0:5]

# %% [markdown]
# Now the device writes. **Predict** what the program reads in the next cell: the new octets, the old ones, or an error?

# %%
odd.view()[:5] = list(b"fresh")
mapped[0:5]

# %% [markdown]
# It reads the old ones, without any error. The remedy is an ioctl around one's own accesses. It must say which kind they are:
# leaving that out is EINVAL. The kernel's own test tool makes this mistake when it copies from device memory, and does not look
# at the answer (*quoted*: ncdevmem.c of 6.18).

# %%
try:
    host.dmabuf_sync(fd, dml.SYNC_START)
except OSError as error:
    print(error.errno, error.strerror)

# %%
host.dmabuf_sync(fd, dml.SYNC_START | dml.SYNC_READ)
seen = mapped[0:5]
host.dmabuf_sync(fd, dml.SYNC_END | dml.SYNC_READ)
seen

# %% [markdown]
# The other direction is the same story: what the program writes stays in its cache until it says that it has finished.

# %%
host.dmabuf_sync(fd, dml.SYNC_START | dml.SYNC_WRITE)
mapped[0:5] = b"reply"
before = odd.read(0, 5)
host.dmabuf_sync(fd, dml.SYNC_END | dml.SYNC_WRITE)
before, odd.read(0, 5)

# %% [markdown]
# Device memory TCP never calls this for you: the kernel does not know when you look. In the lab the old octets stay for
# certain; on a real machine a line may fall out of the cache at any moment, so the mistake shows now and then.

# %% [markdown]
# ## 7. A device that writes where it must not
#
# **Level: mechanism.** In Linux: [drivers/dma-buf/dma-buf.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/dma-buf/dma-buf.c).
# Here: `devmemlab/mem/dmabuf.py`.
#
# Binding *attaches* the card to the dmabuf and *maps* it: from now on the IOMMU lets the card write there (and only write: it
# receives). **Predict** which of these four attempts succeed.

# %%
binding = host.mem.bind(card, host.dmabuf_of(fd))
attempts = {"inside": (card, 0), "across the end": (card, odd.length - 3), "before it": (card, -4096), "another device": (3, 0)}
outcome = {}
for name, (who, at) in attempts.items():
    try:
        host.mem.dma_write(who, odd.start + at, b"payload")
        outcome[name] = "written"
    except OSError as error:
        outcome[name] = f"errno {error.errno}"
outcome

# %%
try:
    host.mem.dma_read(card, odd.start, 7)
except OSError as error:
    outcome["reading"] = f"errno {error.errno}"
outcome["reading"]

# %% [markdown]
# The map ends with the binding. Nothing of the fault reaches a program on a real machine: the IOMMU stops the write and logs it.
# The lab tells us with an EFAULT.

# %%
host.mem.unbind(binding)
host.mem.run_work(lab.clock.now_ns)
try:
    host.mem.dma_write(card, odd.start, b"late")
except OSError as error:
    outcome["after unbinding"] = f"errno {error.errno}"
outcome["after unbinding"]

# %% [markdown]
# ### Puzzle: scattered frags, few copies
#
# The payload came in pieces; a device wants it in one. Fill in the blank and run its cell; `gather_plan_puzzle.hint()` tells
# hints, one at a time.

# %%
gather_plan_puzzle = dml.exercise("gather_plan")
gather_plan_puzzle

# %% tags=["exercise"]
@dml.kernel
def gather_plan(frags, copies, memory_bytes, room):
    return -38      # ENOSYS: not yet

gather_plan_puzzle.check(gather_plan)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
payload = result.input["bytes"]
in_host = {row.mode: [octets for stage, (octets, _) in row.stages.items() if stage.startswith("DMA_HOST")] for row in result.rows}
assert in_host == {"devmem": [], "host_copy": [payload], "host_copy_pageable": [payload]}
bare = {row.mode: {s: moved for s, moved in row.stages.items() if "HEADER" not in s} for row in result.rows}
dram = {mode: dml.crossings(stages) for mode, stages in bare.items()}
assert [(d["dram_written"] + d["dram_read"]) // payload for d in dram.values()] == [0, 4, 6]
assert [d["uplink"] // payload for d in dram.values()] == [0, 2, 2]
assert (seen, before, odd.read(0, 5)) == (b"fresh", b"fresh", b"paylo")
assert [name for name, said in outcome.items() if said == "written"] == ["inside"]

# %% [markdown]
# | errno | name | when | remedy |
# |---|---|---|---|
# | 121 | EREMOTEIO | the card's bus does not reach the memory, or the window ends before it does | another slot; a larger BAR |
# | 22 | EINVAL | mapping more than the window shows; sync with neither READ nor WRITE | map less; say which |
# | 14 | EFAULT | a device reaches for what is not mapped for it in this direction | keep the binding until the card is done |
#
# **Now read** the room `devmemlab/mem`: `region.py` (a memory with an owner) and `ledger.py` (the stages, in 100 lines). In
# `devmemlab/lab/crossings.py` the model of this lesson is one table. The next lesson cuts a dmabuf into pieces that a
# network card can be given.

# %%
lab.close()
