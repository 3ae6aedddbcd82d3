"""Entry: `python -m backend` in a checkout, `python -m studio_avatar_addon.backend` installed."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
