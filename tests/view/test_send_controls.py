"""The pictures of the lesson about sending: what they say is what was counted."""

import devmemlab as dml
from devmemlab.lab.senders import SendResult, SendRow
from devmemlab.view.send_controls import STAGES, send_bars


def test_bars_say_what_the_ledger_counted():
    rows = [SendRow("devmem", 100, 1.0, {"DMA_READ_DEVICE": (100, 1)}, 1, 1, False, True),
            SendRow("copy", 100, 3.0, {"DEVICE_TO_HOST": (100, 1), "SEND_COPY": (90, 1), "DMA_READ": (110, 2)}, 1, 0, False,
                    True)]
    bars = send_bars(SendResult(rows))
    assert [[bar.value for bar in group] for _, group in bars.groups] == [[100], [100, 90, 110]]
    assert "copy: each octet moved 3.00 times" in bars.text and "card reads device memory 100" in bars.text
    assert all(role in ("user", "host", "device") for role, _ in STAGES.values()) and bars.svg().startswith("<svg")


def test_a_choice_is_played():
    control = dml.SendControl(lost="the third frame")
    assert control.outcome.wrong == 1448 and "devmem, written over at once" in control.text and "1,448 of 14,480" in control.text
    control.when.value = "when told complete"
    assert control.outcome.wrong == 0 and "0 octets wrong" in control.picture.text
