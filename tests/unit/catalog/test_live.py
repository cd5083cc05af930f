"""What is in force of a type: what the file says, and over it what admins have set."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.catalog.buckets import Rollout, RolloutStep
from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import NotificationType
from gateway.catalog.live import LiveCatalog
from gateway.catalog.switches import NONE, Switch

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ROLLOUT = Rollout(percent=5, salt="v1", steps=(RolloutStep(at=NOW + timedelta(hours=1), percent=50),))
OFF = {"in_app": False, "email": False}


def live(switched: dict[str, Any] | None = None, **fields: Any) -> LiveCatalog:
    """A catalog with the type T, and what admins have set for it."""
    one = LiveCatalog()
    type_ = NotificationType(name="T", category="orders", **fields)
    one.replace(Catalog(default_locale="en", categories={}, types={"T": type_}, templates={}, version="v"))
    one.switches = {} if switched is None else {"T": Switch.of(switched)}
    return one


def on(one: LiveCatalog, type_: str = "T") -> dict[str, bool]:
    flags = {channel: one.flag(type_, channel) for channel in ("in_app", "email")}
    return {channel: flag.type_on and flag.channel_on for channel, flag in flags.items()}


@pytest.mark.parametrize(
    ("file", "switched", "in_app", "email"),
    [
        ({}, None, True, True),
        (OFF, None, False, False),
        ({"email": False}, None, True, False),
        # an admin has the say over the file
        ({}, {"enabled": False}, False, False),
        ({}, {"channels": {"email": {"enabled": False}}}, True, False),
        ({"email": False}, {"channels": {"email": {"enabled": True}}}, True, True),
        # the whole is off, whatever is said of a channel
        ({}, {"enabled": False, "channels": {"email": {"enabled": True}}}, False, False),
        # on again is no word on a channel that the file has switched off, unless it has switched off all
        ({"email": False}, {"enabled": True}, True, False),
        (OFF, {"enabled": True}, True, True),
        (OFF, {"enabled": True, "channels": {"email": {"enabled": False}}}, True, False),
        (OFF, {"channels": {"email": {"enabled": True}}}, False, True),
        # a percentage is no switch
        (OFF, {"channels": {"email": {"percent": 100}}}, False, False),
    ],
)
def test_an_admin_has_the_say_over_the_file(file, switched, in_app, email):
    assert on(live(switched, enabled=file)) == {"in_app": in_app, "email": email}


@pytest.mark.parametrize(
    ("file", "flags", "switched", "in_app", "email"),
    [
        # a flag has the say over the file
        ({}, {"enabled": False}, None, False, False),
        ({}, {"channels": {"email": {"enabled": False}}}, None, True, False),
        (OFF, {"enabled": True}, None, True, True),
        (OFF, {"channels": {"email": {"enabled": True}}}, None, False, True),
        # and an admin over the flag, of the whole and of each channel by itself
        ({}, {"enabled": False}, {"enabled": True}, True, True),
        ({}, {"enabled": True}, {"enabled": False}, False, False),
        (
            {},
            {"channels": {"email": {"enabled": False}}},
            {"channels": {"email": {"enabled": True}}},
            True,
            True,
        ),
        ({}, {"channels": {"email": {"enabled": False}}}, {"enabled": True}, True, False),
        # a percentage is no word on what is switched
        (
            {},
            {"channels": {"email": {"enabled": False}}},
            {"channels": {"email": {"percent": 100}}},
            True,
            False,
        ),
        # the whole is off, whoever says so, and whatever anybody says of a channel
        ({}, {"enabled": False}, {"channels": {"email": {"enabled": True}}}, False, False),
        ({}, {"channels": {"email": {"enabled": True}}}, {"enabled": False}, False, False),
    ],
)
def test_the_order_is_an_admin_then_the_flag_then_the_file(file, flags, switched, in_app, email):
    one = live(switched, enabled=file)
    one.flags = {"T": Switch.of(flags)}

    assert on(one) == {"in_app": in_app, "email": email}


def test_a_flag_is_no_override_and_it_is_told_where_it_has_the_say():
    one = live()
    one.flags = {"T": Switch.of({"enabled": True, "channels": {"email": {"enabled": False}}})}
    email, in_app = one.flag("T", "email"), one.flag("T", "in_app")

    assert (email.by_flag, email.overridden, in_app.by_flag, one.may_hide) == (True, False, False, True)
    assert not one.is_open("T", "email", NOW)
    assert one.switches == {}

    one.switches = {"T": Switch.of({"enabled": False})}
    assert (one.flag("T", "email").by_flag, one.flag("T", "email").overridden) == (False, True)
    one.switches, one.flags = {}, {"T": Switch.of({"enabled": False})}
    assert one.flag("T", "in_app").by_flag

    one.flags = {}
    assert one.is_open("T", "email", NOW)


def test_a_flag_leaves_an_admins_percentage_and_choice_as_they_are():
    one = live({"channels": {"email": {"percent": 7}}, "experiment": {"id": "x", "variant": "a"}})
    one.flags = {"T": Switch.of({"enabled": True})}

    assert one.share("T", "email", "ann", NOW).percent == 7
    assert one.switches["T"].over(one.flags["T"]).choice == one.switches["T"].choice


def test_a_type_without_a_catalog_is_on_unless_it_was_switched():
    one = LiveCatalog()
    assert (one.in_use, one.mentions("T"), on(one)) == (False, False, {"in_app": True, "email": True})
    assert one.share("T", "email", "ann", NOW).is_in

    one.switches = {"T": Switch.of({"channels": {"email": {"percent": 0}, "in_app": {"enabled": False}}})}

    assert (one.in_use, one.mentions("T"), one.mentions("U")) == (True, True, False)
    assert on(one) == {"in_app": False, "email": True}
    assert not one.share("T", "email", "ann", NOW).is_in
    assert on(one, "U") == {"in_app": True, "email": True}


def test_it_is_told_what_an_admin_has_set():
    assert not live().flag("T", "email").overridden
    assert live({"enabled": False}).flag("T", "email").overridden
    one = live({"channels": {"email": {"enabled": False, "percent": 3}}}, rollouts={"email": ROLLOUT})
    assert one.flag("T", "email").overridden
    assert not one.flag("T", "in_app").overridden
    assert one.share("T", "email", "ann", NOW).overridden
    assert not one.share("T", "in_app", "ann", NOW).overridden


def test_a_percentage_of_an_admin_stands_over_the_file_and_its_steps_with_the_salt_of_the_file():
    later = NOW + timedelta(hours=2)
    by_file, by_admin = (
        live(rollouts={"email": ROLLOUT}),
        live({"channels": {"email": {"percent": 0.5}}}, rollouts={"email": ROLLOUT}),
    )

    assert [by_file.share("T", "email", "ann", at).percent for at in (NOW, later)] == [5, 50]
    assert [by_admin.share("T", "email", "ann", at).percent for at in (NOW, later)] == [0.5, 0.5]
    assert by_admin.share("T", "email", "ann", NOW).salt == "v1"
    assert by_file.share("T", "email", "ann", NOW).bucket == by_admin.share("T", "email", "ann", NOW).bucket


def test_what_a_newer_release_has_set_beside_is_left_aside():
    switch = Switch.of(
        {"enabled": False, "sound": 1, "channels": {"push": {"enabled": False}, "email": {"colour": 1}}}
    )

    assert switch.enabled is False
    assert switch.channel("email") == switch.channel("in_app") == NONE


def test_who_uses_the_catalog_is_told_of_another_that_is_in_force_then():
    one = LiveCatalog()
    told = []
    one.on_change.append(lambda catalog: told.append((catalog, one.current)))
    catalog = live().current

    one.replace(catalog)
    one.replace(None)

    assert told == [(catalog, catalog), (None, None)]


def test_what_is_on_for_everybody_is_remembered_until_something_is_switched_or_another_catalog_comes():
    one = live()
    assert [one.is_open("T", "email", NOW) for _ in range(2)] == [True, True]

    one.switches = {"T": Switch.of({"channels": {"email": {"percent": 99}}})}
    assert not one.is_open("T", "email", NOW)
    assert one.is_open("T", "in_app", NOW)
    one.switches = {}
    assert one.is_open("T", "email", NOW)
    one.replace(live(enabled=OFF).current)
    assert not one.is_open("T", "email", NOW)
    assert one.is_open("OTHER", "email", NOW)


def test_a_rollout_that_has_steps_in_time_is_looked_at_each_time():
    steps = (RolloutStep(at=NOW + timedelta(hours=1), percent=100),)
    one = live(rollouts={"email": Rollout(percent=5, steps=steps)})

    assert [one.is_open("T", "email", at) for at in (NOW, NOW + timedelta(hours=2))] == [False, True]


@pytest.mark.parametrize(
    ("fields", "switched", "hides"),
    [
        ({}, None, False),
        ({"enabled": {"email": False}}, None, False),
        ({"rollouts": {"email": ROLLOUT}}, None, False),
        ({"enabled": {"in_app": False}}, None, True),
        ({"rollouts": {"in_app": Rollout(percent=99)}}, None, True),
        ({"rollouts": {"in_app": Rollout(steps=ROLLOUT.steps)}}, None, True),
        ({}, {"enabled": False}, True),
    ],
)
def test_it_is_known_beforehand_whether_anything_may_be_hidden(fields, switched, hides):
    one = live(switched, **fields)

    assert one.may_hide is hides
    one.switches = {}
    one.replace(None)
    assert one.may_hide is False
