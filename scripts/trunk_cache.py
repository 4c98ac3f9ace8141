"""See `python scripts/trunk_cache.py --help`."""

import sys

from artstyle_tf.cli.main import main

if __name__ == "__main__":
    sys.exit(main(verb="trunk-cache"))
