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
# # 10. Netlink, restart, unbind
#
# A single request puts a queue of a running network card on other memory. Behind it are a message of a few octets, a small
# state machine that can fail at five places, and a teardown that waits for nobody. Programs crash, drivers run out of memory,
# and the other queues of the card must not notice. This lesson is about how that is done.
#
# In this lesson you
#
# 1. read a bind request and its refusals octet by octet,
# 2. listen to what the kernel tells about it,
# 3. break a restart at every step, and predict what is left,
# 4. kill the program that owns a binding, and wait for its last buffer,
# 5. compare with the design before, which reset the whole card.
#
# It takes about thirty minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. A request, octet by octet
#
# **Level: ABI.** In Linux: [lib/nlattr.c](https://elixir.bootlin.com/linux/v6.18/source/lib/nlattr.c),
# [net/netlink/genetlink.c](https://elixir.bootlin.com/linux/v6.18/source/net/netlink/genetlink.c).
# Here: `devmemlab/host/genl/wire.py`, `devmemlab/host/genl/core.py`.
#
# There is no system call "bind". A program writes a message to a *netlink* socket: a header of 16 octets, a command, and
# attributes, each with its own length and number, some with other attributes inside.

# %%
import devmemlab as dml

scenes = dml.scenes_control
card = scenes.card(queues=4)
host, netdev = card.host, card.host.netlink("netdev")
fd = host.export(dml.DeviceMemory("1MiB"))
request = netdev.request("bind-rx", scenes.bind_request(host, fd, 3))
dml.netlink_octets(netdev, request)

# %% [markdown]
# These are the very octets that a Linux kernel takes; pyroute2 writes the same. Little endian, everything at a multiple of
# four: `08 00` is a length, `01 00` the number of the attribute `ifindex`, then its value. `14 00 02 80`: the highest bit says
# "attributes inside".
#
# **Predict**: how many octets longer is the request for two queues?

# %%
my_guess = 8

# %%
two = netdev.request("bind-rx", scenes.bind_request(host, fd, 2, 3))
print(f"you said {my_guess}, counted: {len(two) - len(request)}")

# %% [markdown]
# Every queue is a nest of its own: 4 octets for the nest, 8 for the type, 8 for the number. Now send it. The answer is octets
# too:

# %%
refusal = netdev.send(request)
dml.netlink_octets(netdev, refusal)

# %% [markdown]
# The error is a negative number, -22. Behind it stands what was asked, and then the kernel's sentence, an *extended
# acknowledgement* (extack): header split is off. Sending by name does the same, and reads the refusal for you. **Predict** for
# each of these what the kernel complains about, before you look:

# %%
good = scenes.bind_request(host, fd, 3)
requests = {
    "no fd": {"ifindex": good["ifindex"], "queues": good["queues"]},
    "interface 0": {**good, "ifindex": 0},
    "interface 77": {**good, "ifindex": 77},
    "loopback": {**good, "ifindex": 1},
    "queue 9": {**good, "queues": [{"type": "rx", "id": 9}]},
    "a TX queue": {**good, "queues": [{"type": "tx", "id": 0}]},
    "not a dmabuf": {**good, "fd": netdev.fileno()},
}

# %%
found = {}
for name, attrs in requests.items():
    try:
        netdev.bind_rx(attrs)
    except dml.NetlinkError as error:
        found[name] = (error.errno, error.extack.as_dict())
        print(f"{name:13}{error.errno:3} {error.extack}")

# %% [markdown]
# Three kinds of help: `msg` is a sentence, `bad_attr` says which attribute (it travels as an offset: 20 is the first one of a
# request), and `miss_type` is the number of one that is missing; 3 is `fd`, as you saw above. "interface 0" was refused by a
# *policy*, a rule about the number alone, before any code for binding ran. Some refusals come with an errno and nothing else.

# %%
assert found["no fd"] == (22, {"miss_type": 3}) and found["interface 77"][0] == 19
assert found["interface 0"][0] == 34 and found["interface 0"][1]["bad_attr_offset"] == 20
assert len(two) - len(request) == 20

