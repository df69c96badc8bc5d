"""How fast it is: `python -m tests.bench` measures us against the limit and against other ways.

The limit is hand-written SQL for exactly these tables, on exactly this file, that checks nothing. All
contestants read the same file into the same table in the same run, so the ratios mean something on
any machine; rows per second are only shown beside them.
"""
