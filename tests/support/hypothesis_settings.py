"""Settings of all tests that try many examples. Import it in the conftest of their folder."""

from hypothesis import settings

# No timing is asserted in tests: how long an example takes says nothing about its result.
settings.register_profile("timoneiro", deadline=None)
settings.load_profile("timoneiro")
