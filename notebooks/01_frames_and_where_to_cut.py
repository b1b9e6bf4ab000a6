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
# # 1. Frames, and where to cut them
#
# Device memory TCP rests on one cut. A frame comes in; its headers go to host memory, where the kernel reads them; its payload
# goes to device memory, where nobody but the device reads it. The network card makes that cut while the frame is arriving,
# before any program has seen an octet of it. One octet too early or too late, and the stream is broken.
#
# In this lesson you
#
# 1. take a recorded frame apart, octet by octet, and find the cut by hand,
# 2. see what goes wrong when the cut is a constant,
# 3. move it: tags, options, extensions, the other IP,
# 4. meet the frames that cannot be cut at all, and learn what becomes of them,
# 5. find out who checks the checksum when nobody may read the payload.
#
# It takes about twenty minutes. Run the cells from top to bottom.

# %% [markdown]
# ## 1. A frame
#
# **Level: mechanism.** In Linux: [net/core/flow_dissector.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/flow_dissector.c).
# Here: `devmemlab/wire/frame.py`.
#
# This one carried 1448 octets of a stream from one Linux kernel to another. It was recorded; nothing in it is made up.

# %%
import devmemlab as dml

frame = dml.scenes_nic.captured(3)
print(f"{len(frame):,} octets; the first 20: {frame[:20].hex(' ')}")

# %% [markdown]
# **Predict**: how many of its octets are headers? (Ethernet has 14, IPv4 and TCP have at least 20 each.)

# %%
my_guess = 54

# %%
picture = dml.frame_picture(frame, "The fourth frame of the capture")
picture

# %%
print(f"you said {my_guess}, the card says {picture.cut.at}")

# %% [markdown]
# TCP has brought 12 octets of *options*: both sides put a time on every segment. They belong to the headers.
#
# ### By hand
#
# No header says where the payload begins. Each says only how long it is itself, in a unit of its own, and what comes next. So
# one has to walk:
#
# | where | octets | says |
# |---|---|---|
# | Ethernet, at 12 | `08 00` | IPv4 comes next |
# | IPv4, first octet | `45` | version 4; 5 times 4 octets long |
# | IPv4, at 2 | `05 dc` | with everything inside it has 1500 octets |
# | IPv4, at 9 | `06` | TCP comes next |
# | TCP, at 12 | `80` | 8 times 4 octets long |

# %%
ip = 14
tcp = ip + (frame[ip] & 15) * 4
payload = tcp + (frame[tcp + 12] >> 4) * 4
end = ip + int.from_bytes(frame[ip + 2:ip + 4], "big")
print(f"IP at {ip}, TCP at {tcp}, payload from {payload} to {end}")

# %% [markdown]
# Why does the length in the IP header matter, when the frame has an end? An Ethernet frame must have 60 octets. A shorter one
# is filled up, and the filling is no payload. This acknowledgement carries nothing:

# %%
from devmemlab.lab.frames import cut_of, layers, make_frame

ack = make_frame(payload=b"").ljust(60, b"\0")
[(layer.name, layer.length) for layer in layers(ack)]

# %%
assert (payload, end) == (66, len(frame)) and picture.cut.at == payload
assert layers(ack)[-1].name == "padding" and cut_of(ack).at == 54

# %% [markdown]
# ## 2. Why exactly there?
#
# **Level: mechanism.** In Linux: [drivers/net/ethernet/google/gve/gve_rx_dqo.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/net/ethernet/google/gve/gve_rx_dqo.c).
# Here: `devmemlab/nic/hds.py`.
#
# Suppose a card that always cuts at the same place. Here are the lengths of all headers of the recording:

# %%
from collections import Counter

frames = dml.scenes_nic.captured(slice(0, None))
lengths = Counter(cut_of(octets).at for octets in frames)
dict(lengths)

# %% [markdown]
# Two lengths only: the first two frames (SYN and its answer) have longer options. **Predict**: the card cuts at 54, as if there
# were no options. The program gets tokens for what lies behind the cut. How many octets are wrong in ten data frames?

