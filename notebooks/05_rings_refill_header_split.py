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
# # 5. Rings, refill, and the header split
#
# A network card cannot ask for memory. It must have been given some before a frame comes. The driver gives it buffers through a
# *ring* of descriptors and gets them back, filled, as *completions*. All of device memory TCP's bad days happen here: a ring
# that runs dry, headers that do not fit, frames that cannot be split.
#
# In this lesson you
#
# 1. follow one buffer from the pool through the ring into a packet, and back,
# 2. predict how many frames of a burst a ring can take,
# 3. run the driver's decision table row by row, and read the counters that tell about it,
# 4. turn the sizes of ring and header buffer, and the split's threshold,
# 5. starve a receiver by keeping its tokens, and watch TCP repair it,
# 6. go back to the moment before it starved, and let it end otherwise.
#
# It takes about forty minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. A ring
#
# **Level: mechanism.** In Linux: [drivers/net/ethernet/google/gve/gve_rx_dqo.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/net/ethernet/google/gve/gve_rx_dqo.c).
# Here: `devmemlab/nic/rxq.py`.
#
# `card` sets up a card with header split on; queue 1 is bound to device memory, and every frame goes there. Its ring has 64
# descriptors. Each holds one net_iov (lesson 3) from the queue's page_pool (lesson 4), and a small *header buffer* in host
# memory.

# %%
import devmemlab as dml
from devmemlab.lab.frames import make_frame

card = dml.scenes_nic.card(ring=64, trace=True)
dml.scenes_nic.ring_state(card.host)

# %% [markdown]
# Five pointers, which only grow; a slot is the pointer modulo 64. The driver moves three of them, the card two:
#
# | pointer | who | says |
# |---|---|---|
# | `post` | driver | this many buffers were put into the ring |
# | `tail` | driver | ... and this many the card has been told of |
# | `used` | card | this many it has taken to write into |
# | `complete` | card | this many completions it has written |
# | `clean` | driver | this many completions the driver has dealt with |
#
# Telling the card is a write across the bus, the *doorbell*, and slow. So the driver does not ring for each buffer but once for
# 32. Six doorbells here: the ring was filled three times (interface up, header split on, bound), 64 buffers each time.

# %%
dml.heat_map(card.host)

# %% [markdown]
# The pool has taken 64 net_iovs from the binding, and all of them are posted. The rest is free.
#
# ### One frame
#
# **Predict**: a segment with 1448 octets of payload comes in. Which pointers move, and by how much? When is the next buffer
# posted?

# %%
segment = make_frame(tcp_options="timestamps", payload=bytes(1448))
told = dml.scenes_nic.story(card, segment)
print("\n".join(told))

# %% [markdown]
# Read it from top to bottom. The card steers, writes the headers, writes the payload, completes. The driver builds an *skb*,
# the kernel's word for a packet: 66 octets of headers, and one *frag* that points to the net_iov. TCP knows no such connection
# here: it answers RST (flags 4) and frees the packet. The buffer goes back to the pool (`place` 1: its cache) and out again at
# once, as the pool's cache is a stack. Then the RST leaves.

# %%
after = dml.scenes_nic.ring_state(card.host)
dml.ring_picture(card.host)

# %% [markdown]
# All pointers have moved by one, and the ring is full again: `tail` and `post` are 64 ahead of the others, once round. The slot
# that was used comes last now.

# %%
assert (after["post"], after["used"], after["clean"], after["for the card"]) == (65, 1, 1, 64)
assert [line.split()[0] for line in told[:3]] == ["frame_in", "steer", "dma_header"]
assert after["doorbells"] == 7

# %% [markdown]
# ## 2. A burst
#
# **Level: cost.** In Linux: [net/core/dev.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/dev.c).
# Here: `devmemlab/net/napi.py`.
#
# A card interrupts; the driver then *polls*. It takes what is there, 64 packets at most (the *budget*), posts new buffers and
# looks again. Between two polls nobody refills the ring. In this lab the driver gets its turn after every 64 frames and at the
# end of a burst.
#
# **Predict**: 100 frames arrive at once, at a ring of 32. How many are lost?

# %%
my_guess = 68

