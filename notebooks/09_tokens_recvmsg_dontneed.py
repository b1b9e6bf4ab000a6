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
# # 9. Tokens: recvmsg and DONTNEED
#
# A program that receives into device memory gets no octets. It gets *tokens*: "so many octets lie there, and they are yours until
# you say otherwise". Nobody reminds it. If it forgets to say so, the card runs dry (lesson 11). If it says so too early, it reads
# what somebody else sent. If it says so twice, it takes memory away from itself, and no error tells.
#
# In this lesson you
#
# 1. receive tokens, return some, and guess their numbers,
# 2. find out what one DONTNEED call does, and what it silently does not,
# 3. see the life of every token as a line, and find a leak by the line of code that made it,
# 4. return a token twice, watch another one lose its memory, and let a watch find out who did it,
# 5. gather scattered pieces in three ways,
# 6. choose how a program returns its tokens.
#
# It takes about twenty-five minutes. Run the cells from top to bottom. Numbers are *counted*, times are *modelled* (virtual time).

# %% [markdown]
# ## 1. A token is a number and a reference
#
# **Level: ABI.** In Linux: [net/ipv4/tcp.c](https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp.c),
# [net/core/scm.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/scm.c).
# Here: `devmemlab/sock/recvmsg.py`, `devmemlab/sock/deliver.py`.
#
# `start` connects a sender with a program; what arrives goes to device memory of 32 buffers. Three messages come, each a segment
# of its own. This is the whole receiving call:

# %%
import devmemlab as dml

tokens = dml.scenes_tokens
one = tokens.start(pages=32, ring=8)
k, conn, gpu = one.host, one.conn, one.device
one.arrive(b"first" * 20, b"second" * 20, b"third" * 20)
data, ancdata, flags, address = conn.recvmsg(1 << 20, dml.CMSG_SPACE(24) * 64, dml.MSG_SOCK_DEVMEM)
pieces = dml.frags(ancdata)
print("bytes in the program's hands:", data)
for piece in pieces:
    print(f"token {piece.frag_token}: {piece.frag_size} octets at {piece.frag_offset} of binding {piece.dmabuf_id}")

# %% [markdown]
# The device may read them where they are:

# %%
for piece in pieces:
    print(piece.frag_token, gpu.read(int(piece.frag_offset), int(piece.frag_size))[:12])

# %% [markdown]
# Now the program returns token 2, and then a fourth message comes. **Predict** the number of its token.

# %%
my_guess = 4

# %%
k.dontneed(conn, [(2, 1)])
one.arrive(b"fourth" * 20)
fourth = tokens.take(conn)
print(f"you said {my_guess}; it is token {fourth.frag_token[0]}, at {fourth.frag_offset[0]}")

# %% [markdown]
# Always the lowest number that is free. Numbers are dense, so a range of them is a short thing to say, but a number says nothing
# about *when*: remember this in section 4. The buffer is another one; numbers and buffers have nothing to do with each other.
#
# ### Look twice
#
# `MSG_PEEK` looks at data without taking it. **Predict**: peek twice, then receive. How many tokens are there for the one message?
# How many have to be returned before its buffer is free?

# %%
my_guess = {"tokens": 1, "to return": 1}

# %%
one.arrive(b"look" * 25)
looked = [tokens.take(conn, flags).frag_token.tolist() for flags in (dml.MSG_PEEK, dml.MSG_PEEK, 0)]
print("tokens:", looked)
for (token,) in looked:
    k.dontneed(conn, [(token, 1)])
    print(f"token {token} returned; tokens of this host in all: {k.audit().tokens}")

# %% [markdown]
# Each call makes a token, each token is one reference, and the buffer is free when the last is returned. A program that peeks
# to see how long a message is, and forgets those tokens, leaks with every look.

# %%
assert pieces.frag_token.tolist() == [1, 2, 3] and data == b""
assert fourth.frag_token.tolist() == [2] and looked == [[4], [5], [6]]

