"""Puzzle: hand out the pages of a dmabuf, first fit, and take them back.

Law.   A page is lent to one holder at a time; what is refused changes nothing.
Reads. devmemlab/mem/gen_pool.py; Linux lib/genalloc.c (first fit).
Omits. Several chunks; a chunk at address 0.
"""

from devmemlab.base.errno import EINVAL, ENOMEM
from devmemlab.lab.exercises.case import Call, Case, Cell, Lane, Wanted
from devmemlab.lab.exercises.puzzle import Exercise


def _case(name, taken, *calls):
    """A call of one number asks for that many pages; (first, pages) returns them."""
    return Case(name, {"taken": [int(page) for page in taken]}, tuple(
        Call("chunk_free", {"first": call[0], "pages": call[1]}) if isinstance(call, tuple) else Call("chunk_alloc",
                                                                                                      {"pages": call})
        for call in calls))


def _edges():
    return [
        _case("one page of an empty dmabuf", "00000000", 1), _case("three pages behind a hole of two", "00100011", 3),
        _case("the hole fits exactly", "10011111", 2), _case("two holes that do not add up", "00100100", 3),
        _case("everything", "0000", 4), _case("one more than everything", "0000", 5), _case("nothing is free", "1111", 1),
        _case("the last page", "1110", 1), _case("the end of the dmabuf is no hole", "11100", 3), _case("no pages", "0000", 0),
        _case("less than none", "0000", -1), _case("a dmabuf without pages", "", 1),
        _case("one after the other", "00000000", 2, 3, 3, 1), _case("the first hole, not the best", "00010011", 2),
        _case("return in the middle, and use it again", "11111111", (2, 3), 2, 1, 1),
        _case("return everything", "1111", (0, 4), 4), _case("return twice", "1111", (1, 2), (1, 2)),
        _case("return with one page that is free", "11011111", (0, 4), 1), _case("return from a negative page", "1111", (-1, 2)),
        _case("return past the end", "1111", (3, 2)), _case("return no pages", "1111", (1, 0)),
        _case("return less than none", "1111", (2, -1)), _case("return the last page", "1111", (3, 1), 1),
        _case("return far past the end", "1111", (9, 1)), _case("the second page is free, the last one not", "1011", (0, 2),
                                                                (0, 1), 2),
    ]


def _more(random):
    for number in range(12):
        calls = [random.randrange(1, 5) if random.random() < 0.6 else (random.randrange(12), random.randrange(1, 4))
                 for _ in range(8)]
        yield _case(f"random calls {number}", random.choices("01", k=12), *calls)


def _twin(arrays, call):
    taken, pages = "".join(map(str, arrays["taken"])), call.numbers["pages"]
    if pages < 1:
        return Wanted(-EINVAL)
    if call.function == "chunk_alloc":
        first, new = taken.find("0" * pages), "1"
        if first < 0:
            return Wanted(-ENOMEM)
        returned = first
    else:
        first, new, returned = call.numbers["first"], "0", 0
        if first < 0 or taken[first:first + pages] != "1" * pages:
            return Wanted(-EINVAL)
    return Wanted(returned, {"taken": [int(page) for page in taken[:first] + new * pages + taken[first + pages:]]})


def _drawn(name, taken):
    return Lane(name, [Cell(1, "token" if page else "", str(i)) for i, page in enumerate(taken)])


def _given(arrays, call):
    return [_drawn("before", arrays["taken"])]


def _lanes(arrays, call, returned, after):
    return [_drawn(f"gives {returned}", after["taken"])]


EXERCISE = Exercise(
    "chunk_allocator", "First fit", "03", {"chunk_alloc": ("taken", "pages"), "chunk_free": ("taken", "first", "pages")},
    "Hand out pages of a dmabuf. `chunk_alloc` finds the lowest page from which `pages` pages in a row are free, marks them as "
    "taken and returns the first. `chunk_free` takes `pages` pages from `first` on back.",
    {"taken": "int64[n], one number a page: 0 free, 1 taken", "pages": "how many, in a row",
     "first": "the first page that comes back"},
    "`chunk_alloc`: the first page; `chunk_free`: 0",
    [("EINVAL", "`pages` is less than 1"), ("ENOMEM", "`chunk_alloc`: nowhere are so many pages in a row free"),
     ("EINVAL", "`chunk_free`: a page is not in the dmabuf, or is free already")],
    ["Count how many free pages in a row end at the page that you look at; a taken page sets the count to 0.",
     "When the count reaches `pages`, the first of them is `i - pages + 1`.",
     "Look at all pages that come back before you change the first one."],
    _edges, _more, _twin, _lanes, _given, unit="pages; filled: taken",
)
