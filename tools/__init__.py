"""Tools for developers, beside the tests."""
