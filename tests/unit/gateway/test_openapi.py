"""The description: sound in itself, and made of the schemas that judge."""

import re

import jsonschema
import pytest

from auth.principal import Role
from gateway.http import descriptions, openapi
from gateway.protocol import emit
from gateway.protocol.operation import USER
from gateway.protocol.operations import OPERATIONS
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import TITLES


def test_every_reference_leads_somewhere():
    document = dict(openapi.document())

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [each for inner in value.values() for each in references(inner)]
        return [each for inner in value for each in references(inner)] if isinstance(value, list) else []

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names == set(document["components"]["schemas"])


def test_every_operation_has_a_name_of_its_own_and_says_who_may_ask():
    operations = [each for item in openapi.document()["paths"].values() for each in item.values()]

    assert (
        len({each["operationId"] for each in operations}) == len(operations) == len(descriptions.DESCRIPTIONS)
    )
    for each in operations:
        assert ("security" in each) == ("401" in each["responses"])


@pytest.mark.parametrize(
    ("method", "path", "enough"),
    [
        ("post", "/internal/emit", "Scope: `emit`."),
        ("delete", "/internal/mail/{id}", "Scope: `admin`."),
        ("post", "/internal/mail/{id}/revive", "Scope: `admin`, or the role `support`."),
        ("get", "/internal/mail", "Scope: `admin`, or the role `viewer` or `support`."),
        ("get", "/internal/campaigns", "Scope: `campaigns`, or the role `viewer` or `support`."),
    ],
)
def test_what_services_ask_says_which_scope_and_which_role_is_enough(method: str, path: str, enough: str):
    assert openapi.document()["paths"][path][method]["description"].endswith(enough)


def test_all_that_services_ask_says_what_is_enough_as_it_is_judged():
    for operation in OPERATIONS:
        if (route := operation.route) is None or operation.scope == USER:
            continue
        described = openapi.document()["paths"][route.path][route.method.lower()]["description"]
        named = set(re.findall("`(.+?)`", described.rpartition("Scope: ")[2]))
        assert named - set(Role) == {operation.scope} - set(Role)
        for role in set(Role) - {Role.ADMIN}:
            assert (role in named) is role.covers(operation.role)


def test_all_that_stands_in_a_path_is_described():
    for path, item in openapi.document()["paths"].items():
        for operation in item.values():
            described = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
            assert sorted(described) == sorted(re.findall(r"\{(\w+)\}", path))


def test_the_public_site_is_where_browsers_find_it():
    paths = openapi.document("https://shop.example/notify")["paths"]

    for path, item in paths.items():
        for operation in item.values():
            known = [{"url": "https://shop.example/notify"}] if path.startswith("/api/") else None
            assert operation.get("servers") == known


def test_every_code_of_a_problem_is_described():
    described = {
        code
        for item in openapi.document()["paths"].values()
        for operation in item.values()
        for answer in operation["responses"].values()
        for code in answer.get("x-codes", ())
    }

    # Answered by the router, and by the demo's shop, which is no part of the interface.
    assert described == set(TITLES) - {"method_not_allowed", "nothing_to_ship"}


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True), ({"to": ["all", "topic:x"]}, True), ({"email": True}, True), ({"email": {"unless": "read"}}, True),
        ({"to": "nobody"}, False), ({"title": ""}, False), ({"type": "a"}, False), ({"link": "//x"}, False),
        ({"expires_in": 0}, False), ({"unknown": 1}, False), ({"email": False, "locale": "de"}, True), ({"locale": "german!"}, False), ({"to": []}, False),
        ({"in_app": 1}, False), ({"data": []}, False),
    ],
)  # fmt: skip
def test_the_description_of_an_emit_judges_as_the_schema_does(change: dict[str, object], sound: bool):
    document = openapi.document()
    body = {"to": "user:ann", "type": "X", "title": "x"} | change
    described = document["components"]["schemas"]["Emit"] | {"components": document["components"]}

    assert jsonschema.Draft202012Validator(described).is_valid(body) is sound
    try:
        emit.parse(body)
    except Invalid:
        assert not sound
    else:
        assert sound


@pytest.mark.parametrize(
    ("method", "path", "judged"),
    [
        ("post", "/internal/lanes/{lane}/pause", {"lane": {"type": "string", "enum": ["bulk"]}}),
        (
            "put", "/internal/topics/{topic}/members/{user}",
            {
                "topic": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
                "user": {"type": "string", "minLength": 1, "maxLength": 128},
            },
        ),
        (
            "delete", "/internal/mail/{id}",
            {"id": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]*$"}},
        ),
    ],
)  # fmt: skip
def test_what_stands_in_a_path_is_described_as_its_field_judges(
    method: str, path: str, judged: dict[str, object]
):
    described = openapi.document()["paths"][path][method]["parameters"]

    assert {each["name"]: each["schema"] for each in described if each["in"] == "path"} == judged
