"""What is remembered of operators is what Numba says when it is asked."""

import itertools

import pytest
from numba import types
from numba.core import compiler, errors, registry, targetconfig

from devmemlab.base import operators


@pytest.mark.compiled_only
def test_answers_are_numbas_own():
    context = registry.cpu_target.typing_context
    registry.cpu_target.target_context.refresh()
    kinds = [types.int64, types.uint64, types.int32, types.boolean, types.literal(1), types.literal(True)]
    with targetconfig.ConfigStack().enter(compiler.Flags()):
        for op in operators.ANSWERED:
            function = context.resolve_value_type(op)
            for args in itertools.product(kinds, repeat=1 if op.__name__ in ("invert", "neg", "not_") else 2):
                told = []
                for ask in (function.get_call_type, function.get_call_type,
                            lambda *asked, function=function: types.BaseFunction.get_call_type.asks(function, *asked)):
                    try:
                        told.append(str(ask(context, args, {})))
                    except errors.TypingError:
                        told.append("refused")
                assert len(set(told)) == 1, (op, args, told)


def test_it_is_put_in_place_once():
    put = types.BaseFunction.get_call_type
    operators.remember_operators()
    assert types.BaseFunction.get_call_type is put and not hasattr(put.asks, "asks")