# %%
small = dml.scenes_nic.card(ring=32)
seen = dml.scenes_nic.arrive(small, *[segment] * 100)
print(f"you said {my_guess}, lost: {seen['rx-hw-drop-overruns']}")
seen

# %% [markdown]
# 32 of the first 64 found a descriptor. The poll emptied the ring and filled it again, and 32 of the other 36 fitted. A ring
# must hold what comes between two polls, not what comes in a second. At 200 Gbit/s a full frame takes 61.5 ns on the wire, so
# 1024 descriptors last 63 microseconds (*calculated*).
#
# Such drops have a name of their own, `rx-hw-drop-overruns`: the frame was fine, and there was no place for it.

# %%
assert seen["rx-hw-drop-overruns"] == 32 + 4
assert seen["rx_hsplit_pkt"] == 64 and seen["rx_dropped_pkt"] == 36

# %% [markdown]
# ## 3. The driver's table
#
# **Level: mechanism.** In Linux: [drivers/net/ethernet/google/gve/gve_rx_dqo.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/net/ethernet/google/gve/gve_rx_dqo.c).
# Here: `devmemlab/net/napi.py`.
#
# A completion says: which buffer, how many octets, was it split, did the headers fit. The driver decides by the first line that
# matches. This is what gve does (*quoted*: gve_rx_dqo.c of Linux 6.18, in our words):
#
# | row | completion | outcome |
# |---|---|---|
# | 1 | names no buffer that is out | drop, a descriptor error |
# | 2 | the card reports an error | buffer to the pool, drop |
# | 3 | split, headers fit | new packet: headers are *copied*, the payload is a frag |
# | 4 | "split", but without headers, or too long for the header buffer | *unsplit*; goes on below |
# | 5 | not split, in device memory | drop: nobody could read the headers |
# | 6 | one more buffer of the same packet | one more frag |
# | 7 | small, not split, in pages | copied whole (*copy-break*), the buffer is free at once |
# | 8 | unsplit, in device memory | drop: nobody can pull the headers out |
# | 9 | end of the packet | hash, checksum; up to the stack |
#
# Frames can bring about rows 3 to 9. **Predict** for each of these which rows apply, on the bound queue and on one with pages.

# %%
cases = {
    "TCP": make_frame(tcp_options="timestamps", payload=bytes(1000)),
    "TCP, a jumbo": make_frame(payload=bytes(8000)),
    "long headers": make_frame(6, 2, 24, "timestamps, 3 SACK blocks", bytes(1000)),
    "long, small": make_frame(6, 2, 24, "timestamps, 3 SACK blocks", bytes(10)),
    "UDP": make_frame(protocol=17, payload=bytes(1000)),
    "UDP, small": make_frame(protocol=17, payload=bytes(100)),
}

# %%
table = {}
for queue in dml.scenes_nic.QUEUES:
    one = dml.scenes_nic.card(queue)
    for name, octets in cases.items():
        table[queue, name] = dml.scenes_nic.arrive(one, octets)
        print(f"{queue:14}{name:14}{table[queue, name]}")

# %% [markdown]
# - `rx_hsplit_pkt` counts what the card *called* split. It grows for unsplit packets too (row 4): packets that were really cut
#   are `rx_hsplit_pkt` less `rx_hsplit_unsplit_pkt`.
# - A jumbo takes two buffers of 4096 octets: one `rx_cont_packet_cnt` (row 6). Headers are counted once.
# - Long headers are lost in device memory (row 8) and kept in pages. The counter is the same, so look at `rx_dropped_pkt` as
#   well.
# - UDP in device memory is `rx_skb_alloc_fail` (row 5): a name that sends people looking for memory. (With pages the stack has
#   no taker for UDP in this lab; the driver has done its part.)
# - In pages, what is small and whole is copied (row 7).
#
# Rows 1 and 2 need a card that is out of order. We write its completions ourselves:

# %%
no_such_slot = dml.scenes_nic.complete(card, slot=64, header_bytes=66, split=1)
failed_write = dml.scenes_nic.complete(card, error=7, header_bytes=66, split=1)
print(no_such_slot, failed_write)
dml.scenes_nic.drops(card)