# %% [markdown]
# ## 2. Listen
#
# **Level: ABI.** In Linux: [net/core/page_pool_user.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/page_pool_user.c).
# Here: `devmemlab/host/genl/notify.py`.
#
# Whoever joins the group `page-pool` hears of every pool. Header split on, then bind: the card has four pools before.
# **Predict** what is told about the bind of one queue: how many pools are added, how many deleted?

# %%
host.sh("ethtool -G eth1 tcp-data-split on hds-thresh 0")
listener = host.netlink().subscribe("page-pool")
reply = netdev.bind_rx(good)
for event in listener.monitor():
    print(event["name"], event["msg"])

# %% [markdown]
# One is added, with the binding's number in `dmabuf` (2: the bind that was refused for header split has used up 1), and one is
# deleted: pool by pool, the queue was rebuilt while three others ran on. The end of a binding has no command at all. It ends
# with its socket:

# %%
netdev.close()
events = list(listener.monitor())
for event in events:
    print(event["name"], event["msg"])

# %%
assert [event["name"].split("-")[2] for event in events] == ["add", "del"]
assert [event["msg"].get("dmabuf") for event in events] == [None, reply["id"]]

# %% [markdown]
# ## 3. Restart
#
# **Level: mechanism.** In Linux: [net/core/netdev_rx_queue.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/netdev_rx_queue.c).
# Here: `devmemlab/net/restart.py`.
#
# This is what a queue goes through. The order is chosen so that everything that needs memory comes *before* the queue is
# stopped:
#
# ```
# call:   blob -> mem_alloc(new) -> check ------> stop(old) ----> start(new) -----------> mem_free(old)
#          |            |             |               |               |
# undo:  nothing     nothing     mem_free(new)   mem_free(new)   start(old), mem_free(new)
# ```
#
# `check` asks whether the driver really used the dmabuf for the new pool; a driver could ignore it in silence.
#
# Queue 2 of 4 is bound while a packet comes for each queue every millisecond, 8 in all. Stopping a queue takes 5 ms (*chosen*;
# *modelled* time). Each step is made to fail in turn. **Predict**: after which failures has queue 2 lost packets? After which
# is it dead?

# %%
from devmemlab.lab.restart_trial import FAILS

my_guess = {"loses packets": ["start", "stop"], "dead": ["start"]}
trials = {fails: dml.restart_trial(fails) for fails in FAILS}

# %%
for fails, trial in trials.items():
    words, ends = FAILS[fails], trial.after[2]
    print(f"{words:34} errno {trial.errno:2}  queue 2: {ends:9}  packets {trial.got} of {trial.sent}")

# %%
dml.restart_picture(trials["start"])

# %% [markdown]
# Even a bind that succeeds loses what comes in those 5 ms, on this queue alone. A failure up to `stop` costs nothing: the queue
# never noticed. A failed `start` costs the time of a restart, then the old memory is live again: *rollback*. Only when the
# driver refuses even the memory that it has had all the time is the queue dead, and the kernel's log says so. The bind was
# refused with the first error in every case. The other queues took 8 of 8 each time.

# %%
lossy = {fails for fails, trial in trials.items() if trial.got[2] < trial.sent}
dead = {fails for fails, trial in trials.items() if trial.after[2] == "dead"}
print("you said", my_guess)
print("counted:", sorted(lossy), "and", sorted(dead))

# %%
assert dead == {"start twice"} and "dead" in trials["start twice"].log[0]
assert all(trial.got[queue] == trial.sent for trial in trials.values() for queue in (0, 1, 3))
assert [trials[name].got[2] for name in ("mem_alloc", "check", "stop", "start")] == [8, 8, 8, 3]

# %% [markdown]
# ### The design before
#
# Taking one queue out of a running card is a lot to ask of a driver. The simple way is to bring the whole card down and up
# again with the new memory in place. That is what a bind did before queues could be restarted one by one; the helper that
# restarts a single queue came into the series of patches from D. Wei (*quoted*: M. Almasry, change list in the cover letter of
# v9, netdev, May 2024). The lab has both. Same traffic, same 5 ms. **Predict**: how many packets are lost, and how many buffers
# must be posted?

