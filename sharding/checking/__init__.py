"""Checking: verification of sealed folders, and the location of rows and documents."""

from sharding.checking.inspect import document_lines, document_view, document_views, row_view
from sharding.checking.masks import Rendered
from sharding.checking.verification import verify

__all__ = ["Rendered", "document_lines", "document_view", "document_views", "row_view", "verify"]
