"""What is likely is a matter of time only."""

from devmemlab.base.kernel import kernel
from devmemlab.base.likely import likely


@kernel
def steps(count, limit):
    done = 0
    for i in range(count):
        if likely(i < limit) and likely(i != 3):
            done += 1
        else:
            done += 100
    return done


def test_the_answer_is_the_same_however_wrong_the_guess():
    for count, limit in ((10, 10), (10, 0), (10, 5), (0, 1)):
        assert steps(count, limit) == steps.py_func(count, limit) == sum(1 if i < limit and i != 3 else 100 for i in range(count))
