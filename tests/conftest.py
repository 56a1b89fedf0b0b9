"""What every test shares."""

from hypothesis import settings

# A time limit on each example would fail on a busy machine, not on a wrong answer.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")
