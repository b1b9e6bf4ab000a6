"""Few ranges, few calls: make the last range longer, or begin a new one."""

import devmemlab as dml


@dml.kernel
def token_ranges(tokens, ranges, calls, most_ranges, most_tokens):
    for i in range(1, len(tokens)):
        if tokens[i] <= tokens[i - 1]:
            return -22
    done = 0
    written = 0
    budget = 0
    in_call = 0
    for token in tokens:
        follows = written > 0 and ranges[written - 1, 0] + ranges[written - 1, 1] == token
        if not (follows and budget > 0):
            if budget == 0 or in_call == most_ranges:
                done += 1
                budget = most_tokens
                in_call = 0
            ranges[written, 0] = token
            ranges[written, 1] = 0
            written += 1
            in_call += 1
        ranges[written - 1, 1] += 1
        budget -= 1
        calls[done - 1] = in_call
    return done
