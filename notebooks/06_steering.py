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
# # 6. Steering: which queue?
#
# Device memory TCP binds memory to *receive queues*. A payload goes to device memory when its packet comes in on a bound queue,
# and for no other reason: the card knows nothing of programs. So somebody must see to it that the right packets, all of them
# and no others, come in there. The kernel does not check it, and what goes wrong does not look like a steering problem at all.
#
# In this lesson you
#
# 1. compute by hand the hash that spreads flows over queues,
# 2. send 64 flows through an indirection table, and predict where they land,
# 3. lay rules and contexts over it, and have the card explain itself,
# 4. see both symptoms of wrong steering, and mend them with the commands you would type,
# 5. turn queues, table and rule.
#
# It takes about twenty-five minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. A hash
#
# **Level: mechanism.** In Linux: [Documentation/networking/scaling.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/networking/scaling.rst).
# Here: `devmemlab/nic/toeplitz.py`, `devmemlab/nic/steer.py`.
#
# A card with several queues must choose one for each packet, and packets of one connection must stay in order. So it hashes
# addresses and ports: the same flow, the same number, the same queue. This is *receive side scaling*, RSS. Here is a card with
# eight queues, and you put the frames on its wire.

# %%
import devmemlab as dml

scenes = dml.scenes_control
card = scenes.card(queues=8)
k = card.host
print(k.netdev)

# %% [markdown]
# The usual hash is *Toeplitz*. It has a key of 40 octets. For every bit of the input that is 1, take the 32 bits of the key
# that begin at the same place, and XOR them together. That is all. The input is source address, destination address, source
# port, destination port.

# %%
flow = scenes.Flow("66.9.149.187", 2794, "161.142.100.80", 1766)
addresses = [int(part) for part in f"{flow.src}.{flow.dst}".split(".")]
octets = bytes(addresses) + flow.sport.to_bytes(2, "big") + flow.dport.to_bytes(2, "big")
octets.hex(" ")

