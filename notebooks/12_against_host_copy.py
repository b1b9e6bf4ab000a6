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
# # 12. Against host-copy, honestly measured
#
# "Device memory TCP is three times as fast." Is it? Three times as fast *as what*, with how much data, on which machine, and who
# has looked whether the bytes arrived? This lesson measures the lab against its own baselines, and shows how such a figure is
# made, how it is spoiled, and what it does not say.
#
# In this lesson you
#
# 1. count what each way of receiving costs, which is the same on every machine,
# 2. look at the baselines and try to find one that is a straw man,
# 3. measure ratios over the amount of data and the program's buffer, and see caches at work,
# 4. build a straw man yourself, and find out which column of a table gives it away,
# 5. repeat an old argument about one branch in the page_pool, with figures of your own.
#
# It takes about twenty-five minutes. Run the cells from top to bottom. On a machine that does other things as well, figures
# jump; that is part of the lesson.
#
# Every figure here carries one of four words:
#
# | word | it means | it changes |
# |---|---|---|
# | *counted* | the ledger wrote down each octet that moved | never: the same on every machine, in every run |
# | *calculated* | worked out from figures that are given beside it | only with those |
# | *measured* | by a clock, on this machine, in this run | always |
# | *quoted* | others published it; who and on what stands beside it | not by anything you do |

# %% [markdown]
# ## 1. Counted
#
# **Level: cost.** Here: `devmemlab/lab/crossings.py`.
#
# Two million octets, frames of 9000, recorded from a Linux kernel. **Predict** how many octets cross the wires of host memory
# (DRAM) in each way, in units of the payload: each write counts, and each read.

# %%
my_guess = {"devmem": 0, "host_copy": 2, "host_copy_pageable": 2}

# %%
import devmemlab as dml

result = dml.compare(size="2MiB", mtu=9000, repeats=1)
payload = result.input["bytes"]
for row in result.rows[:3]:
    moved = {stage: count for stage, count in row.stages.items() if "HEADER" not in stage}
    crossed = dml.crossings(moved)
    times = (crossed["dram_written"] + crossed["dram_read"]) / payload
    print(f"{row.mode:20} copied {row.copied_bytes_per_payload_byte:.2f} times, DRAM {times:.2f}, you said {my_guess[row.mode]}")

# %%
result.byte_flow()

# %% [markdown]
# These numbers are why anybody wants device memory TCP. They need no clock, and no machine can change them. What *time* they
# cost is another question: a copy whose octets are still in a cache is cheap, and one that waits for DRAM is not.

# %% [markdown]
# ## 2. Are the baselines straw men?
#
# **Level: cost.** In Linux: [net/ipv4/tcp.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp.c).
# Here: `devmemlab/lab/compare.py`, `devmemlab/host/receiving.py`.
#
# The easiest way to win a race is to choose a slow opponent. So ask of every baseline: does it do the *same* work, in pieces as
# large, with tools as good? **Predict**: which of these lines differ between devmem and host_copy?
#
# - headers that the card wrote, and that the kernel copied
# - pieces in which the card wrote payload
# - pieces in which the program's buffer was copied to the device

# %%
for stage in ("DMA_HEADER", "HEADER_COPY", "DMA_DEVICE", "DMA_HOST", "RECV_COPY", "HOST_TO_DEVICE"):
    cells = [row.stages.get(stage, (0, 0)) for row in result.rows[:3]]
    print(f"{stage:15}", *(f"{octets:>10,} in {pieces:>4,}" for octets, pieces in cells))

# %% [markdown]
# The card does the same thing for each: the same headers, the same payload in the same 674 pieces (three pages a frame). Then
# `recv` copies whole bursts, and the buffer goes to the device in *one* piece, because it is as large as all that came. Besides:
#
# - All ways run through the same NIC, GRO, TCP and socket code; there is no second, slower stack for the losers.
# - All copies are made alike: into device memory past the processor's caches, where a card's own writes go, and elsewhere by the
#   processor's best memcpy. The line, *memcpy*, writes past the caches as well.
# - All of them take bursts of up to 4096 frames, and cross from Python into compiled code once a burst or once a buffer.
# - Buffers of programs are there, and touched, before the clock runs. No way pays for memory that the others have already.
# - What only checks (digests), what plays the sender, and the handshake are not timed in any way.
#
# *memcpy* is not a competitor. It is the line: the same octets, in the same pieces, into as many pages, and nothing else at all.

# %%
devmem, host_copy, pageable, memcpy = result.rows
assert devmem.stages["DMA_HEADER"] == host_copy.stages["DMA_HEADER"] == pageable.stages["DMA_HEADER"]
assert devmem.stages["DMA_DEVICE"] == host_copy.stages["DMA_HOST"] == pageable.stages["DMA_HOST"]
assert host_copy.stages["HOST_TO_DEVICE"] == (payload, 1)
assert [row.copied_bytes_per_payload_byte for row in result.rows] == [1, 3, 4, 1] and all(row.sha256_ok for row in result.rows)

