"""`python -m nb301_ogb.cli`, which is what torchrun can start."""

from nb301_ogb.cli import main

if __name__ == "__main__":
    main()
