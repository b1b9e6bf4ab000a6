"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def window_at(key, bit):
    value = 0
    for i in range(bit, bit + 32):
        value = value * 2 + (key[i // 8] >> (7 - i % 8)) % 2
    return value


def with_a_helper():
    @dml.kernel
    def toeplitz(key, octets):
        if len(octets) + 4 > len(key):
            return -22
        result = 0
        for i in range(8 * len(octets)):
            if octets[i // 8] >> (7 - i % 8) & 1:
                result = result ^ window_at(key, i)
        return result
    return toeplitz


def by_bits_of_the_hash():
    @dml.kernel
    def toeplitz(key, octets):
        n = len(octets)
        if len(key) - n < 4:
            return -22
        result, k = 0, 0
        while k < 32:
            parity, i = 0, 0
            while i < 8 * n:
                j = i + k
                parity += (octets[i >> 3] >> (7 - (i & 7))) & (key[j >> 3] >> (7 - (j & 7))) & 1
                i += 1
            result = result << 1 | parity & 1
            k += 1
        return result
    return toeplitz


def by_five_octets():
    @dml.kernel
    def toeplitz(key, octets):
        result = 0
        if len(key) >= len(octets) + 4:
            for i in range(len(octets)):
                wide = 0
                for k in range(5):
                    wide = wide * 256 + key[i + k] if i + k < len(key) else wide * 256
                mask = 128
                for shift in range(8, 0, -1):
                    if octets[i] & mask:
                        result ^= wide >> shift & 0xFFFFFFFF
                    mask >>= 1
            return result
        return -22
    return toeplitz


RIGHT = [with_a_helper(), by_bits_of_the_hash(), by_five_octets()]

MUTANTS = [
    ("len(key) < len(octets) + 4", "len(key) < 4"),
    ("len(key) < len(octets) + 4", "len(key) < 40"),
    ("len(key) < len(octets) + 4", "len(key) <= len(octets) + 4"),
    ("len(key) < len(octets) + 4", "len(key) < len(octets)"),
    ("return -22", "return 0"),
    ("key[0] << 24 | key[1] << 16", "key[1] << 24 | key[0] << 16"),
    ("range(7, -1, -1)", "range(8)"),
    ("range(7, -1, -1)", "range(7, 0, -1)"),
    ("result ^= window", "result |= window"),
    ("result ^= window", "result += window"),
    ("result = 0", "result = window"),
    ("key[i + 4]", "key[4]"),
    ("key[i + 4]", "key[i]"),
    ("key[i + 4] >> bit & 1", "key[i + 4] >> (7 - bit) & 1"),
    (" & 0xFFFFFFFF", ""),
    ("range(len(octets))", "range(min(len(octets), 8))"),
]
