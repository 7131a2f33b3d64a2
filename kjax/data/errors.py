"""The exceptions and the warning of the data sets: one base class, a subclass for each case."""

from __future__ import annotations


class DatasetError(RuntimeError):
    """A data set could not be delivered. The message is one line: what is wrong, and what to do."""


class DownloadError(DatasetError):
    """A file is not here and could not be downloaded: no network, a refusal, a transfer that broke off."""


class ChecksumError(DownloadError):
    """The server delivered a whole file, but not the expected one. Nothing of it was kept."""


class CorruptFileError(DatasetError):
    """A file or archive is here but damaged, truncated, unsafe, or not of the expected structure."""


class StorageError(DatasetError):
    """The folder of the data sets cannot be used: no space left, not writable, not readable."""


class DatasetWarning(UserWarning):
    """A file without the official checksum is used: its structure is right, a better one out of reach."""
