"""Rich displays: how the objects of the lower floors look in a notebook.

Law.   The objects know no view; the view comes to them, when the public face hands out a name.
Reads. IPython's display protocol (``_repr_html_``) and its printers by name of a class (``for_type_by_name``).
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
    ("devmemlab.lab.bench.curves", "Curves"): {"plot": "devmemlab.view.curves_plot:curves_plot"},
    ("devmemlab.cuda.stored", "StoredTable"): {"_repr_html_": "devmemlab.view.gpu_tables:stored_html"},
    ("devmemlab.lab.receive_modes", "ReceiveModes"): {"_repr_html_": "devmemlab.view.receive_tables:receive_modes_html"},
    ("devmemlab.nic.explain", "Explanation"): {"_repr_html_": "devmemlab.view.explained:explanation_html"},
    ("devmemlab.host.host", "Host"): {
        "_repr_html_": "devmemlab.view.memory_tables:host_html",
        "byte_flow": "devmemlab.view.byte_flow:byte_flow",
        "heat_film": "devmemlab.view.heat_film:heat_film",
        "heat_map": "devmemlab.view.heat_map:heat_map",
        "occupancy": "devmemlab.view.occupancy:occupancy",
        "pool_film": "devmemlab.view.pool_stage:pool_film",
        "reference_graph": "devmemlab.view.reference_graph:reference_graph",
        "token_lines": "devmemlab.view.token_lines:token_lines",
        "token_player": "devmemlab.view.token_stage:token_player",
    },
    ("devmemlab.host.token_report", "TokenReport"): {
        "_repr_html_": "devmemlab.view.residency:report_html",
        "plot": "devmemlab.view.residency:residency_picture",
    },
    ("devmemlab.host.socket_table", "SocketTable"): {"_repr_html_": "devmemlab.view.network_tables:sockets_html"},
    ("devmemlab.host.counter_table", "Counters"): {"_repr_html_": "devmemlab.view.network_tables:counters_html"},
    ("devmemlab.host.counter_table", "Statistics"): {"_repr_html_": "devmemlab.view.network_tables:counters_html"},
    ("devmemlab.lab.packet_table", "PacketTable"): {"_repr_html_": "devmemlab.view.network_tables:packets_html"},
    ("devmemlab.host.inspect", "Inspection"): {"_repr_html_": "devmemlab.view.inspected:inspection_html"},
    ("devmemlab.host.inspect", "Queue"): {"_repr_mimebundle_": "devmemlab.view.skb_picture:queue_shown"},
    ("devmemlab.lab.scenes_guards", "Answers"): {"_repr_html_": "devmemlab.view.inspected:answers_html"},
    ("devmemlab.host.netlink", "NetlinkSocket"): {"_repr_html_": "devmemlab.view.memory_tables:netlink_html"},
    ("devmemlab.mem.mem", "Mem"): {
        "_repr_html_": "devmemlab.view.memory_tables:mem_html",
        "heat_map": "devmemlab.view.heat_map:heat_map",
    },
    ("devmemlab.lab.exercises.checking", "Result"): {
        "_repr_html_": "devmemlab.view.exercise_picture:result_html",
        "picture": "devmemlab.view.exercise_picture:picture",
    },
    ("devmemlab.mem.region", "Region"): {"_repr_html_": "devmemlab.view.memory_tables:region_html"},
    ("devmemlab.lab.why.answer", "Answer"): {"_repr_html_": "devmemlab.view.why_tables:answer_html"},
    ("devmemlab.lab.faults.break_it", "BreakIt"): {"_repr_html_": "devmemlab.view.why_tables:question_html"},
    ("devmemlab.lab.faults.break_it", "Catalogue"): {"_repr_html_": "devmemlab.view.why_tables:faults_html"},
    ("devmemlab.lab.error_page", "Errors"): {"_repr_html_": "devmemlab.view.why_tables:errors_html"},
    ("devmemlab.base.trace", "Trace"): {
        "_repr_html_": "devmemlab.view.memory_tables:trace_html",
        "occupancy": "devmemlab.view.occupancy:occupancy",
    },
}
"""Class -> the methods it gets, unless it has its own."""


def _show(thing):
    """Show an object whose class was imported after everything else was given its displays.

    Parameters
    ----------
    thing : object
        Of a class in `DISPLAYS`, or of one that descends from it.

    Returns
    -------
    html : str
        As the class shows itself from now on.
    """
    attach()
    return thing._repr_html_()


def _announce():
    """Tell IPython, where it runs, of the classes that are not imported yet: rooms import one another behind the public face."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    formatter = getattr(getattr(shell, "display_formatter", None), "formatters", {}).get("text/html")
    for (module, name), methods in DISPLAYS.items():
        if formatter is not None and module not in sys.modules and "_repr_html_" in methods:
            formatter.for_type_by_name(module, name, _show)


def attach():
    """Give every class that is imported by now its displays; the others get them when a notebook first shows one.

    Returns
    -------
    attached : list of str
        ``"Class.method"`` of those that are new.
    """
    _announce()
    attached = []
    for (module, name), methods in DISPLAYS.items():
        shown = getattr(sys.modules.get(module), name, None)
        for method, target in methods.items():
            if shown is not None and not hasattr(shown, method):
                setattr(shown, method, _later(target))
                attached.append(f"{name}.{method}")
    return attached
