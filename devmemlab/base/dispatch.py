"""What a kernel is to Python and to Numba, until somebody needs it: a function and what it is to be compiled with.

Law.   A kernel that nobody calls costs microseconds, and one that is found in the cache wakes no compiler.
Reads. Numba's ``numba.core.dispatcher`` (private to Numba, hence the version cap in pyproject.toml).
Omits. Object mode, and functions with ``*`` in their parameters: Numba makes what it always made of the latter.

The package has some six hundred kernels and an ordinary program calls forty, but Numba makes the whole apparatus (signatures,
a compiler, counters, a type) when a function is decorated. Here that waits until an attribute of it is asked for.
"""

import collections
import functools
import inspect
import weakref

from numba import _dispatcher, config, types
from numba.core.caching import NullCache
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu import CPUTargetOptions
from numba.core.dispatcher import CompilingCounter, OmittedArg, _FunctionCompiler
from numba.core.registry import CPUDispatcher
from numba.core.typeconv.rules import default_type_manager

from devmemlab.base.inner import INNER
from devmemlab.base.whole import KERNEL

_UNUSUAL = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


class LateDispatcher(CPUDispatcher):
    """Numba's dispatcher, finished when something of it is needed.

    Parameters
    ----------
    py_func : callable
        The plain function.
    locals, targetoptions : dict, optional
        As Numba has them.
    pipeline_class : type
        Numba's passes.
    keep : callable, optional
        Makes the cache of this dispatcher, or None; it is called once, when the dispatcher is finished.
    """

    keep = None

    def __init__(self, py_func, locals=None, targetoptions=None, pipeline_class=Compiler, keep=None):
        self.__doc__, self.__module__ = py_func.__doc__, py_func.__module__
        self.keep = keep
        code = py_func.__code__
        if code.co_flags & _UNUSUAL or code.co_kwonlyargcount:
            super().__init__(py_func, locals, targetoptions, pipeline_class)
            self._keep_from_now_on()
            return
        self.py_func = py_func
        self._unfinished = locals or {}, targetoptions or {}, pipeline_class
        self._types_active_call = set()
        defaults = tuple(OmittedArg(value) for value in py_func.__defaults__ or ())
        _dispatcher.Dispatcher.__init__(self, default_type_manager.get_pointer(), code.co_argcount, self._fold_args,
                                        code.co_varnames[:code.co_argcount], defaults, False, False, False)

    def __getattr__(self, name):
        """Finish it, whatever is asked for: this is called for what is not there."""
        with global_compiler_lock:
            unfinished = self.__dict__.pop("_unfinished", None)
            if unfinished:
                try:
                    self._finish(*unfinished)
                except BaseException:
                    self._unfinished = unfinished       # an interrupt may come at any time; whoever asks next begins anew
                    raise
        return object.__getattribute__(self, name)

    def _finish(self, local_types, options, pipeline):
        """Do what Numba's own ``__init__`` does beyond what was done in ours.

        Parameters
        ----------
        local_types, options, pipeline
            From ``__init__``.
        """
        function = self.py_func
        self.targetoptions, self.locals = options, local_types
        self.typingctx, self.targetctx = self.targetdescr.typing_context, self.targetdescr.target_context
        self._tm = default_type_manager
        self.overloads = collections.OrderedDict()
        self.func_code = self.__code__ = function.__code__
        self.__defaults__ = function.__defaults__
        self.doc = function.__doc__
        self._compiling_counter = CompilingCounter()
        self._enable_sysmon = bool(config.ENABLE_SYS_MONITORING)
        weakref.finalize(self, self._make_finalizer())
        functools.update_wrapper(self, function)
        self._cache = NullCache()
        self._compiler = _FunctionCompiler(function, self.targetdescr, options, local_types, pipeline)
        self._cache_hits, self._cache_misses = collections.Counter(), collections.Counter()
        self._type = types.Dispatcher(self)
        self.typingctx.insert_global(self, self._type)
        self._keep_from_now_on()

    def _keep_from_now_on(self):
        cache = self.keep and self.keep(self)
        if cache:
            self._cache = cache

    def _compilation_chain_init_hook(self):
        """Find other people's extensions of Numba: only where nothing is cached, for there the types may be theirs.

        What is compiled finds them in any case, when Numba's contexts are refreshed.
        """
        if isinstance(self._cache, NullCache):
            super()._compilation_chain_init_hook()


