"""Pure rendering: facts in, text or HTML out.

Nothing here reads a store, a clock or a terminal. All texts of users, files and backends are
escaped: `views.html` marks HTML as `Safe` in which this is done.
"""
