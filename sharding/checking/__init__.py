"""Checking: verification of sealed folders, and the location of rows and documents."""

from sharding.checking.inspect import document_view, row_view
from sharding.checking.verification import verify

__all__ = ["document_view", "row_view", "verify"]
