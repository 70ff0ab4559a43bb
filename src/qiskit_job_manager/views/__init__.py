"""Pure rendering: facts in, text or HTML out.

Nothing here asks a store, a clock or a terminal. Whatever comes from users, files or backends is
escaped on the way in: what `views.html` takes as `Safe` has passed through it.
"""