# %% [markdown]
# ## 2. What one call returns
#
# **Level: ABI.** In Linux: [net/core/sock.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/sock.c).
# Here: `devmemlab/sock/tokens.py`.
#
# DONTNEED takes ranges: `(first token, how many)`. Tokens 1, 2 and 3 are held. **Predict** what these four calls, one after the
# other, answer. The last one names tokens 1 and 3 after 1024 numbers that do not exist.

# %%
my_guess = {"(2, 10)": 2, "(2, 10) again": 0, "(1, 1), (1, 1)": 1, "(5000, 1024), (1, 3)": 1}

# %%
answers = [k.dontneed(conn, [(2, 10)]), k.dontneed(conn, [(2, 10)]), k.dontneed(conn, [(1, 1), (1, 1)])]
one.arrive(b"a" * 100, b"b" * 100)
again = tokens.take(conn).frag_token.tolist()
answers.append(k.dontneed(conn, [(5000, 1024), (1, 3)]))
for (call, guess), answer in zip(my_guess.items(), answers):
    print(f"{call:22} you said {guess}, it answers {answer}")

# %% [markdown]
# The answer is the number of references that were really released; it is never an error. And the last call released *nothing*,
# although tokens of that range are held. A call looks at 1024 numbers and stops, and numbers that do not exist count too (Linux
# 6.18). So **compare the answer with what you meant to return**. What a call refuses is only its own form:

# %%
for length in (4, 12, 129 * 8):
    try:
        conn.setsockopt(dml.SOL_SOCKET, dml.SO_DEVMEM_DONTNEED, bytes(length))
    except OSError as error:
        print(f"{length} octets: errno {error.errno}, {error.strerror.partition(':')[0]}")

# %% [markdown]
# At most 128 ranges, and 1024 tokens. For more there have to be more calls; `dontneed_tokens` packs them, in the lab and on a
# real kernel. **Predict** how many calls it needs for 3000 tokens in a row, and for 3000 of which every other one is kept.

# %%
my_guess = {"in a row": 3, "every other one": 3}

# %%
calls = {"in a row": dml.token_ranges(range(1, 3001)), "every other one": dml.token_ranges(range(1, 6001, 2))}
for name, made in calls.items():
    print(f"{name}: you said {my_guess[name]}, it takes {len(made)}; the first has {len(made[0])} ranges")
print("and now really:", k.dontneed_tokens(conn, again), "returned;", k.audit().tokens, "held")

# %%
assert answers == [2, 0, 1, 0] and [len(made) for made in calls.values()] == [3, 24]
assert k.audit().tokens == 0
tokens.close(one)

# %% [markdown]
# ## 3. Lives
#
# **Level: story.** In Linux: [net/core/sock.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/sock.c).
# Here: `devmemlab/sock/tokens.py`.
#
# A program receives nine messages. It works on each for a while and returns the token, but in one branch the return is missing.
# (`play` is such a program; "forgets" is that branch.) Each row is a buffer.

# %%
leaky = tokens.play("forgets", messages=9)
lines = dml.token_player(leaky.host, title="Nine messages, and a branch that forgets")
lines

# %% [markdown]
# Orange: octets came and wait in the socket. Yellow: a token. A diamond: the last reference is gone and the buffer is in its
# page_pool's ring, free to be used again. What has no end is a leak, framed and named from its birth on. Press **Play**, or step
# back with the arrow keys when the picture has the focus. **Predict** what numbers the leaked tokens have.

# %%
my_guess = [3, 6, 9]

# %%
report = leaky.host.token_report()
print(f"you said {my_guess}; they are {[token for sock, token in lines.leaks]}")
report.plot()

# %% [markdown]
# 1, 2 and 3: the numbers of the others came back, those of the leaked ones did not, so the lowest numbers fill with leaks. In a
# program that leaks slowly, low numbers that never return are the first thing to be seen.
#
# How long the others were held is in the picture, too: each bin is twice as long as the one before. The leaked ones move to
# the right as time goes by.
#
# ### Whose line was it?
#
# Linux counts tokens nowhere. The lab can remember which line of the program received each one; it is switched on by
# `watch_tokens`. Two cells receive, and only one of them returns:

