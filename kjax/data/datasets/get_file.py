"""`get_file`: downloads any file to the Keras folder, and unpacks it, with the arguments that Keras has."""

from __future__ import annotations

import os
import urllib.parse
from pathlib import Path

from kjax.data.datasets.archive import unpack
from kjax.data.datasets.download import fetch
from kjax.data.datasets.lock import file_lock
from kjax.data.datasets.storage import install_folder, is_intact, keras_home, temporary_folder

_FORMATS = {"auto": ("tar", "zip"), "tar": ("tar",), "zip": ("zip",)}


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Downloads a file unless it is in the cache already.

    Args:
        fname: the file's name in the cache, or the name of the folder to unpack it to; None takes the name
            from `origin`.
        origin: the address to download from.
        untar: an old spelling of `extract=True, archive_format="tar"`.
        md5_hash: an old spelling of `file_hash` with MD5.
        file_hash: the expected SHA-256 or MD5 of the file; a cached file that differs is downloaded anew.
        cache_subdir: the folder in `cache_dir`, or an absolute path.
        hash_algorithm: "sha256", "md5", or "auto" to tell by the length of `file_hash`.
        extract: whether to unpack the file, a tar or zip archive.
        archive_format: "tar", "zip", a list of these, "auto" for both; None unpacks nothing.
        cache_dir: the cache; None for `$KERAS_HOME`, which is `~/.keras` by default.
        force_download: download although the file is cached.

    Returns:
        The path of the file, or of the folder that it was unpacked to.

    Raises:
        ValueError: an argument that makes no sense.
        DatasetError: the file cannot be had, or is damaged; see the subclasses.
    """
    if origin is None:
        raise ValueError("get_file() needs origin, the address of the file; received origin=None")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    _check_hash(file_hash, hash_algorithm)
    formats = _formats("tar" if untar else archive_format)
    name = os.fspath(fname) if fname else Path(urllib.parse.urlsplit(origin).path).name
    if not name or name in (".", "..") or os.sep in name or "/" in name:
        raise ValueError(f"fname must be a bare file name (see cache_dir for the folder); received {name!r}")

    folder = Path(cache_dir if cache_dir is not None else keras_home()).expanduser() / cache_subdir
    unpacks = extract or untar
    target, unpacked = _places(folder, name, named=bool(fname)) if unpacks else (folder / name, None)
    if force_download or not (is_intact(target, file_hash) if file_hash else target.is_file()):
        fetch(origin, target, file_hash, force=force_download)
    if unpacked is None:
        return str(target)
    if formats:
        with file_lock(unpacked), temporary_folder(unpacked) as fresh:
            unpack(target, fresh, formats=formats)
            install_folder(fresh, unpacked)
    return str(unpacked)


def _places(folder: Path, name: str, *, named: bool) -> tuple[Path, Path]:
    """Where Keras 3 keeps an archive and what was unpacked from it."""
    if named and "." in name:
        return folder / name, folder / f"{name.partition('.')[0]}_extracted"
    return folder / f"{name}_archive", folder / name


def _check_hash(file_hash: str | None, algorithm: str) -> None:
    lengths = {"auto": (32, 64), "sha256": (64,), "md5": (32,)}
    if algorithm not in lengths:
        raise ValueError(f"hash_algorithm must be one of {', '.join(lengths)}; received {algorithm!r}")
    if file_hash is not None and len(file_hash) not in lengths[algorithm]:
        raise ValueError(f"file_hash {file_hash!r} is not a hash by hash_algorithm={algorithm!r}")


def _formats(archive_format: str | list[str] | None) -> tuple[str, ...]:
    names = [archive_format] if isinstance(archive_format, str) else archive_format or []
    unknown = [name for name in names if name not in _FORMATS]
    if unknown:
        raise ValueError(f"archive_format must be 'auto', 'tar' or 'zip'; received {unknown[0]!r}")
    return tuple(dict.fromkeys(kind for name in names for kind in _FORMATS[name]))
