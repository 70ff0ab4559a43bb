"""Properties are tried on the same examples in every run, so that what passed passes again.

``HYPOTHESIS_PROFILE=new make test`` tries others.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("new")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
