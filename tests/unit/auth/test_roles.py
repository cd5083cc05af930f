"""Roles: each may do what those behind it may, and of several the highest counts."""

import pytest

from auth.principal import Role, Service


@pytest.mark.parametrize(
    ("names", "role"),
    [((), None), (("editor",), None), (("viewer", "admin", "editor"), Role.ADMIN), (("viewer", "support"), Role.SUPPORT)],
)  # fmt: skip
def test_of_several_roles_the_highest_counts(names: tuple[str, ...], role: Role | None):
    assert Role.among(names) is role
    assert Service(name="crm", scopes=frozenset(names)).role is role


def test_each_role_covers_itself_and_those_behind_it():
    covered = {role: [other for other in Role if role.covers(other)] for role in Role}

    assert covered == {
        Role.ADMIN: [Role.ADMIN, Role.SUPPORT, Role.VIEWER],
        Role.SUPPORT: [Role.SUPPORT, Role.VIEWER],
        Role.VIEWER: [Role.VIEWER],
    }
