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
# # 14. ncdevmem and the doctor
#
# You have a server with the right card, a new kernel, and half an hour. The kernel's sources contain a program for just this
# moment: `ncdevmem`, which binds a queue, receives a pattern into device memory, checks it and returns the tokens. It prints
# `Failed to bind` and ends. Now what? This lesson is about the two tools that get you from there to the first octet: a *doctor*
# that says what is missing, and `ncdevmem` itself, which here runs on the lab's card as it does on a real one.
#
# In this lesson you
#
# 1. repair a machine on paper, one command at a time,
# 2. read the self-test: four things that a kernel must do, three of which are refusals,
# 3. receive, with small and with large buffers, and count what the memory is used for,
# 4. send from device memory and wait until it is yours again,
# 5. open a run up: its packets, its tokens, a file for Wireshark, and a file that gives the same run to somebody else.
#
# It takes about twenty minutes. Run the cells from top to bottom. Numbers are *counted*, times are *modelled* (virtual time).

# %% [markdown]
# ## 1. The doctor
#
# **Level: story.** In Linux: [Documentation/networking/devmem.rst](https://elixir.bootlin.com/linux/v6.18/source/Documentation/networking/devmem.rst).
# Here: `devmemlab/lab/doctor.py`, `devmemlab/lab/doctor_words.py`.
#
# `devmemlab doctor` looks at a real machine. This one is on paper: a lab host, with a folder that looks like its `/proc`, `/sys`
# and `/dev`. The doctor does not know that. It has a card with one queue, as it came out of the box.
#
# **Predict**: what stops you first? The card, the kernel, your rights, or something else?

# %%
import devmemlab as dml

paper = dml.PaperMachine()
report = paper.examine()
print(report.verdict())

# %% [markdown]
# Not the card at all: there is nothing to bind. A binding is of a *dmabuf*, and without a driver that exports one you need
# `udmabuf`, a module that makes one of ordinary memory. On paper, loading it makes a file:

# %%
paper.write("/dev/udmabuf")
print(paper.examine().verdict())

# %% [markdown]
# The doctor names one thing at a time, the first that a program would run into. How many commands until nothing is left?
# **Predict**, then do what it says.

# %%
my_guess = 2

# %%
paper.host.sh("ethtool -L eth1 combined 4")
print(paper.examine().verdict())

# %%
paper.host.sh("ethtool -G eth1 tcp-data-split on")
print(paper.examine().verdict())

# %%
paper.host.sh("ethtool -X eth1 equal 3")
print(paper.examine().verdict())
print("three commands after the module; you said", my_guess)

# %% [markdown]
# "Unknown: queue management" is honest. Whether a driver can restart one queue is told by nobody but a bind, and the doctor changes
# nothing. What it did find, and what is only slower and does not stop anybody:

# %%
for row in paper.examine().rows:
    if row.ifname:
        print(f"{row.state:8} {row.word.title:28} {row.value}")

# %% [markdown]
# The MTU is worth a thought: with 1500, each packet takes a buffer of 4096 octets for 1448. Section 3 has numbers.

# %%
assert report.first.key == "exporter" and paper.examine().ready
assert [row.key for row in paper.examine().rows if row.state == "missing"] == ["mtu"]

# %% [markdown]
# ## 2. The self-test
#
# **Level: ABI.** In Linux: [tools/testing/selftests/drivers/net/hw/ncdevmem.c](https://elixir.bootlin.com/linux/v6.18/source/tools/testing/selftests/drivers/net/hw/ncdevmem.c).
# Here: `devmemlab/lab/ncdevmem_selftest.py`.
#
# `ncdevmem -f eth1`, with no address, tests the machine. It needs no traffic. It binds three times and changes the channels once,
# on a card with four queues. **Predict**: which of the four must *work*?

# %%
test = dml.ncdevmem("-f eth1")
test

