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
# # 4. The page_pool, and whoever fills it
#
# A card at 189 Gbit/s fills almost six million page-sized buffers a second (calculated). They come from a *page_pool*: a small
# stack that one processor owns, a ring for buffers that others bring back, and behind both a *provider*, which is asked only
# when nothing else is left. The provider is where host pages and device memory part ways, and you can write one yourself.
#
# In this lesson you
#
# 1. walk single buffers through cache, ring and provider, and predict the statistics,
# 2. count what is *in flight*, and learn what that number does not mean,
# 3. destroy a pool that somebody still needs,
# 4. choose the size of a burst and who returns it, and see the ways change,
# 5. write a provider in a cell, and let a test kit find the bugs in three others.
#
# It takes about thirty minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. One buffer
#
# **Level: mechanism.** In Linux: [net/core/page_pool.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool.c).
# Here: `devmemlab/mem/pool_alloc.py`.
#
# Here is a pool on a binding of 512 net_iovs. No card takes any: you are the driver.

# %%
import devmemlab as dml

bench = dml.scenes.bench(pages=512)
host, mem, pool = bench.host, bench.host.mem, bench.pool
state = dml.scenes.pool_state
state(host, pool)

# %% [markdown]
# `hold` counts buffers that came from the provider, `release` those that went back to it. Statistics appear here when they are
# not 0. **Predict** what the first allocation changes. Does it find something in the cache, or in the ring?

# %%
first = mem.alloc(pool)
state(host, pool)

# %% [markdown]
# Neither. The cache was empty, then the ring was (`empty` counts that), then the provider was asked. Now the driver's own poll
# returns it. Such a return is *direct*: no other processor can be at the cache, so no lock is needed.

# %%
mem.put(pool, first, direct=True)
state(host, pool)

# %%
second = mem.alloc(pool)
state(host, pool)

# %% [markdown]
# A push and a pop: `cached`, then `fast`. It is the same buffer, still warm in the processor's caches. This is the fast path, and
# most buffers of a busy driver never see another one.

# %%
assert second == first
assert state(host, pool)["fast"] == 1 and state(host, pool)["inflight"] == 1

# %% [markdown]
# ## 2. A hundred buffers, and somebody else
#
# **Level: mechanism.** In Linux: [net/core/page_pool.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool.c).
# Here: `devmemlab/mem/pool_put.py`.
#
# A program that returns tokens does so on its own processor. It must not touch the cache, so buffers go to the *ring*.
# **Predict**: 100 more are taken, and returned by others. What is *in flight* then? (Write down a number.)

# %%
my_guess = 1

# %%
held = [mem.alloc(pool) for _ in range(100)]
for netmem in held:
    mem.put(pool, netmem)
after = state(host, pool)
print(f"you said {my_guess}, counted: {after['inflight']}")
after

# %% [markdown]
# In flight is `hold - release`: what is out of the *provider*. Buffers that rest in the ring count. The number does not tell how
# many your program holds, and does not fall when it returns some. (`dml.heat_map` tells; so do the tokens of an audit.)
#
# The next allocation finds the cache empty and the ring not. It moves up to 64 at once and takes one of them:

# %%
third = mem.alloc(pool)
state(host, pool)

# %%
refilled = state(host, pool)
assert (refilled["refill"], refilled["in_cache"], refilled["in_ring"]) == (1, 63, 36)
assert refilled["hold"] == after["hold"] == 101

# %% [markdown]
# ### Pages
#
# A pool without a provider takes host pages, 64 at once, and counts that as `slow`. Look at what the pool above says about
# `slow`: nothing. A pool with a provider *never* counts it. If you watch that number on a machine with device memory TCP, you
# watch the wrong one: `empty` is what grows.

# %%
pages = mem.page_pool_create()
page = mem.alloc(pages)
state(host, pages)

# %% [markdown]
# ### Full
#
# The cache holds 128. What comes back directly beyond that goes to the ring, and what the ring refuses goes home. This pool has a
# ring of 64. **Predict** where 256 buffers end up that the poll returns.

# %%
small = dml.scenes.bench(pages=512, ring=64)
held = [small.host.mem.alloc(small.pool) for _ in range(256)]
for netmem in held:
    small.host.mem.put(small.pool, netmem, direct=True)
full = state(small.host, small.pool)
full

# %%
assert (full["in_cache"], full["in_ring"], full["release"]) == (128, 64, 64)
assert (full["cached"], full["cache_full"], full["ring"], full["ring_full"]) == (128, 128, 64, 64)

