"""``python -m geocity`` is ``geocity``."""

from geocity.cli import main

if __name__ == "__main__":
    main()
