"""Floor 8, the view: tables and trace become pictures, plots and controls; nothing below knows it.

Law.   The machine emits, the view reads, JavaScript paints; a picture can be read without a kernel and without colour.
Reads. House laws 8 and 12.
Omits. Films of a machine that still runs: a film is of what was recorded.

Reading order: theme, svg, flow, strip, byte_flow, bars, picture, plots, curves_plot, tables, receive_tables, network_tables,
gpu_tables, displays, controls, still, frame_picture, ring_picture, nic_controls, build_notebooks; of skbs: skb_strip,
skb_picture, skb_controls, skb_film, skb_stage, skb_inspector; of TCP: state_picture, ladder, time_axis, time_sequence,
tcp_controls, page_ranges, tcp_film, ladder_rows, tcp_plot, tcp_stage, tcp_player; of what breaks: cascade, break_controls,
why_tables, fault_controls; of tokens: token_lines, residency, token_controls; of tools: ncdevmem_control; of films: film,
marks, player, flow_film, flow_stage, memory_flow, bus_film, bus_map, cell_film, heat_film, pool_film, pool_stage, token_film,
token_stage, restart_film, restart_stage, time_control; of what is turned without a clock: explorer, anatomy, anatomy_look,
anatomy_stage, steering_facts, steering_look, steering_explorer; of exercises: exercise_picture.
"""