# %%
data = [octets for octets in frames if len(octets) == 1514][:10]
right = b"".join(octets[66:] for octets in data)
early = b"".join(octets[54:] for octets in data)
print(f"{len(early) - len(right)} octets too many; it begins {early[:4].hex(' ')}, not {right[:4].hex(' ')}")

# %% [markdown]
# Everything from the first octet on is wrong. Each frame puts 12 foreign octets into the stream, and TCP lacks the options.
#
# Too late is no better. Payload octets end up in the header buffer, in host memory. Linux can live with that (such a piece
# comes as `SCM_DEVMEM_LINEAR` in place of a token, and is copied to the program's buffer), but the device then has a stream
# with holes. The kernel's own test of this sends payloads of 1, 8, 16, 32 up to 8192 octets, and wants none of them in host
# memory (*quoted*: check_rx_hds in tools/testing/selftests/drivers/net/hw/devmem.py).
#
# ### Move it
#
# Here is the frame again, and a card that cuts wherever you tell it. Drag the cut, or focus the picture and use the arrow keys
# (`c` takes it where a card in order cuts). **Predict** first: which is worse, one octet too early or one too late? Who notices?

# %%
anatomy = dml.frame_anatomy(frame, "The fourth frame of the capture", cut=65)
anatomy

# %%
fates = {}
for cut in (0, 65, 66, 67, 129):
    anatomy.cut = cut
    fates[cut] = anatomy.look["texts"]["program"]
    print(f"{cut:4}: {fates[cut]}")
anatomy.cut = 65

# %% [markdown]
# Too early, and every such frame is dropped: the stack lacks headers, and the rest of them lies where it must not read. Sending
# again does not help. Too late, and everything seems to work. Nobody notices but the device, whose stream has a hole.
#
# So: headers end exactly at the first octet of payload. Watch the card of the lab do it. `card` sets one up: queue 1 is bound
# to device memory, and every frame goes there.

# %%
card = dml.scenes_nic.card()
seen = dml.scenes_nic.arrive(card, make_frame(tcp_options="timestamps", payload=b"for the device alone"))
seen

# %%
card.device.read(0, 24)

# %% [markdown]
# `rx_hsplit_pkt` and `rx_hsplit_bytes` are what `ethtool -S` shows for the gve driver: packets cut, and octets of their
# headers. In device memory lies the payload, and nothing else.

# %%
assert "dropped" in dml.frame_anatomy(frame, cut=65).look["texts"]["TCP"] and "LINEAR" in fates[67]
assert fates[66].startswith("one token for 1,448 octets") and fates[0].startswith("nothing") and fates[129].startswith("nothing")
assert early != right and len(early) - len(right) == 120 and len(lengths) == 2
assert seen == {"rx_hsplit_pkt": 1, "rx_hsplit_bytes": 66}
assert card.device.read(0, 24) == b"for the device alone" + bytes(4)

# %% [markdown]
# ## 3. Move the cut
#
# **Level: mechanism.** In Linux: [net/ipv6/exthdrs_core.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv6/exthdrs_core.c),
# [net/ipv4/tcp_input.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_input.c).
# Here: `devmemlab/wire/ipv6.py`, `devmemlab/wire/options.py`.
#
# Headers grow in five ways. **Predict** where each of these is cut. A plain frame is cut at 54.

# %%
my_guess = {"VLAN tag": 54, "two tags": 54, "IPv4 options": 54, "IPv6": 54, "hop-by-hop": 54, "SACK": 54}

# %%
variants = {
    "VLAN tag": make_frame(tags=1),
    "two tags": make_frame(tags=2),
    "IPv4 options": make_frame(ip_more=8),
    "IPv6": make_frame(6),
    "hop-by-hop": make_frame(6, ip_more=8),
    "SACK": make_frame(tcp_options="timestamps, 3 SACK blocks"),
}
cuts = {name: cut_of(octets).at for name, octets in variants.items()}
for name, at in cuts.items():
    print(f"{name:13} you said {my_guess[name]:3}, the card: {at:3}")

