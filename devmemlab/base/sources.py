"""Which sources a kernel is made of: its own file and whatever that file imports, all the way down.

Law.   Two kernels with equal stamps were written in the same words, whatever the rest of the package says.
Reads. The import statement of the Python language reference; Numba freezes the globals that a kernel names.
Omits. Imports within functions and conditions: a kernel cannot see what they bring (a test looks for the latter).

A kernel can name only what its file defines or imports, so an edited file changes exactly the kernels of the files that
import it, directly or not. Files are read when a stamp is first asked for; one that was written since the process began
gives no stamp, for the code that runs may be older than the words on disk.
"""

import hashlib
import os
import re

_IMPORT = re.compile(rb"^(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))", re.MULTILINE)
_COMMENT = re.compile(rb"#[^\n]*")


def _listed(octets):
    """Split what stands behind ``import``.

    Parameters
    ----------
    octets : bytes
        Names with commas between, perhaps with ``as``, in parentheses or with comments.

    Returns
    -------
    names : list of str
        Without what they are renamed to.
    """
    return [part.split()[0] for part in _COMMENT.sub(b"", octets).decode().strip("() \t\r\n").split(",") if part.strip()]


class Sources:
    """The package's source files as they were when this was made.

    Parameters
    ----------
    package : pathlib.Path
        Root of the package.
    """

    def __init__(self, package):
        self._package = str(package)
        self._ages = {}
        self._modules = {}
        self._read = {}
        self._stamps = {}
        self._look(self._package, package.name)

    def _look(self, folder, name):
        """Note the files of a folder, and of those below it.

        Parameters
        ----------
        folder, name : str
            Its path, its name as a package.
        """
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    module = name if entry.name == "__init__.py" else f"{name}.{entry.name[:-3]}"
                    self._modules[module] = entry.path
                    self._ages[entry.path] = self._age(entry.path)
                elif entry.is_dir() and entry.name.isidentifier() and entry.name != "__pycache__":
                    self._look(entry.path, f"{name}.{entry.name}")

    @staticmethod
    def _age(path):
        info = os.stat(path)
        return info.st_mtime_ns, info.st_size

    def _digest_and_imports(self, path):
        """Read a file, once.

        Parameters
        ----------
        path : str
            One of the package's.

        Returns
        -------
        digest : bytes
            Of its name and contents.
        imports : set of str
            The package's files that it imports itself.
        """
        if path not in self._read:
            with open(path, "rb") as file:
                octets = file.read()
            imports = set()
            for package, names, modules in _IMPORT.findall(octets):
                if modules:
                    imports.update(map(self._modules.get, _listed(modules)))
                    continue
                package = package.decode()
                inside = {self._modules.get(f"{package}.{name}") for name in _listed(names)}
                imports |= inside
                if None in inside:
                    imports.add(self._modules.get(package))
            name = os.path.relpath(path, self._package).encode()
            self._read[path] = hashlib.sha256(name + b"\0" + octets).digest(), imports - {None}
        return self._read[path]

    def closure(self, path):
        """List a file and all it is made of.

        Parameters
        ----------
        path : str
            One of the package's files.

        Returns
        -------
        paths : list of str
            Sorted.
        """
        seen, ahead = set(), [path]
        while ahead:
            here = ahead.pop()
            if here not in seen:
                seen.add(here)
                ahead += self._digest_and_imports(here)[1]
        return sorted(seen)

    def stamp(self, path):
        """Digest of everything that the kernels of a file are made of.

        Parameters
        ----------
        path : str
            One of the package's files.

        Returns
        -------
        digest : str or None
            16 hexadecimal digits; None when one of the files was written, or went, since this object was made.
        """
        if path not in self._stamps:
            try:
                paths = self.closure(path)
            except OSError:
                return None
            h = hashlib.sha256(os.path.relpath(path, self._package).encode())
            for each in paths:
                h.update(self._read[each][0])
            if not self._unchanged(paths):
                return None
            self._stamps[path] = h.hexdigest()[:16], paths
        digest, paths = self._stamps[path]
        return digest if self._unchanged(paths) else None

    def _unchanged(self, paths):
        try:
            return all(self._age(path) == self._ages[path] for path in paths)
        except OSError:
            return False
