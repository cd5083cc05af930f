"""From what is asked for to notifications: now or at a later time; and those of before."""

from gateway.notify.emitting.emitter import Emitter
from gateway.notify.emitting.planning import Planner
from gateway.notify.emitting.schedule_running import ScheduleRunner
from gateway.notify.emitting.scheduling import Scheduler
from gateway.notify.records import Records
from gateway.notify.trials.planning import TrialPlanner
from gateway.notify.trials.wording import TrialScribe
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.scribe import Scribe
from gateway.process.member import Member
from gateway.process.notices import Notices
from gateway.protocol import problems


class TellingFloor:
    """Who emits, now or later, and who knows what was emitted.

    `emitter` is for all who emit: HTTP, sessions, the scheduler, campaigns and the gateway itself.
    """

    def __init__(self, member: Member) -> None:
        self.languages = Languages(
            member.contacts, member.preferences, member.catalog, str(member.sources.zone)
        )
        """Which language each user reads, and by which clock."""
        member.contacts.listeners.append(self.languages.note)
        self.scribe = Scribe(member.catalog, self.languages, member.preferences)
        """What makes the words of types."""
        self.planner = Planner(
            catalog=member.catalog,
            choosers=member.preferences,
            scribe=self.scribe,
            judge=member.judge,
            clock=member.clock,
        )
        """What makes notifications of a request."""
        self.trial_marks = member.hear_trials()
        """What people do in the experiments of types."""
        self.trials = member.trial_book(member.switching)
        """The experiments of types."""
        self.trial_planner = TrialPlanner(
            enrol=self.trials.enrol,
            catalog=member.catalog,
            choosers=member.preferences,
            scribe=TrialScribe(member.catalog, self.languages, member.preferences),
            judge=member.judge,
            clock=member.clock,
        )
        """A planner that deals out variants."""
        self.emitter = Emitter(
            commit=member.commit,
            planner=self.planner,
            fanout=member.fanout,
            wake_mailer=member.wake_mailer,
            code_of=problems.code_of,
            # With a worker in this process, mail that is due at once is stored in its hands.
            hands=member.mail,
        )
        # Before anything can be emitted.
        member.tally.hear(self.emitter)
        self.notices = Notices(self.emitter, self.languages)
        """What the gateway tells by itself."""
        self.schedule_runner = ScheduleRunner(
            member.store.schedule,
            streams=member.store.streams,
            emitter=self.emitter,
            clock=member.clock,
            due_clock=member.clock.cautious,
            epoch=lambda: member.lineage.epoch,
        )
        """What emits it then."""
        self.scheduler = Scheduler(
            member.store.schedule,
            planner=self.planner,
            sources=member.sources,
            clock=member.clock,
            due_clock=member.clock.cautious,
            epoch=lambda: member.lineage.epoch,
            wake=self.schedule_runner.wake,
        )
        """What waits for its time."""
        self.records = Records(
            streams=member.store.streams,
            outbox=member.store.outbox,
            inboxes=member.store.inboxes,
            clicks=member.store.clicks,
            opens=member.store.opens,
            fanout=member.fanout,
            bus=member.bus,
            clock=member.clock,
        )
        """What was emitted."""
