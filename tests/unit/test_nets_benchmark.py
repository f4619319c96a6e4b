"""`python -m benchmarks.nets` in its smallest form."""

from benchmarks.nets import PAIRS, main


def test_smallest_form(capsys):
    """A line for each kind, with a ratio; both train."""
    main(["--samples", "8", "--steps", "2", "--features", "2", "--hidden", "2", "--batch", "4", "--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == [f"{kind}:" for kind in PAIRS]
    assert all(" times" in line for line in lines)
