"""`bellhop config`: what is in force, and whether it can work.

It reads the settings as every command does, and looks at what they name: templates and the catalog. Only
`--switches` opens the store.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.catalog.settings import CatalogSettings
from gateway.ground.encoding import time
from gateway.mail.settings import MailSettings
from gateway.process import settings
from gateway.process.at_store import WELL, in_store
from gateway.process.calling import Failure
from gateway.process.subcommand import Subcommand

if TYPE_CHECKING:
    from storage.store import Store


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser its option."""
    parser.add_argument("--markdown", action="store_true", help="print the reference of all settings instead")
    parser.add_argument(
        "--switches",
        action="store_true",
        help="print what admins have switched at run time instead, by type, as the store has it",
    )
    parser.set_defaults(run=_config)


def _config(given: argparse.Namespace) -> int:
    """Print and check. Raises `Failure` and `SettingsError`, after what is in force was printed."""
    if given.markdown:
        print(settings.markdown())
        return 0
    if given.switches:
        return in_store(_switches)
    _survey()
    in_force = settings.load()
    if in_force[MailSettings].templates is not None:
        _check_templates(in_force[MailSettings])
    if (catalog := in_force[CatalogSettings].folder) is not None:
        _check_catalog(catalog)
    return 0


def _survey() -> None:
    """Print every setting, with secrets masked, also of settings that are wrong.

    One line for each setting: its variable, the value, and where it comes from.
    """
    entries = settings.survey()
    width = max(len(entry.setting.variable) for entry in entries)
    for entry in entries:
        print(f"{entry.setting.variable:{width}}  {entry.shown or '-':40}  {entry.origin}")
    # Before the reasons why they cannot work, which go to the standard error.
    sys.stdout.flush()


async def _switches(store: "Store") -> int:
    """A line for each type that is not as the catalog says, with who has last switched it and when."""
    for name, switched in sorted((await store.switches.all()).types.items()):
        if switched.settings:
            said = json.dumps(switched.settings, sort_keys=True)
            print(f"{name}  {said}  by {switched.last.by}, {time(switched.last.at)}")
    return WELL


def _check_templates(mail: MailSettings) -> None:
    """Raises `Failure` for templates that cannot be used.

    Starts a press, which compiles every template.
    """
    from gateway.mail.part import check_templates
    from mailer.errors import MailConfigurationError

    try:
        check_templates(mail)
    except MailConfigurationError as error:
        raise Failure(f"{error}", 2) from error


def _check_catalog(folder: Path) -> None:
    """Tell every mistake of the catalog, then raise `Failure`."""
    from gateway.catalog.loading import load
    from gateway.catalog.problems import CatalogError

    try:
        load(folder)
    except CatalogError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        raise Failure(error.summary, 2) from error


CONFIG = Subcommand(
    name="config",
    help="print the settings in force, secrets masked, and where each came from",
    more="Exit code 2, and the reasons, when they cannot work.",
    describe=_describe,
)
