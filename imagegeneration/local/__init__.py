"""The embedded parts of `make run`: mongod, bucket, sandbox provider, and the supervisor that runs them."""
