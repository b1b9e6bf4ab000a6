"""ptr_ring as a plain list of slots, written from the rule and not from the kernel."""


class NaiveRing:
    """A producer writes where a slot is empty; a consumer passes slots and empties them a batch at a time."""

    def __init__(self, capacity):
        self.slots = [None] * capacity
        self.batch = 16 if 16 <= capacity // 2 else 1
        self.write = self.read = 0
        self.passed = []            # slots that were read and still look occupied

    def produce(self, entry):
        if not self.slots or self.slots[self.write] is not None:
            return False
        self.slots[self.write] = entry
        self.write = (self.write + 1) % len(self.slots)
        return True

    def peek(self):
        return self.slots[self.read] if self.slots else None

    def consume(self):
        entry = self.peek()
        if entry is None:
            return None
        self.passed.append(self.read)
        self.read = (self.read + 1) % len(self.slots)
        if len(self.passed) == self.batch or self.read == 0:
            for slot in self.passed:
                self.slots[slot] = None
            self.passed = []
        return entry

    def waiting(self):
        return sum(entry is not None for entry in self.slots) - len(self.passed)
