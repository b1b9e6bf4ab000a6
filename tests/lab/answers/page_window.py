"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def left_of(right_edge, rcv_nxt):
    left = right_edge - rcv_nxt
    if left < 0:
        left += 4294967296
    return left if left < 2147483648 else 0


def in_octets():
    @dml.kernel
    def page_window(free_pages, page_octets, reserve, rcv_nxt, right_edge, scale):
        if page_octets <= 0 or free_pages <= -1 or not 0 <= scale <= 14:
            return -22
        unit = 2 ** scale
        window = 0
        if free_pages > reserve:
            window = (free_pages - reserve) * page_octets
            window -= window % unit
        least = left_of(right_edge, rcv_nxt)
        if least % unit:
            least += unit - least % unit
        if least > window:
            window = least
        return window if window < 65535 * unit else 65535 * unit
    return page_window


def with_branches():
    @dml.kernel
    def page_window(free_pages, page_octets, reserve, rcv_nxt, right_edge, scale):
        if free_pages < 0:
            return -22
        if page_octets < 1:
            return -22
        if scale > 14 or scale < 0:
            return -22
        unit = 1 << scale
        pages = free_pages - reserve
        units = pages * page_octets // unit if pages > 0 else 0
        left = (right_edge - rcv_nxt) % 4294967296
        if left <= 2147483647:
            wanted = left // unit + (left % unit > 0)
            units = wanted if wanted > units else units
        if units > 65535:
            units = 65535
        return units * unit
    return page_window


RIGHT = [in_octets(), with_branches()]

MUTANTS = [
    ("free_pages < 0 or ", ""),
    ("page_octets < 1", "page_octets < 0"),
    ("scale < 0 or ", ""),
    ("scale > 14", "scale > 15"),
    ("scale > 14", "scale > 13"),
    ("return -22", "return 0"),
    ("max(free_pages - reserve, 0)", "free_pages"),
    ("* page_octets >> scale", "* page_octets"),
    ("* page_octets >> scale", "* 4096 >> scale"),
    ("& 0xFFFFFFFF", "& 0x7FFFFFFF"),
    ("(right_edge - rcv_nxt) & 0xFFFFFFFF", "right_edge - rcv_nxt"),
    ("    if promised >= 0x80000000:\n        promised = 0\n", ""),
    ("(promised + (1 << scale) - 1) >> scale", "promised >> scale"),
    ("(promised + (1 << scale) - 1) >> scale", "(promised + (1 << scale)) >> scale"),
    ("max(room, least)", "room"),
    ("max(room, least)", "(room + least)"),
    ("min(max(room, least), 65535)", "max(room, least)"),
    ("min(max(room, least), 65535)", "max(min(room, 65535), least)"),
    ("65535) << scale", "65535 >> scale) << scale"),
]
