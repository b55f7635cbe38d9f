"""The entry point, of `python -m bookgraph` too: catches signals, then loads the command line."""

from bookgraph.cli.process import catch_signals, end_interrupted


def main() -> None:
    """Run the command line. An interruption while it is loaded is as gentle as a later one."""
    catch_signals()
    try:
        from bookgraph.cli.app import main as run  # noqa: PLC0415  # takes a second
    except KeyboardInterrupt:
        end_interrupted()
    run()


if __name__ == "__main__":
    main()
