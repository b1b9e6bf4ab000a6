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
# # 13. Sending from device memory
#
# A training step is over. The gradients lie in the accelerator's memory, and a peer waits for them. Ordinary programs bring them
# to host memory first and call `send`. Since Linux 6.16 a program can say instead: *card, fetch them yourself, from there*. No
# copy is left. What is left is a new duty: the memory belongs to the kernel until the kernel says otherwise, and a program that
# does not wait for that word sends garbage. Not always. Only when the network has a bad day.
#
# In this lesson you
#
# 1. send the same octets in four ways, and count copies,
# 2. name pieces of device memory, and see what the send queue makes of them,
# 3. write over memory that was just sent, and find out when that does harm,
# 4. close the binding while data are still out,
# 5. build a relay whose host never sees an octet.
#
# It takes about twenty-five minutes. Run the cells from top to bottom. Numbers are *counted*, times are *modelled* (virtual time).

# %% [markdown]
# ## 1. Four ways
#
# **Level: cost.** In Linux: [Documentation/networking/msg_zerocopy.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/networking/msg_zerocopy.rst).
# Here: `devmemlab/lab/senders.py`, `devmemlab/lab/scenes_send.py`.
#
# 256 KiB lie in device memory. The program may
#
# - copy them to a buffer of its own, and `send` that (**copy**),
# - copy them to a buffer, and lend the buffer to the kernel with `MSG_ZEROCOPY` (**zerocopy**),
# - copy them into a mapped file, and call `sendfile` (**sendfile**),
# - lend the device memory itself (**devmem**).
#
# **Predict**: how often is each octet moved before it is on the wire, in each way? The card's own reading counts as one.

# %%
my_guess = {"devmem": 1, "zerocopy": 1, "sendfile": 1, "copy": 2}

# %%
import devmemlab as dml

four = dml.compare_senders("256KiB")
print(four.table())

# %%
dml.send_bars(four)

# %% [markdown]
# `MSG_ZEROCOPY` and `sendfile` save the kernel's copy, but not the way from the device to host memory. Only *devmem* is down to
# what cannot be saved: the card has to read the octets once. `told complete` is something else that differs: two of the ways hear
# from the kernel when a send is over, the other two hear nothing. Keep that in mind.

# %%
assert all(row.sha256_ok for row in four.rows)
assert [row.copied_bytes_per_payload_byte for row in four.rows] == [1, 2, 2, 3]

# %% [markdown]
# ## 2. Naming pieces
#
# **Level: ABI.** In Linux: [net/core/sock.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/sock.c),
# [net/core/datagram.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/datagram.c).
# Here: `devmemlab/sock/send_cmsg.py`, `devmemlab/sock/sendmsg_zerocopy.py`.
#
# `bind_tx` makes a dmabuf known to a card; the answer is a number. It needs no queue and no privilege. A socket needs
# `SO_ZEROCOPY`. Then `sendmsg` gets `MSG_ZEROCOPY`, a control message with the number, and *offsets* where addresses would be.
# Python's own `sendmsg` cannot say that, so the lab and `dml.linux.Kernel` both have `sendmsg_devmem`:

# %%
pair = dml.scenes_send.SendPair("64KiB")
k, conn = pair.sender, pair.conn
k.netdev.pause_tx(True)
print(k.sendmsg_devmem(conn, [(100, 1024), (2000, 2048)], pair.dmabuf_id), "octets queued")

# %%
waiting = k.inspect(int(k.tcbs.tcb[conn.sock].sndq_head))
print(waiting)

# %% [markdown]
# One skb, two frags. Both lie in the first page; they were not joined, and neither has been read: the card is held up by a PAUSE
# of its link partner. The skb is *unreadable*: checksum, segmentation and retransmission all have to do without the octets.
#
# **Predict**: eighteen pieces of one octet each. How many skbs? And how much of the send buffer do they use up?

# %%
my_guess = {"skbs": 1, "octets charged": 18}

# %%
row = k.tcbs.tcb[conn.sock]
before = int(row.wmem_queued)
k.sendmsg_devmem(conn, [(4096 + 2 * i, 1) for i in range(18)], pair.dmabuf_id)
more = [int(k.skbs.skb[i].nr_frags) for i in range(1, int(k.skbs.ctl[0].watermark)) if k.skbs.skb[i].active]
print("frags of each skb:", more, "- charged:", int(row.wmem_queued) - before)

