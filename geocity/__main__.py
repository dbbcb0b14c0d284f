"""``python -m geocity`` is ``geocity``."""

import sys

if __name__ == "__main__":
    try:
        from geocity.cli import main

        main()
    except KeyboardInterrupt:  # while Python was still loading
        sys.stderr.write("Error: Interrupted before anything was done.\n")
        sys.exit(130)
