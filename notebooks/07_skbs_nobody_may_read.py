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
# # 7. skbs nobody may read
#
# A network stack passes packets around as *skbs*, socket buffers. TCP gets one, tcpdump gets one, a firewall and a packet filter
# get one. For thirty years all of them could rely on this: whoever has the skb may read the packet. With device memory TCP the
# payload is where no processor here can look. So every one of them had to be asked: what do you do now?
#
# In this lesson you
#
# 1. look at a packet between the driver and TCP, and see the one bit that says "hands off",
# 2. predict the answers that those who want to read get, and ask them,
# 3. watch tcpdump, and switch off a checksum that seemed to be a matter of speed,
# 4. count skbs, frags and tokens of 44 segments, and what a small one costs,
# 5. cut and copy an skb, and count who holds its memory,
# 6. try all of this with segments of your own choice.
#
# It takes about thirty minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. A packet, before TCP sees it
#
# **Level: mechanism.** In Linux: [include/linux/skbuff.h](https://elixir.bootlin.com/linux/v6.18/source/include/linux/skbuff.h).
# Here: `devmemlab/net/skb.py`.
#
# `card` is the card of lesson 5; its queue 1 is bound to device memory. `hold` lets one frame arrive and does the first half of
# the driver's poll: the skb is made, and nobody has it yet. You do.

# %%
import devmemlab as dml
from devmemlab.lab.frames import make_frame

scenes = dml.scenes_skb
card = scenes.card(ring=64)
k = card.host
skb = scenes.hold(card, make_frame(tcp_options="timestamps", payload=bytes(1448)))
k.inspect(skb)

# %% [markdown]
# An skb has two parts. The *linear part* is host memory: the driver has copied 66 octets of headers there. Then up to 17
# *frags*, each of which says: so many octets, from this offset on, in that buffer. This frag's buffer is a net_iov (lesson 3).
# The same as a picture:

# %%
dml.skb_picture(k.inspect(skb))

# %% [markdown]
# *Truesize* is what the kernel charges for the skb: 768 octets for the skb itself and 4096 for the buffer, however little is in
# it (*counted*; a real kernel's skb is a little larger or smaller, depending on its configuration).
#
# The thick frame is the bit `unreadable`. There is one for the whole skb, and it is set when a net_iov becomes a frag.
# **Predict**: now we append a frag of an ordinary page, 100 octets that any processor can read. (No driver does this.) May those
# 100 octets be copied out?

# %%
scenes.add_page(card, skb, 100)
mixed = scenes.ask_one(k, skb, 1, length=100, offset=1514)
print("100 octets from 1514 on, in a page:", mixed)
print("66 octets from 0 on, linear:", scenes.ask_one(k, skb, 1, length=66))

# %%
dml.skb_picture(k.inspect(skb))

# %% [markdown]
# No. Only the linear part is served. The bit says that *at least one* frag is a net_iov, and everybody reads it as "touch
# none". Why not look at each frag? Because those who want octets want a range of them, in places where every nanosecond counts;
# one bit is asked once, before anything else, and it is copied with the skb's header fields, so a clone has it too. Nobody loses
# by it: all buffers of a queue come from one provider (lesson 4), so all frags of a packet are alike. Nothing ever clears the
# bit (Linux 6.18).

# %%
found = k.inspect(skb)
assert mixed == "EFAULT" and not found.readable and [f.kind for f in found.frags] == ["net_iov", "page"]
scenes.free(card, skb)

# %% [markdown]
# ### More than 17
#
# A packet of 20 buffers (*BIG TCP*, lesson 5) does not fit. It goes on in a second skb, on the *frag list* of the first.

# %%
big = scenes.hold(card, make_frame(6, payload=bytes(20 * 4096)))
dml.skb_picture(k.inspect(big))

# %%
linked = k.inspect(big)
assert len(linked.frags) == 17 and [len(one.frags) for one in linked.linked] == [3]
scenes.free(card, big)

# %% [markdown]
# ## 2. Ask
#
# **Level: mechanism.** In Linux: [net/core/skbuff.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/skbuff.c),
# [net/core/datagram.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/datagram.c).
# Here: `devmemlab/net/guards.py`, `devmemlab/net/refuse.py`.
#
# Now two packets that differ in nothing but where their 150 octets of payload lie: one in a page, one in device memory. Many want
# something of them. **Predict** what four of them get for the packet in device memory. (You know one errno of lesson 0, but an
# answer can also be a number, or nothing at all.)

