"""Settings of all tests in this folder."""

import support.hypothesis_settings  # noqa: F401
