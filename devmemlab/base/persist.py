"""How one kernel's compiled forms are kept on disk: a file for each, named by what it was compiled for.

Law.   A cache may be lost, torn, shared or read-only: the worst that follows is compiling again, never a wrong answer.
Reads. Numba's ``numba.core.caching`` and ``numba.core.compiler`` (private to Numba, hence the version cap in pyproject.toml).
Omits. Deciding where: that is `devmemlab.base.cache`.

Numba has an index for each function, which lists the types of all its specialisations. To read the types of some twenty
tables takes longer than to read the machine code. Here the name of a file says it: it holds a digest of the types
(`devmemlab.base.spelling`), and in the file they are left out, since whoever looks for it has them. So two processes that
compile one kernel for different types cannot choose one name, which Numba's may. A torn file is noticed by its own digest and
compiled again, where Numba raises; a disk that is full or a folder that vanished is let be. And sources edited while a process
runs would be compiled into the folder of the older sources; here nothing is kept, or read, once a source file that the kernel
is made of has changed.
"""

import hashlib
import io
import os
import pickle
import secrets
import sys

import llvmlite.binding as llvm
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import NumbaPickler, dumps

from devmemlab.base.inner import BITCODE, InnerLibrary
from devmemlab.base.spelling import spell
from devmemlab.base.whole import OBJECT, keep_object, restore_object

_DIGEST_BYTES = 32
INNER_SUFFIX = ".inner"
ENDING = ".nbc"


class _Pickler(NumbaPickler):
    """Leaves out the types of arguments.

    Parameters
    ----------
    file : io.BytesIO
        Where to.
    args : tuple of numba.types.Type
        Those types. Numba has each type once, so the same type is the same object.
    """

    def __init__(self, file, args):
        super().__init__(file, protocol=4)
        self._numbers = {id(kind): number for number, kind in reversed(list(enumerate(args)))}

    def persistent_id(self, obj):
        """Number a type of an argument.

        Parameters
        ----------
        obj : object
            What is about to be pickled.

        Returns
        -------
        number : int or None
            None: it is something else.
        """
        return self._numbers.get(id(obj))


class _Unpickler(pickle.Unpickler):
    """Puts the types of arguments back.

    Parameters
    ----------
    file : io.BytesIO
        Where from.
    args : tuple of numba.types.Type
        Those types.
    """

    def __init__(self, file, args):
        super().__init__(file)
        self._args = args

    def persistent_load(self, pid):
        """Find a type of an argument.

        Parameters
        ----------
        pid : int
            From `_Pickler`.

        Returns
        -------
        kind : numba.types.Type
            The type.
        """
        return self._args[pid]


def _args(sig):
    """The types of arguments.

    Parameters
    ----------
    sig : tuple or numba.core.typing.Signature
        Which specialisation.

    Returns
    -------
    args : tuple of numba.types.Type
        Without the type of the result.
    """
    return tuple(getattr(sig, "args", sig))


