"""`python -m photocap` is the command `photocap`."""

from photocap.cli import main

if __name__ == "__main__":
    main()
