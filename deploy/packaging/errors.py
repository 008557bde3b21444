"""What can go wrong while the packages are made."""

from events.errors import PlaylakeError


class PackagingError(PlaylakeError):
    """A Lambda package cannot be made, or would not be one that Lambda takes."""
