"""Kernels that Python calls: compiled whole, with everything below them.

Law.   What is linked is optimised once, where all of it is in sight, and turned into machine code once.
Reads. Numba's ``numba.core.codegen`` and ``numba.core.typed_passes`` (private to Numba, hence the version cap in
       pyproject.toml).
Omits. Numba's passes over each function before linking and its cheap pass after it: both serve the removal of reference
       counts, which kernels do not have.
"""

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder

OBJECT = "devmemlab object code"
MANGLED = "_ZN"
"""How the name of whatever Numba compiles begins: nobody but it could bring such a function."""


def libraries_below(libraries):
    """List libraries and all that they call.

    Parameters
    ----------
    libraries : list of numba.core.codegen.CodeLibrary
        Of what is called directly.

    Returns
    -------
    libraries : list of numba.core.codegen.CodeLibrary
        Each once, callers before callees: LLVM's linker leaves out what nothing refers to yet.
    """
    seen, done = set(), []

    def visit(library):
        if library not in seen:
            seen.add(library)
            library._ensure_finalized()
            for callee in reversed(getattr(library, "callees", [])):
                visit(callee)
            done.append(library)

    for library in reversed(libraries):
        visit(library)
    return done[::-1]


class KernelLibrary(JITCodeLibrary):
    """Code that Python calls: everything below it is put together here, and optimised once."""

    def add_llvm_module(self, ll_module):
        """Take a module as it is: what is linked is optimised as a whole.

        Parameters
        ----------
        ll_module : llvmlite.binding.ModuleRef
            Of Numba's making.
        """
        ll_module.data_layout = self._codegen._data_layout
        self._final_module.link_in(ll_module)

    def finalize(self):
        """Link, optimise, and make machine code."""
        self._raise_if_finalized()
        for library in libraries_below(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            module = getattr(library, "own_module", None) or library._get_module_for_linking()
            self._final_module.link_in(module, preserve=True)
        for function in self._final_module.functions:
            if function.is_declaration and function.name.startswith(MANGLED):
                raise AssertionError(f"{self.name} is not linked with {function.name}")
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()

    def _optimize_final_module(self):
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


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


class KernelCompiler(CompilerBase):
    """Numba's own passes, into a `KernelLibrary`."""

    library = KernelLibrary

    def define_pipelines(self):
        """List the passes.

        Returns
        -------
        managers : list of PassManager
            The nopython pipeline.
        """
        self.state.library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        self.state.library.enable_object_caching()
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


KERNEL = {"pipeline_class": KernelCompiler}
"""What ``numba.njit`` is told to make one."""
