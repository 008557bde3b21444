"""What stands in an account: how it is found, what deploying it takes, what is wrong with it."""
