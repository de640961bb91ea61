"""Apache as the specification: each case is run against real Apache httpd and mpmserver, and every difference shown.

See ``README.md`` for how a case is written; ``python -m tests.differential`` prints the table.
"""
