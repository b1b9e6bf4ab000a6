"""A naive twin of filling skbs from device memory (spec 17.4): lists of ranges in, lists of frags out.

It fills what Linux would call an skb at once, refuses it as a whole when an octet is outside, and then cuts it into segments.
"""

PAGE, FRAGS = 4096, 17


def pages_of(pieces):
    """Every octet range that lies in one page and one piece, in order; an empty piece gives none."""
    for start, length in pieces:
        while length:
            part = min(length, PAGE - start % PAGE)
            yield start, part
            start, length = start + part, length - part


def segments(frags, mss):
    """Cut a list of frags into lists of at most ``mss`` octets each."""
    found, room = [], 0
    for start, length in frags:
        while length:
            if room == 0:
                found.append([])
                room = mss
            part = min(length, room)
            found[-1].append((start, part))
            start, length, room = start + part, length - part, room - part
    return found


def send(pieces, size, mss, goal):
    """(octets sent or "EFAULT", segments as lists of (offset, octets))."""
    wanted, queue, sent = list(pages_of(pieces)), [], 0
    while wanted:
        one, room, bad = [], goal, False
        while wanted and room and len(one) < FRAGS:
            start, length = wanted.pop(0)
            bad = bad or start >= size
            part = min(length, room)
            one.append((start, part))
            room -= part
            if part < length:
                wanted.insert(0, (start + part, length - part))
        if bad:
            return sent or "EFAULT", queue
        sent += sum(length for _, length in one)
        queue += segments(one, mss)
    return sent, queue
