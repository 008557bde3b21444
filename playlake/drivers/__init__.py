"""What the command line asks AWS: the only modules of `playlake` that load boto3."""