# %%
my_guess = {
    4: "EFAULT",  # linearize: bring all octets into the linear part
    5: "EFAULT",  # copy the whole skb
    7: "EFAULT",  # compute a checksum over the payload
    10: "EFAULT",  # splice the packet to a pipe
}

# %%
answers = scenes.ask()
for rule, guess in my_guess.items():
    print(f"rule {rule:2}: you said {guess}; the answer is: {answers[rule].device}")

# %% [markdown]
# Four different answers! ENOMEM does not mean that memory is short. NULL does not say why. 0 looks like a checksum, and only a
# line in the kernel's log tells that it is none (once; not again). The splice just ends, as if the packet were that short. Each
# is what that function has always said when it could not go on; its callers can deal with it. That is why you find no "device
# memory" in any error message. All that can be asked here:

# %%
answers

# %% [markdown]
# The linear part is served to everybody. One row has an address for both memories: a *card* may read device memory. That is how
# it is sent, through the card that the binding names, and through no other (23). Loopback is no card at all (24).

# %%
same = [answer.number for answer in answers if not answer.refused]
assert same == [22] and len(answers) == 18
assert [answers[rule].device for rule in my_guess] == ["ENOMEM", "NULL", "0, and a warning", "66 octets, the end"]

# %% [markdown]
# ## 3. Who looks at packets?
#
# **Level: story.** In Linux: [net/packet/af_packet.c](https://elixir.bootlin.com/linux/v6.18/source/net/packet/af_packet.c).
# Here: `devmemlab/net/linear_tap.py`.
#
# Two connections now, through the same card. Port 5201 is steered to queue 1, in device memory; port 80 comes to queue 0, which
# has pages. `tap` opens a packet socket, which is what tcpdump does.
#
# **Predict**: each gets 1200 octets, the word "secret" again and again. A frame has 1266 octets with its headers. How many of
# them does tcpdump capture of each connection?

# %%
my_guess = {"device memory": 1266, "pages": 1266}

# %%
two = scenes.neighbours()
tap = two.host.tap()
two.send(b"secret" * 200)
seen = tap.capture()
print("captured:", seen.frame.length.tolist(), " on the wire:", seen.frame.wire_length.tolist())

# %%
first, second = seen.frame
print("last 16 octets captured of port 5201:", seen.octets[first.length - 16:first.length].tobytes())
print("last 16 octets captured of port 80:  ", seen.octets[second.offset:second.offset + second.length][-16:].tobytes())

# %% [markdown]
# The first is cut behind its 66 octets of headers. tcpdump tells ports, flags, sequence numbers and the whole length, as
# always; `-X` shows no payload, and a filter that looks into the payload matches nothing. A capture of device memory traffic is
# smaller and gives no data away. (On the *sender* you see everything.)
#
# And the programs?

# %%
for queue, conn in two.conns.items():
    try:
        print(f"{queue}: recv says {len(conn.recv(4096))} octets")
    except OSError as error:
        print(f"{queue}: errno {error.errno}, {error.strerror}")

# %%
captured = seen.frame.length.tolist()
assert captured == [66, 1266] and seen.frame.wire_length.tolist() == [1266, 1266]
assert seen.octets.tobytes().count(b"secret") == 200

# %% [markdown]
# ### A checksum
#
# TCP's checksum covers the payload. Cards verify it, and if one does not, the kernel does it itself: it costs time, and nothing
# else. Let us switch it off, and send 1000 octets over each connection.
#
# **Predict**: does anything arrive? What will the sender of port 5201 do?

# %%
two.host.sh("ethtool -K eth1 rx off")

# %%
waiting = {queue: two.host.inspect(conn).length for queue, conn in two.conns.items()}
two.send(b"x" * 1000)
new = {queue: two.host.inspect(conn).length - waiting[queue] for queue, conn in two.conns.items()}
print("new octets:", new)

# %% [markdown]
# The kernel summed the payload in pages, found it right, and went on. The payload in device memory it cannot sum. It warns, takes
# 0 for the sum, compares it with what the segment says, and finds it *damaged*. The segment is thrown away without a word to
# the sender.

