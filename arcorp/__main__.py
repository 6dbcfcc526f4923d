"""`arcorp` and `python -m arcorp`: the command line."""

import os
import sys

from arcorp.shadows import refuse_shadows


def main() -> None:
    """Run the command; exit with 2 if a foreign package hides one of arcorp's."""
    try:
        refuse_shadows()
    except ImportError as error:
        print(f"arcorp: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    # pydantic looks for plugins in the metadata of every installed package
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from pipelines.cli import main as run

    run()


if __name__ == "__main__":
    main()
