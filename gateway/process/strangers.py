"""Whether the packages that Bellhop is made of are its own: other distributions have taken their names.

pip lets two distributions write into one folder without a word, and whoever came last has it. This imports nothing of
Bellhop, as anything of it may be another's.

The entry point asks it before it imports anything else.
"""

import base64
import hashlib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path

DISTRIBUTION = "bellhop-gateway"
"""What Bellhop's distribution is called. No index has it, and `bellhop` there is another's."""
PACKAGES = ("auth", "gateway", "mailer", "storage")
"""Those at the top of the distribution."""
ADVICE = (
    "Bellhop is an application, and wants an environment of its own: `pipx install .` or `uv tool install .` in its clone, "
    "or the image"
)
"""What to do about it. A name to install it by from an index would be whoever's takes that name there."""


def in_the_way() -> str | None:
    """A sentence about a package that is another's where ours should be; None when all are our own.

    The first that is found is told. It reads no more than the top of each package.
    """
    home = Path(__file__).resolve().parents[2]
    for name in PACKAGES:
        spec = find_spec(name)
        # A package without an origin is what remains when the other was uninstalled, and has taken our files along.
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if found is None or found != home / name / "__init__.py" or _is_overwritten(name):
            return f"the package `{name}` at {found or home / name} is not Bellhop's{_owners(name)}. {ADVICE}"
    return None


def _is_overwritten(name: str) -> bool:
    """Whether a module at the top of the package is not as it was installed; False from a source tree."""
    try:
        files = distribution(DISTRIBUTION).files or ()
    except PackageNotFoundError:
        return False
    return any(
        file.hash is not None and _digest(Path(str(file.locate())), file.hash.mode) != file.hash.value
        for file in files
        if file.suffix == ".py" and file.parts[:-1] == (name,)
    )


def _digest(path: Path, algorithm: str) -> str | None:
    """As wheels write it; None for a file that is gone."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()


def _owners(name: str) -> str:
    """Whose it is, if any distribution says so: the end of a sentence, or nothing."""
    others = sorted(set(packages_distributions().get(name, ())) - {DISTRIBUTION})
    return (
        f", but of {', '.join(f'{other} {Distribution.from_name(other).version}' for other in others)}"
        if others
        else ""
    )