# %% [markdown]
# A driver believes nothing that a card says. Row 6 has a limit: a packet has room for 17 frags. With more buffers the driver
# chains a second packet to the first. *BIG TCP* makes such packets: IPv6 with a length above 65535.

# %%
big = dml.scenes_nic.card("pages", ring=32)
chained = dml.scenes_nic.arrive(big, make_frame(6, payload=bytes(20 * 4096)))
chained

# %% [markdown]
# 20 buffers, and one packet for the stack: the first has 17 frags, the one chained to it 3.

# %%
bound = {name: table["device memory", name] for name in cases}
assert bound["TCP"] == {"rx_hsplit_pkt": 1, "rx_hsplit_bytes": 66}
assert bound["TCP, a jumbo"]["rx_cont_packet_cnt"] == 1 and chained["rx_cont_packet_cnt"] == 19
assert bound["long headers"] == {"rx_hsplit_pkt": 1, "rx_hsplit_unsplit_pkt": 1, "rx_dropped_pkt": 1}
assert bound["UDP"] == {"rx_skb_alloc_fail": 1, "rx_dropped_pkt": 1}
assert table["pages", "long headers"] == {"rx_hsplit_pkt": 1, "rx_hsplit_unsplit_pkt": 1}
assert table["pages", "long, small"]["rx_copybreak_pkt"] == 1
assert (no_such_slot["rx_desc_err_dropped_pkt"], failed_write) == (1, {"rx_dropped_pkt": 1})

# %% [markdown]
# ## 4. Small packets: the threshold
#
# **Level: ABI.** In Linux: [net/ethtool/rings.c](https://elixir.bootlin.com/linux/v6.18/source/net/ethtool/rings.c).
# Here: `devmemlab/net/rings.py`.
#
# Splitting costs: two writes across the bus in place of one, and a whole page for a payload of a few octets. Copying is cheaper
# for small ones. `hds-thresh` says up to which size a payload stays with its headers. **Predict**: payloads of 100, 128, 129
# and 1000 octets, a threshold of 128. Which are split? And may a bound queue have a threshold?

# %%
some = dml.scenes_nic.card("pages", hds_thresh=128)
by_size = {size: dml.scenes_nic.arrive(some, make_frame(payload=bytes(size))) for size in (100, 128, 129, 1000)}
by_size

# %%
try:
    card.nic.set_rings(hds_thresh=128)
except OSError as error:
    refused = error.errno
    print(refused, error.strerror)

# %% [markdown]
# It may not: a small payload would stay with its headers, in device memory, and be dropped. That is why lesson 0 set it to 0. The
# kernel keeps the rule from both sides: no binding while there is a threshold, no threshold while there is a binding.
#
# ### Turn the sizes
#
# A burst of 96 frames: full segments, small ones, acknowledgements, headers of up to 146 octets, one of twelve is UDP. With the
# mouse, or with Tab, Enter and the arrow keys.
#
# - Which ring is large enough, and why is that less than 96?
# - Make the header buffer 64. What is lost, and why so much?
# - With pages: what does a threshold of 512 do to the acknowledgements?

# %%
control = dml.RingControl()
control

# %%
control.header_buffer.value = 64
print(control.text)

# %%
too_small = control.counts
control.queue.value, control.hds_thresh.value = "pages", 512
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# 64: the driver polls after 64 frames. A header buffer of 64 octets is too small for Ethernet, IPv4 and TCP with timestamps,
# which have 66: nearly every segment of a real connection. Nothing warns; the frames are just gone. With a threshold
# acknowledgements are not split either, since their payload of 0 octets is not above it; in pages they are copied whole, and
# arrive all the same.
#
# </details>

# %%
assert by_size[128] == {"rx_copybreak_pkt": 1} and by_size[129]["rx_hsplit_pkt"] == 1 and refused == 22
assert too_small["unsplit"] == 64 and too_small["delivered"] == 24
assert control.counts["no descriptor"] == 0 and control.counts["delivered"] == 88

