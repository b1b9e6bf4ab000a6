"""Kernels that only other kernels call: typed and lowered, but given no machine code of their own.

Law.   What Python calls is compiled whole, with everything below it; what only kernels call is kept as LLVM bitcode.
Reads. Numba's ``numba.core.codegen`` and ``numba.core.typed_passes`` (private to Numba, hence the version cap in
       pyproject.toml).
Omits. Kernels that call themselves.

Numba gives each function wrappers for Python and C callers, optimises it together with all that it calls, and turns all
that into machine code, although a caller brings its own copy along. With some 500 kernels in eight storeys that is most of
the time of a cold start, and nobody ever runs it.
"""

import llvmlite.binding as llvm
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder

BITCODE, OBJECT = "devmemlab bitcode", "devmemlab object code"


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


class InnerLibrary(JITCodeLibrary):
    """Code that is only ever linked into other code."""

    @property
    def codegen(self):
        """Whoever is asked to place environments."""
        return _NoEnvironments

    def _optimize_final_module(self):
        cheap, builder = self._codegen._module_pass_manager(loop_vectorize=False, slp_vectorize=False, cost="cheap")
        cheap.run(self._final_module, builder)

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

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
            Name, `BITCODE`, octets.
        """
        self._ensure_finalized()
        return self.name, BITCODE, self._get_module_for_linking().as_bitcode()

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
        name, _, octets = state
        library = cls(codegen, name)
        library._final_module = library._shared_module = llvm.parse_bitcode(octets)
        library._finalize_final_module()
        return library


def keep_object(library):
    """What a cache keeps of a kernel that Python calls: nobody will link it, so its intermediate code is left out.

    Parameters
    ----------
    library : numba.core.codegen.JITCodeLibrary
        Compiled.

    Returns
    -------
    state : tuple
        Name, `OBJECT`, machine code, names that it defines.
    """
    library._ensure_finalized()
    module = library._get_module_for_linking()
    names = [value.name for values in (module.functions, module.global_variables) for value in values if not value.is_declaration]
    return library.name, OBJECT, library._get_compiled_object(), names


def restore_object(codegen, state):
    """Make a library of what `keep_object` kept.

    Parameters
    ----------
    codegen : numba.core.codegen.CPUCodegen
        The code generator of the process.
    state : tuple
        From `keep_object`.

    Returns
    -------
    library : numba.core.codegen.JITCodeLibrary
        Finished.
    """
    name, _, octets, names = state
    library = codegen.create_library(name)
    library.enable_object_caching()
    library._set_compiled_object(octets)
    library._shared_module = library._final_module
    library._finalize_final_module()
    codegen._engine._defined_symbols.update(names)
    return library


class InnerCompiler(CompilerBase):
    """Numba's own passes, into an `InnerLibrary`."""

    def define_pipelines(self):
        """List the passes.

        Returns
        -------
        managers : list of PassManager
            The nopython pipeline.
        """
        self.state.library = InnerLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


INNER = {"pipeline_class": InnerCompiler, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""What ``numba.njit`` is told to make one."""
