"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def run_from(tokens, i):
    k = i
    while k < len(tokens) and tokens[k] == tokens[i] + k - i:
        k += 1
    return k - i


def run_by_run():
    @dml.kernel
    def token_ranges(tokens, ranges, calls, most_ranges, most_tokens):
        n = len(tokens)
        for i in range(n - 1):
            if tokens[i + 1] - tokens[i] < 1:
                return -22
        i, written, done = 0, 0, 0
        while i < n:
            budget, held = most_tokens, 0
            while i < n and budget > 0 and held < most_ranges:
                count = min(run_from(tokens, i), budget)
                ranges[written, 0] = tokens[i]
                ranges[written, 1] = count
                written += 1
                held += 1
                budget -= count
                i += count
            calls[done] = held
            done += 1
        return done
    return token_ranges


def with_counters():
    @dml.kernel
    def token_ranges(tokens, ranges, calls, most_ranges, most_tokens):
        for i in range(len(tokens) - 1, 0, -1):
            if tokens[i - 1] >= tokens[i]:
                return -22
        last, r, c, used = -2, -1, -1, most_tokens
        for i in range(len(tokens)):
            new_call = used == most_tokens
            new_range = new_call or tokens[i] != last + 1
            if new_range and not new_call and calls[c] >= most_ranges:
                new_call = True
            if new_call:
                c += 1
                calls[c] = 0
                used = 0
            if new_range:
                r += 1
                calls[c] += 1
                ranges[r, 0] = tokens[i]
                ranges[r, 1] = 1
            else:
                ranges[r, 1] += 1
            used += 1
            last = tokens[i]
        return c + 1
    return token_ranges


RIGHT = [run_by_run(), with_counters()]

MUTANTS = [
    ("<= tokens[i - 1]", "< tokens[i - 1]"),
    ("range(1, len(tokens))", "range(2, len(tokens))"),
    ("range(1, len(tokens))", "range(1, len(tokens) - 1)"),
    ("    for i in range(1, len(tokens)):\n        if tokens[i] <= tokens[i - 1]:\n            return -22\n", ""),
    ("            return -22\n    done = 0\n", "            return 0\n    done = 0\n"),
    ("follows and budget > 0", "follows"),
    ("follows and budget > 0", "False"),
    ("budget == 0 or in_call == most_ranges", "budget == 0"),
    ("budget == 0 or in_call == most_ranges", "done == 0 or in_call == most_ranges"),
    ("in_call == most_ranges", "in_call > most_ranges"),
    ("                in_call = 0\n", ""),
    ("                budget = most_tokens\n", "                budget = 1024\n"),
    ("            ranges[written, 1] = 0\n", "            ranges[written, 1] = 1\n"),
    ("        budget -= 1\n", "        budget -= 2\n"),
    ("calls[done - 1] = in_call", "calls[done - 1] = written"),
    ("return done", "return written"),
]
