"""What a client sends is put together, judged and counted before anybody works on it; and what it may send is measured."""

import pytest

from gateway.engine.admission import Rate
from gateway.engine.inbox import ATTACHMENTS, End, Inbox, check


def test_a_text_is_whole_at_once_and_counts_its_own_length():
    inbox = Inbox()

    packet, size = inbox.assemble('42["a",1]', limit=100)

    assert (packet.data, size) == (["a", 1], 9)


def test_attachments_are_waited_for_and_all_count():
    inbox = Inbox()
    head = '452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'

    assert inbox.assemble(head, limit=1000) is None
    assert inbox.assemble(b"x" * 50, limit=1000) is None
    packet, size = inbox.assemble(b"y", limit=1000)

    assert packet.data == ["a", b"x" * 50, b"y"]
    assert size == len(head) + 51


@pytest.mark.parametrize(
    "messages",
    [
        [b"x"],
        ['451-["a",{"_placeholder":true,"num":0}]', '42["a"]'],
        ['451-["a",{"_placeholder":true,"num":0}]', b"x" * 100],
        [f'45{ATTACHMENTS + 1}-["a"]'],
        ['450-["a"]'],
    ],
)
def test_what_does_not_belong_together_is_refused(messages):
    inbox = Inbox()

    with pytest.raises(ValueError, match=r"attachment"):
        for message in messages:
            inbox.assemble(message, limit=100)


@pytest.mark.parametrize("text", ['42["connect"]', "42[1]", '43["a"]', "40[]", '44{"message":"no"}'])
def test_what_no_client_of_ours_sends_is_refused(text):
    packet, _ = Inbox().assemble(text, limit=100)

    with pytest.raises(ValueError, match=r"an? "):
        check(packet)


def test_it_is_needed_until_nothing_would_be_lost_with_it():
    inbox = Inbox()
    assert inbox.is_needless

    inbox.assemble('451-["a",{"_placeholder":true,"num":0}]', limit=100)
    assert not inbox.is_needless
    packet, size = inbox.assemble(b"x", limit=100)
    assert inbox.is_needless
    inbox.put(packet, size)
    inbox.put(End("transport close"), 0)
    assert not inbox.is_needless

    assert inbox.next() == (packet, size)
    assert inbox.next() == (End("transport close"), 0)
    assert inbox.next() is None
    assert inbox.size == size  # until whoever works on it has done so


def test_an_allowance_is_spent_and_grows_back_no_further_than_its_burst():
    rate = Rate(per_second=2, burst=3)
    allowance = rate.full()

    assert [rate.spend(allowance, now=100) for _ in range(4)] == [0, 0, 0, 0.5]
    assert rate.spend(allowance, now=100.5) == 0
    assert rate.spend(allowance, now=100.5) == 0.5
    assert [rate.spend(allowance, now=1000) for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_rate_of_zero_allows_everything():
    rate = Rate(per_second=0, burst=0)

    assert [rate.spend(rate.full(), now=now) for now in range(100)] == [0] * 100