class InnerDispatcher(LateDispatcher):
    """What other kernels call.

    Numba types a constant argument as that very constant and would compile ``emit(trace, STEER, ...)`` anew for every
    tracepoint, so literals are forgotten here. LLVM propagates the constants after inlining anyway.
    """

    def get_call_template(self, args, kws):
        """Numba's question what a call gives.

        Parameters
        ----------
        args : tuple of numba.types.Type
            Types of the arguments.
        kws : dict of str to numba.types.Type
            Of those by name.

        Returns
        -------
        template, pysig, args, kws
            As Numba has them.
        """
        return super().get_call_template(tuple(map(types.unliteral, args)),
                                         {name: types.unliteral(kind) for name, kind in kws.items()})


class KernelDispatcher(LateDispatcher):
    """What Python calls. Other kernels that call it are given its inner form.

    Parameters
    ----------
    py_func : callable
        The plain function.
    locals, targetoptions : dict, optional
        As Numba has them; both forms are compiled with them.
    pipeline_class : type
        Numba's passes, for this form.
    keep : callable, optional
        As for `LateDispatcher`, for both forms.
    """

    _inner = None

    def __init__(self, py_func, locals=None, targetoptions=None, pipeline_class=KERNEL["pipeline_class"], keep=None):
        self._shared = locals, targetoptions or {}
        super().__init__(py_func, locals, targetoptions, pipeline_class, keep)

    @property
    def inner(self):
        """The form that other kernels call."""
        with global_compiler_lock:
            if self._inner is None:
                local_types, options = self._shared
                options = {**options, **INNER}
                pipeline = options.pop("pipeline_class")
                self._inner = InnerDispatcher(self.py_func, local_types, options, pipeline, self.keep)
        return self._inner

    def get_call_template(self, args, kws):
        """Ask the inner form.

        Parameters
        ----------
        args : tuple of numba.types.Type
            Types of the arguments.
        kws : dict of str to numba.types.Type
            Of those by name.

        Returns
        -------
        template, pysig, args, kws
            As Numba has them.
        """
        return self.inner.get_call_template(args, kws)

    def get_overload(self, sig):
        """Ask the inner form.

        Parameters
        ----------
        sig : tuple of numba.types.Type
            Types of the arguments.

        Returns
        -------
        entry : object
            As Numba has it.
        """
        return self.inner.get_overload(sig)


def dispatcher_of(function, options, keep=None):
    """Make what a kernel's name stands for.

    Parameters
    ----------
    function : callable
        The plain function.
    options : dict
        What ``numba.njit`` is told; ``cache`` says nothing here.
    keep : callable, optional
        As for `LateDispatcher`.

    Returns
    -------
    dispatcher : LateDispatcher
        A `KernelDispatcher`, but for what is always inlined: there is one form of that.

    Raises
    ------
    TypeError
        An option is none of Numba's.
    """
    options = {"boundscheck": None, **options, "nopython": True, "no_cfunc_wrapper": True}
    options.pop("cache", None)
    unknown = [name for name in options if name != "locals" and not hasattr(CPUTargetOptions, name)]
    if unknown:
        raise TypeError(f"{function.__qualname__}: Numba has no option {unknown[0]!r} for a kernel")
    kind = InnerDispatcher if options.get("inline") == "always" else KernelDispatcher
    return kind(function, options.pop("locals", None), options, keep=keep)
