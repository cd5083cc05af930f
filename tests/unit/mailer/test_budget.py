"""One budget of mails a second, in one process."""

from mailer.budget import LocalBudget, Unlimited


async def test_without_a_rate_every_mail_leaves_at_once() -> None:
    budget = Unlimited()

    assert [await budget.reserve() for _ in range(3)] == [0, 0, 0]
    assert budget.warnings() == []
    await budget.close()


async def test_each_mail_is_given_its_moment_an_interval_after_the_one_before() -> None:
    budget = LocalBudget(0.5, time=lambda: 100.0)

    assert [await budget.reserve() for _ in range(4)] == [0, 2, 4, 6]
    assert budget.warnings() == []
    await budget.close()


async def test_what_was_not_used_is_not_saved_up() -> None:
    """After a quiet hour mail leaves as evenly as ever."""
    now = 100.0
    budget = LocalBudget(2, time=lambda: now)
    await budget.reserve()
    now += 3600

    assert [await budget.reserve() for _ in range(3)] == [0, 0.5, 1]


async def test_another_rate_holds_from_the_next_mail_on() -> None:
    budget = LocalBudget(1, time=lambda: 100.0)
    await budget.reserve()
    budget.rate = 4

    assert [await budget.reserve() for _ in range(3)] == [1, 1.25, 1.5]
