"""Exercises of the lessons: puzzles with a specification, a blank kernel, and a checker that cannot be fooled by one example.

Law.   A checker accepts whatever keeps the specification, however it is written, and shows the first case that does not.
Reads. Each chapter names what it mirrors.
Omits. Solutions. The witness of each chapter is plain Python over lists, slices and sets, of another shape than a kernel.

Reading order: case (arrays, calls, lanes), attempt (running what a learner wrote), checking, puzzle, grading; then the puzzles,
in the order in which they are best done: header_split, toeplitz, chunk_allocator, page_pool_fast_path, ptr_ring, token_ranges,
gather_plan, reorder_queue, page_window, guard, bind_order, refill_policy, rss_table, cmsg_writer, sack_blocks, dontneed_budget.
"""

from importlib import import_module

from devmemlab.lab.exercises import checking  # noqa: F401  (results get their displays when this room is first asked for)

ORDER = ("header_split", "toeplitz", "chunk_allocator", "page_pool_fast_path", "ptr_ring", "token_ranges", "gather_plan",
         "reorder_queue", "page_window", "guard", "bind_order", "refill_policy", "rss_table", "cmsg_writer", "sack_blocks",
         "dontneed_budget")
"""Names of the exercises, in the order in which they are best done."""


def exercise(name):
    """Look an exercise up.

    Parameters
    ----------
    name : str
        One of `ORDER`.

    Returns
    -------
    exercise : devmemlab.lab.exercises.puzzle.Exercise
        With all its hints untold: ``.specification``, ``.blank``, ``.hint()``, ``.check(kernel)``.

    Raises
    ------
    ValueError
        There is no such exercise.
    """
    if name not in ORDER:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(ORDER)}")
    return import_module(f"devmemlab.lab.exercises.{name}").EXERCISE.fresh()
