"""`python -m kws` is `kws`."""

from kws.cli.main import main

if __name__ == "__main__":
    main()