# %%
two = tokens.start(conns=2, pages=32, ring=8)
watch = two.host.watch_tokens()
for number in range(4):
    two.arrive(b"orders" * 10, conn=0)
    two.arrive(b"news" * 10, conn=1)

# %%
got = dml.frags(two.conns[0].recvmsg(1 << 20, 4096, dml.MSG_SOCK_DEVMEM)[1])
print(two.host.dontneed_tokens(two.conns[0], got), "returned")

# %%
news = dml.frags(two.conns[1].recvmsg(1 << 20, 4096, dml.MSG_SOCK_DEVMEM)[1])
print(len(news), "received")

# %%
two.host.token_report()

# %% [markdown]
# One line of the program, one connection, one binding. Both connections share the binding and its buffers; token numbers belong
# to a connection. Token 1 of one has nothing to do with token 1 of the other.

# %%
leaks = two.host.token_report().groups
assert [token for sock, token in lines.leaks] == [1, 2, 3] and report.held == 3
assert len(leaks) == 1 and leaks[0].tokens == 4 and leaks[0].line.file.startswith("cell ")

# %% [markdown]
# ## 4. Once too often
#
# **Level: mechanism.** In Linux: [lib/xarray.c](https://elixir.bootlin.com/linux/v6.18/source/lib/xarray.c),
# [net/core/sock.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/sock.c).
# Here: `devmemlab/base/xarray.py`, `devmemlab/sock/tokens.py`.
#
# A message comes and is returned, as it should be. Another one comes. Then some cleaning-up code returns the first token *again*.

# %%
feed = two.conns[0]
two.arrive(b"A" * 100)
old = dml.frags(feed.recvmsg(1 << 20, 4096, dml.MSG_SOCK_DEVMEM)[1])
two.host.dontneed_tokens(feed, old)
two.arrive(b"B" * 100)
new = dml.frags(feed.recvmsg(1 << 20, 4096, dml.MSG_SOCK_DEVMEM)[1])
print("old token:", old.frag_token, "new token:", new.frag_token)

# %% [markdown]
# **Predict**: what does the second return of the old token answer: 0, 1, or an error?

# %%
my_guess = 0

# %%
twice = two.host.dontneed_tokens(feed, old)
print(f"you said {my_guess}; it answers {twice}")

# %% [markdown]
# It released one reference: that of the *new* token, which got the number. The program believes that it holds message B. Its
# memory is free. Without a watch, this is what it reads a little later, when other messages have come and gone:

# %%
watch.close()
took = tokens.overwrite(two, int(new.frag_offset[0]), fill=b"C")
read = tokens.octets_of(two.device, new)
print(f"after {took} messages it reads {read[:20]}")

# %% [markdown]
# Another message, no error, nothing in any counter. The device computes with it. (Linux does the same. No kernel can know which
# of the two tokens 1 was meant.) Once more, and this time somebody watches:

# %%
watch = two.host.watch_tokens()
two.arrive(b"D" * 100)
new = dml.frags(feed.recvmsg(1 << 20, 4096, dml.MSG_SOCK_DEVMEM)[1])
raw = two.device.octets[int(new.frag_offset[0]):][:100]
print(two.host.dontneed_tokens(feed, new), "returned")

# %%
try:
    two.device.read(int(new.frag_offset[0]), 100)
except dml.UseAfterReturn as error:
    print(error)

# %% [markdown]
# It names the token, the line that received it, the line that returned it and who has the memory now. What it cannot see is a
# read through an array that the program made before, like `raw`. But the memory was *poisoned* when its last reference went, and
# what was read tells:

# %%
print(bytes(raw[:24]))
try:
    watch.verify(raw)
except dml.UseAfterReturn as error:
    print(str(error).splitlines()[0])

# %%
assert twice == 1 and read == b"C" * 100 and old.frag_token.tolist() == new.frag_token.tolist()
assert [finding.held.token for finding in watch.findings] == [1, 1]
tokens.close(leaky, two)

# %% [markdown]
# ## 5. Gather
#
# **Level: cost.** Here: `devmemlab/lab/gather.py`.
#
# Pieces of a stream lie scattered, each in its buffer. Some computations take a list of pieces; most want one stretch. Eight
# messages of 1400 octets; the program joins pieces that happen to be neighbours, and looks at what is left.

