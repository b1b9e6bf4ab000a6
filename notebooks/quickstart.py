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
# # Quickstart: ten minutes with device memory TCP
#
# Data comes from the network, and a GPU (or another *device*) needs it. Usually each byte makes a detour: the network card
# writes it into the host's memory, the kernel copies it to the program, the program copies it to the device. With **device
# memory TCP** the card writes it into the device's memory at once. The program never sees the bytes. It gets **tokens**: slips
# that say *where* a piece lies and *how long* it is. When the device has used a piece, the program gives its token back, and the
# card may use that place again.
#
# You need no such card. The traffic was recorded between two Linux kernels; the card, the driver and the kernel's receive path
# are Python that you can read.
#
# **How to use this page.** Click into the first grey cell below and press Shift+Enter, again and again: each press runs one
# cell and goes to the next. `[*]` at the left means that a cell is at work, a number that it is done. Before some cells you are
# asked for a guess. Change the number, *then* run. What stands below the cells already is left from an earlier run, so that the
# page can be read without running anything; your own results take its place. (On the left, each lesson is there twice: `.ipynb` is
# the one to open, `.py` the same as plain text.)

# %% [markdown]
# ## 1. Guess
#
# Two million octets (bytes) of data arrive. Every time that an octet of them is written somewhere, by the card or by the
# processor, we count one copy. How many copies of each octet are made until all is in the device's memory?

# %%
my_guess = {"devmem": 1, "host_copy": 2}

# %% [markdown]
# ## 2. Receive
#
# The same recorded frames are received twice: with device memory TCP (`devmem`), and the usual way (`host_copy`). **The first
# time, this cell compiles for a minute or two**, and on a busy machine for some more; what it finds is kept for the next time.

# %%
import devmemlab as dml

result = dml.compare(size="2MiB", mtu=1500, repeats=1, modes=("devmem", "host_copy"), progress=print)

# %%
for row in result.rows:
    print(f"{row.mode:10} you said {my_guess[row.mode]}, counted {row.copied_bytes_per_payload_byte:.0f}")

# %% [markdown]
# Where every octet went, drawn from the counts. `C1` is the first copy of the data, `C2` the second, `C3` the third; `h` marks
# the headers, which go to host memory in both cases.

# %%
flow = result.byte_flow()
flow

# %% [markdown]
# Above, not one octet of data touches host memory. The kernel's TCP has no need to see data: it works on headers.

# %%
assert [row.copied_bytes_per_payload_byte for row in result.rows] == [1, 3]
assert all(row.sha256_ok for row in result.rows)

# %% [markdown]
# ## 3. Tokens
#
# What a program does, call by call. First a machine that is connected to the recording, with a card that cuts headers from data,
# and that sends our connection to receive queue 1:

# %%
from devmemlab.base.paths import data_folder

port = dml.ports.Pcap(data_folder() / "linux-bulk-mtu1500.pcap", speed=None)
lab = dml.Lab()
host = lab.host("receiver", ip=port.flow.dst, mac=port.flow.dst_mac, rx_queues=2, ifname="eth1", port=port)
nic = host.ethtool("eth1")
nic.set_rings(tcp_data_split="on", hds_thresh=0)
nic.set_rxfh_indir(equal=1)
rule = nic.add_rule(flow_type="tcp4", dst_port=port.flow.dport, queue=1)
print(f"rule {rule}: TCP to port {port.flow.dport} goes to queue 1, all else to queue 0")

# %% [markdown]
# Then memory of a device. Its *dmabuf* is a file descriptor, by which a program hands such memory to the kernel. *Bound* to queue 1
# it takes all data that comes there; the answer is the number of this binding.

# %%
device = dml.DeviceMemory("16MiB")
netdev, fd = host.netlink("netdev"), host.export(device)
netdev.bind_rx({"ifindex": host.ifindex("eth1"), "fd": fd, "queues": [{"type": "rx", "id": 1}]})

