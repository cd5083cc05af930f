"""The page of who may ask what is what the operations say."""

from gateway.protocol.access import PAGE, page
from gateway.protocol.operation import CAMPAIGNS
from gateway.protocol.operations import OPERATIONS


def test_the_page_of_who_may_ask_what_has_every_operation_as_it_is():
    """To mend it: `python -m gateway.protocol.access`."""
    text = PAGE.read_text(encoding="utf-8")

    assert page(text) == text
    assert all(each.route.path in text for each in OPERATIONS if each.route is not None)
    assert all(f"`{each.event}`" in text for each in OPERATIONS if each.event is not None)


def test_who_sends_newsletters_may_ask_for_nothing_but_campaigns():
    paths = [each.route.path for each in OPERATIONS if each.scope == CAMPAIGNS and each.route is not None]

    assert paths
    assert all(path == "/internal/campaigns" or path.startswith("/internal/campaigns/") for path in paths)
