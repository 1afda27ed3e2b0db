"""`python -m ltscaffold.cli`: the command line without its console script."""

from ltscaffold.cli.app import main

if __name__ == "__main__":
    main()
