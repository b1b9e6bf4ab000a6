"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def all_are(taken, first, pages, state):
    if first < 0 or first + pages > len(taken):
        return False
    for page in range(first, first + pages):
        if taken[page] != state:
            return False
    return True


def with_a_helper():
    @dml.kernel
    def chunk_alloc(taken, pages):
        if pages <= 0:
            return -22
        for first in range(len(taken)):
            if all_are(taken, first, pages, 0):
                for i in range(pages):
                    taken[first + i] = 1
                return first
        return -12

    @dml.kernel
    def chunk_free(taken, first, pages):
        if pages <= 0 or not all_are(taken, first, pages, 1):
            return -22
        for i in range(pages):
            taken[first + i] = 0
        return 0
    return chunk_alloc, chunk_free


def skipping():
    @dml.kernel
    def chunk_alloc(taken, pages):
        first = 0
        if pages < 1:
            return -22
        while first + pages <= len(taken):
            blocked = first + pages - 1
            while blocked >= first and taken[blocked] == 0:
                blocked -= 1
            if blocked < first:
                taken[first:first + pages] = 1
                return first
            first = blocked + 1
        return -12

    @dml.kernel
    def chunk_free(taken, first, pages):
        held = 0
        for i in range(len(taken)):
            if first <= i < first + pages:
                held += taken[i]
        if pages < 1 or held != pages:
            return -22
        for i in range(len(taken)):
            if first <= i < first + pages:
                taken[i] = 0
        return 0
    return chunk_alloc, chunk_free


RIGHT = [with_a_helper(), skipping()]

MUTANTS = [
    ("    if pages < 1:\n", "    if pages < 0:\n"),
    ("    if pages < 1:\n        return -22\n", ""),
    ("run = 0 if taken[i] else run + 1", "run = run if taken[i] else run + 1"),
    ("run == pages", "run > pages"),
    ("range(i - pages + 1, i + 1)", "range(i - pages + 1, i)"),
    ("range(i - pages + 1, i + 1)", "range(i - pages, i + 1)"),
    ("                taken[page] = 1\n", "                pass\n"),
    ("return i - pages + 1", "return i"),
    ("return -12", "return 0"),
    ("range(len(taken))", "range(len(taken) - 1)"),
    ("range(len(taken))", "range(len(taken) - pages)"),
    ("pages < 1 or first < 0", "first < 0"),
    ("first < 0 or ", ""),
    ("first + pages > len(taken)", "first > len(taken)"),
    ("first + pages > len(taken)", "first + pages >= len(taken)"),
    ("        if taken[page] == 0:\n            return -22\n", "        pass\n"),
    ("        if taken[page] == 0:\n            return -22\n",
     "        if taken[page] == 0:\n            return -22\n        taken[page] = 0\n"),
    ("    return 0\n", "    return pages\n"),
]