# %%
second = 10**9
two.lab.run(until_ns=two.lab.clock.now_ns + 3 * second)
sender = two.sender.tcbs.tcb[two.clients["device memory"].sock]
print("dropped:", scenes.drops(two))
print("sent again:", int(sender.total_retrans), "times")

# %% [markdown]
# The sender sends it again, waits twice as long, sends it again, for a quarter of an hour, and gives up. A wire that damages
# every single segment looks exactly like this. The cure:

# %%
lost, again = scenes.drops(two)["bad checksum"], int(sender.total_retrans)
two.host.sh("ethtool -K eth1 rx on")
two.lab.run(until_ns=two.lab.clock.now_ns + 5 * second)
after = two.host.inspect(two.conns["device memory"])
after

# %%
assert new == {"device memory": 0, "pages": 1000} and lost == 1 + again and again > 2
assert after.length == 2200 and [len(found.frags) for found in after.skbs] == [2]

# %% [markdown]
# With device memory the card *must* verify. It is no matter of speed any more.

# %% [markdown]
# ## 4. 44 segments
#
# **Level: mechanism.** In Linux: [net/core/gro.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/gro.c),
# [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c).
# Here: `devmemlab/net/gro.py`, `devmemlab/tcp/coalesce.py`.
#
# Every skb costs time, so the stack makes few of many. *GRO* joins neighbouring segments before TCP, up to 65535 octets. TCP
# *coalesces*: what follows the last skb of the receive queue gives its frags to it. Both move frags and copy nothing, so both
# work with device memory; but a readable skb and an unreadable one never join.
#
# **Predict**: 44 segments of 1448 octets arrive at once, and the program sleeps. How many skbs are in its receive queue? How many
# tokens will it get?

# %%
my_guess = {"skbs": 1, "tokens": 1}

# %%
arrived = scenes.arrivals(segment=1448, count=44)
queue = arrived.host.inspect(arrived.conn)
queue

# %%
data, ancdata, flags, address = arrived.conn.recvmsg(1 << 20, dml.CMSG_SPACE(24) * 64, dml.MSG_SOCK_DEVMEM)
pieces = dml.frags(ancdata)
print(f"you said {my_guess}; counted: {len(queue.skbs)} skbs, {len(pieces)} tokens")
print("sizes of the pieces:", set(pieces.frag_size.tolist()))

# %% [markdown]
# Three skbs, as 17 frags go into one: 17, 17 and 10. But 44 tokens. A segment of the wire is one frag, and a frag is one token,
# whatever happens in between. Look at the numbers of the net_iovs: many are neighbours. They are *not* joined to one longer
# frag, since each has to be given back by itself.
#
# Does GRO change anything, then?

# %%
counted = {}
for gro in (True, False):
    one = scenes.arrivals(segment=1448, count=44, gro=gro)
    counted[gro] = dml.skb_picture(one.host.inspect(one.conn)).counts
    print(f"GRO {'on: ' if gro else 'off:'} {scenes.packets(one)} packets for TCP;", counted[gro])
    scenes.close(one)

# %% [markdown]
# It saves TCP work: 3 packets instead of 44. (GRO had made one packet; TCP takes it apart again at its frag list.) The program
# sees no difference.

# %%
assert len(queue.skbs) == 3 and [len(found.frags) for found in queue.skbs] == [17, 17, 10]
assert len(pieces) == 44 and counted[True] == counted[False]
scenes.close(arrived)

# %% [markdown]
# ### What is charged
#
# A socket may hold only so much, `SO_RCVBUF`, and what counts is truesize. **Predict**: a receive buffer of 128 KiB, segments of
# 100 octets, and the program does not read. How many segments fit, in device memory and in pages?

# %%
my_guess = {"device memory": 1310, "pages": 1310}

# %%
full = {}
for memory in scenes.QUEUES:
    one = scenes.arrivals(memory, segment=100, count=1500, rcvbuf=65536)
    waits = one.host.inspect(one.conn)
    full[memory] = waits.length // 100
    print(f"{memory}: you said {my_guess[memory]}, counted: {full[memory]}; charged {waits.charged:,} of {waits.rcvbuf:,}")
    scenes.close(one)

