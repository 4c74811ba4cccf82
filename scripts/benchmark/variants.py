"""Two variants of this speaker beside each other: what was measured of each, and the table of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence

from scripts.benchmark import workshop
from scripts.benchmark.command_line import Parser, count, progress
from scripts.benchmark.figures import Row, table

Values = defaultdict[tuple[str, str], list[float]]
"""By the name of a figure, its unit in brackets at its end, and the variant."""


def compare(
    parser: Parser,
    argv: Sequence[str],
    measure: Callable[[int], Awaitable[Values]],
    figures: Iterable[str],
    variants: Sequence[str],
    *,
    rounds: int,
    needs: str = "",
) -> None:
    """Measure as many rounds as the command line asks for, and print the table.

    Args:
        parser: Of the command.
        argv: Its options.
        measure: Runs so many rounds of each variant, in turn.
        figures: Rows of the table, each once for each variant.
        variants: In the order of the table.
        rounds: How many, unless the options say otherwise.
        needs: A program that has to be there.
    """
    parser.add_argument("--rounds", type=count, default=rounds, metavar="N", help=f"rounds of each ({rounds})")
    options = parser.parse_args(argv)
    if needs:
        workshop.need(needs)

    async def measured() -> Values:
        return await measure(options.rounds)

    values = asyncio.run(measured())
    progress("done")
    rows = [Row(f"{name[:-1]}, {variant})", values[name, variant]) for name in figures for variant in variants]
    print(table(f"{options.rounds} rounds of each, in turn", rows))