# %% [markdown]
# ## 5. Packets made larger: hardware GRO
#
# **Level: mechanism.** In Linux: [net/ipv4/tcp_offload.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_offload.c).
# Here: `devmemlab/nic/gro_hw.py`.
#
# A card may join segments of one connection before it interrupts. The driver then sees one packet in place of many. **Predict**
# for 16 full segments: how many packets does the driver see? Does device memory hold the payload differently?

# %%
run, joined = [], {}
for k in range(16):
    run.append(make_frame(tcp_options="timestamps", payload=bytes([k]) * 1448, seq=1 + 1448 * k))
for on in (False, True):
    one = dml.scenes_nic.card(ring=64)
    one.nic.set_feature("rx-gro-hw", on)
    counted = dml.scenes_nic.arrive(one, *run)
    stats = one.host.netlink("netdev").dump("qstats-get")[0]
    joined[on] = {name: stats[name] for name in ("rx-hw-gro-packets", "rx-hw-gro-wire-packets")}
    print("on: " if on else "off:", joined[on], counted)

# %% [markdown]
# One packet with 16 frags, and headers are written once. The payload of each segment has its own net_iov as before, so a program
# gets the same tokens: hardware GRO saves work in the kernel, not memory. (Some cards also pack payload into fewer buffers. And
# Linux joins segments by itself one step later, when the driver hands them up: that is GRO without "hardware".)

# %%
assert joined[False]["rx-hw-gro-packets"] == 0
assert joined[True]["rx-hw-gro-packets"] == 1 and joined[True]["rx-hw-gro-wire-packets"] == 16
assert counted["rx_hsplit_bytes"] == 66 and counted["rx_cont_packet_cnt"] == 15

# %% [markdown]
# ## 6. Starving
#
# **Level: story.** In Linux: [drivers/net/ethernet/google/gve/gve_rx_dqo.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/net/ethernet/google/gve/gve_rx_dqo.c),
# [net/ipv4/tcp_timer.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_timer.c).
# Here: `devmemlab/nic/rxq.py`, `devmemlab/tcp/timers.py`.
#
# Now a real connection: `storage` sends 200,000 octets to `trainer` over a wire of 10 Gbit/s. The trainer has bound 64 pages
# only, its ring has 32 descriptors, and its program *keeps its tokens*.
#
# **Predict**: how many octets arrive? Does TCP's window close, so that the sender stops politely?

# %%
import numpy as np

talk = dml.scenes_nic.talk(pages=64, ring=32, gbps=10, delay_us=50)
stream = np.random.default_rng(5).integers(0, 256, 200_000, dtype=np.uint8).tobytes()
talk.client.send(stream)

# %%
ms = 10**6
talk.lab.run(until_ns=talk.lab.clock.now_ns + 50 * ms)
held, received = dml.scenes_nic.receive(talk)
print(f"{len(received):,} octets in {len(held)} tokens")

# %% [markdown]
# 64 pages hold 64 segments of 1448 octets, and that is all. Look for each link of the chain:

# %%
sender, ring = talk.storage.tcbs.tcb[talk.client.sock], talk.trainer.rxqs.ctl[1]
print("tokens held:", talk.trainer.audit().tokens)
print("buffers that the card has left:", dml.scenes_nic.ring_state(talk.trainer)["for the card"])
print("page_pool could not give: about", round(int(ring.rx_buf_alloc_fail), -1), "times")
print("frames without a descriptor: about", round(int(ring.rx_hw_drop_overruns), -1))
print("window that the sender still sees: more than", int(sender.snd_wnd) >> 20, "MiB")

# %%
dml.ring_picture(talk.trainer)

# %%
dml.heat_map(talk.trainer)

# %%
window, drops = int(sender.snd_wnd), int(ring.rx_hw_drop_overruns)
assert dml.scenes_nic.ring_state(talk.trainer)["for the card"] == 0 and drops > 0
assert talk.trainer.audit().tokens == 64
assert received == stream[:len(received)] and len(received) == 64 * 1448

# %% [markdown]
# The window is open! It counts what the program has not read, and the program has read everything; what it *holds* is not
# charged to the socket. So the sender goes on sending, and the card throws it away. TCP takes the silence for a broken network
# and waits, each time twice as long. Real kernels do the same: 32 pages without DONTNEED bring exactly 32 pieces (*measured* on
# Linux 7.3.4).
#
# Give the tokens back. **Predict**: does the stream go on at once?