# %% [markdown]
# 34 segments, 3400 octets of data, and a buffer of 128 KiB is full: each of them fills a page, and a page is charged. In pages
# the driver has *copied* small packets into the linear part (row 7 of lesson 5's table), so they are charged as skbs only, and
# when the buffer is full they are *collapsed*: copied together into full pages. (Linux does better still: it also copies small
# readable segments together as they are queued. The lab leaves that out.) For device memory there is no way out: nobody can move
# octets that nobody may read. What helps is to send larger segments:

# %%
for segment in (100, 536, 1448, 4096, 8948):
    one = scenes.arrivals(segment=segment, count=16)
    waits = one.host.inspect(one.conn)
    print(f"segments of {segment:5}: {waits.charged / waits.length:5.1f} octets charged for each octet, {len(waits.frags)} frags")
    scenes.close(one)

# %% [markdown]
# 4096 octets are best: exactly one page. A jumbo segment of 8948 takes three, and so three tokens.

# %%
assert full == {"device memory": 34, "pages": 962}

# %% [markdown]
# ## 5. Who holds it?
#
# **Level: mechanism.** In Linux: [net/core/skbuff.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/skbuff.c).
# Here: `devmemlab/net/skb_clone.py`.
#
# A buffer goes back to its page_pool when its last reference is dropped: `pp_ref_count`, lesson 4. A frag of a received packet
# owns one. Let us cut an skb in two, in the middle of its frag (TCP does this to what it sends again), and clone the second
# half (tcpdump's copy is such a clone).
#
# **Predict**: how many references does the one net_iov have then? And when two of the three skbs have been freed?

# %%
skb = scenes.hold(card, make_frame(tcp_options="timestamps", payload=bytes(1448)))
rest = scenes.split(card, skb, 66 + 700)
copy = scenes.clone(card, rest)
three = [k.inspect(one) for one in (skb, rest, copy)]
dml.skb_picture(*three)

# %%
refs = [three[0].frags[0].pp_ref_count]
for one in (skb, rest):
    scenes.free(card, one)
    refs.append(k.inspect(copy).frags[0].pp_ref_count)
scenes.free(card, copy)
print("references:", refs, "and at rest in the pool; audit:", k.audit().netmems_in_flight, "in flight")

# %% [markdown]
# All three are unreadable, and each of them is charged for the whole page.
#
# There are two *currencies*. What is taken in one must be given back in the same:
#
# | | a received skb | an skb to be sent |
# |---|---|---|
# | a frag is freed | `pp_ref_count` - 1 | the binding's count - 1 |
# | a frag gets one more owner | coalescing: `pp_ref_count` + 1; else: *the binding's* count + 1 | the binding's count + 1 |
#
# (*Quoted*: net/core/skbuff.c and include/linux/skbuff.h of Linux 6.18, in our words.) The second line is odd: taken in one
# currency, given back in the other. The lab takes `pp_ref_count` there. And a token? It is one more `pp_ref_count`. Receive ten
# of twenty segments, and look:

# %%
half = scenes.arrivals(segment=1448, count=20)
print("recvmsg:", scenes.try_operation(half, "recvmsg with MSG_SOCK_DEVMEM"))
held = half.host.inspect(half.conn)
held

# %% [markdown]
# The first ten have two: the skb's, which is still queued because it has not been read to its end, and the token's (`T`). When
# the skb goes, the token's is left, and the page stays yours until DONTNEED.

# %%
assert refs == [3, 2, 1] and k.audit().netmems_in_flight == 0
assert [f.pp_ref_count for f in held.frags] == [2] * 10 + [1] * 10
assert all(not found.readable for found in three)
scenes.close(half)

# %% [markdown]
# ### Any skb, at any moment
#
# Now a whole connection. The third segment and the ninth are lost on the way; what comes behind a hole waits in the
# *out-of-order queue*, and the program reads once in between. After everything that happens the queues are looked at, and each
# new skb is asked who may touch it. Play it, or step with the arrow keys; pick an skb with the buttons below the picture or by
# clicking it. It stays picked while the film goes on.
#
# **Predict**: when the first hole is filled, five early skbs follow on what has come. How many skbs are in the receive queue then?

# %%
my_guess = 6

# %%
talk, stream = dml.scenes_tcp.transfer(20_000, lose={3, 9})
watch = dml.SkbWatch(talk.lab, talk.trainer, talk.conn)
watch.run(talk.lab.clock.now_ns + 220_000)
pieces_read, octets_read = dml.scenes_tcp.receive(talk)
watch.note("recvmsg hands out {amount} tokens", len(pieces_read))
watch.run(talk.lab.clock.now_ns + 5_000_000)

