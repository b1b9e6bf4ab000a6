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
# # 8. TCP on headers alone
#
# TCP promises a stream: every octet, once, in order. With device memory TCP it keeps that promise for octets that it never
# sees. They lie in the accelerator's memory, and the kernel has headers and *handles*. What is left of TCP then? Nearly all of
# it. What is not left is the interesting part.
#
# In this lesson you
#
# 1. read from a signature that TCP takes no payload,
# 2. follow a connection from SYN to TIME_WAIT, through the table that the kernel obeys,
# 3. play the peer: early segments, repeated ones, and forged ones,
# 4. lose segments of your choice, and see which of four mechanisms repairs them,
# 5. run out of device pages while the window is open, and stay stuck for ever,
# 6. prove that nobody on the wire can tell device memory from pages.
#
# It takes about forty minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. No payload
#
# **Level: mechanism.** In Linux: [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c).
# Here: `devmemlab/tcp/input.py`.
#
# This is the function that every segment comes to, and these are its arguments.

# %%
import inspect

import devmemlab as dml
from devmemlab.tcp.input import tcp_rcv

tcp = dml.scenes_tcp
print(inspect.signature(tcp_rcv))

# %% [markdown]
# `pkt` is a row with the fields of the headers, `skb` a row number. Neither has an octet of payload in it:

# %%
from devmemlab.net.skb import SKB
from devmemlab.wire.rows import PKT

print([name for name in PKT.names if "payload" in name])
print(SKB.names)

# %% [markdown]
# How long the payload is, and where in the frame it was; that is all. An skb knows its `length`, its sequence numbers, and
# `truesize`, what it occupies. A test of this laboratory reads every signature in `tcp` and fails when one takes octets. So
# "headers only" is not a habit here, it is a fact about the code.

# %%
arguments = set(inspect.signature(tcp_rcv).parameters)
assert not arguments & {"memory", "payload", "octets"} and "payload_bytes" in PKT.names

# %% [markdown]
# ## 2. A life
#
# **Level: story.** In Linux: [include/net/tcp_states.h](https://elixir.bootlin.com/linux/v6.18/source/include/net/tcp_states.h).
# Here: `devmemlab/tcp/states.py`.
#
# *Storage* connects to *trainer*, sends 4000 octets into its device memory, and closes. Both ends of the wire are recorded.
#
# **Predict**: how many segments pass, both ways, from the first SYN to the last acknowledgement?

# %%
my_guess = 10

# %%
life, stream = tcp.transfer(4000)
got = tcp.deliver(life, len(stream))
tcp.farewell(life)
picture = dml.ladder(life.lab, title="One connection, from SYN to the last acknowledgement")
print(f"you said {my_guess}, counted: {picture.every}")

# %%
picture

# %% [markdown]
# Read it downwards. `1449+1448` are 1448 octets from number 1449; numbers count from the SYN, which has 0. SYN and FIN take a
# number each, and that is why they can be acknowledged like data. The distance between rows is no scale.
#
# The state of each end is looked up in a table: (state, event) gives the next state, or nothing happens. The picture is drawn
# from that very table, and both ways through it from the traces of the two hosts.

# %%
states = dml.state_picture(storage=life.client, trainer=life.conn)
states

# %% [markdown]
# Who closes first passes through TIME_WAIT, and stays there for a minute: its last acknowledgement could have been lost. A
# server that closes first collects thousands of these.

# %%
assert got == stream and picture.every == 13
assert ("FIN_WAIT2", "TIME_WAIT") in states.ways["storage"] and states.ways["trainer"][-1] == ("LAST_ACK", "CLOSE")

# %% [markdown]
# ## 3. You are the peer
#
# **Level: mechanism.** In Linux: [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c).
# Here: `devmemlab/tcp/validate.py`, `devmemlab/tcp/data.py`, `devmemlab/tcp/queues.py`.
#
# `Hand` is a host with one connection, and you write the other end's segments. It waits for number 1. You begin with the second
# thousand. **Predict**: what does it answer?

# %%
hand = tcp.Hand()
early = hand.arrive(b"B" * 1000, seq=1001)
early += hand.arrive(b"C" * 1000, seq=2001)
early

# %% [markdown]
# "I still wait for 1, but I have 1001 up to 2001": a *selective acknowledgement*, SACK. What came early waits in the
# *out-of-order queue*. This is all that the kernel has of it:

# %%
print("queue, skb, first, last + 1, truesize, frags")
queue = hand.queued
print(*queue, sep="\n")

