"""A pytest plugin for machines without the servers (`-p tests.support.guest`): a test that misses one is left out.

`make check` and `make quick` have it. `make test` has not: there a missing server is a failure.
"""

from collections.abc import Iterator

import pytest

from tests.support.servers import ServerMissing


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(ServerMissing):
        report.outcome = "skipped"
        report.longrepr = (str(report.fspath), 0, f"Skipped: {call.excinfo.value}")
    return report
