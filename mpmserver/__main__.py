"""`python -m mpmserver`."""

import sys

from mpmserver.cli import main

if __name__ == "__main__":
    sys.exit(main())