# %% [markdown]
# Row numbers and sequence numbers. To put a stream in order is to sort a list of handles; the octets stay where the card wrote
# them. Now the first thousand, and then the first thousand once more:

# %%
filled = hand.arrive(b"A" * 1000, seq=1)
twice = hand.arrive(b"A" * 1000, seq=1)
print(filled, twice)
print(hand.queued, hand.read() == b"A" * 1000 + b"B" * 1000 + b"C" * 1000)

# %% [markdown]
# The hole is filled, all three are in order, in one skb with three frags (lesson 7 tells what may be joined). Repeated data
# brings a *duplicate* SACK, DSACK: "you sent this twice, no need to". The sender learns from it that it was too hasty.

# %%
assert early == ["ack 1 SACK 1001-2001", "ack 1 SACK 1001-3001"] and [row[0] for row in queue] == ["ofo", "ofo"]
assert filled == ["ack 3001"] and twice == ["ack 3001 DSACK 1-1001"]

# %% [markdown]
# ### A forger
#
# Somebody on the path sends `evil` for numbers that the real sender fills with `good`. Four cases; the hole before them is
# filled last, so that nothing is delivered before both have come. **Predict** for each what the program reads.
#
# | case | comes first | comes second |
# |---|---|---|
# | same range | evil, 1001 to 2001 | good, 1001 to 2001 |
# | good first | good, 1001 to 2001 | evil, 1001 to 2001 |
# | wider | evil, 1001 to 2001 | good, 501 to 2501 |
# | overlapping | evil, 1001 to 2001 | good, 1501 to 2501 |

# %%
EVIL, GOOD = b"evil" * 250, b"good" * 500
cases = {"same range": ((EVIL, 1001), (GOOD[:1000], 1001)), "good first": ((GOOD[:1000], 1001), (EVIL, 1001)),
         "wider": ((EVIL, 1001), (GOOD, 501)), "overlapping": ((EVIL, 1001), (GOOD[:1000], 1501))}

# %%
found = {}
for memory in tcp.MEMORIES:
    for name, segments in cases.items():
        with tcp.Hand(memory) as forged:
            for payload, seq in segments:
                forged.arrive(payload, seq)
            forged.arrive(b"." * (500 if name == "wider" else 1000))
            read = forged.read()
            found[memory, name] = [read[at:at + 4].decode() for at in (504, 1004, 1504, 2004)]
            print(f"{memory:14}{name:12}", found[memory, name])

# %% [markdown]
# *What came first stays*, unless a later segment covers it whole and has more: then the early skb is thrown away and the new one
# takes its place. Nobody compared anything. An old kernel with every octet at hand does the same; comparing was
# never TCP's business. So nothing is lost here by not seeing the payload, and nothing was ever safe: who wants to be sure
# that the octets are the right ones needs cryptography, and with device memory that must run on the device.

# %%
for name in cases:
    assert found["device memory", name] == found["pages", name]
assert found["pages", "same range"][1] == "evil" and found["pages", "good first"][1] == "good"
assert found["pages", "wider"] == ["good"] * 4
assert found["pages", "overlapping"][1:] == ["evil", "evil", "good"]

# %% [markdown]
# What is lost is a short list:
#
# | an ordinary kernel can | with unreadable payload |
# |---|---|
# | *collapse*: copy small skbs together when the buffer is full | never; early data is thrown away instead (*pruned*) |
# | copy a small segment into the free end of the last skb | never; each keeps its page |
# | verify a checksum that the card did not verify | cannot: the segment is dropped |
# | hand octets to a filter, a tap, an urgent-data reader | lesson 7 |
#
# ## 4. What a segment costs
#
# **Level: cost.** In Linux: [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c),
# [net/ipv4/tcp_output.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_output.c).
# Here: `devmemlab/tcp/prune.py`, `devmemlab/tcp/window.py`.
#
# The receive buffer is counted in `truesize`: pages and skbs. The window that the sender sees is counted in payload. A segment
# of 536 octets in a device page of 4096 still takes the page.
#
# **Predict**: the buffer is 262,144 octets, and the program does not read. How much *payload* fits, for each segment size?

# %%
fills = {mtu: tcp.fill(mtu) for mtu in (576, 1500, 4136, 9000)}
for counts in fills.values():
    share = counts["payload queued"] / counts["truesize"]
    print(f"segments of {counts['payload']:5}: {counts['payload queued']:8,} in {counts['pages']} pages, {share:.0%} payload")

