"""Bytes that programs see: spec section 25.2, and what `frags` makes of them."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import devmemlab as dml
from devmemlab.sock.token_batch import read_tokens
from devmemlab.sock.uapi import SCM_DEVMEM_DMABUF, SCM_DEVMEM_LINEAR, SOL_SOCKET, Ancdata, frags, put_devmem_cmsg

DMABUF = bytes.fromhex("2800000000000000 01000000 4f000000 0030000000000000 a8050000 07000000 02000000 00000000")
LINEAR = bytes.fromhex("2800000000000000 01000000 4e000000 0000000000000000 36000000 00000000 00000000 00000000")


def written(*fields):
    control = np.full(56, 0xEE, np.uint8)
    put_devmem_cmsg(control, 8, *fields)
    assert set(control[:8]) == set(control[48:]) == {0xEE}
    return control[8:48].tobytes()


def test_golden_octets_of_both_messages():
    assert written(79, 0x3000, 1448, 7, 2) == DMABUF
    assert written(78, 0, 54, 0, 0) == LINEAR


def test_lengths_follow_the_macros():
    assert (dml.CMSG_LEN(24), dml.CMSG_SPACE(24), dml.CMSG_LEN(4), dml.CMSG_SPACE(4), dml.CMSG_SPACE(0)) == (40, 40, 20, 24, 16)


def test_ancdata_reads_like_the_list_of_a_real_socket():
    both = Ancdata(LINEAR + DMABUF)
    assert len(both) == 2 and both[0] == (1, 78, LINEAR[16:]) and both[-1] == (1, 79, DMABUF[16:])
    assert list(both) == both[:] == [both[0], both[1]] == both
    for index in (2, -3):
        try:
            both[index]
        except IndexError:
            continue
        raise AssertionError(index)
    assert len(Ancdata(b"")) == 0 and "2" in repr(both)


def test_frags_of_ancdata_and_of_plain_tuples_agree():
    mine, other = Ancdata(LINEAR + DMABUF), [(1, 78, LINEAR[16:]), (1, 79, DMABUF[16:])]
    mixed = [(0, 79, DMABUF[16:]), other[0], (1, 2, b"\0" * 24), (1, 79, b"short"), other[1]]
    for ancdata in (mine, other, mixed):
        found = dml.frags(ancdata)
        assert found.kind.tolist() == [78, 79] and found.frag_offset.tolist() == [0, 0x3000]
        assert found.frag_size.tolist() == [54, 1448] and found.frag_token.tolist() == [0, 7]
        assert found.dmabuf_id.tolist() == [0, 2]
    assert len(dml.frags([])) == len(dml.frags(Ancdata(b""))) == 0


def test_a_token_range_is_two_little_endian_words():
    assert np.asarray([(7, 3)], "<u4").tobytes() == bytes.fromhex("0700000003000000")


@given(st.lists(st.tuples(st.sampled_from((SCM_DEVMEM_LINEAR, SCM_DEVMEM_DMABUF)), st.integers(0, 2**32 - 1),
                          st.integers(0, 2**32 - 1)), max_size=20))
def test_tokens_are_read_as_frags_are(messages):
    control = b"".join(struct.pack("<QiiQIIII", 40, SOL_SOCKET, kind, 0, size, token, 0, 0) for kind, size, token in messages)
    ids = np.empty(len(messages), np.int64)
    count, octets = read_tokens(np.frombuffer(control, np.uint8), ids)
    found = frags(Ancdata(control))
    assert ids[:count].tolist() == found.frag_token[found.kind == SCM_DEVMEM_DMABUF].tolist()
    assert octets == found.frag_size.sum(dtype=np.int64)
