"""A window in pages: room down, promise up, the larger of both."""

import devmemlab as dml


@dml.kernel
def page_window(free_pages, page_octets, reserve, rcv_nxt, right_edge, scale):
    if free_pages < 0 or page_octets < 1 or scale < 0 or scale > 14:
        return -22
    room = max(free_pages - reserve, 0) * page_octets >> scale
    promised = (right_edge - rcv_nxt) & 0xFFFFFFFF
    if promised >= 0x80000000:
        promised = 0
    least = (promised + (1 << scale) - 1) >> scale
    return min(max(room, least), 65535) << scale