# %%
key = k.ethtool("eth1").get_rxfh()["key"]
bits, by_hand = int.from_bytes(key, "big"), 0
for at in range(8 * len(octets)):
    if octets[at // 8] >> (7 - at % 8) & 1:
        by_hand ^= bits >> (8 * len(key) - 32 - at) & 0xFFFFFFFF
print(f"{by_hand:08x}")

# %% [markdown]
# The key here is the well-known one that everybody verifies with, and for this flow the published value is `51ccc178`
# (*quoted*: Microsoft, "Verifying the RSS hash calculation"). A card does not go bit by bit. XOR lets it look up each octet of
# the input in a table. Let the frame arrive, and see what the card found:

# %%
(seen,) = scenes.arrive(card, [flow])
print(f"by tables {seen['hash']:08x}, queue {seen['queue']}")

# %%
told = k.explain(scenes.frame(k, flow))
print(f"bit by bit {told.hash:08x}")
assert by_hand == told.hash == seen["hash"] == 0x51CCC178

# %% [markdown]
# (`explain` goes bit by bit, on purpose: two ways that agree are worth more than one.) On a real machine the key is random
# since boot, so you cannot know beforehand where a flow goes. Here it is fixed, so that this page is the same for everybody.

# %% [markdown]
# ## 2. The table
#
# **Level: ABI.** In Linux: [include/uapi/linux/ethtool.h](https://elixir.bootlin.com/linux/v6.18/source/include/uapi/linux/ethtool.h).
# Here: `devmemlab/nic/steer_tables.py`.
#
# The last seven bits of the hash select one of 128 entries of the *indirection table*; the entry is the queue.

# %%
shown = k.sh("ethtool -x eth1")
print(shown.stdout[:330], "...")

# %% [markdown]
# **Predict**: 64 flows, eight queues. How many land on the fullest queue?

# %%
my_guess = 8

# %%
flows = scenes.flows(64)
picture = dml.steering(k, flows)
fullest = max(sum(count.values()) for count in picture.counts)
print(f"you said {my_guess}, counted: {fullest}")

# %%
picture

# %% [markdown]
# A hash spreads as chance does: some queues get nearly twice as much as others. Eight of the flows (`C`, port 5201) want device
# memory, and no queue has any yet. The picture asks `explain`. The card itself decides the same, frame by frame:

# %%
landed = [found["queue"] for found in scenes.arrive(card, flows)]
assert [landed.count(queue) for queue in range(8)] == [sum(count.values()) for count in picture.counts]
assert [k.explain(scenes.frame(k, flow)).queue for flow in flows] == landed

# %% [markdown]
# ## 3. Keep a queue free
#
# **Level: ABI.** In Linux: [net/ethtool/ioctl.c](https://elixir.bootlin.com/linux/v6.18/source/net/ethtool/ioctl.c).
# Here: `devmemlab/nic/steer.py`.
#
# Now a program puts queue 7 on device memory. Ordinary traffic must not come there any more. `equal 7` fills the table with
# queues 0 to 6. **Predict**: how many entries has queue 0 then? And where do the flows of queue 3 go, do they stay?

# %%
bound = scenes.bind(k, 7)
before = landed
k.sh("ethtool -X eth1 equal 7")
dml.steering(k)

# %%
landed = [found["queue"] for found in scenes.arrive(card, flows)]
moved = sum(one != other for one, other in zip(before, landed))
print(f"{moved} of 64 flows moved; on queue 7: {landed.count(7)}")

# %% [markdown]
# Nearly all of them move, because almost every entry has changed. A running connection that moves may see packets out of order
# for a moment. Shares need not be equal either: `weight` gives queue 0 no entry, and queue 1 as many as all the others
# together.

# %%
k.sh("ethtool -X eth1 weight 0 5 1 1 1 1 1 0")
print(k.ethtool("eth1").get_rxfh_indir()[60:70])
k.sh("ethtool -X eth1 equal 7")

# %% [markdown]
# What cannot be is refused, in the tool's own words. The line behind `#` is the lab's; it says what to do.

# %%
k.sh("ethtool -X eth1 equal 9")

# %% [markdown]
# ## 4. A rule
#
# **Level: ABI.** In Linux: [net/ethtool/ioctl.c](https://elixir.bootlin.com/linux/v6.18/source/net/ethtool/ioctl.c).
# Here: `devmemlab/nic/rules.py`.
#
# No flow comes to queue 7 now, ours neither. An *n-tuple rule* wins over the hash. **Predict**: which steps does the card take
# for a flow to port 5201 now, and which for one to port 443?

# %%
k.sh("ethtool -N eth1 flow-type tcp4 dst-port 5201 action 7")

# %%
k.explain(scenes.frame(k, flows[0]))

# %%
k.explain(scenes.frame(k, flows[20]))

# %%
picture = dml.steering(k, flows)
picture

# %%
assert picture.wrong == 0
assert [found["rule"] for found in scenes.arrive(card, flows)] == [0] * 8 + [-1] * 56

# %% [markdown]
# All 64 are where they should be: `D` has device memory, and `H` has not.
#
# ### Flip a bit
#
# Every step of that decision for one packet, and each bit of its tuple and of the key is a switch: click it, or focus the
# picture, move with the arrow keys and press Space. Stand on a bit of the tuple, and the 32 bits of the key that it brings in
# are framed. **Predict**: one bit of the source port flips. How many of the 32 bits of the hash change? Does the queue?

# %%
explorer = dml.steering_explorer(k, flows[20])
explorer

# %%
before, before_flow = explorer.decision, explorer.flow
after = explorer.flip(79)
changed = f"{before.hash ^ after.hash:b}".count("1")
print(f"{before.hash:08x} -> {after.hash:08x}: {changed} bits of the hash changed; queue {before.queue} -> {after.queue}")
assert explorer.flip(79).steps == [tuple(step) for step in k.explain(scenes.frame(k, flows[20])).steps]

# %% [markdown]
# As many as there are ones in the framed part of the key, whatever the other bits are: that is what XOR does. A key of zeros
# would send everything to one queue. **Predict** how many flips take this packet to queue 7, where no entry of the table leads.

# %%
flips = [80 + bit for bit in range(16) if (443 ^ 5201) >> (15 - bit) & 1]
for bit in flips:
    told = explorer.flip(bit)
print(f"{len(flips)} flips: queue {told.queue}; {': '.join(told.steps[1])}")
explorer.flow, rule = before_flow, told.rule

# %% [markdown]
# The hash takes nothing there: it takes eight flips to port 5201, and the rule. Rules are tried by their place (`loc`); the lowest
# that matches wins. A real card supports some combinations of fields only, so programs try again with fewer.

# %%
k.sh("ethtool -N eth1 flow-type tcp4 src-ip 198.51.100.3 dst-port 5201 action -1 loc 5")
print("loc 5:", k.explain(scenes.frame(k, flows[2])).queue)
k.sh("ethtool -N eth1 delete 0")
print("loc 0 deleted:", k.explain(scenes.frame(k, flows[2])).queue)

# %% [markdown]
# Behind the first rule the second one was never asked. When that is gone, it matches, and its action -1 drops.

# %% [markdown]
# ### More than one queue
#
# A program with device memory on *two* queues wants its flows spread over both. A rule can name a *context* instead of a queue:
# a second indirection table. A context that a rule uses cannot be deleted (`Device or resource busy`).

# %%
k.sh("""ethtool -N eth1 delete 5
ethtool -X eth1 equal 6
ethtool -X eth1 context new start 6 equal 2
ethtool -N eth1 flow-type tcp4 dst-port 5201 context 1""")

# %%
landed = [found["queue"] for found in scenes.arrive(card, flows)]
print("port 5201:", landed[:8], " others:", sorted(set(landed[8:])))
k.sh("ethtool -X eth1 context 1 delete")

# %%
assert set(landed[:8]) == {6, 7} and set(landed[8:]) == set(range(6))

# %% [markdown]
# ## 5. Wrong
#
# **Level: story.** In Linux: [net/core/skbuff.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/skbuff.c),
# [net/ipv4/tcp.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp.c).
# Here: `devmemlab/net/refuse.py`, `devmemlab/sock/recvmsg.py`.
#
# Two hosts now, and real connections. A *trainer* has put queue 3 of 4 on device memory. A *web* server is a program of the
# ordinary kind and has never heard of it. Somebody forgot the steering. Each of them has four connections.

# %%
pair = scenes.pair(queues=4)
host = pair.receiver
trainer = scenes.bind(host, 3)
train_clients, train = scenes.calls(pair, trainer.process, 5201, count=4)
web_clients, web = scenes.calls(pair, host.process("web"), 80, count=4)

# %% [markdown]
# The senders send. **Predict**: what does `recvmsg` with MSG_SOCK_DEVMEM bring the trainer, for each connection? And what does
# a plain `recv` bring the web server?

# %%
scenes.send(pair, train_clients + web_clients, b"some data" * 100)
ROOM = dml.CMSG_SPACE(24) * 16
first = []
for conn in train:
    data, ancdata, flags, address = conn.recvmsg(4096, ROOM, dml.MSG_SOCK_DEVMEM)
    first.append((len(data), len(dml.frags(ancdata))))
    print(f"{len(data)} octets of data, {len(ancdata)} control messages")

# %% [markdown]
# **Symptom 1.** Half of the connections bring no token, and no control message at all. There is no error: the data is in the
# buffer, as with `recv`, because it came in on a queue with host memory. A program that only looks at tokens loses it.

# %%
errors = []
for conn in web:
    try:
        print(len(conn.recv(4096)), "octets")
        errors.append(0)
    except OSError as error:
        errors.append(error.errno)
        print(error.errno, error.strerror)

# %% [markdown]
# **Symptom 2.** Ordinary programs fail with *Bad address*, on connections that have nothing to do with the trainer. Their data
# is in the trainer's memory. Nobody who reads that message thinks of a network card.
#
# Both are the same mistake. Ask the card; `Flow` takes both ends of a connection:

# %%
ways = [scenes.Flow(*conn.getpeername(), *conn.getsockname()) for conn in train + web]
wrong = dml.steering(host, ways)
wrong

# %% [markdown]
# ### Mended
#
# Two lines: keep the others out, and bring ours in.

# %%
host.sh("""ethtool -X eth1 equal 3
ethtool -N eth1 flow-type tcp4 dst-ip $IP dst-port 5201 action 3""", IP=host.ip)

# %%
right = dml.steering(host, ways)
print("wrong before:", wrong.wrong, " wrong now:", right.wrong)

# %% [markdown]
# The connections live on, and what is sent from now on lands where it should. **Predict**: does `recv` of the web server work
# on all four connections now?

# %%
scenes.send(pair, train_clients + web_clients, b"more data" * 100)
tokens = [len(dml.frags(conn.recvmsg(4096, ROOM, dml.MSG_SOCK_DEVMEM)[1])) for conn in train]
print("tokens for the trainer:", tokens)

# %%
later = []
for conn in web:
    try:
        later.append(len(conn.recv(4096)))
    except OSError as error:
        later.append(error.errno)
later

# %% [markdown]
# No. Two of them say 14 (EFAULT) as before. What landed wrong stays wrong: the first 900 octets of two connections lie in
# device memory, in front of everything that follows, and a program without MSG_SOCK_DEVMEM can never read past them. Those
# connections must be closed. *Steer first, then bind, then accept.*

# %%
assert sorted(errors) == [0, 0, 14, 14] and tokens == [1, 1, 1, 1]
assert sorted(first) == [(0, 1), (0, 1), (900, 0), (900, 0)]

# %% [markdown]
# ### On a real machine
#
# A configuration that works here can be taken along. `as_commands` writes it as the lines that you type; on a fresh card of the
# same kind they make the same configuration.

# %%
print(host.as_commands())

# %% [markdown]
# ## 6. Turn the knobs
#
# **Level: mechanism.** In Linux: [Documentation/networking/scaling.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/networking/scaling.rst).
# Here: `devmemlab/nic/steer.py`.
#
# 64 flows, of which 8 (port 5201) want device memory. The last queue has it. Choose the number of queues, whether the table
# leaves that queue out, and whether there is a rule, with the mouse or with Tab, Enter and the arrow keys.
#
# - With a table over all queues and no rule: why does it get *better* for our flows with fewer queues?
# - One of the two commands alone removes all EFAULTs, the other one alone brings all tokens. Which does which?

# %%
control = dml.SteeringControl()
control

# %%
half = control.text
control.rule.value = True
print(control.text)

# %%
control.spare.value = 1
print(control.text)
print(control.commands)

# %% [markdown]
# <details><summary>Answers</summary>
#
# With two queues chance alone sends half of the flows to the last one, with eight an eighth. It is still chance, and the others
# come there just as often. Leaving the queue out of the table ends the EFAULTs, since nothing comes there by hash any more; the
# rule brings the tokens. A working configuration needs both.
#
# </details>

# %% [markdown]
# ### Puzzle: a hash for a flow
#
# The hash of section 1, by hand. Fill in the blank and run its cell; `toeplitz_puzzle.hint()` tells
# hints, one at a time.

# %%
toeplitz_puzzle = dml.exercise("toeplitz")
toeplitz_puzzle

# %% tags=["exercise"]
@dml.kernel
def toeplitz(key, octets):
    return -38      # ENOSYS: not yet

toeplitz_puzzle.check(toeplitz)

# %% [markdown]
# ### Puzzle: equal shares, some queues kept out
#
# The table of section 2, with queues kept free. Fill in the blank and run its cell; `rss_table_puzzle.hint()` tells
# hints, one at a time.

# %%
rss_table_puzzle = dml.exercise("rss_table")
rss_table_puzzle

# %% tags=["exercise"]
@dml.kernel
def rss_table(table, out, start, equal):
    return -38      # ENOSYS: not yet

rss_table_puzzle.check(rss_table)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert moved > 40 and fullest > 8 and changed > 8 and rule == 0 and len(flips) == 8
assert wrong.wrong == 4 and right.wrong == 0
assert control.picture.wrong == 0 and "6 do not" in half and "6 get EFAULT" in half
assert sorted(later) == [14, 14, 900, 900]

# %% [markdown]
# | what you see | what it is | look at |
# |---|---|---|
# | recvmsg brings data but no tokens | our flow comes in on another queue | `ethtool -n eth1`: does a rule match? |
# | errno 14 in an unrelated program | its flow comes in on the bound queue | `ethtool -x eth1`: is that queue in the table? |
# | both, for some connections only | nobody steers: the hash decides | both |
# | it worked until a reboot | the key is random, and chance was kind | both |
#
# **Now read** the room `devmemlab/nic`: `toeplitz.py`, the hash in both forms, and `steer.py`: rule, context, hash, table, in
# forty lines of code.

# %%
card.lab.close()
pair.lab.close()
bound.device.close()
trainer.device.close()