# %% [markdown]
# ## 3. More than one reference
#
# **Level: mechanism.** In Linux: [include/net/page_pool/helpers.h](https://elixir.bootlin.com/linux/v6.18/source/include/net/page_pool/helpers.h).
# Here: `devmemlab/mem/pool_put.py`.
#
# When the kernel hands out a token it takes another reference on the buffer. Only the last one returns it. At rest the count is
# 1, not 0, as in Linux: the last user leaves it, so the next one need not write it.

# %%
from devmemlab.mem.netmem import netmem_get_pp_ref

netmem_get_pp_ref(mem.netmems, third)
returned = [mem.put(pool, third), mem.put(pool, third)]
returned, int(mem.netmems[third >> 1].pp_ref_count)

# %% [markdown]
# A packet that is freed gives back all its buffers in one go, 16 under one lock:

# %%
held = [mem.alloc(pool) for _ in range(40)]
print(dml.scenes.put_bulk(host, held), "came home;", state(host, pool)["in_ring"], "in the ring")

# %% [markdown]
# And a buffer can be cut. Two frames of 1500 octets fit into a page. The second one gets all that is left, since nobody else can
# use it:

# %%
parts = [mem.alloc_part(pages, 1500) for _ in range(3)]
for netmem, offset, length in parts:
    print("first page:" if netmem == parts[0][0] else "another page:", f"{length:,} octets at {offset:,}")

# %%
assert returned == [False, True] and mem.netmems[third >> 1].pp_ref_count == 1
assert parts[0][0] == parts[1][0] != parts[2][0]

# %% [markdown]
# ## 4. The end of a pool
#
# **Level: mechanism.** In Linux: [net/core/page_pool.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool.c).
# Here: `devmemlab/mem/pool_destroy.py`.
#
# Changing the size of a ring, or unbinding, destroys a pool and makes another. Buffers that are out cannot be called back.
# **Predict**: what does `destroy` do with 260 buffers that are still out, and the 40 in its ring?

# %%
doomed = dml.scenes.bench(pages=512)
held = [doomed.host.mem.alloc(doomed.pool) for _ in range(300)]
dml.scenes.put_bulk(doomed.host, held[:40])
waiting = doomed.host.mem.destroy(doomed.pool)
state(doomed.host, doomed.pool)

# %% [markdown]
# What rested goes home, the pool waits for the others. Returning them is as usual. The pool looks again a second later:

# %%
second_ns = 10**9
for netmem in held[40:]:
    doomed.host.mem.put(doomed.pool, netmem)
print("in its ring:", state(doomed.host, doomed.pool)["in_ring"])
doomed.host.mem.run_work(second_ns)
print("alive:", doomed.host.mem.pools.ctl[doomed.pool].alive)

# %%
assert waiting == 260
assert doomed.host.mem.pools.ctl[doomed.pool].alive == 0
doomed.host.mem.audit()

# %% [markdown]
# ## 5. Bursts
#
# **Level: cost.** In Linux: [net/core/page_pool.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool.c).
# Here: `devmemlab/mem/pool_alloc.py`.
#
# Two thousand buffers are taken and returned in bursts, from a pool with a cache of 128 and a ring of 128. Choose the size of a
# burst, and who returns it, with the mouse or with Tab, Enter and the arrow keys.
#
# - With the poll itself returning: from which size on is the ring used at all?
# - With others returning: from which size on is the provider asked again and again, and why then?

# %%
control = dml.PoolControl()
control

# %%
control.burst.value, control.direct.value = 200, False
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# Above 128: the cache is full then, and the rest goes to the ring. With others returning everything goes through the ring. It
# holds 128, so of 200 buffers 72 are refused in each burst and go home to the provider, from where they must be fetched again.
# `cache` counts each buffer that was popped; a refill brings up to 64 of them from the ring and counts once.
#
# </details>

# %% [markdown]
# ## 6. What does it cost?
#
# **Level: cost.** In Linux: [net/core/page_pool.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool.c).
# Here: `devmemlab/mem/pool_alloc.py`, `devmemlab/lab/bench/page_pool.py`.
#
# The authors of device memory TCP were asked what the test "page or net_iov?" costs those who never use it. They ran a kernel
# module that takes and returns a buffer in a loop. Fast path, cycles for one buffer:
#
# | kernel | cycles | how it is known |
# |---|---|---|
# | before the series | 8 | *quoted*: M. Almasry, change list in the cover letter of v9, netdev, May 2024 |
# | RFC v6 | 10 | *quoted*: the same |
# | RFC v7 | 9 | *quoted*: the same |
# | RFC v7, built without dma-buf | 8 | *quoted*: the same |
#
# Runs differ by a cycle or so. The other ways cost far more. This is what they would take of one processor at 189 Gbit/s in pages
# of 4096 octets:

# %%
buffers_per_s = 189e9 / 8 / 4096
quoted_ns = {"fast": 5.202, "ring": 15.343, "slow": 67.725}
for way, ns in quoted_ns.items():
    print(f"{way:5} {ns:6.1f} ns a buffer (quoted), {buffers_per_s * ns / 1e7:4.1f} % of a processor (calculated)")

# %% [markdown]
# *Quoted*: J. D. Brouer on netdev, January 2025; the same module on an E5-1650 v4 at 3.6 GHz, where the fast path takes 18
# cycles. One cycle more at 3 GHz is 0.2 % of a processor (calculated). A buffer that comes by the ring instead costs thirty times
# as much as that cycle, one from the page allocator nearly two hundred times: that is what bursts and rings are sized for.
#
# In a terminal, `devmemlab bench page-pool` measures the same ways on *your* machine, over the pool of this lab: pages beside
# net_iovs, with the quoted figures next to them. Such numbers have no place in a lesson that must come out the same everywhere.

# %% [markdown]
# ## 7. In traffic
#
# **Level: cost.** In Linux: [drivers/net/ethernet/google/gve/gve_rx_dqo.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/net/ethernet/google/gve/gve_rx_dqo.c).
# Here: `devmemlab/net/napi.py`.
#
# The same pool below a connection, on a card with a ring of 64. A program receives 64 pieces at a time, and returns its tokens
# after every fourth call only. **Predict**: how many buffers does the pool need?

# %%
ROOM = dml.CMSG_SPACE(24) * 256
program = dml.scenes.connection(dmabuf="8MiB", rx_ring=64, trace=True)
tokens = []
for turn in range(12):
    tokens += dml.frags(program.conn.recvmsg(1 << 20, ROOM, dml.MSG_SOCK_DEVMEM)[1]).frag_token.tolist()
    if turn % 4 == 3:
        program.host.dontneed(program.conn, [(tokens[0], len(tokens))])
        tokens = []

# %% [markdown]
# 64 wait in the card's ring, and on top of that come those that the program holds. It takes them from the pool, call by call, and
# they all return at once. A program that is slow to give tokens back costs device memory.

# %%
dml.occupancy(program.host)

# %% [markdown]
# ### Watch it move
#
# The same run, event by event: which way did each buffer go? Press **Play**, or step with the arrow keys. The ring stays empty
# for a long time. **Predict** at which event it is used for the first time, and scrub there.

# %%
moves = program.host.pool_film()
moves

# %% [markdown]
# And the same run as the dmabuf sees it: each net_iov, from moment to moment. It opens where most is held by tokens.

# %%
where = program.host.heat_film()
where

# %%
print("the ring is used for the first time at event", moves.film.tracks["to_ring"].event[0] + 1)
seen, counted = moves.values, state(program.host, moves.film.facts["row"])
assert (seen["hold"], seen["refills"], seen["to_ring"]) == (counted["hold"], counted["refill"], counted["ring"])
assert where.values["token"] == 256 and where.values["posted"] == 64

# %% [markdown]
# ## 8. A provider of your own
#
# **Level: research.** In Linux: [include/net/page_pool/memory_provider.h](https://elixir.bootlin.com/linux/v6.18/source/include/net/page_pool/memory_provider.h).
# Here: `devmemlab/mem/user_provider.py`, `devmemlab/mem/provider.py`.
#
# A provider needs three operations: take note of how many buffers there are, give one away, take one back. They share an array of
# integers, `state`, and speak of buffers by number. This one is a stack. It is compiled, and called through its address: the
# pool around it is not compiled again.

# %% tags=["policy"]
@dml.kernel
def init(state, count):
    state[0] = count
    for i in range(count):
        state[1 + i] = i

@dml.kernel
def alloc(state):
    if state[0] == 0:
        return -1
    state[0] -= 1
    return state[1 + state[0]]

@dml.kernel
def release(state, index):
    state[1 + state[0]] = index
    state[0] += 1

# %% [markdown]
# `dml.check_provider` tries it with thousands of random operations, first alone and then below a page_pool, which it audits:

# %%
stack = dml.UserProvider(alloc, release, init=init, name="stack")
verdict = dml.check_provider(stack)
verdict

# %% [markdown]
# Now it serves a pool. **Predict** the first four offsets of sixteen pages.

# %%
dmabuf = mem.export(dml.DeviceMemory("64KiB"))
mine = mem.bind(host.ifindex("eth1"), dmabuf, provider=stack)
my_pool = dml.scenes.devmem_pool(host, mine)
offsets = [dml.scenes.offset_of(host, mem.alloc(my_pool)) for _ in range(4)]
offsets