# %%
returned = talk.trainer.dontneed(talk.conn, [(int(token), 1) for token in held.frag_token])
talk.lab.run(until_ns=talk.lab.clock.now_ns + 1 * ms)
at_once, more = dml.scenes_nic.receive(talk)
print(f"{returned} tokens returned, a millisecond later {len(more):,} octets have come")

# %% [markdown]
# No. The buffers are back in the pool, but nothing happens on the wire: the sender waits for its timer (at least 200 ms, as in
# Linux). Then the first lost segment is sent again, its acknowledgement shows the gaps, and the rest follows.

# %%
begin_ns = talk.lab.clock.now_ns
while len(received) < len(stream):
    talk.lab.run(until_ns=talk.lab.clock.now_ns + 20 * ms)
    pieces, octets = dml.scenes_nic.receive(talk)
    if len(pieces):
        talk.trainer.dontneed(talk.conn, [(int(token), 1) for token in pieces.frag_token])
        received += octets
waited_ms = (talk.lab.clock.now_ns - begin_ns) // ms
print(f"whole: {received == stream}, after at least {waited_ms // 200 * 200} ms more (modelled)")

# %%
print(f"on the wire: {len(stream) * 8 / 10e9 * 1e3:.2f} ms (calculated)")
print(f"sent again: about {round(int(sender.total_retrans), -1)} segments")

# %% [markdown]
# The transfer itself takes a fraction of a millisecond; the rest is waiting. A program that gives tokens back late does not lose
# data. It loses time, and looks to everybody else like a bad cable.

# %% [markdown]
# ## 7. The same moment again
#
# **Level: research.** Here: `devmemlab/lab/journey.py`.
#
# Was it the program's fault, and when was it too late? On a real machine you would have to wait for the next time. Here a run is
# made of recorded inputs, so it can be run again from any of its moments: exactly as it was, or with one thing changed.
#
# The same transfer as a *scenario*, a text that says everything (hosts, wire, memory, who sends what). The program keeps 64
# tokens, which is all there are. `journey` runs it and remembers it.

# %%
starving = dml.Scenario({
    "name": "starving", "seed": 5,
    "host": [{"name": "storage", "ip": "10.0.0.1", "rx_ring": 64},
             {"name": "trainer", "ip": "10.0.0.2", "rx_queues": 2, "rx_ring": 32}],
    "link": [{"between": ["storage", "trainer"], "gbps": 10, "delay_us": 50}],
    "binding": [{"host": "trainer", "memory": "256KiB", "queues": [1]}],
    "traffic": [{"from": "storage", "to": "trainer", "octets": "200000B", "into": "device", "keep": 64}],
})
run = dml.journey(starving)
print(f"{run.flows[0].received:,} octets; stopped: {run.stopped.partition(':')[0]}")

# %% [markdown]
# It never ends well: tokens come back only for new ones, and nothing new can come. Scrub through it: play, step back, drag the
# bar, or use the arrow keys, Home and End. The grid follows every event. Where you stop, the lab itself is rebuilt, and the
# tables below the film are its own.

# %%
scrubber = dml.TimeControl(run)
scrubber

# %%
first_drop = int(run.numbers("trainer", "nic_drop")[0])
scrubber.show(first_drop - 1)
print(scrubber.text)

# %% [markdown]
# The last moment before the first frame finds no descriptor. Step on and back: the state is the same, down to the last octet of
# every table and of the device's memory. A hash over all of them says so.

# %%
before = run.lab.state_hash()
run.step(20)
changed = run.lab.state_hash() != before
run.back(20)
print(changed, run.lab.state_hash() == before)

# %% [markdown]
# ### Exercise: same moment, another setting, another end
#
# A *fork* goes on from a moment in a lab of its own, with another setting. Here: a program that from then on keeps 16 tokens and
# gives the others back at once. **Predict** for each of these moments whether everything arrives, and after how long:
#
# 1. 32 tokens are held,
# 2. 64 are held, and the first frame is about to find no descriptor,
# 3. 30 frames have been thrown away,
# 4. 75 have been thrown away.

