"""Validation: is what lies in device memory the pattern that the sender repeats?

Law.   The place in the pattern is carried over from frag to frag and from read to read; the 21st difference ends it.
Reads. Spec section 20.1 (validation); Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c.
Omits. Skipping linear octets: they are part of the stream and are compared as well.

The pattern of modulus N is 1, 2, ..., N - 1 and then a newline, which stands for 0 (``yes`` ends its lines with one).
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.sock.uapi import SCM_DEVMEM_LINEAR

CHECK = schema("modulus", "phase", "position", "mismatches")
MISMATCH = schema("position", "expected", "actual")
REPORTED = 20
STRETCH_BYTES = 1 << 14
NEWLINE = 10


def pattern_octets(modulus, nbytes, start=0):
    """Make a stretch of the pattern.

    Parameters
    ----------
    modulus : int
        2 to 256.
    nbytes : int
        Its length.
    start : int
        Position of the first octet.

    Returns
    -------
    octets : uint8[nbytes]
        ``1, 2, ..., modulus - 1, 10`` again and again.
    """
    once = np.arange(1, modulus + 1, dtype=np.int64)
    once[-1] = NEWLINE
    return np.resize(np.roll(once.astype(np.uint8), -(start % modulus)), nbytes)


@kernel
def octets_differ(octets, at, expected, expected_at, nbytes):
    """Tell whether two stretches differ anywhere.

    Parameters
    ----------
    octets : uint8[n]
        Not changed.
    at : int64
        First octet there.
    expected : uint8[m]
        Not changed.
    expected_at : int64
        First octet there.
    nbytes : int64
        Octets to compare.

    Returns
    -------
    different : int64
        0 when they are equal.
    """
    left = octets[at:at + nbytes]
    right = expected[expected_at:expected_at + nbytes]
    different = np.int64(0)
    for i in range(nbytes):
        different |= np.int64(left[i]) ^ np.int64(right[i])
    return different


@kernel
def check_octets(octets, at, nbytes, expected, check, mismatch):
    """Compare one piece of the stream.

    Parameters
    ----------
    octets : uint8[n]
        Where it lies.
    at, nbytes : int64
        First octet and length.
    expected : uint8[m]
        The pattern from phase 0 on, longer than one modulus.
    check : CHECK
        Advances; ``mismatches`` stops at one more than can be reported.
    mismatch : MISMATCH[20]
        Filled in the order of the stream.
    """
    done = np.int64(0)
    while done < nbytes and check.mismatches <= len(mismatch):
        part = min(nbytes - done, len(expected) - check.modulus)
        if octets_differ(octets, at + done, expected, check.phase, part) != 0:
            for i in range(part):
                found = np.int64(octets[at + done + i])
                wanted = np.int64(expected[check.phase + i])
                if found != wanted:
                    if check.mismatches < len(mismatch):
                        row = mismatch[check.mismatches]
                        row.position = check.position + i
                        row.expected = wanted
                        row.actual = found
                    check.mismatches += 1
                    if check.mismatches > len(mismatch):
                        break
        done += part
        check.position += part
        check.phase = (check.phase + part) % check.modulus


@kernel
def check_frags(device, linear, frags, expected, check, mismatch):
    """Compare what one read delivered.

    Parameters
    ----------
    device : uint8[n]
        The dmabuf; frag offsets index it.
    linear : uint8[k]
        Linear octets of the read, one behind the other.
    frags : FRAG_DTYPE[count]
        In the order of the stream.
    expected : uint8[m]
        See `check_octets`.
    check : CHECK
        Advances.
    mismatch : MISMATCH[20]
        Grows.
    """
    at = np.int64(0)
    for i in range(len(frags)):
        nbytes = np.int64(frags[i].frag_size)
        if np.int64(frags[i].kind) == SCM_DEVMEM_LINEAR:
            check_octets(linear, at, nbytes, expected, check, mismatch)
            at += nbytes
        else:
            check_octets(device, np.int64(frags[i].frag_offset), nbytes, expected, check, mismatch)


class Validator:
    """The pattern, and how far a stream has followed it.

    Parameters
    ----------
    modulus : int
        2 to 256.

    Attributes
    ----------
    mismatches : int
        Octets that differ, 21 at most.
    """

    def __init__(self, modulus):
        self._expected = pattern_octets(modulus, modulus + STRETCH_BYTES)
        self._check, self._mismatch = table(CHECK, 1), table(MISMATCH, REPORTED)
        self._check[0].modulus = modulus
        self._told = 0

    @property
    def mismatches(self):
        """int: octets that differ, 21 at most."""
        return int(self._check[0].mismatches)

    @property
    def failed(self):
        """bool: more differs than is reported."""
        return self.mismatches > REPORTED

    def look(self, device, data, frags):
        """Compare what one read delivered.

        Parameters
        ----------
        device : uint8[n]
            The dmabuf, mapped.
        data : bytes
            What the read returned: linear octets.
        frags : recarray of FRAG_DTYPE
            Its control messages.

        Returns
        -------
        complaints : list of str
            One a new mismatch, as the kernel's tool words it.
        """
        linear = np.frombuffer(bytearray(data or b"\0"), np.uint8)
        check_frags(device, linear, frags, self._expected, self._check[0], self._mismatch)
        upto = min(self.mismatches, REPORTED)
        rows, self._told = self._mismatch[self._told:upto], upto
        return [f"Failed validation: expected={row.expected}, actual={row.actual}, index={row.position}" for row in rows]