# %% [markdown]
# Two more skbs: 17 frags are the limit, so the eighteenth begins another. Each frag is charged as a whole page, 4096 octets,
# however short it is. Tiny pieces fill a send buffer of 4 MiB with a thousand octets of data. Gather on the device first.
#
# Now some calls that fail. **Predict** the errno of each:

# %%
tries = {
    "at the end": ([(65536, 1)], pair.dmabuf_id),
    "across the end": ([(65535, 2)], pair.dmabuf_id),
    "unknown number": ([(0, 1)], 999),
    "number 0": ([(0, 1)], 0),
    "nothing": ([], 999),
}
for name, (pieces, number) in tries.items():
    try:
        print(f"{name:16}", k.sendmsg_devmem(conn, pieces, number))
    except OSError as error:
        print(f"{name:16}", error.strerror.split(":")[0])

# %% [markdown]
# `across the end` is refused as a whole; the one octet that is there does not go. Number 0 means *no dmabuf*: the offset is then
# an ordinary address, and nobody lives at address 0. A send of nothing looks at nothing on this kernel (6.18; 7.3 answers EINVAL).
#
# Let the card go, and look at the error queue:

# %%
k.netdev.pause_tx(False)
print("before the peer has acknowledged:", k.completions(conn))
pair.hear(3072 + 18)
print("afterwards:", k.completions(conn))

# %% [markdown]
# Two sends, numbers 0 and 1, told in *one* message. The failed calls have used up no number. On the wire of system calls it is a
# control message of `recvmsg(MSG_ERRQUEUE)`, and `POLLERR` says that it is there, although nothing went wrong.

# %%
assert not waiting.readable and waiting.octets == b""
assert more == [2, 17, 1] and pair.received == pair.device.read(100, 1024) + pair.device.read(2000, 2048) + pair.device.read(
    4096, 36)[::2]
assert k.completions(conn) == [] and k.audit().tx_frags == 0

# %% [markdown]
# ## 3. Too early
#
# **Level: story.** In Linux: [net/core/skbuff.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/skbuff.c).
# Here: `devmemlab/net/zerocopy.py`.
#
# A program fills its memory with the letter A, sends 14,480 octets of it (ten full segments, as many as a new connection may send
# at once), and *at once* writes B over all of it. It does not wait for a completion. **Predict**: what does the peer read?

# %%
my_guess = "B"

# %%
lucky = dml.scenes_send.reuse("devmem", "at once")
print(lucky.verdict)

# %% [markdown]
# All A. The ten segments were fetched within the call. This is the treacherous part: such a program passes every test on a good
# network. Now a little more, 20,000 octets, still without any loss:

# %%
longer = dml.scenes_send.reuse("devmem", "at once", octets=20_000)
print(longer.verdict)

# %% [markdown]
# What does not fit the congestion window waits *in the device*, not in a copy, and is fetched when its turn comes: B. And with ten
# segments of which the wire loses the third one? **Predict**, for each of the four ways of sending, how many octets are wrong:

# %%
my_guess = {"devmem": 1448, "zerocopy": 0, "sendfile": 0, "copy": 0}

# %%
lost = {way: dml.scenes_send.reuse(way, "at once", lose=(3,)) for way in dml.scenes_send.MODES}
for outcome in lost.values():
    print(outcome.verdict)

# %% [markdown]
# The segment that is sent again is read again, from where it lies. That holds for every way without a copy: pages that were lent
# with `MSG_ZEROCOPY`, pages of a file, device memory. Only `send` had made a copy in time. TCP's checksum is no help: it is made
# of what is sent, when it is sent.
#
# A careful colleague waits a round trip before writing. "By then it is acknowledged." The wire loses the *last* segment:

# %%
careful = dml.scenes_send.reuse("devmem", "after a round trip", lose=(10,), recorded=True)
print(careful.verdict)

# %%
dml.ladder(careful.told, most=30, title="Written over after a round trip; the last segment is lost")

# %% [markdown]
# Nothing told the peer that something was missing, so the sender waited for its own probe, 200 ms later. No fixed time is long
# enough. There is one correct program: wait until the error queue reports the number.

# %%
right = dml.scenes_send.reuse("devmem", "when told complete", lose=(10,))
print(right.verdict)

# %%
assert lucky.wrong == 0 and longer.wrong == 20_000 - 14_480
assert {way: outcome.wrong for way, outcome in lost.items()} == {"devmem": 1448, "zerocopy": 1448, "sendfile": 1448, "copy": 0}
assert careful.wrong == 1448 and right.wrong == 0 and right.told_ms > 200

