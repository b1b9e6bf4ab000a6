"""Rich displays: how the objects of the lower floors look in a notebook.

Law.   The objects know no view; the view comes to them, when the public face hands out their module.
Reads. IPython's display protocol (``_repr_html_``).
Omits. Anything at import time: each display imports what it needs when it is first asked to show something.
"""

import sys
from importlib import import_module


def _later(target):
    """Make a method that imports its function when it is called.

    Parameters
    ----------
    target : str
        ``"module:function"``; the function takes the object first.

    Returns
    -------
    method : function
        To be set on a class.
    """
    module, _, name = target.partition(":")

    def method(self, *args, **options):
        return getattr(import_module(module), name)(self, *args, **options)

    method.__name__ = name
    method.__doc__ = f"See `{module}.{name}`."
    return method


DISPLAYS = {
    ("devmemlab.lab.compare", "Result"): {
        "_repr_html_": "devmemlab.view.tables:result_html",
        "byte_flow": "devmemlab.view.byte_flow:byte_flow",
        "plot": "devmemlab.view.plots:plot",
    },
    ("devmemlab.host.host", "Host"): {
        "_repr_html_": "devmemlab.view.tables:host_html",
        "byte_flow": "devmemlab.view.byte_flow:byte_flow",
    },
}
"""Class -> the methods it gets, unless it has its own."""


def attach():
    """Give every class that is imported by now its displays.

    Returns
    -------
    attached : list of str
        ``"Class.method"`` of those that are new.
    """
    attached = []
    for (module, name), methods in DISPLAYS.items():
        shown = getattr(sys.modules.get(module), name, None)
        for method, target in methods.items():
            if shown is not None and not hasattr(shown, method):
                setattr(shown, method, _later(target))
                attached.append(f"{name}.{method}")
    return attached
