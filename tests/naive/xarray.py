"""An XArray with XA_FLAGS_ALLOC1 as a plain dict, written from its documentation."""


class NaiveXArray:
    """Lowest free id first; 0 is busy until somebody erases id 0 while the array has other entries."""

    def __init__(self):
        self.entries = {}
        self.lowest = 1

    def alloc(self, entry):
        index = self.lowest
        while index in self.entries:
            index += 1
        self.entries[index] = entry
        return index

    def load(self, index):
        return self.entries.get(index, 0)

    def erase(self, index):
        if index == 0 and self.entries:
            self.lowest = 0
        return self.entries.pop(index, 0)