# %% [markdown]
# One. A bind without the number of a queue must fail; a bind while headers are not split must fail; and nobody may take a bound
# queue away. A kernel that says yes to everything is broken: payload would land where a CPU reads it, or on a queue that is gone.
#
# Two things to look at twice. The first binding has number 2, because the refused one used up number 1. And "5 RX queues must
# stay" on a card that has four: Linux compares a count with a count by *not above* instead of *below*, so one queue more than
# necessary must stay.
#
# On your machine the same steps are `devmemlab ncdevmem -f eth1 --backend linux`, with the same code. It stops where your kernel
# stops.

# %%
assert test.exit_code == 0
assert [step["wanted"] for step in test.numbers["steps"]] == ["fails", "fails", "works", "fails"]

# %% [markdown]
# ## 3. Receiving
#
# **Level: ABI.** In Linux: [tools/testing/selftests/drivers/net/hw/ncdevmem.c](https://elixir.bootlin.com/linux/v6.18/source/tools/testing/selftests/drivers/net/hw/ncdevmem.c).
# Here: `devmemlab/lab/ncdevmem_server.py`.
#
# The server binds the last queue, sets a rule, listens, and checks what comes: 1 to 6 and a newline, again and again (`-v 7`).
# The sender sends 1024 octets. **Predict**: how many tokens?

# %%
one = dml.ncdevmem("-l -f eth1 -s 10.0.0.2 -p 5201 -v 7 --size 1024 --verbose")
one

# %% [markdown]
# One packet, one piece, one token, returned. `-L` makes a single octet that misses the device a failure. The kernel's own test
# runs it with twelve sizes, because a card that splits badly does so at the edges: one octet, or one more than a buffer.

# %%
for size in (1, 64, 1448, 1449, 8192):
    got = dml.ncdevmem(f"-l -f eth1 -s 10.0.0.2 -p 5201 -v 7 -L --size {size}").numbers
    print(f"{size:5} octets: {got['frags']} frags, {got['linear_bytes']} linear, {got['mismatches']} wrong")

# %% [markdown]
# Newer kernels let a program ask for larger buffers: `-b 16384`. Here 65,536 octets come in packets of 9000. **Predict**: a packet
# carries 8948 octets. How many frags with buffers of 4096, how many with 16384? And which of the two wastes more memory?

# %%
base = "-l -f eth1 -s 10.0.0.2 -p 5201 -v 7 --size 65536 --mtu 9000"
small, large = dml.ncdevmem(base).numbers, dml.ncdevmem(base + " -b 16384").numbers
for octets, got in ((4096, small), (16384, large)):
    print(f"{octets:5}: {got['frags']:2} frags, {got['bytes'] / (octets * got['frags']):.0%} of the memory under tokens is used")

# %% [markdown]
# A third of the tokens, and half of the memory for nothing: a packet takes a whole buffer, whatever its length. Large buffers pay
# off when the card puts several packets into one (hardware GRO), or with payload that fits. Turn it:

# %%
control = dml.NcdevmemControl()
control

# %%
control.mtu.value, control.buffer.value, control.size.value = 9000, 16384, 65536
print(control.text)

# %%
assert one.exit_code == 0 and one.numbers["tokens_returned"] == one.numbers["tokens_issued"] == 1
assert small["frags"] == 22 and large["frags"] == 8 and large["mismatches"] == 0

# %% [markdown]
# ## 4. Sending
#
# **Level: ABI.** In Linux: [tools/testing/selftests/drivers/net/hw/ncdevmem.c](https://elixir.bootlin.com/linux/v6.18/source/tools/testing/selftests/drivers/net/hw/ncdevmem.c).
# Here: `devmemlab/lab/ncdevmem_client.py`.
#
# Without `-l` the tool is a client. Each line of its input is copied to offset 0 of the device memory, sent from there, and the
# next line waits until the kernel says that the memory is free again. `-z 3` cuts a line into pieces of three octets.
# **Predict**: `hello`, newline, `world`: how many sends, how many completions?

# %%
sent = dml.ncdevmem("-f eth1 -s 10.0.0.1 -p 5201 -z 3 --verbose", b"hello\nworld")
sent

# %% [markdown]
# Two and two: a completion is for a *send*, however many pieces it has, and their numbers count from 0. No payload was copied by a
# CPU of the sender: TCP took references to the memory. That is why the tool has to wait. If it wrote the next line too early,
# retransmissions would carry the new octets. "Complete" means *acknowledged by the peer*, not *sent*.

