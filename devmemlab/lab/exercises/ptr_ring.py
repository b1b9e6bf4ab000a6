"""Puzzle: a ring that trusts its slots, and whose consumer frees them in batches.

Law.   Entries leave in the order they came; a slot is either empty (0) or not to be written.
Reads. devmemlab/base/ring.py; Linux include/linux/ptr_ring.h.
Omits. Locks, resizing.
"""

from devmemlab.base.errno import ENOSPC
from devmemlab.lab.exercises.case import Call, Case, Cell, Lane, Wanted
from devmemlab.lab.exercises.puzzle import Exercise


def _case(name, capacity, batch, script):
    """``+`` produces the next number, ``-`` consumes; digits repeat what follows."""
    calls, number, entry = [], "", 100
    for letter in script:
        if letter.isdigit():
            number += letter
            continue
        for _ in range(int(number or 1)):
            entry += 1
            calls.append(Call("ring_produce", {"entry": entry}) if letter == "+" else Call("ring_consume", {"batch": batch}))
        number = ""
    return Case(name, {"ctl": [0, 0, 0], "slots": [0] * capacity}, tuple(calls))


def _edges():
    return [
        _case("one in, one out", 4, 1, "+-"), _case("in the order they came", 4, 1, "3+3-"), _case("empty", 4, 1, "-"),
        _case("full", 4, 1, "5+"), _case("room again", 4, 1, "4+-2+"), _case("around the end", 4, 1, "3+3-4+4-"),
        _case("one more than was put in", 4, 1, "2+3-"), _case("full: freed two at a time", 4, 2, "4+-+-2+"),
        _case("full: freed three at a time", 8, 3, "8+-+-+-4+"),
        _case("the end of the array frees what was passed", 5, 2, "5+5-5+"),
        _case("the end comes before the batch does", 5, 4, "5+3-+-+-+6-"),
        _case("a batch as large as the ring", 4, 4, "4+3-+-5+"),
        _case("one slot", 1, 1, "+-+-+-"), _case("one slot, full", 1, 1, "++-+"), _case("no slots", 0, 1, "+-"),
        _case("half full, freed late", 6, 3, "3+2-2+-3+6-"), _case("long", 6, 2, "4+3-5+4-3+6-2+3-"),
    ]


def _more(random):
    for number in range(10):
        capacity = random.randrange(2, 9)
        yield _case(f"random script {number}", capacity, random.randrange(1, capacity // 2 + 1), random.choices("++-", k=16) +
                    random.choices("+--", k=16))


def _twin(arrays, call):
    slots, (producer, head, tail) = arrays["slots"], arrays["ctl"]
    if call.function == "ring_produce":
        if not slots or slots[producer]:
            return Wanted(-ENOSPC)
        slots[producer] = call.numbers["entry"]
        return Wanted(0, {"slots": slots, "ctl": [(producer + 1) % len(slots), head, tail]})
    if not slots or not slots[head]:
        return Wanted(0)
    entry, passed = slots[head], range(tail, head + 1)
    if len(passed) >= call.numbers["batch"] or passed.stop == len(slots):
        slots = [0 if i in passed else held for i, held in enumerate(slots)]
        tail = passed.stop % len(slots)
    return Wanted(entry, {"slots": slots, "ctl": [producer, (head + 1) % len(slots), tail]})


def _drawn(name, lists):
    marks = {place: letter for place, letter in zip(lists["ctl"][::-1], "thp")}
    return Lane(name, [Cell(1, "token" if held else "", f"{held or ''} {marks.get(i, '')}".strip())
                       for i, held in enumerate(lists["slots"])] or [Cell(1, "", "no slots")])


def _given(arrays, call):
    return [_drawn("before", arrays)]


def _lanes(arrays, call, returned, after):
    return [_drawn(f"gives {returned}", after)]


EXERCISE = Exercise(
    "ptr_ring", "A ring with late slots", "04", {"ring_produce": ("ctl", "slots", "entry"),
                                                 "ring_consume": ("ctl", "slots", "batch")},
    "Put entries into a ring and take them out. `ring_produce` looks at the slot at `producer`: it writes there when the slot "
    "is empty, and moves on (behind the last slot comes slot 0). `ring_consume` takes the entry at `head` and moves `head` on. "
    "It does not empty the slot at once: only when `batch` slots from `tail` on have been passed, or when the last slot of the "
    "array has been passed, all slots from `tail` to the one just passed become 0, and `tail` becomes the slot behind them (0 "
    "behind the last).",
    {"ctl": "int64[3]: 0 `producer`, 1 `head`, 2 `tail`, numbers of slots", "slots": "int64[s]; 0 is an empty slot",
     "entry": "what to put in, not 0", "batch": "slots that are emptied together, 1 or more"},
    "`ring_produce`: 0; `ring_consume`: the entry, or 0 when the slot at `head` is empty or there are no slots (then nothing "
    "changes)",
    [("ENOSPC", "`ring_produce`: the slot is not empty, or there are no slots")],
    ["No counter says whether the ring is full: the slot does.", "A full ring refuses producers even after a consume or two: "
                                                                 "that is meant.",
     "Passed are the slots `tail` to `head`, that is `head + 1 - tail` of them."],
    _edges, _more, _twin, _lanes, _given, unit="slots; p producer, h head, t tail",
)
