"""Toeplitz as one big integer: the key shifted under the input, XOR where the input has a one."""


def naive_toeplitz(key, octets):
    bits, window = 8 * len(octets), int.from_bytes(key, "big")
    value, result = int.from_bytes(octets, "big"), 0
    for k in range(bits):
        if value >> (bits - 1 - k) & 1:
            result ^= window >> (8 * len(key) - 32 - k) & 0xFFFFFFFF
    return result