# %% [markdown]
# The rest is an ordinary server, but for one flag. **Guess**: the call below asks for up to a million octets. How many does it
# return to the program?

# %%
octets_returned = 1_000_000

# %%
server = host.socket(dml.AF_INET, dml.SOCK_STREAM)
server.bind(("", port.flow.dport))
server.listen()
conn, peer = server.accept()
data, control, flags, address = conn.recvmsg(1 << 20, dml.CMSG_SPACE(24) * 128, dml.MSG_SOCK_DEVMEM)
pieces = dml.frags(control)
print(f"you said {octets_returned:,}; returned: {len(data)} octets and {len(pieces)} tokens")
for piece in pieces[:3]:
    print(f"token {piece.frag_token}: {piece.frag_size} octets at {piece.frag_offset} of the device's memory")

# %% [markdown]
# Not one: only tokens. While you hold them, the card cannot use those places. Give them back:

# %%
print(f"tokens held: {host.audit().tokens}")
returned = host.dontneed(conn, [(token, 1) for token in pieces.frag_token])
print(f"given back: {returned}, tokens held: {host.audit().tokens}")

# %%
assert len(data) == 0 and returned == len(pieces) and host.audit().tokens == 0

# %% [markdown]
# ## 4. Turn a knob
#
# Frames of 9000 octets instead of 1500. **Guess** what changes in the picture: the number of copies, the octets of headers, or
# both? Click, and wait for the line below the buttons to change. (The table has two more ways: through a
# buffer that the device cannot reach, and a plain copy as a yardstick. Times are of this simulation; the copies are counted.)

# %%
knob = dml.TransferControl(repeats=1)
knob

# %% [markdown]
# A cell can turn it as well:

# %%
knob.mtu.value = 9000
small, large = (seen["devmem"].stages["DMA_HEADER"][0] for seen in (result, knob.result))
print(knob.text)
print(f"octets of headers: {small:,} with frames of 1500, {large:,} with frames of 9000")

# %%
assert large * 5 < small and knob.result["devmem"].copied_bytes_per_payload_byte == 1

# %% [markdown]
# ## 5. Break it
#
# A job in which one thing is wrong. Two words first: a card spreads connections over its queues by a hash (**RSS**), unless a
# **rule** says where one goes. And 14 and 19 are error numbers of Linux. Read, then choose `a`, `b`, `c` or `d`.

# %%
broken = dml.break_it("no_rule")
broken

# %%
my_answer = "d"

# %% [markdown]
# This cell runs the job. (The first time it compiles for another minute: here both ends of the connection are simulated.)

# %%
broken.predict(my_answer)

# %% [markdown]
# If you were wrong you are in good company: everything arrives, in order, without an error, and in the *wrong memory*. Ask the lab why. It looks at what the machine shows,
# and does not know what was done to it.

# %%
broken.why()

# %% [markdown]
# `.mend()` types that command, and sends everything once more. Look whether there are still octets in host memory:

# %%
print("before:", broken.seen)
print("now:   ", broken.mend())

# %%
assert broken.fault.answer == "a" and not broken.symptom and broken.why().ok

# %% [markdown]
# ## Where to go next
#
# | You have | Go to |
# |---|---|
# | twenty minutes | [00 The problem](00_the_problem.ipynb): this page slowly, with a film and the five mistakes that everybody makes first |
# | a question about tokens | [09 Tokens](09_tokens_recvmsg_dontneed.ipynb) |
# | joy in breaking things | [11 Break it](11_break_it.ipynb): 37 more faults like the one above |
# | doubts whether it is faster | [12 Against host copy](12_against_host_copy.ipynb) |
# | a capture of your own | `devmemlab replay CAPTURE` in a terminal |
#
# The lessons 00 to 14 are a course and can be read in order. **Now read** `devmemlab/sock/recvmsg.py`: the call that gave you
# tokens, as a mirror of the kernel's.

# %%
for thing in (conn, server, netdev, lab, device, broken):
    thing.close()
