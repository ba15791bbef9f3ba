"""python -m piecework.cli, the same as `piecework`."""

import sys

from piecework.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
