"""A service is let in as far as its scope goes, and no operation is open to another."""

import re
import time
from collections.abc import Sequence

import jwt
import pytest

from auth.principal import ADMIN
from gateway.protocol.operation import CAMPAIGNS, EMIT, USER, Operation
from gateway.protocol.operations import OPERATIONS
from tests.support.gateway import SECRET, Gateway

ASKED: Sequence[Operation] = [each for each in OPERATIONS if each.route is not None and each.scope != USER]


def service(scope: str) -> str:
    claims = {"sub": "letters", "scope": scope, "exp": time.time() + 3600}
    return jwt.encode(claims, SECRET, algorithm="HS256")


@pytest.mark.parametrize("scope", [EMIT, CAMPAIGNS, f"{EMIT} {CAMPAIGNS}", "", "other"])
async def test_a_scope_opens_its_own_operations_and_no_other(gateway: Gateway, scope: str):
    await gateway.ask("PUT", "/internal/users/ann", body={"name": "Ann"})
    opened = set()

    for operation in ASKED:
        assert operation.route is not None
        path = re.sub(r"{\w+}", "ann", operation.route.path)
        answered = await gateway.ask(operation.route.method, path, Authorization=f"Bearer {service(scope)}")
        assert answered.status != 500
        if answered.status == 403:
            assert answered.body["code"] == "forbidden"
        elif answered.status != 401:
            opened.add(operation.name)

    assert opened == {each.name for each in ASKED if each.scope in scope.split()}
    # What was refused has done nothing.
    assert (await gateway.ask("GET", "/internal/users/ann")).body["name"] == "Ann"


async def test_every_operation_names_a_scope_that_there_is(gateway: Gateway):
    assert {each.scope for each in OPERATIONS} == {EMIT, CAMPAIGNS, ADMIN, USER}
    answered = await gateway.ask(
        "DELETE", "/internal/users/ann/data", Authorization=f"Bearer {service(ADMIN)}"
    )
    assert answered.status == 200