# %%
my_guesses_ms = [2, 2, 2, 2]

# %%
held_32, drops = run.numbers("trainer", "cmsg_dmabuf")[31], run.numbers("trainer", "nic_drop")
ends = []
for event in (held_32, first_drop - 1, drops[29], drops[74]):
    with run.fork(event, keep=16) as branch:
        end_ms = int(branch.at(-1).clock.now_ns) / ms
        ends.append((branch.flows[0].received, end_ms))
        print(f"{branch.flows[0].received:,} octets, {f'{end_ms:,.1f} ms' if branch.whole else 'given up'} (modelled)")

# %% [markdown]
# <details><summary>What happened</summary>
#
# In time, nothing is lost. At the last moment it is too late in the worst way: one segment is lost, the 48 behind it fit exactly,
# and now every buffer is taken: 16 by tokens, 48 by segments that wait for the one that is missing. It is sent again and again,
# and never finds a buffer. TCP gives waiting segments up only when memory that *it* counts runs short, and the card's is not.
# Thirty drops later there are fewer left to wait, so there is room. At 75 the sender's timer has doubled a few times; that is what
# takes long.
#
# So it does not help to be generous when it is nearly too late: memory must be enough for the tokens, the ring, *and* for a hole.
#
# </details>
#
# Try others: `run.fork(event, delay_us=500)`, `loss=0.01`, `sysctl={"storage": {"net.ipv4.tcp_sack": 0}}`, or what an administrator
# would type, `commands={"trainer": ["ethtool -G eth1 rx 64"]}`.
#
# A moment can be given to somebody else. The file holds the scenario, what was turned on the way, and the hash; it is run again
# when it is opened, and refused if the state is another one.

# %%
import pathlib
import tempfile

with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "before_the_drop.dml")
    run.at(first_drop - 1).save(file)
    opened = dml.open_lab(file)
    print(file.stat().st_size < 1000, opened.state_hash() == before, opened.journey.event == first_drop - 1)

# %%
assert changed and opened.state_hash() == before and run.event == first_drop - 1
assert [received for received, _ in ends] == [200_000, 64 * 1448, 200_000, 200_000]
assert ends[0][1] < ends[2][1] < 3 and ends[3][1] > 200 and run.whole is False

# %% [markdown]
# ### Puzzle: keep the ring full
#
# What the driver does after every poll. Fill in the blank and run its cell; `refill_policy_puzzle.hint()` tells
# hints, one at a time.

# %%
refill_policy_puzzle = dml.exercise("refill_policy")
refill_policy_puzzle

# %% tags=["exercise"]
@dml.kernel
def refill(ctl, ring, pool, cleaned, every):
    return -38      # ENOSYS: not yet

refill_policy_puzzle.check(refill)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert received == stream and int(sender.bytes_retrans) >= len(stream) - 64 * 1448
assert len(more) == 0 and waited_ms >= 200 and returned == 64 and window > 64 * 1448
assert talk.trainer.audit().tokens == 0 and talk.trainer.audit().skbs == 0

# %% [markdown]
# | counter | grows when | do |
# |---|---|---|
# | `rx-hw-drop-overruns` | no descriptor was posted | a larger ring; poll more often; or see the next line |
# | `rx_buf_alloc_fail` | the pool had no buffer for the ring | give tokens back; bind more memory |
# | `rx_hsplit_unsplit_pkt` | headers did not fit into the header buffer | larger header buffers |
# | `rx_skb_alloc_fail` | a packet that was not split came to device memory | keep other traffic away from the queue |
# | `rx_desc_err_dropped_pkt` | the card names a buffer that is not out | another card, or its firmware |
#
# **Now read** the room `devmemlab/nic`: `rxq.py` (ring, refill, doorbell) and `rx.py` (the card). `devmemlab/net/napi.py` is
# the table of this lesson, in one kernel. The next lesson decides which queue a frame comes to in the first place.

# %%
for one in (card, small, big, some, talk):
    one.lab.close()
for journey in (run, opened.journey):
    journey.close()
