"""errno: the kernel's own numbers, and the exceptions they become."""

import errno as system

import pytest

from devmemlab.base import errno


@pytest.mark.parametrize("number, name", sorted(errno.NAMES.items()))
def test_numbers_are_linuxs(number, name):
    if hasattr(system, name):
        assert getattr(system, name) == number
    assert errno.name_of(number) == errno.name_of(-number) == name


def test_error_is_the_subclass_that_belongs_to_the_number():
    assert isinstance(errno.error(-errno.EAGAIN, "x"), BlockingIOError)
    assert isinstance(errno.error(errno.ECONNREFUSED, "x"), ConnectionRefusedError)
    assert isinstance(errno.error(errno.ETIMEDOUT, "x"), TimeoutError)


def test_error_names_itself_and_carries_the_advice():
    error = errno.error(-errno.ENOMEM, "no net_iov left of 16; return tokens")
    assert error.errno == errno.ENOMEM
    assert "ENOMEM" in str(error) and "no net_iov left of 16; return tokens" in str(error)
    assert "ETOOSMALL" in str(errno.error(errno.ETOOSMALL, "x"))


def test_a_number_that_the_lab_does_not_use_is_spelled_as_a_number():
    assert errno.name_of(131) == "131"