# %%
old, new = dml.restart_trial("nothing", "device"), trials["nothing"]
for trial in (new, old):
    cost = trial.cost
    print(f"{trial.design:7} queues stopped {cost.queues_stopped}, packets lost {cost.packets_lost:2}, "
          f"buffers out {cost.buffers_returned}, in {cost.buffers_posted}")

# %%
dml.restart_picture(old)

# %% [markdown]
# Both as a film, in step with one clock: every call, every packet, and what each queue runs on. Play it, or step with the arrow
# keys. **Predict**: queue 3 has nothing to do with the bind. For how many of its eight packets is nobody there, in A and in B?

# %%
my_guess = {"A": 0, "B": 0}

# %%
both = dml.restart_player()
both

# %%
missed = {letter: sum(one.queue == 3 and not one.taken for one in trial.arrivals) for letter, trial in zip("AB", both.trials)}
print("you said", my_guess, "counted", missed)
for letter in "AB":
    print(letter, {name[2:]: value for name, value in both.film.values().items() if name.startswith(letter)})

# %%
assert missed == {"A": 0, "B": 5} and both.film.values()["B.lost"] == old.cost.packets_lost

# %% [markdown]
# Counts are *counted*, the 5 ms are *modelled*. Four queues of 64 descriptors are 256 buffers to fill again; a card with 64
# queues of 1024 has 65,536 (calculated). And queues of other programs stand still, which have never heard of device memory. It
# is worse when something fails:

# %%
worst = dml.restart_trial("start twice", "device")
print(worst.after, "packets", worst.got, "of", worst.sent)
print(worst.log[0])

# %%
assert (new.cost.packets_lost, old.cost.packets_lost) == (5, 20)
assert (new.cost.buffers_posted, old.cost.buffers_posted) == (64, 256)
assert worst.after == ["dead"] * 4

# %% [markdown]
# ### Choose the fault
#
# Choose what fails, and which design, with the mouse or with Tab, Enter and the arrow keys.
#
# - The driver ignores the dmabuf. When is that found out in each design, and what has it cost by then?
# - `stop` fails, in the old design. Look at the calls: why does nothing happen?

# %%
control = dml.RestartControl()
control

# %%
control.fails.value, control.design.value = "check", "device"
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# With one queue the new pool is looked at before anything is stopped: no cost. With the whole device it must be up again before
# there is a new pool to look at, so it goes down twice, and all queues with it. Closing a whole device cannot be refused:
# `stop` is called for every queue, and nobody asks whether it may. The fault waits for a restart of one queue, and none comes.
#
# </details>

# %% [markdown]
# ## 4. Crash
#
# **Level: mechanism.** In Linux: [kernel/exit.c](https://elixir.bootlin.com/linux/v6.18/source/kernel/exit.c),
# [net/core/devmem.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/devmem.c).
# Here: `devmemlab/host/process.py`, `devmemlab/mem/binding.py`.
#
# A *trainer* owns a binding: it holds the dmabuf and the netlink socket. A *reader*, another process, has the connection and
# holds three tokens. Then the trainer is killed, without any chance to clean up.

# %%
pair = scenes.pair(queues=4)
machine = pair.receiver
trainer = scenes.bind(machine, 3)
machine.sh("ethtool -X eth1 equal 3; ethtool -N eth1 flow-type tcp4 dst-port 5201 action 3")
clients, conns = scenes.calls(pair, machine.process("reader"), 5201)
scenes.send(pair, clients, b"gradients" * 300)

# %%
ROOM = dml.CMSG_SPACE(24) * 16
data, ancdata, flags, address = conns[0].recvmsg(1 << 16, ROOM, dml.MSG_SOCK_DEVMEM)
held = dml.frags(ancdata)
print(len(held), "tokens of binding", int(held.dmabuf_id[0]), "- queues:", scenes.queue_memory(machine))

# %% [markdown]
# **Predict**: on what does queue 3 run afterwards? Is the data that the tokens name still there? What does the listener hear?

# %%
listener = machine.netlink().subscribe("page-pool")
machine.kill(trainer.process)
print("queues:", scenes.queue_memory(machine))
for event in listener.monitor():
    print(event["name"], event["msg"])

