"""The report: counts by group, differences side by side, reasons by number.

Law.   Nothing is left out of the counts: equal, different and not comparable add up to the records.
Reads. interfaces section 4 (conformance).
Omits. Advice: which side is wrong is for people to find out.
"""

import collections
import json
from typing import NamedTuple

from devmemlab.lab.conformance.answers import Answer
from devmemlab.lab.conformance.compare import differences
from devmemlab.lab.conformance.records import Record

WIDTH = 150


class Row(NamedTuple):
    """One record and its verdict.

    Attributes
    ----------
    record : Record
        What was recorded.
    lab, running : Answer or None
        What the lab and the running kernel answered; None where they were not asked.
    equal : bool or None
        None: not comparable.
    reason : str
        Why it differs or cannot be compared, or what of it was left out.
    """

    record: Record
    lab: Answer | None
    running: Answer | None
    equal: bool | None
    reason: str

    def as_dict(self):
        """Spell the row for the JSON report.

        Returns
        -------
        fields : dict
            As interfaces section 4 has them.
        """
        record = self.record
        return {"case": record.case, "kernel": record.kernel, "call": record.call,
                "recorded": Answer(record.errno, record.result, record.extack).as_dict(),
                "lab": self.lab.as_dict() if self.lab else None, "running": self.running.as_dict() if self.running else None,
                "equal": self.equal, "reason": self.reason}

    @property
    def running_differs(self):
        """True when the running kernel answers otherwise than the recorded one of its release."""
        return self.running is not None and bool(differences(self.record, self.running))


def spell(answer):
    """Spell an answer in one line.

    Parameters
    ----------
    answer : Answer or Record
        What came back.

    Returns
    -------
    text : str
        Errno and extack, or the result.
    """
    extack = {name: value for name, value in (answer.extack or {}).items() if name in ("msg", "miss_type")}
    said = answer.errno if answer.errno else json.dumps(answer.result)
    text = f"{said} {json.dumps(extack)}" if extack else said
    return text if len(text) <= WIDTH else text[:WIDTH - 3] + "..."


class Report(NamedTuple):
    """What a run found.

    Attributes
    ----------
    rows : list of Row
        In the order of the records.
    """

    rows: list

    @property
    def summary(self):
        """Counts: records, compared, equal, different, not_comparable."""
        verdicts = collections.Counter(row.equal for row in self.rows)
        return {"records": len(self.rows), "compared": verdicts[True] + verdicts[False], "equal": verdicts[True],
                "different": verdicts[False], "not_comparable": verdicts[None]}

    def as_dict(self):
        """Spell the report for JSON.

        Returns
        -------
        report : dict
            ``summary`` and ``rows``.
        """
        return {"summary": self.summary, "rows": [row.as_dict() for row in self.rows]}

    def table(self):
        """Spell the report for people.

        Returns
        -------
        text : str
            Counts by group, differences with both answers, reasons with their numbers.
        """
        groups = {}
        for row in self.rows:
            groups.setdefault(row.record.group, []).append(row)
        lines = [f"{'group':22}{'records':>9}{'equal':>9}{'different':>11}{'not comparable':>16}{'running':>9}"]
        for name, rows in [*groups.items(), ("all", self.rows)]:
            count = Report(rows).summary
            asked = sum(row.running is not None for row in rows)
            lines.append(f"{name:22}{count['records']:>9}{count['equal']:>9}{count['different']:>11}"
                         f"{count['not_comparable']:>16}{asked:>9}")
        for title, wrong, side in (("Different", [row for row in self.rows if row.equal is False], "lab"),
                                   ("The running kernel answers otherwise", [r for r in self.rows if r.running_differs],
                                    "running")):
            if wrong:
                lines += ["", f"{title}:"]
            for row in wrong:
                lines += [f"  {row.record.kernel:9} {row.record.case}  ({row.reason})" if side == "lab"
                          else f"  {row.record.kernel:9} {row.record.case}",
                          f"            recorded  {spell(row.record)}", f"            {side:8}  {spell(getattr(row, side))}"]
        reasons = collections.Counter(row.reason for row in self.rows if row.equal is None)
        if reasons:
            lines += ["", "Not comparable:", *(f"  {count:6}  {reason}" for reason, count in reasons.most_common())]
        partly = collections.Counter(row.reason for row in self.rows if row.equal and row.reason)
        if partly:
            lines += ["", "Equal, but for what could not be asked:",
                      *(f"  {count:6}  {reason}" for reason, count in partly.most_common())]
        return "\n".join(lines)