# %% [markdown]
# ## 3. Measured
#
# **Level: cost.** Here: `devmemlab/lab/bench/measure.py`, `devmemlab/lab/bench/rx.py`.
#
# Now the clock. All ways receive the same stream in turns: first A, B, C, D, then D, C, B, A, and so on, so that whatever this
# machine is busy with falls on all of them. A ratio is made of two *neighbouring* runs, and the middle one of all ratios counts.
# The clock runs only while this program has a processor.
#
# Two things are varied: how much *distinct* payload there is, and how large the program's buffer is. **Predict** before you run:
#
# - Where are the copying ways closest to devmem: with little payload or with much?
# - Does a *small* buffer help the copying ways (it stays in the cache) or hurt them (more calls)?

# %%
curves = dml.bench_curves(footprints=("1MiB", "4MiB", "32MiB"), app_buffers=("64KiB", "1MiB", "32MiB"), repeats=5)

# %% tags=["nbval-ignore-output"]
curves.plot()

# %% tags=["nbval-ignore-output"]
curves

# %% [markdown]
# Read it from left to right.
#
# - **Beside memcpy** everything that is no copy shows: steering, header split, descriptors, TCP, tokens, and one crossing from
#   Python a burst, which little payload cannot spread. What is left of 1 is the price of all that.
# - **Little payload** lies in the processor's caches. The second copy reads what the first one has just written, from the cache:
#   host_copy looks almost as good as devmem. With much payload each copy waits for memory, and they begin to count.
# - **A small buffer** is used again and again and stays in the cache, so its copies cost little; but every fill of it is a call,
#   and calls cost as well. Somewhere between is the best one, and a fair baseline may choose it.
#
# Which curve is *the* figure? None alone. That is why `devmemlab bench rx` prints all of them, with footprint and buffer in each
# name, and the load of the machine above.

# %%
copies = [(row["mode"], row["copied_bytes_per_payload_byte"]) for row in curves.rows]
assert set(copies) == {("devmem", 1), ("host_copy", 3), ("host_copy_pageable", 4), ("memcpy", 1)}
assert [size >> 20 for size, _ in curves.over_footprint("devmem")] == [1, 4, 32]
assert [size >> 10 for size, _ in curves.over_buffer("host_copy")] == [64, 1024, 32768]
print(f"{len(curves.rows)} cases, each with {curves.rows[0]['repeats']} repeats; copies were the same in all of them")

# %% [markdown]
# ### What caches can and cannot do
#
# How many octets does each way *touch* in one run? When that is more than a cache holds, its lines are gone before they are
# needed again. Calculated from what was chosen, and from the pages that the page_pool has taken:

# %%
for size, row in curves.over_footprint("devmem"):
    pages, buffer = row["device_bytes"] >> 20, min(size, 32 << 20) >> 20
    print(f"{size >> 20:3} MiB of payload: devmem touches the frames and {pages} MiB of device memory; "
          f"host_copy frames, pages, {buffer} MiB of buffer and {buffer} MiB of device memory")

# %% [markdown]
# A real machine differs in one important way: its card writes by DMA while the processor does other things, and its device is
# at the far end of a bus. *Here the processor plays the card as well*, so devmem's one copy is on our clock, where on hardware it
# would be on nobody's. The lab can say how the **program's and the kernel's** work compare. It cannot say how fast a network card
# is, and no figure above is one.

# %% [markdown]
# ## 4. Build a straw man
#
# **Level: cost.** Here: `devmemlab/lab/compare.py`.
#
# Let us cheat. The program of host_copy gets a buffer of 4096 octets. It is still a correct program, its copies are the same, and
# devmem will look wonderful. **Predict** the number of calls that copy to the device; it was one.

# %%
my_guess = 2_000_000 // 4096

# %%
straw = dml.compare(size="2MiB", mtu=9000, repeats=1, app_buffer="4KiB", modes=("devmem", "host_copy"))
octets, pieces = straw["host_copy"].stages["HOST_TO_DEVICE"]
print(f"you said {my_guess}; it took {pieces} copies of {octets / pieces:,.0f} octets on average")
print(f"copied_bytes_per_payload_byte: {straw['host_copy'].copied_bytes_per_payload_byte:.2f}, as before")

# %% tags=["nbval-ignore-output"]
slower = straw["host_copy"].ns_per_packet / result["host_copy"].ns_per_packet
print(f"host_copy with this buffer takes {slower:.1f} times as long (measured); an advertisement would print the ratio to this")

# %% [markdown]
# Copies per octet do not give it away, and the digest is right. The *pieces* do, and a figure that does not name its buffer hides
# them. Ask of every benchmark that you read: how much data, how large are the buffers, how many calls, how busy was the machine,
# did anybody compare the bytes?

# %%
assert pieces == 489 and straw["host_copy"].copied_bytes_per_payload_byte == 3 and straw["host_copy"].sha256_ok