# %% [markdown]
# The pages are nearly the same in number, what is in them is not. 4096 is the best size there is: one page, full. With 8960
# octets the third page is nearly empty: a good MTU for device memory makes whole pages of payload. The kernel learns the share
# from arriving segments and makes the window smaller. But a window that was once promised is never taken back:

# %%
fills[576]

# %% [markdown]
# The first window promised more small segments than there was room for, and the kernel dropped one although the window was
# open. In ordinary memory it would collapse them. Here it cannot.

# %%
queued = {mtu: counts["payload queued"] for mtu, counts in fills.items()}
assert max(queued, key=queued.get) == 4136 and queued[1500] < queued[9000] < queued[4136]
assert fills[576]["dropped"] == 1 and fills[1500]["dropped"] == 0

# %% [markdown]
# ## 5. Losses of your choice
#
# **Level: mechanism.** In Linux: [net/ipv4/tcp_recovery.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_recovery.c),
# [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c).
# Here: `devmemlab/tcp/rack.py`, `devmemlab/tcp/recovery.py`.
#
# A wire that loses exactly the data frames that you name. Four transfers of 12,000 octets, which are nine segments. What
# repairs each?
#
# | lost | hint |
# |---|---|
# | the third | later ones arrive, and say so |
# | the last | nothing comes after it |
# | the last two | nothing comes after them, and there are two |
# | the last two, and the first attempt to repair | even the probe is lost |
#
# **Predict**: *fast retransmit* (RACK: something sent later has arrived), a *tail-loss probe* (TLP), or a
# *retransmission timeout* (RTO)? And how long does it take, in round trips of 0.1 ms?

# %%
ways = {}
for name, lost in {"third": {3}, "last": {9}, "last two": {8, 9}, "last two, probe": {8, 9, 10}}.items():
    ways[name], stream = tcp.transfer(12_000, lose=lost)
    assert tcp.deliver(ways[name], len(stream)) == stream
    ways[name].lab.run(until_ns=ways[name].lab.clock.now_ns + tcp.MS)
    last = max(one.arrived_ns or 0 for one in tcp.conversation(ways[name].lab).segments)
    print(f"{name:16}{tcp.repairs(ways[name].storage)}, {last / 1e6:.1f} ms (modelled)")

# %%
dml.ladder(ways["third"].lab, first=3, title="The third of nine is lost: fast retransmit")

# %% [markdown]
# Each segment behind the hole brings a SACK. When one that was *sent later* than the missing one has arrived, and a little time
# has passed, RACK counts the missing one as lost. It costs one round trip, and no timer.

# %%
dml.ladder(ways["last two, probe"].lab, first=3, title="The last two are lost, and so is the probe: timeout")

# %% [markdown]
# Behind the last segment there is nothing that could bring a SACK. So after two round trips and two milliseconds the sender
# sends the last one again, unasked: the *probe*. Its SACK shows the other hole, and fast retransmit does the rest. When the probe
# is lost too, only the timer is left, at least 200 ms: on this wire two thousand round trips. Did you expect the *single* last
# segment to be the easy case? Its probe waits 200 ms as well, since a receiver may delay the acknowledgement of a lone segment.

# %% [markdown]
# ### Both at once
#
# The same transfer as a film: the ladder at the left, and at the right sequence numbers over time and the page of device memory in
# which each stretch of the stream lies. One slider moves all of it. What a segment is has a shape as well as a colour. Press
# **Play**, or step with the arrow keys; **Save SVG** keeps what you see.
#
# **Predict**: the last 416 octets are sent three times. Into how many pages are they written?

# %%
my_guess = 3

# %%
moving = dml.tcp_player(ways["last two, probe"].lab, title="The last two are lost, and so is the probe")
moving

# %%
last_octets = [piece for piece in moving.pieces if piece.end == 12_001]
print(f"you said {my_guess}, counted: {len(last_octets)}; octet 1 lies in page {moving.page_of(1)[0]}, octet 12,000 in page "
      f"{moving.page_of(12_000)[0]}")

# %% [markdown]
# In one: what never arrives costs no page. And no page waits for what is missing: the nine stretches lie in nine pages in the order
# in which they *came*, which is not the order of the stream when something was lost. That is why every token says where its
# octets are.

# %%
assert len(last_octets) == 1 and len(moving.pieces) == 9 and moving.film.values()["again"] == 3
assert [piece.page for piece in moving.pieces] == sorted(piece.page for piece in moving.pieces)

