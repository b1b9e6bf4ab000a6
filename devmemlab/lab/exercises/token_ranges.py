"""Puzzle: return many tokens in few ranges and few calls.

Law.   Every token is named exactly once; no call is longer than SO_DEVMEM_DONTNEED accepts.
Reads. devmemlab/sock/tokens.py; Linux net/core/sock.c (128 ranges, 1024 tokens a call).
Omits. Tokens that are named but not held: they would use the budget up, see the exercise dontneed_budget.
"""

from devmemlab.base.errno import EINVAL
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise


def _case(name, tokens, most_ranges=128, most_tokens=1024):
    tokens = list(tokens)
    room = [[0, 0]] * (2 * len(tokens) + 2)
    return one(name, "token_ranges", {"most_ranges": most_ranges, "most_tokens": most_tokens}, tokens=tokens, ranges=room,
               calls=[0] * (len(tokens) + 1))


def _edges():
    return [
        _case("five in a row", range(1, 6)), _case("two runs", [1, 2, 3, 7, 8]), _case("nothing in a row", [1, 3, 5]),
        _case("one token", [9]), _case("token 0 is a token", [0, 1]), _case("no token", []),
        _case("a row of 1500", range(1, 1501)), _case("exactly 1024", range(1024)), _case("1025", range(1025)),
        _case("130 single tokens", range(0, 260, 2)), _case("exactly 128 ranges", range(0, 256, 2)),
        _case("a run that is cut by the budget of 4", [1, 2, 3, 5, 6, 7], 10, 4),
        _case("runs that fit a budget of 3", [1, 2, 3, 5, 6, 7], 10, 3),
        _case("two ranges a call", [1, 3, 5, 7, 9], 2, 100), _case("both limits at once", [1, 3, 4, 5, 6, 9, 11], 2, 3),
        _case("a run longer than two budgets", range(10, 30), 4, 8), _case("one range a call", [1, 2, 5, 6, 9], 1, 100),
        _case("one token a call", [1, 2, 3], 4, 1), _case("not in order", [3, 2]), _case("twice the same", [4, 4]),
        _case("not in order at the end", [1, 2, 9, 8]), _case("large numbers", [0x7FFFFFFE, 0x7FFFFFFF]),
    ]


def _more(random):
    for number in range(14):
        yield _case(f"random tokens {number}", sorted(random.sample(range(40), random.randrange(1, 30))), random.randrange(1, 5),
                    random.randrange(1, 9))


def _twin(arrays, call):
    tokens = arrays["tokens"]
    if any(a >= b for a, b in zip(tokens, tokens[1:])):
        return Wanted(-EINVAL)
    done, calls = [], []
    while tokens:
        held, budget = [], call.numbers["most_tokens"]
        while tokens and budget and len(held) < call.numbers["most_ranges"]:
            run = [token for i, token in enumerate(tokens) if token == tokens[0] + i][:budget]
            tokens, budget = tokens[len(run):], budget - len(run)
            held.append([run[0], len(run)])
        done += held
        calls.append(len(held))
    return Wanted(len(calls), {"ranges": done, "calls": calls})


def _lanes(arrays, call, returned, after):
    cells, at = [], 0
    for number, count in enumerate(after["calls"][:max(min(returned or 0, len(after["calls"])), 0)]):
        for start, length in after["ranges"][at:at + max(count, 0)]:
            cells.append(Cell(max(min(length, 64), 1), ("token", "user")[number % 2], f"{start}+{length}"))
        at += max(count, 0)
    return [Lane(f"{returned} calls", cells[:80] or [Cell(8, "", "nothing")])]


def _given(arrays, call):
    return [Lane("tokens", [Cell(1, "", str(token)) for token in arrays["tokens"][:64]] or [Cell(8, "", "none")])]


EXERCISE = Exercise(
    "token_ranges", "Few ranges, few calls", "11",
    {"token_ranges": ("tokens", "ranges", "calls", "most_ranges", "most_tokens")},
    "A program holds `tokens` and wants to return them with `SO_DEVMEM_DONTNEED`. Write them as ranges, in order: tokens that "
    "follow one another share a range. Spread the ranges over calls, in order, too: a call takes as much as it can, and a range "
    "is cut only where the tokens of a call are used up.",
    {"tokens": "int64[n], numbers of tokens, rising", "ranges": "int64[m, 2], to be written: first token, count; long enough",
     "calls": "int64[k], to be written: ranges in each call; long enough", "most_ranges": "ranges that a call takes (128 in "
                                                                                          "Linux)",
     "most_tokens": "tokens that a call takes (1024 in Linux)"},
    "the number of calls",
    [("EINVAL", "the tokens do not rise (look first, write later)")],
    ["Go through the tokens once; either one makes the last range longer, or it begins a new one.",
     "It can make the range longer when it is the next number and the call has tokens left.",
     "A new range begins in the same call when the call has ranges and tokens left."],
    _edges, _more, _twin, _lanes, _given, unit="tokens; colours change with the call",
)