class KernelCache(_Cache):
    """The cache of one kernel, for ``dispatcher._cache``.

    Parameters
    ----------
    function : callable
        The plain function.
    directory : pathlib.Path
        From `cache.open_folder`.
    still_true : callable
        Tells whether the sources that `directory` is named by are still those on disk.
    inner : bool
        Whether this is the form that other kernels call.
    linked : bool
        Whether other code may be linked with it: False for what has an inner form beside it.
    options : dict, optional
        What it is compiled with.
    """

    def __init__(self, function, directory, still_true, inner=False, linked=True, options=None):
        self._options = repr(sorted((options or {}).items()))
        self._function, self._directory, self._still_true, self._linked = function, str(directory), still_true, linked
        name = f"{function.__module__}.{function.__qualname__}{INNER_SUFFIX if inner else ''}".replace("<", "").replace(">", "")
        self._beginning = f"{name}-{function.__code__.co_firstlineno}.py{sys.version_info[0]}{sys.version_info[1]}{sys.abiflags}"
        self._enabled = True

    @property
    def cache_path(self):
        """The folder, as text."""
        return self._directory

    def enable(self):
        """Keep and find."""
        self._enabled = True

    def disable(self):
        """Neither keep nor find."""
        self._enabled = False

    def flush(self):
        """Forget the forms of this kernel."""
        for name in os.listdir(self._directory):
            if name.startswith(f"{self._beginning}-"):
                os.unlink(os.path.join(self._directory, name))

    def _path(self, sig, codegen):
        """Name the file of a specialisation.

        Parameters
        ----------
        sig : tuple or numba.core.typing.Signature
            Which one.
        codegen : numba.core.codegen.CPUCodegen
            What it is compiled with.

        Returns
        -------
        path : str
            There or not.
        """
        function = self._function
        cells = dumps(tuple(cell.cell_contents for cell in function.__closure__)) if function.__closure__ else b""
        words = spell(_args(sig)), str(getattr(sig, "return_type", None)), repr(codegen.magic_tuple()), self._options
        digest = hashlib.sha256()
        for part in (*(word.encode() for word in words), function.__code__.co_code, cells):
            digest.update(hashlib.sha256(part).digest())
        return os.path.join(self._directory, f"{self._beginning}-{digest.hexdigest()[:32]}{ENDING}")

    def load_overload(self, sig, target_context):
        """Return a compiled result, or None: compile it.

        Parameters
        ----------
        sig : tuple or numba.core.typing.Signature
            Which specialisation.
        target_context : numba.core.base.BaseContext
            What to compile for.

        Returns
        -------
        result : CompileResult or None
            None for whatever reason.
        """
        if not self._enabled or not self._still_true():
            return None
        try:
            with open(self._path(sig, target_context.codegen()), "rb") as file:
                digest, octets = file.read(_DIGEST_BYTES), file.read()
            if hashlib.sha256(octets).digest() != digest:
                return None
            return self._rebuild(target_context, _Unpickler(io.BytesIO(octets), _args(sig)).load())
        except Exception:           # whatever an old pickle can raise means the same: compile again
            return None

    @staticmethod
    def _rebuild(context, kept):
        """Make a compiled result of what was kept.

        Parameters
        ----------
        context : numba.core.base.BaseContext
            What to compile for.
        kept : tuple
            From `save_overload`.

        Returns
        -------
        result : CompileResult
            Ready to be called, or to be linked.
        """
        needed, payload = kept
        if any(llvm.address_of_symbol(name) is None for name in needed):
            context.refresh()       # Numba brings what its code calls when it is about to compile
        state, fndesc, env, signature, objectmode, lifted, annotation, reload_init, environments = payload
        restore = {BITCODE: InnerLibrary.restore, OBJECT: restore_object}.get(state[1])
        if restore is None:
            context.refresh()
            return CompileResult._rebuild(context, *payload)
        library = restore(context.codegen(), state)
        result = CompileResult(
            target_context=context, typing_context=context.typing_context, library=library, environment=env,
            entry_point=context.get_executable(library, fndesc, env), fndesc=fndesc, type_annotation=annotation,
            signature=signature, objectmode=objectmode, lifted=lifted, typing_error=None, call_helper=None, metadata=None,
            reload_init=reload_init, referenced_envs=())
        if state[1] == OBJECT:
            for each in environments:
                library.codegen.set_env(each.env_name, each)
        return result

    def save_overload(self, sig, data):
        """Keep a compiled result if that can be done.

        Parameters
        ----------
        sig : tuple or numba.core.typing.Signature
            Which specialisation.
        data : CompileResult
            What was compiled.
        """
        if not self._enabled or data.lifted or data.library.has_dynamic_globals or not self._still_true():
            return
        needed = []
        if not self._linked:
            data.library.serialize_using_object_code = lambda: keep_object(data.library)
            needed = [function.name for function in data.library._final_module.functions
                      if function.is_declaration and not function.name.startswith("llvm.")]
        # Numba would spell how each line was typed, which nobody reads.
        with io.BytesIO() as file:
            _Pickler(file, _args(sig)).dump((needed, data._replace(type_annotation="")._reduce()))
            octets = file.getvalue()
        path = self._path(sig, data.codegen)
        written = f"{path}.{secrets.token_hex(8)}"
        try:
            with open(written, "wb") as file:
                file.write(hashlib.sha256(octets).digest() + octets)
            os.replace(written, path)
        except OSError:             # full, vanished or read-only: the next process compiles again
            try:
                os.unlink(written)
            except OSError:
                pass


def kept_kernels(folders):
    """List the kernels of which some specialisation is on disk.

    Parameters
    ----------
    folders : iterable of pathlib.Path
        From `cache.open_folder`.

    Returns
    -------
    names : set of str
        ``module.qualname``, as in `kernel.REGISTRY`, with ``locals`` for ``<locals>``.
    """
    return {path.name.split("-")[0].removesuffix(INNER_SUFFIX) for folder in folders for path in folder.glob(f"*{ENDING}")}
