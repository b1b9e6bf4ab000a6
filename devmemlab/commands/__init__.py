"""Floor 7, the small commands: JupyterLab, the tutorials, the warm cache, and what this machine is.

Law.   A command is a thin face: what it does can be called from Python too.
Reads. Nothing of Linux.
Omits. The commands that run the lab itself (demo, replay, ncdevmem): they live with it.
"""