# %%
counts = {name: tcp.repairs(way.storage) for name, way in ways.items()}
assert counts["third"] == {"sent again": 1, "fast": 1, "probes": 0, "timeouts": 0}
assert counts["last"] == {"sent again": 1, "fast": 0, "probes": 1, "timeouts": 0}
assert counts["last two"]["probes"] == 1 and counts["last two"]["fast"] == 1
assert counts["last two, probe"]["timeouts"] == 1

# %% [markdown]
# None of this needs payload: numbers, times, lengths.
#
# ## 6. Stuck
#
# **Level: mechanism.** In Linux: [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c).
# Here: `devmemlab/tcp/prune.py`.
#
# Now little memory: 16 device pages, all of them posted to the card. Segments of 524 octets, one page each. The eleventh is
# lost. The program reads whatever is in order, and returns every token at once. The window is open.
#
# **Predict**: how long until all 30,000 octets are there?

# %%
my_guess_ms = 1

# %%
stuck, stream = tcp.transfer(30_000, mtu=576, pages=16, lose={11})
got = tcp.deliver(stuck, len(stream))
row = stuck.storage.tcbs.tcb[stuck.client.sock]
print(f"you said {my_guess_ms} ms. After {stuck.lab.clock.now_ns / 1e9:.0f} s (modelled): {len(got):,} of {len(stream):,} octets")
print(tcp.repairs(stuck.storage), "window still open for", int(row.snd_wnd) >> 10, "KiB")

# %%
plot = dml.time_sequence(stuck.lab, title="Sixteen device pages, and one lost segment")
plot

# %% [markdown]
# Below: all sixteen pages are *in a socket*, and stay there. They hold what came behind the hole, in the out-of-order queue. The
# program cannot read them, for the hole comes first. The hole cannot be filled, for the card has no page left to receive it
# into. The buffer is not full, so nothing is pruned; the window does not know how many pages there are. Every timeout sends the
# missing segment again, and every time the card drops it:

# %%
ring = dml.scenes_nic.ring_state(stuck.trainer)
print("buffers that the card has left:", ring["for the card"])
print("frames without a buffer:", int(stuck.trainer.rxqs.ctl[1].rx_hw_drop_overruns))
print("early segments queued:", int(stuck.trainer.tcbs.tcb[stuck.conn.sock].ofo_count))

# %% [markdown]
# The film of it shows each of the sixteen, and the same segment knocking in vain, at ever longer intervals:

# %%
dml.tcp_player(stuck.lab, title="Sixteen device pages, and one lost segment")

# %% [markdown]
# Lesson 5 starved a receiver by keeping tokens, and it recovered when they came back. Here no token is out, and nothing will
# ever come back. Two cures: bind more pages than a window's worth of small segments can take, or make the receive buffer smaller
# than the bound memory. **Predict**: do both work equally well?

# %%
cures = {"64 pages": tcp.transfer(30_000, mtu=576, pages=64, lose={11})[0],
         "buffer of 32 KiB": tcp.transfer(30_000, mtu=576, pages=16, lose={11}, rcvbuf=32_768)[0]}
whole = {name: tcp.deliver(cure, len(stream)) == stream for name, cure in cures.items()}
for name, cure in cures.items():
    print(f"{name:18}whole: {whole[name]}, {tcp.repairs(cure.storage)}")

# %% [markdown]
# With more pages the hole costs one segment. With a small buffer TCP notices that it is full, and *prunes*: it throws early data
# away, which frees pages for the missing segment. It works, and nearly everything is sent twice.

# %%
assert len(got) < len(stream) and ring["for the card"] == 0 and all(whole.values())
assert tcp.repairs(cures["64 pages"].storage)["sent again"] == 1
assert stuck.trainer.audit().tokens == 0 and plot.pages["socket"][-1] == 16

# %% [markdown]
# ## 7. The peer cannot tell
#
# **Level: research.** In Linux: [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c).
# Here: `devmemlab/tcp/input.py`.
#
# The proof that TCP needs headers alone: take the frames that reached the trainer in a bad transfer, and let the *same* frames
# arrive at the *same* times at two fresh hosts. One has device memory, the other ordinary pages, both cut headers from payload.
#
# **Predict**: of the frames that the two send, how many differ in at least one octet, or in their time?

# %%
my_guess = 3

# %%
bad, stream = tcp.transfer(30_000, loss=0.1, reorder=0.2, seed=6)
assert tcp.deliver(bad, len(stream)) == stream
frames = tcp.arrivals(bad)
answers = {memory: tcp.again(frames, memory) for memory in tcp.MEMORIES}
sent = {memory: answer[0] for memory, answer in answers.items()}
differ = sum(one != other for one, other in zip(*sent.values()))
print(f"{len(frames)} frames in, {len(sent['pages'])} out; you said {my_guess}, different: {differ}")