# %% [markdown]
# ### Turn it
#
# Choose a way, a moment, what is lost and how much is sent. With the mouse, or with Tab, Enter and the arrow keys.
#
# - Is there any choice in which *when told complete* is wrong?
# - `sendfile` never tells. When may its file be written?

# %%
control = dml.SendControl()
control

# %%
control.lost.value, control.way.value = "the third frame", "zerocopy"
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# No. And for a file there is no safe moment but one that the peer names: an answer of the application. Files that are sent with
# `sendfile` should not be written in place; write a new file and rename it.
#
# </details>

# %% [markdown]
# ## 4. The binding ends first
#
# **Level: mechanism.** In Linux: [net/core/devmem.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/devmem.c).
# Here: `devmemlab/mem/tx_frag.py`.
#
# The program sends, and closes its netlink socket at once: it thinks that it is done. That is the end of the binding, whose number
# is unknown from then on. One segment was lost, and still has to be sent again. **Predict**: does the peer get it? When does the
# dmabuf lose its mapping?

# %%
ending = dml.scenes_send.SendPair("64KiB", mtu=1500, lose=(2,))
ending.send([(0, 5000)])
print("sent:   ", dml.scenes_send.story(ending))
ending.netlink.close()
print("closed: ", dml.scenes_send.story(ending))

# %%
whole = ending.hear(5000) == ending.device.read(0, 5000)
print("peer has all:", whole, "- then:", dml.scenes_send.story(ending))
print("segments sent again:", ending.sender.nstat()["TcpRetransSegs"])

# %% [markdown]
# Each frag in the send queue holds a reference of the binding. The number went at once, and a new send is refused; what was queued
# is still sent, and sent again, straight from the device. The last acknowledgement frees the last frag, and with it the mapping.
#
# What if the card cannot send device memory at all? Most cannot; a driver has to declare it. bind_tx says so:

# %%
ending.sender.netdev.netmem_tx = False
again = ending.sender.netlink("netdev")
try:
    again.bind_tx({"ifindex": ending.sender.netdev.ifindex, "fd": ending.sender.udmabuf("4KiB")})
except dml.NetlinkError as error:
    print(error.errno, error.extack)

# %%
assert whole and dml.scenes_send.story(ending)["references"] is None
assert ending.sender.nics.ctl[0].tx_dropped == 0

# %% [markdown]
# ## 5. Both ways
#
# **Level: research.** Here: `devmemlab/lab/scenes_relay.py`.
#
# Now both halves together. A host receives into device memory, and sends the octets back from where they lie: one dmabuf, bound
# twice, for receiving and for sending. A token is returned only when the send that used its page is told complete. Frames are lost
# in both directions. **Predict** what the relay's ledger says.

# %%
relayed = dml.scenes_send.relay("from device memory", octets=60_000, lose=(3, 9), lose_back=(4,))
print("whole:", relayed.whole, "- moved:", relayed.stages)
print(f"{relayed.tokens} tokens returned after {relayed.completions} completions, at most {relayed.most_held} held")
print(relayed.audit)

# %% [markdown]
# In by DMA, out by DMA, nothing between. The second number is larger: some of it was fetched again. Not one octet has crossed host
# memory, in 60,000 octets that were received, put in order, lost, repaired and sent.
#
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert relayed.whole and set(relayed.stages) == {"DMA_DEVICE", "DMA_READ_DEVICE"}
assert relayed.stages["DMA_READ_DEVICE"] > relayed.stages["DMA_DEVICE"] == 60_000
assert relayed.audit.tokens == relayed.audit.tx_frags == relayed.audit.skbs == relayed.bindings == 0

# %% [markdown]
# | symptom | cause | do |
# |---|---|---|
# | EINVAL from `sendmsg` | no `SO_ZEROCOPY`, no `MSG_ZEROCOPY`, number unknown or of a receiving binding | look at all four |
# | EFAULT | an octet outside of the dmabuf; a card without scatter-gather | the whole piece must lie inside |
# | ENODEV | the route leaves through another card than the bound one | `SO_BINDTODEVICE`, or bind that one |
# | send buffer full, little data | every frag is charged 4096 octets | fewer, longer pieces |
# | wrong octets at the peer, now and then | memory written before the completion | wait for the error queue |
# | ENOBUFS | completions that nobody has read | read the error queue |
#
# **Now read** the room `devmemlab/net`: `zerocopy.py`, one page about numbers, references and messages. Then
# `devmemlab/sock/sendmsg_zerocopy.py`, which makes frags of offsets.

# %%
for scene in (pair, ending):
    scene.close()
