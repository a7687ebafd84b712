"""``python -m galley``."""

from galley.cli.main import main

if __name__ == "__main__":
    main()
