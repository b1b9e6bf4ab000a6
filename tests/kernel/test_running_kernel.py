"""The kernel that the tests run on, asked what the records say: skipped, with the reason, where releases differ."""

import pytest

from devmemlab.lab.conformance.compare import differences
from devmemlab.lab.conformance.records import read_records
from devmemlab.lab.conformance.report import spell
from devmemlab.lab.conformance.run import conform
from devmemlab.lab.conformance.running import ask_running_kernel, running_release, why_not

pytestmark = [pytest.mark.once, pytest.mark.live]


@pytest.fixture(scope="module")
def mine():
    records = read_records()
    reason = why_not(records)
    if reason:
        pytest.skip(reason)
    return [record for record in records if record.kernel == running_release()]


@pytest.fixture(scope="module")
def answers(mine):
    return ask_running_kernel(mine)


def test_the_running_kernel_answers_what_was_recorded(mine, answers):
    wrong = [f"{record.case}: {spell(record)} is recorded, {spell(answer)} came"
             for record, answer in zip(mine, answers, strict=True) if answer and differences(record, answer)]
    assert not wrong, "\n".join(wrong)


def test_nearly_everything_can_be_asked(mine, answers):
    asked = [record for record, answer in zip(mine, answers, strict=True) if answer]
    assert len(asked) > 0.9 * len(mine)
    assert {"sockopt-dontneed", "recvmsg-flag", "sendmsg-cmsg", "genl-netns", "genl-privilege"} <= {r.group for r in asked}


def test_the_report_shows_the_three_side_by_side(mine, answers):
    chosen = [(r, a) for r, a in zip(mine, answers, strict=True) if a and r.case.startswith("sockopt-dontneed/tcp4/")][:5]
    report = conform([record for record, _ in chosen], lambda records: [answer for _, answer in chosen])
    assert chosen and all(row.equal and not row.running_differs for row in report.rows)
    assert all(row["running"]["errno"] == row["lab"]["errno"] == row["recorded"]["errno"] for row in report.as_dict()["rows"])


def test_records_of_other_releases_are_never_asked():
    others = [record for record in read_records() if record.kernel != running_release()][:3]
    assert ask_running_kernel(others) == [None, None, None]


def test_why_not_names_both_releases():
    strange = [record._replace(kernel="5.10.1") for record in read_records()[:2]]
    assert "5.10.1" in why_not(strange) and (running_release() in why_not(strange))
