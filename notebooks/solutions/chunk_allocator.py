"""First fit: count how many free pages end here."""

import devmemlab as dml


@dml.kernel
def chunk_alloc(taken, pages):
    if pages < 1:
        return -22
    run = 0
    for i in range(len(taken)):
        run = 0 if taken[i] else run + 1
        if run == pages:
            for page in range(i - pages + 1, i + 1):
                taken[page] = 1
            return i - pages + 1
    return -12


@dml.kernel
def chunk_free(taken, first, pages):
    if pages < 1 or first < 0 or first + pages > len(taken):
        return -22
    for page in range(first, first + pages):
        if taken[page] == 0:
            return -22
    for page in range(first, first + pages):
        taken[page] = 0
    return 0
