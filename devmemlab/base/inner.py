"""Kernels that only other kernels call: typed and lowered, but given no machine code of their own.

Law.   What only kernels call is kept as LLVM bitcode, one kernel a module.
Reads. Numba's ``numba.core.codegen`` (private to Numba, hence the version cap in pyproject.toml); LLVM's linkage types
       (language reference).
Omits. Kernels that call themselves.

Numba gives each function wrappers for Python and C callers, optimises it together with all that it calls, and turns all
that into machine code, although a caller brings its own copy along. With some 500 kernels in eight storeys that is most of
the time of a cold start, and nobody ever runs it. Here a module holds one kernel. While it is optimised, its callees are lent
to it (``available_externally``), so that small ones are inlined; what Python calls is put together once, from one module a
kernel.
"""

import llvmlite.binding as llvm

from devmemlab.base.spelling import digest_of, name_rows_by_content, spell
from devmemlab.base.whole import KernelCompiler, KernelLibrary, libraries_below

name_rows_by_content()
BITCODE = "devmemlab bitcode"
_KEPT = {}


class _NoEnvironments:
    """Stands where Numba expects a code generator, once an inner library is finished."""

    @staticmethod
    def set_env(name, env):
        """Nothing: no machine code of this library will look for its environment.

        Parameters
        ----------
        name : str
            Its symbol.
        env : numba.core._dynfunc.Environment
            The environment.
        """


class InnerLibrary(KernelLibrary):
    """Code that is only ever linked into other code."""

    kept = None
    """Which kernel and types it is of, for what is kept of its callers; None when no other process could find it."""

    @property
    def codegen(self):
        """Whoever is asked to place environments."""
        return _NoEnvironments

    @property
    def own_module(self):
        """What it adds to its callees."""
        return self._final_module

    @property
    def callees(self):
        """Libraries without which this one cannot be linked."""
        return [library for library in dict.fromkeys(self._linking_libraries) if isinstance(library, InnerLibrary)]

    def finalize(self):
        """Optimise it, with what it calls at hand."""
        self._raise_if_finalized()
        module = self._final_module
        for library in self.callees:
            library._ensure_finalized()
            self._reload_init.update(library._reload_init)
            module.link_in(library._final_module, preserve=True)
        own = set()
        for function in module.functions:
            if function.linkage == llvm.Linkage.linkonce_odr:
                function.linkage = "available_externally"
            elif function.linkage == llvm.Linkage.external and not function.is_declaration:
                own.add(function.name)
        for library in dict.fromkeys(self._linking_libraries):
            if not isinstance(library, InnerLibrary):
                self._reload_init.update(library._reload_init)
                module.link_in(library._get_module_for_linking(), preserve=True)
        self._optimize_final_module()
        module.verify()
        for name in own:
            module.get_function(name).linkage = "linkonce_odr"
        self._finish()

    def _optimize_final_module(self):
        passes, builder = self._codegen._module_pass_manager(loop_vectorize=False, slp_vectorize=False, cost="cheap")
        passes.run(self._final_module, builder)

    def _finish(self):
        self._octets = self._final_module.as_bitcode()
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self):
        """For a caller that is none of ours: with all that is below."""
        self._ensure_finalized()
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            for library in libraries_below(self.callees):
                self._shared_module.link_in(library._final_module, preserve=True)
        return self._shared_module

    def get_pointer_to_function(self, name):
        """Finish the library; there is nothing to point to.

        Parameters
        ----------
        name : str
            Symbol.

        Returns
        -------
        pointer : int
            0.
        """
        self._ensure_finalized()
        return 0

    def serialize_using_object_code(self):
        """What a cache keeps.

        Returns
        -------
        state : tuple
            Name, `BITCODE`, octets, and what `kept` says of its callees.
        """
        self._ensure_finalized()
        callees = [library.kept for library in self.callees]
        if None in callees:
            return self.name, BITCODE, self._get_module_for_linking().as_bitcode(), []
        return self.name, BITCODE, self._octets, callees

    @classmethod
    def restore(cls, codegen, state):
        """Make a library of what a cache kept.

        Parameters
        ----------
        codegen : numba.core.codegen.CPUCodegen
            The code generator of the process.
        state : tuple
            From `serialize_using_object_code`.

        Returns
        -------
        library : InnerLibrary
            Finished.
        """
        name, _, octets, callees = state
        library = cls(codegen, name)
        library._final_module = llvm.parse_bitcode(octets)
        for kernel, types in callees:
            inner = _KEPT[kernel].inner
            inner.compile(types)
            library._linking_libraries.append(inner.overloads[types].library)
        library._finish()
        return library


def keep_inner(name, dispatcher, still_true):
    """Let kernels that are kept name a kernel that they call.

    Parameters
    ----------
    name : str
        ``module.qualname``.
    dispatcher : numba dispatcher
        What Python calls; its inner form is what is kept.
    still_true : callable
        Gives the stamp of the sources it is made of, or None once they have changed.
    """
    dispatcher.still_true = still_true
    _KEPT[name] = dispatcher


class InnerCompiler(KernelCompiler):
    """Numba's own passes, into an `InnerLibrary`."""

    library = InnerLibrary

    def define_pipelines(self):
        """Name what is compiled so that other processes name it alike, and list the passes.

        Returns
        -------
        managers : list of PassManager
            The nopython pipeline.
        """
        function = self.state.func_id
        managers = super().define_pipelines()
        name = f"{function.modname}.{function.func_qualname}"
        dispatcher = _KEPT.get(name)
        if dispatcher is not None and dispatcher.py_func is function.func:
            stamp = dispatcher.still_true()
            if stamp is not None:
                function.unique_id = stamp
                function.unique_name = f"{name}${stamp}{digest_of(spell(self.state.args))}"
                self.state.library.kept = name, self.state.args
        return managers


INNER = {"pipeline_class": InnerCompiler, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""What ``numba.njit`` is told to make one."""
