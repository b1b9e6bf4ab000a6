"""``python -m devmemlab``: the command line, for where the script is not on the path.

Law.   Same as ``devmemlab``.
Reads. devmemlab/cli.py.
Omits. Everything else.
"""

from devmemlab.cli import main

if __name__ == "__main__":
    main(prog_name="devmemlab")
