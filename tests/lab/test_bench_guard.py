"""A guard against collapse: our own rows beside memcpy of the same run, with bounds that only a broken path is below.

No time is compared with a clock, only runs that took turns with each other, and the best of some ratios, so that a busy machine
is forgiven. A loop that copies octet by octet, a lookup that became linear, or a kernel that is compiled anew in every call is a
factor of ten or more, and that is what is looked for here.
"""

import pytest

from devmemlab.lab.bench import find_bench, page_pool, rx, tokens, trace
from devmemlab.lab.bench.measure import measure
from devmemlab.lab.bench.rows import make_rows, per_element

pytestmark = [pytest.mark.compiled_only, pytest.mark.once]
ROUNDS = 7


def best(module, figure, *arguments, chosen=None):
    """The best ratio of each case that has one."""
    with module.cases(True, *arguments) as cases:
        some = [case for case in cases if chosen is None or case.name in chosen]
        contrasts = {case.name: module.CONTRASTS[case.name] for case in some if case.name in module.CONTRASTS}
        rows = make_rows("x", measure(some, ROUNDS), contrasts, {}, getattr(module, "figures", per_element), some)
    return {row.get("mode", row["case"]): row["figures"][figure]["max"] for row in rows if figure in row["figures"]}


def test_receiving_is_no_whole_order_slower_than_a_plain_copy():
    found = best(rx, "ratio_to_memcpy", (4 << 20, 9000))
    assert set(found) == {"devmem", "host_copy", "host_copy_pageable", "memcpy_cached"} and min(found.values()) >= 0.06, found


def test_sending_is_no_two_orders_slower_than_a_plain_copy():
    found = best(find_bench("tx"), "ratio_to_memcpy", (4 << 20, 9000))
    assert set(found) == {"devmem", "zerocopy", "sendfile", "copy"} and min(found.values()) >= 0.01, found


def test_gathering_large_pieces_is_a_copy():
    chosen = {"memmove_whole", "kernel_65536", "host_65536", "copies_65536"}
    assert best(find_bench("gather"), "ratio_to_memcpy", chosen=chosen)["kernel_65536"] >= 0.25


def test_a_net_iov_costs_about_what_a_page_costs():
    found = best(page_pool, "ratio_niov_to_page", chosen={"page_fast", "niov_fast"})
    assert found["niov_fast"] >= 0.5, found


def test_an_unused_tracepoint_is_not_there():
    found = best(trace, "ratio_to_bare", chosen={"step_bare", "step_off"})
    assert found["step_off"] >= 0.6, found


def test_a_thousand_times_the_tokens_do_not_cost_ten_times_as_much():
    with tokens.cases(True, (100, 100_000), ("fifo",)) as cases:
        few, many = measure(cases, ROUNDS).values()
    assert min(run.ns for run in many) <= 4 * min(run.ns for run in few)
