"""devmemlab: learn, measure and prototype Linux Device Memory TCP without owning the hardware.

Law.   Everything a notebook needs is a name here, and costs nothing until it is used.
Reads. PEP 562 (module ``__getattr__``).
Omits. Anything that only the rooms need from each other.
"""

from importlib import import_module

__version__ = "0.1.0"

_FACE = {
    "about": "devmemlab.commands.about:about",
    "kernel": "devmemlab.base.kernel:kernel",
    "compare": "devmemlab.lab.compare:compare",
    "receive_modes": "devmemlab.lab.receive_modes:receive_modes",
    "Lab": "devmemlab.lab.lab:Lab",
    "DeviceMemory": "devmemlab.mem.region:DeviceMemory",
    "TcpProfile": "devmemlab.host.tcp_profile:TcpProfile",
    "NetlinkError": "devmemlab.host.netlink:NetlinkError",
    "ports": "devmemlab.host.ports",
    "linux": "devmemlab.linux", "cuda": "devmemlab.cuda",
    "byte_flow": "devmemlab.view.byte_flow:byte_flow",
    "save_picture": "devmemlab.view.picture:save_picture",
    "heat_map": "devmemlab.view.heat_map:heat_map",
    "occupancy": "devmemlab.view.occupancy:occupancy",
    "reference_graph": "devmemlab.view.reference_graph:reference_graph",
    "theme": "devmemlab.view.theme",
    "TransferControl": "devmemlab.view.controls:TransferControl",
    "frags": "devmemlab.sock.uapi:frags",
    "scenes": "devmemlab.lab.scenes",
    "traffic": "devmemlab.lab.traffic",
    "scenes_nic": "devmemlab.lab.scenes_nic",
    "frame_picture": "devmemlab.view.frame_picture:frame_picture",
    "ring_picture": "devmemlab.view.ring_picture:ring_picture",
    "frame_anatomy": "devmemlab.view.anatomy_stage:frame_anatomy",
    "FrameControl": "devmemlab.view.nic_controls:FrameControl",
    "RingControl": "devmemlab.view.nic_controls:RingControl",
    "host_memory": "devmemlab.mem.region:host_memory",
    "UserProvider": "devmemlab.mem.user_provider:UserProvider",
    "check_provider": "devmemlab.lab.scenes:check_provider",
    "crossings": "devmemlab.lab.crossings:crossings",
    "crossing_bars": "devmemlab.view.memory_bars:crossing_bars",
    "LedgerControl": "devmemlab.view.memory_controls:LedgerControl",
    "BindingControl": "devmemlab.view.memory_controls:BindingControl",
    "PoolControl": "devmemlab.view.memory_controls:PoolControl",
    "scenes_control": "devmemlab.lab.scenes_control",
    "restart_trial": "devmemlab.lab.restart_trial:restart_trial",
    "restart_picture": "devmemlab.view.restart_picture:RestartPicture",
    "restart_player": "devmemlab.view.restart_stage:restart_player",
    "steering": "devmemlab.view.steering:steering",
    "steering_explorer": "devmemlab.view.steering_explorer:steering_explorer",
    "netlink_octets": "devmemlab.view.netlink_octets:netlink_octets",
    "SteeringControl": "devmemlab.view.steering_controls:SteeringControl",
    "scenes_skb": "devmemlab.lab.scenes_skb", "skb_picture": "devmemlab.view.skb_picture:skb_picture",
    "SkbWatch": "devmemlab.lab.skb_watch:SkbWatch", "SkbInspector": "devmemlab.view.skb_inspector:SkbInspector",
    "SkbControl": "devmemlab.view.skb_controls:SkbControl",
    "RestartControl": "devmemlab.view.steering_controls:RestartControl", "TimeControl": "devmemlab.view.time_control:TimeControl",
    "scenes_tcp": "devmemlab.lab.scenes_tcp",
    "state_picture": "devmemlab.view.state_picture:state_picture",
    "ladder": "devmemlab.view.ladder:ladder",
    "time_sequence": "devmemlab.view.time_sequence:time_sequence",
    "tcp_player": "devmemlab.view.tcp_player:tcp_player",
    "TcpControl": "devmemlab.view.tcp_controls:TcpControl",
    "token_ranges": "devmemlab.sock.token_batch:token_ranges", "coalesce": "devmemlab.lab.token_tools:coalesce",
    "gather": "devmemlab.lab.gather:gather", "check_frag": "devmemlab.host.token_watch:check_frag",
    "UseAfterReturn": "devmemlab.host.token_records:UseAfterReturn", "scenes_tokens": "devmemlab.lab.scenes_tokens",
    "residency_picture": "devmemlab.view.residency:residency_picture",
    "token_lines": "devmemlab.view.token_lines:token_lines", "TokenControl": "devmemlab.view.token_controls:TokenControl",
    "record": "devmemlab.lab.segments:record",
    "packets": "devmemlab.lab.packet_table:packets",
    "export_pcapng": "devmemlab.lab.export:export_pcapng", "export_perfetto": "devmemlab.lab.export:export_perfetto",
    "load_scenario": "devmemlab.lab.scenario:load_scenario", "Scenario": "devmemlab.lab.scenario:Scenario",
    "journey": "devmemlab.lab.journey:journey", "open_lab": "devmemlab.lab.state_file:open_lab",
    "ncdevmem": "devmemlab.lab.ncdevmem_cell:ncdevmem", "PaperMachine": "devmemlab.lab.scenes_doctor:PaperMachine",
    "memory_flow": "devmemlab.view.memory_flow:memory_flow",
    "bus_map": "devmemlab.view.bus_map:bus_map",
    "token_picture": "devmemlab.view.token_stage:token_picture",
    "token_player": "devmemlab.view.token_stage:token_player",
    "NcdevmemControl": "devmemlab.view.ncdevmem_control:NcdevmemControl",
    "scenes_break": "devmemlab.lab.scenes_break",
    **{name: f"devmemlab.lab.error_page:{name}" for name in ("errors_page", "explain_errno")},
    "break_it": "devmemlab.lab.faults.break_it:break_it",
    "cascade": "devmemlab.view.cascade:cascade",
    "exercise": "devmemlab.lab.exercises:exercise",
    "FaultControl": "devmemlab.view.fault_controls:FaultControl",
    "BreakControl": "devmemlab.view.break_controls:BreakControl",
    "scenes_send": "devmemlab.lab.scenes_send",
    "compare_senders": "devmemlab.lab.senders:compare_senders",
    "send_bars": "devmemlab.view.send_controls:send_bars",
    "SendControl": "devmemlab.view.send_controls:SendControl",
    "bench": "devmemlab.lab.bench.report:run_benches", "bench_curves": "devmemlab.lab.bench.curves:bench_curves",
    **{name: f"devmemlab.host.zcrx:{name}" for name in (
        "ZcrxArea", "IORING_SETUP_CLAMP", "IORING_SETUP_CQE32", "IORING_SETUP_SINGLE_ISSUER", "IORING_SETUP_DEFER_TASKRUN",
        "IORING_ZCRX_AREA_DMABUF", "IORING_ZCRX_AREA_SHIFT")},
    "IORING_RECV_MULTISHOT": "devmemlab.host.uring_requests:IORING_RECV_MULTISHOT",
    "IORING_CQE_F_MORE": "devmemlab.sock.completions:IORING_CQE_F_MORE",
    **{name: f"devmemlab.sock.uapi:{name}" for name in (
        "AF_INET", "AF_INET6", "SOCK_STREAM", "SOL_SOCKET", "SO_DEVMEM_DONTNEED", "SCM_DEVMEM_LINEAR", "SCM_DEVMEM_DMABUF",
        "SO_ZEROCOPY", "MSG_SOCK_DEVMEM", "MSG_ZEROCOPY", "MSG_ERRQUEUE",
        "MSG_PEEK", "MSG_TRUNC", "MSG_DONTWAIT", "MSG_WAITALL", "MSG_OOB", "MSG_CTRUNC", "SO_OOBINLINE", "SO_RCVLOWAT",
        "SO_RCVTIMEO", "SO_SNDTIMEO", "SO_PEEK_OFF", "IPPROTO_TCP", "TCP_INQ", "SIOCINQ", "SIOCATMARK", "SIOCOUTQ",
        "SIOCOUTQNSD", "CMSG_LEN", "CMSG_SPACE")},
    **{name: f"devmemlab.host.memory_fds:{name}" for name in (
        "SYNC_READ", "SYNC_WRITE", "SYNC_RW", "SYNC_START", "SYNC_END")},
}
"""Public name -> where it lives: ``"module:attribute"``, or ``"module"`` for a module itself."""

__all__ = ["__version__", *_FACE]


def __getattr__(name):
    """Import what a public name stands for, the first time it is asked for.

    Parameters
    ----------
    name : str
        The attribute.

    Returns
    -------
    value : object
        Kept, so that the next use is an ordinary attribute.

    Raises
    ------
    AttributeError
        There is no such public name.
    """
    if name not in _FACE:
        raise AttributeError(f"module 'devmemlab' has no attribute {name!r}")
    module, _, attribute = _FACE[name].partition(":")
    value = import_module(module)
    if attribute:
        value = getattr(value, attribute)
    import_module("devmemlab.view.displays").attach()
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_FACE})
