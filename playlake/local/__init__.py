"""The pipeline of one machine: a folder, the local Firehose, the transform beside it, upkeep."""
