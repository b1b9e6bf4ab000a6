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
# # 11. Break it: loss, starvation, leaks, ends
#
# A training job stands still. The cable is fine, no log says anything, TCP's window is wide open, and a new process is refused
# the queue that "nobody" uses. All of that comes from one thing: a buffer of device memory has to be *given back*, by a program
# that may forget it, wait for it, or die. Here you break the machine in four ways, and each time say first what will be seen.
#
# In this lesson you
#
# 1. spoil the wire, and find out what TCP can repair without seeing a single octet of payload,
# 2. starve the card, follow the cascade through six counters, and measure how long it takes to heal,
# 3. leak tokens, find the culprit, and watch a pool that cannot end,
# 4. end programs in the wrong order, at the wrong moment, and with somebody else still there,
# 5. break whatever else there is, one switch at a time, and ask the lab *why*.
#
# It takes about forty minutes. Run the cells from top to bottom. Numbers are *counted*, times are *modelled* (virtual time).

# %% [markdown]
# ## 1. A bad wire
#
# **Level: story.** In Linux: [net/sched/sch_netem.c](https://elixir.bootlin.com/linux/v6.18/source/net/sched/sch_netem.c).
# Here: `devmemlab/host/ports/harm.py`.
#
# A sender writes 140 messages of 1448 octets; each is a segment. The receiver has 64 buffers in device memory and a ring of 32
# descriptors. Its program gives tokens back at once. First a wire that is in order:

# %%
import devmemlab as dml

breaks = dml.scenes_break
fine = breaks.start().go()
print(fine.verdict)

# %% [markdown]
# Now a wire that loses 3 % of the frames, delays 5 %, doubles 2 % and turns a bit in 2 %. The payload of what arrives goes
# straight into device memory, where the kernel cannot look. **Predict**: does the program get the octets in order? How many of
# the 140 segments are sent again?

# %%
my_guess = 14

# %%
bad = breaks.start(harm={"loss": 0.03, "reorder": 0.05, "duplicate": 0.02, "corrupt": 0.02}, seed=4).go()
print(bad.verdict)
print("in order, and right:", bad.whole, "- you said", my_guess)

# %% [markdown]
# Everything, in order, within a fraction of a millisecond more. What does each side know about it?

# %%
for where, counts in breaks.counters(bad).items():
    print(f"{where:25}{counts}")

# %% [markdown]
# The last line is what the wire really did; no machine has that counter. Much more was sent again than was harmed: what is late
# looks lost, and of the copies that came twice the receiver has told (`dsack_dups`). `rcv_ooopack` are segments that came with a
# gap before them: they waited in the out-of-order queue. `rx_csum_bad` are the turned bits.
#
# In order for the program does not mean in order in memory. These are the pages in which the first pieces lie, in the order of
# the stream:

# %%
print([offset // 4096 for offset in bad.offsets[:32]])

# %% [markdown]
# A segment that came late lies where a buffer happened to be free. TCP never moved it: it put *tokens* in order, from sequence
# numbers in the headers. **Predict** what the ledger says that processors have copied of the payload.

# %%
from devmemlab.mem.ledger import NAMES

moved = {name: int(row.length) for name, row in zip(NAMES, bad.receiver.ledger) if row.length}
print(moved, "- the stream has", len(bad.stream))

# %% [markdown]
# Headers only. The repair (gaps, selective acknowledgements, what to send again) is arithmetic with headers. The card did write more payload than there is: copies that came twice, and damaged ones. Each took a buffer until TCP threw it away.
#
# ### Who checks the checksum?
#
# A TCP checksum covers the payload. The kernel cannot read it, so it has to believe the card. **Predict**: what happens when
# somebody switches the card's receive checksum off, as one does to look for a fault?

# %%
blind = breaks.start()
blind.receiver.sh("ethtool -K eth1 rx off")
print(blind.go(1000).verdict)
for where, counts in breaks.counters(blind).items():
    print(f"{where:25}{counts}")

# %% [markdown]
# Nothing arrives at all, and nothing says why: `rx_csum_none` counts frames that the card has not checked. On ordinary pages the
# kernel would have added up the payload itself; here it can only discard. Switch it on again, and wait for the sender's timer:

# %%
blind.receiver.sh("ethtool -K eth1 rx on")
print(blind.go(3000).verdict)

# %%
assert fine.whole and bad.whole and bad.offsets != sorted(bad.offsets)
assert set(moved) == {"DMA_HEADER", "DMA_DEVICE", "HEADER_COPY"} and moved["DMA_DEVICE"] > len(bad.stream)
assert blind.whole and blind.ms > 1000

# %% [markdown]
# ## 2. Starvation
#
# **Level: mechanism.** In Linux: [drivers/net/ethernet/google/gve/gve_rx_dqo.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/net/ethernet/google/gve/gve_rx_dqo.c),
# [net/ipv4/tcp_output.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_output.c).
# Here: `devmemlab/nic/rxq.py`, `devmemlab/tcp/window.py`.
#
# The wire is in order again. Now the program *keeps* its tokens: perhaps it gathers a batch, perhaps the step after it is slow.
# **Predict**: how many of the 202,720 octets arrive? Which counter moves first? Does TCP's window stop the sender?

# %%
my_guess = {"octets": 64 * 1448, "first": "rx_hw_drop_overruns", "window closes": True}

# %%
starved = breaks.start(give="never").go(45)
print(starved.verdict)

# %%
dml.cascade(starved, strips=("held", "free", "posted", "dropped", "received", "window"))

# %% [markdown]
# Read it from top to bottom, that is from cause to effect. Tokens pile up. The pool has nothing to give, but nobody notices: the
# card still has 32 descriptors. It uses them up, and only then drops. The program has read everything that came, so the window,
# which counts *unread* octets, is as open as ever: the sender pours on. In numbers, by their Linux names:

# %%
for where, counts in breaks.counters(starved).items():
    print(f"{where:25}{counts}")

# %% [markdown]
# The lab can be asked: about a connection, a queue, or a packet. It looks at tables, counters, and what calls have answered; it
# does not know what you did.

# %%
starved.lab.why(starved.talk.conn)

# %%
dml.heat_map(starved.receiver)

# %% [markdown]
# `rx_buf_alloc_fail` grew first (the refill got nothing), `rx_hw_drop_overruns` later. Each of the 64 buffers is held by a token.
# The program gives all of them back *now*. The missing octets would take half a millisecond on the wire. **Predict**: when is the
# stream whole?

# %%
my_guess_ms = 46

# %%
given = starved.give_back()
starved.give = "oldest"
print(given, "tokens given back;", starved.go().verdict, "- you said", my_guess_ms)

# %%
dml.cascade(starved)

# %% [markdown]
# The pool is full again at once, and nothing happens. The sender does not know. It has sent what it had, got no answer, and waits
# for its retransmission timer: at least 200 ms, as in Linux. Giving back late costs no data. It costs *the sender's timer*, and
# each expiry doubles it. Here is a program that never gives back, for three seconds:

# %%
print(breaks.start(give="never").go(3000).verdict)

# %% [markdown]
# ### Small messages
#
# Again 64 buffers of 4096 octets, 262,144 octets of device memory. Messages have 100 octets each. **Predict**: how many octets
# fit, if no token is given back?

# %%
small = breaks.start(message=100, give="never").go(45)
print(small.verdict)
print(f"{len(small.received) / (small.watch.pages * 4096):.1%} of the memory is used (calculated)")

# %% [markdown]
# ### Eight tokens more
#
# A program may keep 48 of the 64 tokens if it gives the oldest one back for each new one: 16 buffers go round, and that is just
# enough. Another one keeps 56. **Predict**: is it slower? By how much?

# %%
kept, more_kept = breaks.start(keep=48).go(), breaks.start(keep=56).go()
print("48:", kept.verdict)
print("56:", more_kept.verdict)

# %%
dml.heat_map(more_kept.receiver)

# %% [markdown]
# A deadlock. The card drops a segment; those behind it wait for it in the out-of-order queue and fill the eight buffers. Now the
# one that is missing finds no descriptor, ever. The program gives back only when something *new* comes. Each waits for the other,
# and to everybody else it looks like a dead cable. The way out is to give back without waiting:

# %%
more_kept.give_back(24)
more_kept.keep = 32
print(more_kept.go(8000).verdict)

# %% [markdown]
# ### A window that counts buffers
#
# No kernel does this, so it is an *option* of the lab: a receive window that promises no more than the device has free buffers
# for. Starvation once more, tokens given back after 45 ms. **Predict**: how many frames are dropped? When is the stream whole?

# %%
aware = breaks.start(give="never", page_aware_window=True).go(45)
aware.give_back()
aware.give = "oldest"
print(aware.go().verdict)

# %%
dml.cascade(aware, strips=("held", "free", "posted", "window", "dropped", "received"))

# %% [markdown]
# Nothing is dropped. The sender knows why it has to stop, and is told as soon as it may go on: within a few milliseconds of the
# tokens, not a timer later. It cannot help a program that never gives back: that one is stuck, but politely.

# %%
assert aware.whole and aware.samples[-1].dropped == 0
assert aware.ms < 60 and starved.ms > 200
assert starved.whole and given == 64 and starved.samples[-1].window > 64 * 1448
assert starved.ms > 200 and len(small.received) < 64 * 110
assert kept.whole and more_kept.whole and more_kept.ms > 3000

# %% [markdown]
# ### Turn it
#
# When does the program give back, how many tokens does it keep, how large are messages, how many frames are lost? With the mouse,
# or with Tab, Enter and the arrow keys.
#
# - Which is the largest number of tokens that does no harm, without loss? And with 1 %?
# - "together" waits until it has so many and then gives back all. Why is that worse, and when is it better?

# %%
control = dml.BreakControl(keep=32)
control

# %%
control.keep.value, control.give.value = 64, "together"
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# As long as what is kept, and what the card has to have between two turns of the program (about 17 frames here), fit into the 64.
# With loss the queue that waits behind a gap needs room as well. "Together" never holds more than the number, on average half of
# it, and starves for a moment only, unless the number is never reached: then it starves for good.
#
# </details>

# %% [markdown]
# ## 3. Leaks
#
# **Level: mechanism.** In Linux: [net/core/sock.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/sock.c),
# [net/core/page_pool.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool.c).
# Here: `devmemlab/sock/tokens.py`, `devmemlab/mem/pool_destroy.py`.
#
# Two programs share a binding of 64 buffers, each with a connection of its own. Every 50 ms each gets four segments. The first
# program gives tokens back, the second one never does: a *leak*. **Predict**: who stands still first?

# %%
two = breaks.shared()
got = [two.turn() for _ in range(20)]
print("first program: ", [first for first, second in got])
print("second program:", [second for first, second in got])

# %% [markdown]
# The culprit does. Its neighbour lives on the four buffers that it gives back itself, and looks healthy. Now more is sent: 16
# segments for each, every 50 ms.

# %%
more = [two.turn(23168) for _ in range(10)]
print("first program: ", [first for first, second in more])

# %% [markdown]
# A program that has done nothing wrong stands still. Linux has no counter of tokens for each socket. The lab can tell who holds
# what:

# %%
dml.reference_graph(two.machine)

# %% [markdown]
# 61 buffers are with the tokens of the second connection, the last three wait in the first one behind a gap. The cure: the second
# program closes its connection, which gives back all its tokens. Try that first on a machine that is not starved. **Predict** how
# many tokens are held right after `close`, and a millisecond later:

# %%
easy = breaks.shared()
for _ in range(5):
    easy.turn()
had, at_once = easy.leave(1), easy.machine.audit().tokens
easy.rest(ms=1)
print(f"it held {had}; at once {at_once} are held, after a millisecond {easy.machine.audit().tokens}")

# %% [markdown]
# `close` says goodbye to the *peer* first. The socket, and its tokens, go when the FIN is acknowledged: one round trip. Now on the
# starved machine. **Predict** again.

# %%
had, after_s = two.leave(1), 0
while two.machine.audit().tokens:
    two.rest(ms=1000)
    after_s += 1
print(f"it held {had}; the last one is back after {after_s} s")

# %% [markdown]
# The acknowledgement of the FIN is a frame, and a frame needs a descriptor. There is none, because the tokens have not come back,
# because the FIN is not acknowledged. The kernel sends its FIN again and again, until it gives up on the orphan. A starved queue
# cannot even be left in an orderly way: **return tokens first, then close**. (A close with data unread is a reset, waits for
# nothing, and frees at once. So does the end of the binding, since then the queue runs on pages.)
#
# The neighbour has to wait for its sender's timer, which has doubled all the while:

# %%
begin_ns, came = two.pair.lab.clock.now_ns, 0
while not came:
    two.rest(ms=1000)
    came = int(breaks.pieces_of(two.conns[0]).frag_size.sum())
print(f"{came:,} octets, {(two.pair.lab.clock.now_ns - begin_ns) // 10**9} s later")

# %%
assert got[0] == [5792, 5792] and got[-1] == [5792, 0] and more[-1] == [0, 0]
assert at_once == 20 and easy.machine.audit().tokens == 0
assert had == 61 and after_s > 100

# %% [markdown]
# ### A pool that cannot end
#
# Somebody holds three buffers for ever. The pool is destroyed. It looks every second whether they have come home. **Predict**:
# after how many seconds does the kernel complain?

# %%
bench = dml.scenes.bench(pages=64)
mem, waits = bench.host.mem, bench.host.mem.pools.ctl[bench.pool]
held = [mem.alloc(bench.pool) for _ in range(3)]
print("in flight:", mem.destroy(bench.pool))

# %%
for second in (1, 2, 59, 60, 61, 119, 120):
    next_ns = mem.run_work(second * 10**9)
    print(f"{second:4} s: alive {waits.alive}, warnings {waits.warnings}, looks again at {next_ns / 1e9:g} s")

# %% [markdown]
# Once a minute ("stalled pool shutdown ... inflight"), and only here: this pool belongs to no device. One that a network card
# shows is listed by `page-pool-get` with its number of buffers and since when it waits, and then the kernel says *nothing*. If you
# look for leaks in the log, you will not find those of device memory TCP.

# %%
for netmem in held:
    mem.put(bench.pool, netmem)
mem.run_work(121 * 10**9)
print("alive:", waits.alive)

# %%
assert waits.warnings == 2 and waits.alive == 0

# %% [markdown]
# ## 4. Ends
#
# **Level: mechanism.** In Linux: [net/ipv4/tcp_ipv4.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_ipv4.c),
# [net/core/devmem.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/devmem.c).
# Here: `devmemlab/sock/destroy.py`, `devmemlab/mem/binding.py`.
#
# A program is in the middle of its work: four buffers are held by tokens, four more wait in the receive queue. It has three
# descriptors: connection, netlink socket (which owns the binding) and dmabuf. **Predict**: in which of the six orders of closing
# them is a pool left behind?

# %%
import itertools

ends = [breaks.teardown(*order) for order in [(), *itertools.permutations(("connection", "netlink", "dmabuf"))]]
for end in ends:
    print(f"{', '.join(end['order']):28} waits for {end['detached']}, all gone after {end['gone_ms']:.0f} ms")

# %% [markdown]
# Whenever the binding ends *before* the connection. Then the pool is detached with 8 buffers out, and even though they come home
# at once it is looked at only a second later. No order leaks. A kill closes by number, so here the netlink socket went first.
#
# ### Data that nobody has read
#
# The binding goes while data wait in the receive queue. **Predict**: are they lost? On what does the queue run?

# %%
pair = breaks.begin()
pair.owner.netlink.close()
(left,) = pair.machine.detached_pools()
late = breaks.pieces_of(pair.conns[0])
print("queues:", dml.scenes_control.queue_memory(pair.machine), "- waiting for", left["inflight"], "buffers")
print("received afterwards:", int(late.frag_size.sum()), "octets of binding", set(late.dmabuf_id.tolist()))

# %% [markdown]
# They are delivered, with the number of a binding that `queue-get` does not know any more. A reader has to be ready for that.
#
# ### The same memory again
#
# Eight tokens are held, and the memory is intact. A new process binds *the same dmabuf* to the same queue. It may: the old binding
# is gone. **Predict** what the old tokens read when more data have come.

# %%
place = int(late.frag_offset[0])
before = pair.owner.device.read(place, 18)
netlink, number = breaks.again(pair)
dml.scenes_control.send(pair.pair, pair.clients, b"OVERWRITE" * 4000)
after = pair.owner.device.read(place, 18)
print(f"binding {number}; a token named {before} and now names {after}")

# %% [markdown]
# The new binding has buffers of its own over the same octets and knows nothing of old tokens. The card writes over what a program
# is still reading; no counter moves, and the audit is clean, because every reference is in order. Remedy: return all tokens, and
# `wait_detached()`, before memory is bound again; or bind other memory.

# %%
pair.machine.dontneed(pair.conns[0], [(0, 64)])
print(f"the old pool is gone after {pair.machine.wait_detached() / 1e6:.0f} ms")

# %% [markdown]
# ### Killed, and still there
#
# A program forks a helper, as data loaders do, and is killed. Its successor binds the queue. **Predict** the answer.

# %%
forked = breaks.begin()
helper = forked.owner.process.fork("loader")
forked.machine.kill(forked.owner.process)
try:
    breaks.again(forked)
except dml.NetlinkError as error:
    refused = error
print(refused.errno, refused.extack, "-", dml.scenes_control.queue_memory(forked.machine))

# %% [markdown]
# The helper inherited the netlink socket, and a binding lives as long as anybody holds that. End the helper:

# %%
forked.machine.kill(helper)
netlink, number = breaks.again(forked)
print("bound,", number, "- gone after", forked.machine.wait_detached() // 10**6, "ms")

# %% [markdown]
# ### Interface down
#
# The interface goes down while the queue is bound, and comes up again. **Predict**: is the binding lost?

# %%
down = breaks.begin()
down.machine.sh("ip link set eth1 down")
down.clients[0].send(b"while it is down")
down.pair.lab.run(until_ns=down.pair.lab.clock.now_ns + 10**7)
stats = down.machine.ethtool("eth1").get_stats()
print({name: count for name, count in stats.items() if name.startswith("rx_drop: ")})

# %%
down.machine.sh("ip link set eth1 up")
down.pair.lab.run(until_ns=down.pair.lab.clock.now_ns + 10**9)
came = breaks.pieces_of(down.conns[0])
print(dml.scenes_control.queue_memory(down.machine), int(came.frag_size.sum()), "octets")
print("old pool waits for", [pool["inflight"] for pool in down.machine.detached_pools()])

# %% [markdown]
# It is not. The queue remembers what it is bound to and gets a new pool on the same binding; TCP repairs the rest. But eight
# buffers are still with the old pool: until they come home, the new one has so many fewer.

# %% [markdown]
# ## 5. One switch at a time
#
# **Level: story.** Here: `devmemlab/lab/faults/break_it.py`.
#
# There are more ways to break it than can be told as stories. Each of the following is one job (24 messages of 1448 octets into
# device memory) with one thing wrong. Read, say what will be seen, run it: `.predict("a")`. Then ask `.why()`, and `.mend()` it
# where it stands. Put your own letter into the cells.
#
# The first one is the worst, because nobody complains:

# %%
silent = dml.break_it("no_rule")
silent

# %%
silent.predict("a")

# %%
silent.why()

# %%
silent.mend()

# %% [markdown]
# Next, a program that looks before it takes:

# %%
peeking = dml.break_it("peek")
peeking

# %%
peeking.predict("a")

# %%
peeking.why()

# %% [markdown]
# An administrator leaves something out, and somebody else's program suffers:

# %%
stranger = dml.break_it("stranger")
stranger

# %%
stranger.predict("c")

# %%
stranger.why()

# %% [markdown]
# A queue can be asked as well, and so can a packet. This one came when there was nowhere to put it:

# %%
from devmemlab.lab.faults.job import Job

job = Job(pages=16)
dml.record(job.lab)
job.give = "none"
job.prepare().bind().call().go(5)
dropped = dml.packets(job.receiver).where("dropped")
print(dropped[0])

# %%
job.lab.why(dropped[0])

# %% [markdown]
# ### All of them
#
# Choose what is wrong, then a letter; "mended" applies the fix. With the mouse, or with Tab, Enter and the arrow keys. Your answers
# are kept in `quiz.said`.

# %%
quiz = dml.FaultControl("zero_count")
quiz.answer.value = "a"
quiz

# %% [markdown]
# Without widgets: `dml.break_it(name).predict(letter)`. Without a kernel: try the left half of this table before you look at the
# right one.

# %%
dml.break_it()

# %% [markdown]
# ### What the numbers mean
#
# **Level: ABI.** In Linux: [include/linux/errno.h](https://elixir.bootlin.com/linux/v6.18/source/include/linux/errno.h).
# Here: `devmemlab/lab/error_words.py`.
#
# `dml.explain_errno(525)` explains one error, `dml.errors_page("bind-rx")` those of one call. These are those of receiving and of
# returning tokens; without an argument, `errors_page()` has all.

# %%
dml.explain_errno(525)

# %%
dml.errors_page("recvmsg")

# %%
dml.errors_page("DONTNEED")

# %%
assert not silent.symptom and silent.why().ok
assert peeking.why().key == "peeked" and stranger.why().key == "rss-not-narrowed"
assert not quiz.why.ok and quiz.said == {"zero_count": "a"}

# %% [markdown]
# ### Puzzle: few ranges, few calls
#
# The program's half: as few calls as possible. Fill in the blank and run its cell; `token_ranges_puzzle.hint()` tells
# hints, one at a time.

# %%
token_ranges_puzzle = dml.exercise("token_ranges")
token_ranges_puzzle

# %% tags=["exercise"]
@dml.kernel
def token_ranges(tokens, ranges, calls, most_ranges, most_tokens):
    return -38      # ENOSYS: not yet

token_ranges_puzzle.check(token_ranges)

# %% [markdown]
# ### Puzzle: take tokens back, within a budget
#
# The kernel's half: a program must not keep it busy. Fill in the blank and run its cell; `dontneed_budget_puzzle.hint()` tells
# hints, one at a time.

# %%
dontneed_budget_puzzle = dml.exercise("dontneed_budget")
dontneed_budget_puzzle

# %% tags=["exercise"]
@dml.kernel
def dontneed(live, ranges, optlen, budget, most_ranges):
    return -38      # ENOSYS: not yet

dontneed_budget_puzzle.check(dontneed)

# %% [markdown]
# ### Puzzle: 40 octets for a frag
#
# What lies between the two: how a program learns of its tokens. Fill in the blank and run its cell; `cmsg_writer_puzzle.hint()` tells
# hints, one at a time.

# %%
cmsg_writer_puzzle = dml.exercise("cmsg_writer")
cmsg_writer_puzzle

# %% tags=["exercise"]
@dml.kernel
def put_cmsg(control, ctl, kind, frag_offset, frag_size, frag_token, dmabuf_id):
    return -38      # ENOSYS: not yet

cmsg_writer_puzzle.check(put_cmsg)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert all(end["audit"] == 0 and end["bindings"] == 0 for end in ends)
assert {end["order"][-1] for end in ends if end["gone_ms"] == 0} == {"dmabuf", "netlink"}
assert set(late.dmabuf_id.tolist()) == {1} and before == b"not read not read " and set(after) == set(b"OVERWRITE")
assert refused.errno == 17 and number == 3 and forked.machine.detached_pools() == []
assert came.frag_size.sum() == 5787 + 16
for scene in (two, easy, pair, forked, down):
    scene.machine.audit()

# %% [markdown]
# | symptom | look at | do |
# |---|---|---|
# | slow, sender sends again | `TcpRetransSegs`, `rcv_ooopack`, `rx_csum_bad` | the wire; not your program |
# | nothing arrives at all | `rx_csum_none`; `ethtool -k` | receive checksum on |
# | stands still, window open | `rx_buf_alloc_fail`, then `rx_hw_drop_overruns` | give tokens back, without waiting for new data (in the lab: `page_aware_window`) |
# | much memory bound, little used | octets for each token | larger messages; plan in packets |
# | neighbours stand still | who holds tokens (no Linux counter) | return tokens, *then* close the connection that leaks |
# | old pool in `page-pool-get` | `inflight`, `detach-time` | return tokens; wait a second |
# | EEXIST for a queue that nobody uses | who holds the netlink socket | end that process |
# | anything else | `lab.why(socket)`, `lab.why((host, ifname, queue))`, `dml.explain_errno(number)` | what it says |
#
# **Now read** the room `devmemlab/sock`: `tokens.py`, what DONTNEED gives back, and `destroy.py`, what the end of a connection
# gives back. Everything in this lesson is about the time between the two.

# %%
for scene in (fine, bad, blind, starved, small, kept, more_kept, aware):
    scene.close()
for scene in (two, easy, pair, forked, down):
    scene.pair.lab.close()
for fault in (silent, peeking, stranger):
    fault.close()
job.close()
bench.lab.close()
