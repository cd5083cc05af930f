"""A histogram of our own tells what the library's would."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from gateway.observe.timings import Timings

BOUNDS = (0.001, 0.25, 1, 10)
seconds = st.floats(0, 20, allow_nan=False) | st.sampled_from(BOUNDS)


@given(st.lists(st.tuples(st.sampled_from(["/a", "/b"]), seconds), max_size=50))
def test_what_is_scraped_is_what_the_library_would_have_made_of_it(told: list[tuple[str, float]]):
    ours = Timings("waits", "Seconds", ("route",), BOUNDS)
    theirs = Histogram("waits", "Seconds", ("route",), buckets=BOUNDS, registry=CollectorRegistry())
    for route, each in told:
        ours.observe((route,), each)
        theirs.labels(route).observe(each)

    [family], [expected] = ours.collect(), theirs.collect()

    assert (family.name, family.type, family.documentation) == (
        expected.name,
        expected.type,
        expected.documentation,
    )
    shown = {(each.name, *each.labels.items()): each.value for each in family.samples}
    assert shown == {
        (each.name, *each.labels.items()): each.value
        for each in expected.samples
        if not each.name.endswith("_created")
    }
