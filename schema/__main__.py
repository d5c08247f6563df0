"""`python -m schema`: writes what is generated of the schema, or checks it with `--check`."""

import sys
from pathlib import Path
from typing import Final

import schema
from schema.reference import with_tables

_ROOT: Final = Path(__file__).parents[1]


def generated() -> dict[Path, str]:
    """File → its content: the SDL, and docs/kpis.md with its tables."""
    page = _ROOT / "docs" / "kpis.md"
    tables = with_tables(page.read_text(), schema.build()._schema)
    return {_ROOT / "schema" / "schema.graphql": schema.sdl(), page: tables}


def main() -> int:
    """Writes the files that differ; with `--check`, fails if any differs. 0 if all is well."""
    # All are made before any is written.
    differing = {file: text for file, text in generated().items() if file.read_text() != text}
    for file, text in differing.items():
        name = file.relative_to(_ROOT)
        if "--check" in sys.argv:
            print(f"{name} is not what the schema says: run 'make schema'.", file=sys.stderr)
        else:
            file.write_text(text)
            print(f"{name}: written")
    return int(bool(differing) and "--check" in sys.argv)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LookupError as error:
        sys.exit(str(error))