# %%
filled = next(k for k, moment in enumerate(watch.moments) if "hole is filled" in moment.line)
inspector = dml.SkbInspector(watch, title="Two holes, and what waits behind them", position=filled + 1)
inspector

# %%
waits = watch.moments[filled].queue
print(f"you said {my_guess}, counted: {len(waits.skbs)} in order with {len(waits.skbs[0].frags)} frags, {len(waits.early)} early")

# %% [markdown]
# One: TCP has handed the frags of all of them to the first skb, and copied nothing. Look at the numbers of its net_iovs: the one
# that filled the hole came last, and lies in the middle. Step to the end, and pick an early skb on the way: where does it go?
# Whatever you pick, the answers are the same, for a queue of device memory holds nothing else: only the card gets an address.

# %%
inspector.position = -1
print(inspector.skb.skb, [f.frag_offset // 4096 for f in inspector.skb.frags])
print({number: answer for number, answer in inspector.answers.items() if number in (1, 4, 5, 7, 22)})

# %%
assert len(waits.skbs) == 1 and len(waits.early) == 5 and len(pieces_read) == 2
assert inspector.answers[1] == "EFAULT" and inspector.answers[22] == "an address" and not inspector.skb.readable
talk.lab.close()
talk.device.close()

# %% [markdown]
# ## 6. Turn the knobs
#
# **Level: mechanism.** In Linux: [net/core/skbuff.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/skbuff.c).
# Here: `devmemlab/net/guards.py`.
#
# Twenty segments arrive, and somebody tries something with the first skb of the queue. With the mouse, or with Tab, Enter and the
# arrow keys.
#
# - Which operations work on device memory at all?
# - With jumbo segments of 8948 octets GRO makes *more* skbs than there are without it. Why?
# - Why does GRO not join segments of 100 octets in pages?

# %%
control = dml.SkbControl()
control

# %%
refused = control.answer
control.operation.value = "recvmsg with MSG_SOCK_DEVMEM"
print(control.text)

# %%
control.gro.value, control.segment.value = False, 100
print(control.text)

# %%
small = control.counts
control.queue.value, control.operation.value = "pages", "splice to a pipe"
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# Only recvmsg with MSG_SOCK_DEVMEM: it hands out tokens and reads nothing. (The queue's skbs have no linear part any more,
# since TCP has taken the headers off; so not one octet is left to be served.) A jumbo takes three buffers, so 17 frags have
# room for five of them. GRO makes packets of seven, 21 frags: one skb of 15 and a link of 6. TCP queues them one by one, and
# the next 15 do not fit behind the 6. Small segments in pages have been copied into the linear part; GRO here joins frags.
#
# </details>

# %% [markdown]
# ### Puzzle: may this be read?
#
# One rule for four readers. Fill in the blank and run its cell; `guard_puzzle.hint()` tells
# hints, one at a time.

# %%
guard_puzzle = dml.exercise("guard")
guard_puzzle

# %% tags=["exercise"]
@dml.kernel
def may_read(how, headlen, length, unreadable, offset, want):
    return -38      # ENOSYS: not yet

guard_puzzle.check(may_read)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert mixed == refused == "EFAULT" and captured == [66, 1266]
assert lost > 2 and len(pieces) == 44 and refs == [3, 2, 1]
assert small["frags"] == 20 and small["charged"] > 40 * small["octets"]
assert control.counts["frags"] == 0 and control.answer == "100 octets"

# %% [markdown]
# | what you see | what it is |
# |---|---|
# | tcpdump shows headers only, and the right length | the payload is in device memory |
# | `Bad address` from recv, or from a filter | somebody wants octets past the linear part |
# | `Cannot allocate memory`, and there is plenty | somebody wanted all octets in one place (linearize) |
# | "bad checksum" for every segment of one queue, none of the others | the card does not verify checksums: `ethtool -k` |
# | a receive buffer that is full of very little | small segments, each in a page of its own |
# | 17 in all sorts of places | the frags of an skb |
#
# **Now read** the room `devmemlab/net`: `guards.py` first, all rules as a list, each with the function that keeps it. `skb.py`
# is the skb, `linear.py` the one place that looks into it, `gro.py` and `skb_merge.py` make few of many.

# %%
scenes.close(card, two)
