"""The templates of mails: the built-in ones, and an operator's folder that is looked into first.

They run in a sandbox and cannot reach Python, but nothing here bounds their time or memory: where that is not certain,
they are run by `mailer.press`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from traceback import walk_tb
from typing import Any

from jinja2 import (
    BaseLoader,
    ChainableUndefined,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    nodes,
)
from jinja2.exceptions import TemplateError, TemplateNotFound, TemplateRuntimeError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailer import plain
from mailer.errors import TemplateFailure

KINDS = (".html", ".txt")
LARGEST_BYTES = 2**20
"""Of one part of a mail; the largest of the web's mail services cuts a mail off at a tenth of it."""
_REFERENCES = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_REASON_LENGTH = 200


def names_in(folder: Path) -> list[str]:
    """The templates of a folder: what ends as one, but for hidden files and folders."""
    names = FileSystemLoader(folder).list_templates()
    return [name for name in names if name.endswith(KINDS) and not re.search(r"(^|/)\.", name)]


class Templates:
    """Every failure is a `TemplateFailure` that names the file and, where it is known, the line.

    Its text may speak of the template, but quotes nothing of a notification.

    It may be asked by several threads at once. Templates of a folder are looked at again when their file has changed.
    """

    def __init__(self, folder: Path | None) -> None:
        loaders: list[BaseLoader] = [PackageLoader("mailer")]
        if folder is not None:
            loaders.insert(0, _Folder(folder))
        self._loader = ChoiceLoader(loaders)
        self._all = None if folder is not None else frozenset(self._loader.list_templates())
        """The names of all templates; None where an operator may make and change some at any time."""
        self._environment = ImmutableSandboxedEnvironment(
            loader=self._loader,
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=ChainableUndefined,  # data may lack anything: that is no reason not to send a mail
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=folder is not None,
        )

    @property
    def are_built_in(self) -> bool:
        """Whether there are no others: these print of a notification what it tells, and no more."""
        return self._all is not None

    def render(self, type_: str, suffix: str, context: Mapping[str, Any]) -> str:
        """The text of `<TYPE>.<suffix>`, or of `default.<suffix>` where there is none."""
        # A type is checked at the edge; here it becomes a file name, so it is checked again.
        name = f"{type_ if _TYPE.fullmatch(type_) else 'default'}.{suffix}"
        if self._all is not None and name not in self._all:
            name = f"default.{suffix}"
        try:
            try:
                template = self._environment.get_template(name)
            except TemplateNotFound:
                name = f"default.{suffix}"
                template = self._environment.get_template(name)
            return bounded(template.generate(context))
        except Exception as error:
            # A template may raise whatever an expression in it raises.
            raise TemplateFailure(account(error, name)) from error

    def check(self, name: str) -> None:
        """Compile a template, and see that what it names by a constant is there.

        Raises `TemplateFailure`. What is named by what only a mail will tell is not looked for.
        """
        try:
            self._environment.get_template(name)
            source, *_ = self._loader.get_source(self._environment, name)
            for reference in self._environment.parse(source, name).find_all(_REFERENCES):
                self._check_reference(reference, name)
        except Exception as error:
            raise TemplateFailure(account(error, name)) from error

    def _check_reference(self, reference: Any, name: str) -> None:
        if getattr(reference, "ignore_missing", False):
            return
        try:
            named = reference.template.as_const()
        except nodes.Impossible:
            return  # only a mail will tell
        choices = [named] if isinstance(named, str) else list(named)
        if not any(map(self._is_there, choices)):
            raise TemplateSyntaxError(f"{' or '.join(choices)} is not there", reference.lineno, name)

    def _is_there(self, name: str) -> bool:
        try:
            self._loader.get_source(self._environment, name)
        except TemplateNotFound:
            return False
        except TemplateSyntaxError:
            pass  # told where that file itself is checked
        return True


class _Folder(FileSystemLoader):
    def __init__(self, folder: Path) -> None:
        # Editors of some systems begin a file with a byte order mark, which is no part of a mail.
        super().__init__(folder, encoding="utf-8-sig")

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise TemplateSyntaxError("this is not UTF-8", line, template) from error


def bounded(pieces: Iterator[str]) -> str:
    """The pieces as one text, of `LARGEST_BYTES` in UTF-8 at most; raises Jinja's error beyond that, before it is whole."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > LARGEST_BYTES:
            raise _too_large()
        kept.append(piece)
    whole = "".join(kept)
    # A character has four bytes at most: what is short need not be counted.
    if size > LARGEST_BYTES // 4 and len(whole.encode(errors="replace")) > LARGEST_BYTES:
        raise _too_large()
    return whole


def _too_large() -> TemplateRuntimeError:
    return TemplateRuntimeError(f"it makes more than {LARGEST_BYTES} bytes")


def account(error: Exception, name: str) -> str:
    """Where a template failed and why. The text of an error that is not a template's can quote the data: it stays out."""
    if isinstance(error, TemplateSyntaxError):
        return _told(error.name or name, error.lineno, error.message or "")
    what = str(error) if isinstance(error, TemplateError) else type(error).__name__
    if isinstance(error, TemplateNotFound):
        what = f"{error.name} is not there"
    place: tuple[str, int | None] = (name, None)
    for frame, line in walk_tb(error.__traceback__):
        # Jinja2 has given the frames of a template its file and its lines.
        if not (file := frame.f_code.co_filename).endswith(".py"):
            place = (Path(file).name, line)
    return _told(*place, what)


def _told(name: str, line: int | None, what: str) -> str:
    where = name if line is None else f"{name}, line {line}"
    return plain.line(f"{where}: {what}", longest=_REASON_LENGTH)
