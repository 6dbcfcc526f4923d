"""`python -m pipelines.cli`: the command `arcorp`."""

from pipelines.cli import main

main()
