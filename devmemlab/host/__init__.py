"""Floor 6, the host: tables put together, driven, and shown to programs as Linux shows itself.

Law.   Entry kernels unpack the machine; what they call takes only what it may touch.
Reads. House laws 5, 7, 9, 10.
Omits. Forwarding between interfaces, several namespaces.

Reading order: machine (all tables), poll, poll_train and entry (a burst goes through them), entry_send, arrivals and entry_live
(what ports have), host; devices, addresses, routes, hooks (what a host is made of); fds and process (what a program holds),
face (what it calls): memory_fds and dmabuf_calls, socket, receiving, zerocopy_receive, sending, sockopt, receive_options,
tcp_options; zerocopy and zerocopy_calls with entry_zerocopy and pins (sending without a copy); io_uring with uring_requests,
zcrx and entry_zcrx (receiving through rings); token_face and entry_tokens (many tokens), user_line, token_records and
token_watch (who holds what, and who uses it afterwards), token_lives and token_report; call_record (what calls answered);
netlink, netlink_controller, netlink_listen (with genl/, the kernel's side of it); ethtool and its parts (settings, rss, rules,
stats), shell and its parts (the same as command lines), commands_of; audit, audit_sending and detached (what is held, and until
when), tap and inspect (what can be seen of a packet); readiness, tcp_poll, selector and event_loop (poll, select, asyncio),
counters, counter_table and socket_table (nstat, ss), sysctl. ports/ is the rim.
"""
