"""What a catalog costs: a check of the data, the words, a mail by MJML, and the memory of a large one (`make bench-catalog`).

All but the memory is of the order confirmation of the shop's catalog, in this process and by its CPU: each of the steps that an emit and
its mail take, the same example again and again, with the words of another order each time. The memory is that of a process that
loads a catalog of 200 types in 10 languages, each with a schema, an example and the words of a mail.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gateway.catalog
from bench import machine
from bench.command import BenchCommand, run
from gateway.catalog.catalog import Catalog
from gateway.catalog.loading import load
from mailer.composed import Composition, context
from mailer.designs import Designs

TYPE = "ORDER_CONFIRMATION"
TYPES, LOCALES = 200, ("en", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "ar")
SECONDS = 2.0
"""That a step is repeated, in each round."""
AT_ONCE = 50

MEASURED = """\
import os, resource, sys, time
from pathlib import Path
from gateway.catalog.loading import load

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

before, began = resident(), time.process_time()
catalog = load(Path(sys.argv[1]))
print(len(catalog.types), len(catalog.locales()), resident() - before, time.process_time() - began)
"""


def steps(catalog: Catalog) -> dict[str, Callable[[int], object]]:
    """Each step, as a function of the number of the order."""
    type_ = catalog.types[TYPE]
    payload, example = type_.payload, type_.examples[0]
    assert payload is not None
    designs = Designs(catalog.templates)

    def data(number: int) -> dict[str, Any]:
        return {**example, "order": str(10_000 + number)}

    def mail(locale: str) -> Callable[[int], object]:
        def compose(number: int) -> object:
            planned = catalog.plan(TYPE, data(number), locale)
            told = context(
                title=planned.title or TYPE, body=planned.body, link=planned.link, subject=planned.subject or TYPE,
                data=data(number), locale=locale, type_=TYPE, category=type_.category, brand="Shop",
                base_url="https://shop.example", unsubscribe_url=None,
            )  # fmt: skip
            return designs.compose(Composition(type=TYPE, context=told))

        return compose

    return {
        "the data checked by the schema": lambda number: payload.problems(data(number)),
        "the words in English": lambda number: catalog.say(type_, data(number), "en"),
        "the words in German": lambda number: catalog.say(type_, data(number), "de"),
        "the mail in English": mail("en"),
        "the mail in German": mail("de"),
    }


def micros(step: Callable[[int], object], seconds: float) -> float:
    """Of CPU, each time; what is compiled at the first time is not counted."""
    step(0)
    number, began = 1, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(AT_ONCE):
            step(number)
            number += 1
    return 1e6 * spent / (number - 1)


def large(folder: Path) -> None:
    """A catalog as a large shop would have it."""
    (folder / "catalog.toml").write_text("\n".join(_tables()), "utf-8")


def _tables() -> Iterator[str]:
    yield 'default_locale = "en"'
    for place in range(10):
        yield f'[categories.of_{place}]\nname = {{ en = "Category {place}" }}'
    for place in range(TYPES):
        name = f"TYPE_{place}"
        yield f'[types.{name}]\ncategory = "of_{place % 10}"\nexamples = [{{ order = "1234", status = "shipped", amount = 12.5 }}]'
        yield 'channels = { in_app = true, email = { default = true, unless = "read", after = 600 } }'
        yield f'[types.{name}.schema]\ntype = "object"\nrequired = ["order", "status"]\nadditionalProperties = false'
        yield 'properties.order = { type = "string", pattern = "^[0-9]{1,12}$" }'
        yield 'properties.status = { enum = ["placed", "shipped", "delivered"] }'
        yield 'properties.amount = { type = "number", minimum = 0 }'
        for locale in LOCALES:
            yield f"[types.{name}.texts.{locale}]"
            yield f'title = "{locale} {place}: order {{{{ data.order }}}} has {{{{ data.status }}}}"'
            yield f"body = \"{locale} {place}: it is {{{{ data.amount|money('EUR') }}}}, and is on its way to you.\""
            yield f'subject = "{locale} {place}: order {{{{ data.order }}}}"\nlink = "/orders/{{{{ data.order }}}}"'


def memory() -> tuple[int, float]:
    """Bytes and CPU-seconds that the large catalog takes."""
    with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as text:
        large(Path(text))
        told = subprocess.run(
            [sys.executable, "-c", MEASURED, text], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.split()
    types, locales, taken, seconds = int(told[0]), int(told[1]), int(told[2]), float(told[3])
    if (types, locales) != (TYPES, len(LOCALES)):
        raise RuntimeError(f"the catalog has {types} types in {locales} languages")
    return taken, seconds


def main() -> None:
    command = BenchCommand("bench-catalog", __doc__, rounds=3)
    options = command.parse()
    seconds = 0.1 if options.quick else SECONDS
    load_before = os.getloadavg()[0]
    catalog = load(Path(gateway.catalog.__file__).parent / "shop")
    rounds = [
        {name: micros(step, seconds) for name, step in steps(catalog).items()} for _ in range(options.rounds)
    ]
    taken, spent = memory()
    lines = ["| | µs | a second, on a core |", "|---|---:|---:|"]
    for name in rounds[0]:
        median = statistics.median(found[name] for found in rounds)
        lines.append(f"| {name} | {median:,.1f} | {1e6 / median:,.0f} |")
    lines += [
        "",
        f"A catalog of {TYPES} types in {len(LOCALES)} languages takes {taken / 2**20:.0f} MiB and {spent:.1f} s of CPU to load.",
        f"{machine.description()}; medians of {options.rounds} rounds; the load average before was {load_before:.1f}.",
    ]
    command.tell("\n".join(lines), options)


if __name__ == "__main__":
    run(main)