# %% [markdown]
# ### Puzzle
#
# Without running anything: `host_copy_pageable` with a program's buffer of 64 KiB. Its staging buffer is as large as that (it is
# never larger). How many pieces are there in PAGEABLE_COPY, and how many in HOST_TO_DEVICE? The payload has 1,999,993 octets.

# %%
my_pieces = {"PAGEABLE_COPY": 0, "HOST_TO_DEVICE": 0}

# %%
small = dml.compare(size="2MiB", mtu=9000, repeats=1, app_buffer="64KiB", modes=("host_copy_pageable",))
for stage, guess in my_pieces.items():
    print(f"{stage}: {small.rows[0].stages[stage][1]} pieces, you said {guess}")

# %% [markdown]
# <details><summary>Why</summary>
#
# The buffer is filled to the last octet before it is copied, and `recv` fills it across the borders of frames: 1,999,993 octets
# are thirty full buffers of 65,536 and a rest of 33,913. So both stages have 31 pieces. With a buffer of 64 MiB the pageable
# copy would go through a staging buffer of 4 MiB, piece by piece, as a GPU's driver does it.
#
# </details>

# %%
assert small.rows[0].stages["PAGEABLE_COPY"] == small.rows[0].stages["HOST_TO_DEVICE"] == (1_999_993, 31)
dml.crossing_bars(small)

# %% [markdown]
# ## 5. One branch
#
# **Level: research.** In Linux: [net/core/page_pool.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool.c).
# Here: `devmemlab/mem/pool_alloc.py`, `devmemlab/lab/bench/page_pool.py`.
#
# When net_iovs came to the page_pool, each allocation had to ask: is this a page, or something else? People who receive a
# hundred million packets a second asked what that costs. *Quoted*, from the mails of the kernel series; the fast path of the
# kernel's own page_pool benchmark:

# %%
from devmemlab.lab.bench.page_pool import QUOTED

for quote in QUOTED["page_fast"][:4]:
    print(f"{quote['state']:22} {quote['cycles_per_elem']:3} cycles   ({quote['label']}: {quote['source']})")

# %% [markdown]
# Ten cycles became nine when the question was put behind a *static branch*: code that is patched while the system runs, so that
# who does not use the feature jumps over nothing at all. With the feature built out it was eight, as before.
#
# The lab has the same kind of question, many times a packet: *is anybody tracing?* Its answer is a static branch as well, made
# by the compiler: `trace` is an argument of its own, and where it is `None`, Numba leaves the tracepoint out of that variant. If
# that is true, then an unused tracepoint costs what no tracepoint costs. **Predict** the three ratios below:
# the same step (one header written) without the tracepoint, with an unused one, and with a used one.

# %%
traced = dml.bench(["trace"], quick=True, repeats=9)

# %% tags=["nbval-ignore-output"]
print("ratios of throughputs, measured; bigger is better")
for case, to in (("step_off", "bare"), ("step_on", "off"), ("on", "off"), ("off_again", "off")):
    stats = traced[case]["figures"][f"ratio_to_{to}"]
    print(f"{case:10} to {to:5} {stats['median']:.2f}  ({stats['min']:.2f}..{stats['max']:.2f})")

# %% [markdown]
# - `step_off` beside a step that was written without the argument: 1, within the noise.
# - `step_on`: a record costs a few nanoseconds, about as much as the whole step.
# - `on`: whole receptions, traced and not. `off_again` is the honest one: it is `off` once more on a second host that is equal in
#   everything. What *its* ratio is away from 1 is the noise of this machine, and no other ratio here may be believed any better.
#
# ### Go on
#
# *First*: run the cells of section 3 again, three times. Which digits stay? *Then* run them while another notebook
# computes. *Then*, in a terminal, `devmemlab bench all --json mine.json`, tomorrow the same with `--compare mine.json`, and
# explain every line that differs by more than its spread. *At last*, `devmemlab bench live` puts a receiver in C, which does
# nothing but place octets and acknowledge, beside the lab on a live device. How much of a TCP can you leave out before it is no
# TCP any more?

# %%
cases = {row["case"] for row in traced.rows}
assert {"off", "off_again", "on", "step_bare", "step_off", "step_on", "event"} == cases
assert traced["on"]["events_per_packet"] > 5 and all(row["label"] == "measured" for row in traced.rows)

# %% [markdown]
# ## What you saw
#
# | claim | may one say it? |
# |---|---|
# | devmem moves each payload octet once, host_copy three times | yes, *counted*: on every machine |
# | devmem leaves host memory alone, apart from headers | yes, *counted* |
# | devmem is x times as fast | only with footprint, buffer, MTU and machine beside it, *measured* |
# | a card with devmem reaches 189 of 200 Gbit/s | only as *quoted*, with who measured it and on what |
# | the lab reaches y Gbit/s, so a card does | no |
#
# **Now read** the room `devmemlab/lab/bench`: `measure.py` first, which takes turns, then `rx.py`. Each bench ends when a case
# cannot prove what it did, and `targets.py` holds the figures that this project wants to be measured by.