# %%
assert sent.output == b"hello\nworld" and sent.numbers["completions"] == sent.numbers["sends"] == 2

# %% [markdown]
# ## 5. Open it up
#
# **Level: research.** Here: `devmemlab/lab/scenario.py`.
#
# What does such a transfer look like from inside? A *scenario* says it in a few lines, and gives the same run to everybody who has
# the file. Here a program keeps four tokens, on a wire that loses 3 %:

# %%
scenario = dml.Scenario({
    "name": "four tokens, a bad wire", "seed": 5,
    "host": [{"name": "storage", "ip": "10.0.0.1", "rx_ring": 64},
             {"name": "trainer", "ip": "10.0.0.2", "rx_queues": 2, "rx_ring": 64}],
    "link": [{"between": ["storage", "trainer"], "gbps": 1, "delay_us": 20, "loss": 0.03}],
    "binding": [{"host": "trainer", "memory": "128KiB", "queues": [1]}],
    "traffic": [{"from": "storage", "to": "trainer", "octets": "40KiB", "into": "device", "message": "1448", "pace_us": 40,
                 "keep": 4}]})
run = scenario.run()
run.flows[0]

# %%
trainer = run.hosts["trainer"]
dml.token_picture(trainer)

# %% [markdown]
# Each row is a token *number*. Numbers are used again as soon as they are free, the lowest first; the number in a bar is the buffer
# that it stood for. **Predict**: does token 2 always stand for the same buffer?
#
# The same, packet by packet, as `tcpdump` prints it, with what the card and the program did below each line:

# %%
table = dml.packets(trainer)
table.where("token")[:4]

# %% [markdown]
# And the kernel's view, in Linux's own words. `k.ss()` and `k.ethtool("eth1").get_stats()` are tables as well.

# %%
trainer.nstat()

# %%
run.hosts["storage"].nstat()

# %% [markdown]
# All of that goes into files: a capture for Wireshark whose packets carry those lines as comments, a time line for
# [ui.perfetto.dev](https://ui.perfetto.dev) with a track for each queue, socket and token, and the scenario with a digest of its
# trace, so that whoever runs it is told whether it was the same run.

# %%
import pathlib
import tempfile

folder = pathlib.Path(tempfile.mkdtemp())
print(dml.export_pcapng(trainer, folder / "run.pcapng"), "packets")
dml.export_perfetto(run.lab, folder / "run.json")
scenario.save(folder / "run.toml", run)
again = dml.load_scenario(folder / "run.toml").run()
print("the same run:", again.same)

# %% [markdown]
# ... and as commands for real machines, as far as commands can say it:

# %%
print(scenario.as_commands())

# %% [markdown]
# ## What you saw
#
# If these hold, so does this lesson:

# %%
stories = [packet.story for packet in dml.packets(folder / "run.pcapng")]
assert stories == [packet.story for packet in table] and sum("token" in story for story in stories) == run.flows[0].frags
assert again.same and again.whole and run.flows[0].received == 40960
assert len({life[3] for life in dml.token_picture(trainer).lives if life[0] == 2}) > 1

# %% [markdown]
# | you see | look at | do |
# |---|---|---|
# | `Failed to bind` | `devmemlab doctor IFNAME` | the first thing that it names |
# | linear octets with `-L` | `ethtool -S`: `rx_hsplit_unsplit_pkt` | header split, threshold 0 |
# | "flow steering" failure | `ethtool -n`, `ethtool -x` | rule towards the bound queue, RSS away from it |
# | sends that never complete | the peer, `ss -ti` | completions wait for acknowledgements |
# | half of the memory unused | octets for each token | MTU, `-b`, longer messages |
#
# **Now read** the room `devmemlab/linux`: `probe.py` and its parts ask the questions of the doctor, `advice.py` knows the answers,
# and `kernel.py` is what `--backend linux` puts below ncdevmem.

# %%
import shutil

for thing in (paper, run, again):
    thing.close()
shutil.rmtree(folder)