# %%
dml.heat_map(host, mine)

# %% [markdown]
# ### Three bugs
#
# Each of these is the stack with one small mistake. Read them, and **predict** for each what will go wrong: a buffer is lost
# (*leak*), handed to two users at once (*double hand-out*), or not ours at all (*wrong owner*).

# %% tags=["policy"]
@dml.kernel
def numbered_from_one(state, count):
    state[0] = count
    for i in range(count):
        state[1 + i] = i + 1

@dml.kernel
def peeks(state):
    if state[0] == 0:
        return -1
    if state[0] != 7:
        state[0] -= 1
    return state[1 + state[0]] if state[0] != 7 else state[7]

@dml.kernel
def keeps_one(state, index):
    if index != 3:
        state[1 + state[0]] = index
        state[0] += 1

# %%
bugs = {
    "numbered_from_one": dml.UserProvider(alloc, release, init=numbered_from_one),
    "peeks": dml.UserProvider(peeks, release, init=init),
    "keeps_one": dml.UserProvider(alloc, keeps_one, init=init),
}
found = {name: dml.check_provider(provider) for name, provider in bugs.items()}

# %%
for name, report in found.items():
    print(f"{name}: {report}")

# %% [markdown]
# The kit stops at the first finding, because nothing can be trusted after it. The machine itself does not trust a provider
# either: an answer that is no free buffer of the area is refused and counted as a warning, so your bug cannot overwrite memory.
#
# ### Exercise
#
# Write a queue: the buffer that has been free for the longest time goes first. Start from the stack below. You need two numbers
# beside the list, and the list has to go round. `state` has `2 * count + 64` words. Then run the check.

# %% tags=["exercise"]
@dml.kernel
def queue_alloc(state):
    if state[0] == 0:
        return -1
    state[0] -= 1
    return state[1 + state[0]]

@dml.kernel
def queue_release(state, index):
    state[1 + state[0]] = index
    state[0] += 1

# %% tags=["nbval-ignore-output"]
dml.check_provider(dml.UserProvider(queue_alloc, queue_release, init=init, name="queue"))

# %% [markdown]
# ### Puzzle: cache, ring, provider
#
# The three places of this lesson, in their order. Fill in the blank and run its cell; `page_pool_fast_path_puzzle.hint()` tells
# hints, one at a time.

# %%
page_pool_fast_path_puzzle = dml.exercise("page_pool_fast_path")
page_pool_fast_path_puzzle

# %% tags=["exercise"]
@dml.kernel
def pool_alloc(ctl, cache, ring, provider, most):
    return -38      # ENOSYS: not yet

page_pool_fast_path_puzzle.check(pool_alloc)

# %% [markdown]
# ### Puzzle: a ring with late slots
#
# The ring of the pool, with the slots that are freed late. Fill in the blank and run its cell; `ptr_ring_puzzle.hint()` tells
# hints, one at a time.

# %%
ptr_ring_puzzle = dml.exercise("ptr_ring")
ptr_ring_puzzle

# %% tags=["exercise"]
@dml.kernel
def ring_produce(ctl, slots, entry):
    return -38      # ENOSYS: not yet

@dml.kernel
def ring_consume(ctl, slots, batch):
    return -38      # ENOSYS: not yet

ptr_ring_puzzle.check(ring_produce, ring_consume)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert verdict == [] and offsets == [61440, 57344, 53248, 49152]
assert {name: report[0].name for name, report in found.items()} == {
    "numbered_from_one": "wrong owner", "peeks": "double hand-out", "keeps_one": "leak"}
assert control.counts["returned"] == {"cache": 0, "ring": 1280, "provider": 720}
traffic = [pool["inflight"] for pool in program.netlink.dump("page-pool-get") if "dmabuf" in pool]
assert traffic == [64 + 4 * 64]
assert "slow" not in state(host, pool) and state(host, pages)["slow"] >= 1
mem.audit()

# %% [markdown]
# | statistic | counts | look at it when |
# |---|---|---|
# | `fast`, `cached` | pops from and pushes to the cache | they should be nearly everything |
# | `refill`, `ring` | trips to the ring; buffers put there | others return the buffers |
# | `empty` | cache and ring had nothing: the provider was asked | device memory runs short |
# | `slow` | the page allocator was asked | host pages only |
# | `cache_full`, `ring_full` | no room for a returned buffer | bursts are larger than the pool is built for |
#
# **Now read** the room `devmemlab/mem`: `pool_alloc.py` and `pool_put.py`, the two halves of this lesson, and `provider_kit.py`,
# which found the bugs.

# %%
for each in (bench, small, doomed, program):
    each.lab.close()