# %% [markdown]
# The end of a process closes its descriptors, one after the other. With the netlink socket the binding goes, and the queue is
# restarted on ordinary pages. But two buffers are still out: the old pool is *detached* and waits. Nobody else waits: the kill
# is long over.

# %%
offset = int(held.frag_offset[0])
trainer.device.read(offset, 9)

# %%
dml.reference_graph(machine)

# %% [markdown]
# A tool that must know when the device memory is really free (to unload a driver, for example) can wait. If it takes too long,
# it wants to know who is to blame:

# %%
try:
    machine.wait_detached(timeout_ns=3 * 10**9)
except TimeoutError as late:
    blame = str(late)
print(blame)

# %% [markdown]
# The reader returns its tokens. **Predict**: is the pool gone at once?

# %%
returned = machine.dontneed(conns[0], [(int(held.frag_token[0]), len(held))])
left = machine.detached_pools()
waited_ns = machine.wait_detached()
print(f"{returned} tokens returned, {len(left)} pool still there, gone {waited_ns / 1e9:g} s later (virtual time)")

# %% [markdown]
# Not at once: a detached pool looks every second whether its last buffer is home. In between, the connection simply goes on, in
# ordinary memory:

# %%
scenes.send(pair, clients, b"no longer special")
conns[0].recv(100)

# %%
assert scenes.queue_memory(machine) == ["pages"] * 4 and machine.detached_pools() == []
assert "by tokens of connection" in blame and returned == 2
assert [event["name"] for event in listener.monitor()] == ["page-pool-del-ntf"]

# %% [markdown]
# ### One process for everything
#
# Usually the same process has it all: dmabuf, netlink socket, connection, tokens. It is killed while it holds them. Descriptors
# are closed in the order of their numbers. **Predict**: what if the binding goes before the connection that holds its tokens?

# %%
single = scenes.bind(machine, 3)
clients, conns = scenes.calls(pair, single.process, 5202)
machine.sh("ethtool -N eth1 flow-type tcp4 dst-port 5202 action 3")
scenes.send(pair, clients, b"gradients" * 300)
tokens = len(dml.frags(conns[0].recvmsg(1 << 16, ROOM, dml.MSG_SOCK_DEVMEM)[1]))
print(tokens, "tokens;", {fd: type(thing).__name__ for fd, thing in single.process.fds.things.items()})

# %%
machine.kill(single.process)
clients[0].close()
waited_ns = machine.wait_detached()
print(f"the last pool was gone {waited_ns / 1e9:g} s later (virtual time)")

# %% [markdown]
# It does not matter. Whichever goes first leaves the other in order: the closed connection gives back all its tokens, and the
# pool has what it waits for. No order of crashes leaks device memory; that is what counting references is for.

# %% [markdown]
# ### Puzzle: which mistake is told?
#
# A request may be wrong in more than one way; only one is told. Fill in the blank and run its cell; `bind_order_puzzle.hint()` tells
# hints, one at a time.

# %%
bind_order_puzzle = dml.exercise("bind_order")
bind_order_puzzle

# %% tags=["exercise"]
@dml.kernel
def bind_rx(request):
    return -38      # ENOSYS: not yet

bind_order_puzzle.check(bind_rx)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert tokens == 2 and machine.processes and single.process.fds.things == {}
assert machine.audit().netmems_in_flight == 0 and machine.detached_pools() == []
assert control.trial.errno == 61 and control.trial.cost.queues_stopped == 8
bindings = machine.mem.providers.binding
assert not bindings.kind.any()

# %% [markdown]
# | what ends | what it takes with it | what stays |
# |---|---|---|
# | the netlink socket | its bindings; their queues go back to pages | tokens, and the memory they name |
# | the connection | its tokens | the binding |
# | the process | both, in the order of their numbers | nothing, a second later |
# | a restart that fails | the bind | the queue, as it was (unless even that fails) |
#
# **Now read** the room `devmemlab/net`: `restart.py`, the state machine and its rollback in one page. Every refusal of bind-rx,
# in its order, is in `devmemlab/host/genl/bind_rx.py`.

# %%
card.lab.close()
pair.lab.close()