# %% [markdown]
# - A **VLAN tag** is 4 octets between the addresses and the type. The type moves, and so does everything behind it.
# - **IPv4 options** are up to 40 octets; the lower half of the first octet tells.
# - **IPv6** has 40 octets, always, and then a chain of *extension headers*, each with its own length and the name of the next.
# - **TCP options** are up to 40 octets. With three SACK blocks (the receiver tells what it has beyond a gap) they are full.
#
# SACK is worth a thought: headers grow just when frames are being lost. A cut that is right on a quiet network and wrong under
# stress is hard to find.

# %%
dml.frame_picture(make_frame(6, 1, 8, "timestamps"), "IPv6 with a tag, a hop-by-hop header and timestamps")

# %% [markdown]
# ### Turn it yourself
#
# With the mouse, or with Tab, Enter and the arrow keys.
#
# - The header buffer has 128 octets at first (what gve uses; *quoted*: the driver in Linux 6.18). Which choices go beyond it?
# - What becomes of the payload then?

# %%
control = dml.FrameControl()
control

# %%
control.version.value, control.tags.value, control.ip_more.value = 6, 2, "24 octets"
print(control.text)

# %%
control.tcp_options.value = "timestamps, 3 SACK blocks"
print(control.text)

# %% [markdown]
# <details><summary>Answers</summary>
#
# Ethernet with two tags has 22 octets, IPv6 40, TCP with all its options 60: that is 122 and still fits. 8 octets of extensions
# make 130. For IPv4 it takes 40 octets of options and all TCP options: 134, even without tags. Then the frame is not cut at
# all. The payload stays with its headers, and where it would have to go to device memory, the headers would go there too.
#
# </details>

# %%
assert list(cuts.values()) == [58, 62, 62, 74, 82, 94]
assert control.picture.cut == (None, "header overflow")

# %% [markdown]
# ## 4. What cannot be cut
#
# **Level: mechanism.** In Linux: [drivers/net/ethernet/google/gve/gve_rx_dqo.c](https://elixir.bootlin.com/linux/v6.18/source/drivers/net/ethernet/google/gve/gve_rx_dqo.c).
# Here: `devmemlab/nic/hds.py`, `devmemlab/nic/rx.py`.
#
# **Predict** for each: does the card find the payload? Why not?

# %%
inner = make_frame()[14:]
odd = {
    "a fragment": make_frame(fragment=True),
    "an IPv6 fragment": make_frame(6, fragment=True),
    "UDP": make_frame(protocol=17, payload=b"\x9c\x40\x14\x51\x00\x0f\x00\x00message"),
    "IP in IP": make_frame(protocol=4, payload=inner),
    "GRE": make_frame(protocol=47, payload=bytes.fromhex("00000800") + inner),
    "long headers": make_frame(6, 2, 24, "timestamps, 3 SACK blocks"),
}
why = {name: cut_of(octets).why for name, octets in odd.items()}
for name, reason in why.items():
    print(f"{name:17}{reason}")

# %% [markdown]
# - **Fragments**: only the first one has a TCP header; the others begin somewhere in the middle. Cutting needs all of them, and
#   a card does not wait. A sender avoids fragments by the *don't fragment* flag.
# - **UDP** has headers and a payload, but TCP's cut is the only one that this card knows. (UDP and raw IP could be cut as well;
#   the setting is called *tcp-data-split*.)
# - **Tunnels**: TCP is in there, behind a second IP header. This card does not look; some do.
#
# What is not IP at all, such as ARP, does not even come here. Nothing in it can be steered by, so it goes to queue 0.

# %%
dml.frame_picture(odd["IP in IP"], "TCP in IP in IP: the card stops at the first IP header")

# %% [markdown]
# And then? **Predict** what becomes of these frames on a queue with pages, and on one that is bound to device memory.

# %%
pages = dml.scenes_nic.card("pages")
print(f"{'':17}{'pages':10}device memory")
for name, octets in odd.items():
    into = [dml.scenes_nic.arrive(one, octets) for one in (pages, card)]
    print(f"{name:17}{'kept' if 'rx_dropped_pkt' not in into[0] else 'no taker':10}{into[1]}")

# %%
dml.scenes_nic.drops(card)

