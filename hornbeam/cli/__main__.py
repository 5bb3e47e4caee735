"""``python -m hornbeam.cli``."""

from __future__ import annotations

import sys

from hornbeam.cli import main

if __name__ == "__main__":
    sys.exit(main())
