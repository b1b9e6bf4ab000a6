"""How one kernel's compiled forms are kept on disk.

Law.   A cache may be lost, torn, shared or read-only: the worst that follows is compiling again, never a wrong answer.
Reads. Numba's ``numba.core.caching`` (private to Numba, hence the version cap in pyproject.toml).
Omits. Deciding where: that is `devmemlab.base.cache`.

Numba's own files would do but for four faults. Two cold processes that compile different
specialisations of one kernel choose the same file name, and one then runs the other's machine
code; here a name is unique to the process. A torn file raises; here it is noticed by its digest
and compiled again. A disk that is full or a folder that vanished raises; here it is let be. And
sources edited while a process runs would be compiled into the folder of the older sources; here
nothing is kept, or read, once a source file that the kernel is made of has changed.
"""

import functools
import hashlib
import os
import pickle
import secrets
import sys

from numba.core.compiler import CompileResult
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

from devmemlab.base.inner import BITCODE, InnerLibrary
from devmemlab.base.whole import OBJECT, keep_object, restore_object

_PROCESS = secrets.token_hex(4)
_DIGEST_BYTES = 32
INNER_SUFFIX = ".inner"


class _Place:
    """Stands where Numba expects a locator: one folder for the kernels of a file, named by the stamp of its sources.

    Parameters
    ----------
    directory : pathlib.Path
        From `cache.open_folder`.
    line : int
        Tells kernels of one name in one module apart.
    """

    def __init__(self, directory, line):
        self._directory = directory
        self._line = line

    def ensure_cache_path(self):
        """Nothing: the folder was made when it was chosen."""

    def get_cache_path(self):
        """The folder."""
        return str(self._directory)

    def get_source_stamp(self):
        """What the index must carry to be believed."""
        return self._directory.name

    def get_disambiguator(self):
        """The line number, as text."""
        return str(self._line)


class _Files(IndexDataCacheFile):
    """An index and data files that two processes may write at once; each begins with its own SHA-256.

    A file that is missing or torn reads as an OSError, which Numba's driver takes for "not there".
    """

    def _data_name(self, number):
        return f"{super()._data_name(number).removesuffix('.nbc')}-{os.getpid():x}-{_PROCESS}.nbc"

    def _read(self, path):
        with open(path, "rb") as file:
            digest, octets = file.read(_DIGEST_BYTES), file.read()
        if hashlib.sha256(octets).digest() != digest:
            raise OSError(f"{path} is torn")
        return pickle.loads(octets)

    def _write(self, path, obj):
        octets = self._dump(obj)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(octets).digest() + octets)

    def _load_index(self):
        try:
            stamp, overloads = self._read(self._index_path)
        except Exception:           # missing, torn, or of types that this checkout has not
            return {}
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads):
        self._write(self._index_path, (self._source_stamp, overloads))

    def _load_data(self, name):
        return self._read(self._data_path(name))

    def _save_data(self, name, data):
        self._write(self._data_path(name), data)


class _Impl(CompileResultCacheImpl):
    """Numba's translation between compiled results and what can be pickled, at a place of our choosing."""

    def __init__(self, function, directory, inner, linked):
        self._linked = linked
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Place(directory, self._lineno)
        name = f"{function.__module__}.{function.__qualname__}{INNER_SUFFIX if inner else ''}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))

    def reduce(self, data):
        """Choose what is kept of a compiled result.

        Parameters
        ----------
        data : CompileResult
            What was compiled.

        Returns
        -------
        payload : tuple
            To be pickled.
        """
        if not self._linked:
            data.library.serialize_using_object_code = functools.partial(keep_object, data.library)
        return super().reduce(data)

    def rebuild(self, target_context, payload):
        """Make a compiled result of what was kept.

        Parameters
        ----------
        target_context : numba.core.base.BaseContext
            What to compile for.
        payload : tuple
            As pickled.

        Returns
        -------
        result : CompileResult
            Ready to be called, or to be linked.
        """
        state, fndesc, env, signature, objectmode, lifted, annotation, reload_init, environments = payload
        restore = {BITCODE: InnerLibrary.restore, OBJECT: restore_object}.get(state[1])
        if restore is None:
            return super().rebuild(target_context, payload)
        library = restore(target_context.codegen(), state)
        result = CompileResult(
            target_context=target_context, typing_context=target_context.typing_context, library=library, environment=env,
            entry_point=target_context.get_executable(library, fndesc, env), fndesc=fndesc, type_annotation=annotation,
            signature=signature, objectmode=objectmode, lifted=lifted, typing_error=None, call_helper=None, metadata=None,
            reload_init=reload_init, referenced_envs=())
        if state[1] == OBJECT:
            for each in environments:
                library.codegen.set_env(each.env_name, each)
        return result


class KernelCache(FunctionCache):
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
    """

    def __init__(self, function, directory, still_true, inner=False, linked=True):
        self._name = repr(function)
        self._py_func = function
        self._still_true = still_true
        self._impl = _Impl(function, directory, inner, linked)
        self._cache_path = str(directory)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, directory.name)
        self.enable()

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
        if not self._still_true():
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception:           # whatever an old pickle can raise means the same: compile again
            return None

    def save_overload(self, sig, data):
        """Keep a compiled result if that can be done.

        Parameters
        ----------
        sig : tuple or numba.core.typing.Signature
            Which specialisation.
        data : CompileResult
            What was compiled.
        """
        if not self._still_true():
            return
        try:
            super().save_overload(sig, data)
        except OSError:             # full, vanished or read-only: the next process compiles again
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
    return {path.name.rpartition("-")[0].removesuffix(INNER_SUFFIX) for folder in folders for path in folder.glob("*.nbi")}
