"""`python -m playlake` is `playlake`."""

from playlake.cli import main

main()