# %% [markdown]
# In pages nothing is lost by the *card*: headers and payload lie together, and the stack reads on. (For UDP and tunnels there
# is simply no taker in this lab, which speaks TCP. Fragments it does not put together.) On the bound queue the driver drops
# every one of them. It has no choice: headers in device memory cannot be read, and a packet whose headers cannot be read is
# nothing.
#
# That is why *other traffic must be kept away* from a bound queue: by the rule and the table that lesson 0 set.

# %% [markdown]
# ## 5. Who checks the sum?
#
# **Level: mechanism.** In Linux: [include/linux/skbuff.h](https://elixir.bootlin.com/linux/v6.18/source/include/linux/skbuff.h).
# Here: `devmemlab/nic/csum.py`.
#
# TCP's checksum covers its header, a part of the IP header, *and the payload*. The kernel cannot read the payload. So the card
# must check, and say so. One octet is damaged on the way. **Predict**: what does the program get?

# %%
good = make_frame(payload=b"sixteen octets..")
damaged = good[:-1] + b"!"
first = dml.scenes_nic.card()
dml.scenes_nic.arrive(first, good, damaged)
dml.scenes_nic.drops(first)

# %% [markdown]
# The damaged one is dropped; TCP will ask for it again. Now switch the card's checking off (`ethtool -K eth1 rx off`). With
# pages the kernel adds the octets up by itself. **Predict** what happens to the *good* frame on the bound queue.

# %%
unchecked = {}
for queue in dml.scenes_nic.QUEUES:
    one = dml.scenes_nic.card(queue)
    one.nic.set_feature("rx-checksum", False)
    dml.scenes_nic.arrive(one, good)
    unchecked[queue] = dml.scenes_nic.drops(one)
unchecked

# %% [markdown]
# It is dropped. The kernel cannot know whether it is good, and does not guess. Device memory TCP without checksums in hardware
# receives nothing at all.
#
# There is a comfort in this: damage on the wire is found before a token is made. What happens to payload *behind* the card, in
# device memory, no TCP checksum can tell.

# %% [markdown]
# ### Exercise
#
# `my_cut` knows IPv4 without tags. Teach it tags (type `81 00`), IPv6 (type `86 dd`, 40 octets) and hop-by-hop headers (next
# header 0; the second octet tells the length in units of 8, not counting the first 8). Then run the check.

# %% tags=["exercise"]
def my_cut(octets):
    ip = 14
    tcp = ip + (octets[ip] & 15) * 4
    return tcp + (octets[tcp + 12] >> 4) * 4

# %% tags=["nbval-ignore-output"]
for name, octets in {"plain": make_frame(), **variants}.items():
    print(f"{name:13}{'right' if my_cut(octets) == cut_of(octets).at else 'wrong'}")

# %% [markdown]
# ### Puzzle: where to cut
#
# The card's own decision, on frames that are not all well. Fill in the blank and run its cell; `header_split_puzzle.hint()` tells
# hints, one at a time.

# %%
header_split_puzzle = dml.exercise("header_split")
header_split_puzzle

# %% tags=["exercise"]
@dml.kernel
def header_cut(frame):
    return -38      # ENOSYS: not yet

header_split_puzzle.check(header_cut)

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert all(cut_of(octets).at is None for octets in odd.values())
assert why["a fragment"] == "not TCP: an IP fragment" and why["long headers"] == "header overflow"
assert sum(dml.scenes_nic.drops(card).values()) == len(odd)
assert dml.scenes_nic.drops(first) == {"bad checksum": 1}
assert unchecked == {"device memory": {"bad checksum": 1}, "pages": {}}

# %% [markdown]
# | headers | octets | told by |
# |---|---|---|
# | Ethernet | 14, and 4 for each tag | the type |
# | IPv4 | 20 to 60 | the lower half of its first octet |
# | IPv6 | 40, and its extensions | each extension |
# | TCP | 20 to 60 | the upper half of its octet 12 |
#
# **Now read** the room `devmemlab/nic`: `hds.py`, the decision, in one kernel of ten lines. `devmemlab/wire/frame.py` and the
# chapters that it calls walk the headers, and `devmemlab/lab/frames.py` wrote the frames of this page. The next lesson asks what it costs to
# move the payload, and for whom.

# %%
for one in (card, pages, first):
    one.lab.close()