# %% [markdown]
# None: acknowledgements, SACK blocks, windows, checksums and nanoseconds. And both programs read the same stream.

# %%
assert sent["device memory"] == sent["pages"] and len(sent["pages"]) > 20
assert answers["device memory"][1] == answers["pages"][1] == stream

# %% [markdown]
# ## 8. Turn the knobs
#
# **Level: cost.** In Linux: [net/ipv4/tcp_recovery.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_recovery.c),
# [net/sched/sch_netem.c](https://elixir.bootlin.com/linux/v6.18/source/net/sched/sch_netem.c).
# Here: `devmemlab/tcp/rack.py`, `devmemlab/host/ports/harm.py`.
#
# 30,000 octets over a wire of your choice, with the mouse or with Tab, Enter and the arrow keys.
#
# - Reordering without any loss: why is anything sent again? Look for DSACK.
# - Why is it so rarely a timeout, even at 20 % loss?
# - MTU 9000 and 20 %: only four segments. Who repairs the last one?
# - Find a choice that ends in *no end*.

# %%
control = dml.TcpControl()
control

# %%
control.reorder.value, control.loss.value = "20 %", "none"
print(control.text)

# %%
needless = control.counts["sent again"]
control.reorder.value, control.loss.value = "none", "20 %"
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# A segment that comes late looks lost to RACK until the sender has learned that this wire reorders; the receiver reports each
# needless copy with DSACK, and that is how the sender learns. Fast retransmit works as long as anything arrives behind a hole,
# and a retransmission that is lost is found by RACK too, since it has a time of its own. The last one is repaired by a probe, or
# by the timer when there is no room for a second guess. No end: few pages and small segments.
#
# </details>

# %% [markdown]
# ### Puzzle: order without octets
#
# Everything that TCP needs to know about early data stands in headers. Fill in the blank and run its cell; `reorder_queue_puzzle.hint()` tells
# hints, one at a time.

# %%
reorder_queue_puzzle = dml.exercise("reorder_queue")
reorder_queue_puzzle

# %% tags=["exercise"]
@dml.kernel
def segment_arrives(ctl, blocks, seq, length):
    return -38      # ENOSYS: not yet

reorder_queue_puzzle.check(segment_arrives)

# %% [markdown]
# ### Puzzle: a window in pages
#
# How much may be promised when a segment of one octet costs a page? Fill in the blank and run its cell; `page_window_puzzle.hint()` tells
# hints, one at a time.

# %%
page_window_puzzle = dml.exercise("page_window")
page_window_puzzle

# %% tags=["exercise"]
@dml.kernel
def page_window(free_pages, page_octets, reserve, rcv_nxt, right_edge, scale):
    return -38      # ENOSYS: not yet

page_window_puzzle.check(page_window)

# %% [markdown]
# ### Puzzle: what came early
#
# What the sender is told about what came early. Fill in the blank and run its cell; `sack_blocks_puzzle.hint()` tells
# hints, one at a time.

# %%
sack_blocks_puzzle = dml.exercise("sack_blocks")
sack_blocks_puzzle

# %% tags=["exercise"]
@dml.kernel
def sack_blocks(queue, sack, most, twice_start, twice_end):
    return -38      # ENOSYS: not yet

sack_blocks_puzzle.check(sack_blocks)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert needless > 0 and control.whole and control.counts["fast"] > 0
assert differ == 0 and found["device memory", "same range"][1] == "evil"
assert fills[4136]["payload queued"] > 5 * fills[576]["payload queued"]

# %% [markdown]
# | what you see | what it is | look at |
# |---|---|---|
# | SACK blocks | early segments wait in the out-of-order queue | `ss -ti`: `rcv_ooopack` |
# | DSACK | something was sent needlessly | `dsack_dups` at the sender |
# | silence of 200 ms | the tail was lost, and its probe | `nstat TcpExtTCPTimeouts` |
# | a small window, though the program reads | segments far smaller than a page | MTU, and `truesize` |
# | timeouts for ever, window open, no tokens out | every page is in the out-of-order queue | `rx-hw-drop-overruns` |
#
# **Now read** the room `devmemlab/tcp`: `states.py`, the table; `queues.py`, two lists of handles; `window.py`; and `rack.py`.
# No function in it takes an octet.

# %%
for one in (life, stuck, bad, *cures.values(), *ways.values()):
    one.lab.close()
hand.close()