# %%
three = tokens.start(pages=64, ring=8)
for number in range(8):
    three.arrive(bytes([65 + number]) * 1400)
parts = tokens.take(three.conn)
print("pieces:", parts.frag_offset.tolist())
print("runs:  ", len(dml.coalesce(parts)), "of", len(parts))

# %% [markdown]
# Segments of 1400 octets leave the rest of each page empty, so nothing can be joined; pieces of 4096 could be. Gather them, in
# three ways: one copy for each piece, through host memory, one kernel that goes through the list. **Predict** how many octets
# each way copies.

# %%
my_guess = {"copies": 11200, "host": 11200, "kernel": 11200}

# %%
gathered = {mode: dml.gather(three.device, parts, 40 * 4096 + 16384 * at, mode, host=three.host, check=True)
            for at, mode in enumerate(my_guess)}
for mode, done in gathered.items():
    print(f"{mode:7} you said {my_guess[mode]}, it copied {sum(octets for octets, _ in done.stages.values())}: {done.stages}")

# %% [markdown]
# The way through the host copies everything twice, across the bus and back: exactly what device memory TCP was made to avoid.
# All three give the same stretch (the digests are compared), and when it is there, the tokens may go. What is wrong is refused
# before anything is written:

# %%
print(three.host.dontneed_tokens(three.conn, parts), "returned;", len({done.sha256() for done in gathered.values()}), "digest")
for target in (int(parts.frag_offset[2]), 64 * 4096 - 100):
    try:
        dml.gather(three.device, parts, target)
    except ValueError as error:
        print(error)

# %%
copied = {mode: sum(octets for octets, _ in done.stages.values()) for mode, done in gathered.items()}
assert copied == {"copies": 11200, "host": 22400, "kernel": 11200}
three.host.audit()
tokens.close(three)

# %% [markdown]
# ## 6. Your turn
#
# **Level: research.** In Linux: [net/core/sock.c](https://elixir.bootlin.com/linux/v6.18/source/net/core/sock.c).
# Here: `devmemlab/sock/token_batch.py`.
#
# Choose how a program returns its tokens, and see their lives. Before each click, say which rows will have no end. (Without a
# running kernel you see the first choice only.)

# %%
control = dml.TokenControl()
control

# %%
control.picture

# %% [markdown]
# **Questions.** Which choice needs most buffers without leaking any? In "late", which number does the ninth message get, and why?
# "peeks" leaks one token a message; why does each of its buffers take two lines? Answers are below; try first.

# %%
control.policy.value, control.messages.value = "late", 12
print(control.text)

# %%
late = control.held
control.policy.value = "peeks"
print(control.text)

# %%
peeks = control.held
control.policy.value, control.which.value = "together", "how long"
control.picture

# %% [markdown]
# <details><summary>Answers</summary>
#
# "together" and "late" hold up to four at a time, "at once" one. In "late" the ninth message gets token 1: of the numbers 1 to 4
# three are held, and the free one is that of the oldest, which has just been returned; they go round. "peeks": each message has
# two tokens of one buffer at the same time, so each needs a line of its own; the forgotten one keeps the buffer from the ring.
#
# </details>
#
# ## What you saw
#
# If these hold, so does this lesson:

# %%
assert (late, peeks, control.held) == (3, 12, 0)

# %% [markdown]
# | what you see | what it is |
# |---|---|
# | DONTNEED answers less than you returned | numbers that do not exist, or more than 1024 of them; call again, and look for the bug |
# | low token numbers never come back | leaks |
# | the device computes with another message's octets | a token was returned too early, or another one twice |
# | `RETURNED` in what you read (in the lab, with a watch) | poison: it was yours |
# | a buffer is not recycled although its token was returned | another token of it: MSG_PEEK, or a piece read in two calls |
# | one program, many connections, one binding | buffers are shared, token numbers are not |
#
# **Now read** the room `devmemlab/sock`: `tokens.py` first, the table, and DONTNEED. `token_batch.py` packs many tokens into few
# calls, `deliver.py` makes a piece of a packet into a control message and a token.
