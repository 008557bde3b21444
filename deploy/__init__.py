"""The tooling that deploys playlake to AWS; nothing here runs in a function."""
