"""Archives nobody vouched for: nothing leaves the folder or grows without bounds, damage is found."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kjax.data.datasets.archive import unpack
from kjax.data.errors import CorruptFileError
from tests.data.dataset_files import tar_bytes, tree

FILES = {"a/b.txt": b"one", "a/c/d.bin": bytes(3000), "./e": b"", "f": b"two" * 512}
UNPACKED = {"a/b.txt": b"one", "a/c/d.bin": bytes(3000), "e": b"", "f": b"two" * 512}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder to unpack to, inside another one to climb out to."""
    (tmp_path / "outer/inner").mkdir(parents=True)
    return tmp_path / "outer/inner"


def zip_bytes(files: dict[str, bytes], mode: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            zipped.writestr(member, content)
    return buffer.getvalue()


def special(kind: bytes, name: str = "special", target: str = "") -> bytes:
    """A tar file with one member that is no file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        tar.addfile(member)
    return buffer.getvalue()


def refused(place: Path, content: bytes, message: str, **limits: Any) -> None:
    archive = place.parent.parent / "archive"
    archive.write_bytes(content)
    with pytest.raises(CorruptFileError, match=message) as error:
        unpack(archive, place, **limits)
    assert str(error.value).startswith(str(archive))
    assert "\n" not in str(error.value)
    outside = place.parent
    assert [path for path in outside.iterdir() if path != place] == []
    assert not (outside.parent / "evil").exists()


@pytest.mark.parametrize(
    "pack",
    [
        lambda: tar_bytes(FILES, "w"),
        lambda: tar_bytes(FILES, "w:gz"),
        lambda: bz2.compress(tar_bytes(FILES, "w")),
        lambda: lzma.compress(tar_bytes(FILES, "w")),
        lambda: zip_bytes(FILES),
    ],
    ids=["tar", "gzip", "bzip2", "xz", "zip"],
)
def test_unpack(place: Path, pack: Callable[[], bytes]) -> None:
    archive = place.parent / "archive"
    archive.write_bytes(pack())
    unpack(archive, place)
    assert tree(place) == UNPACKED


@pytest.mark.parametrize("form", ["tar", "zip"])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a/../../../evil", "C:/evil", "..\\evil", "a/.."])
def test_names_that_climb_out(place: Path, name: str, form: str) -> None:
    files = {"good": b"good", name: b"evil"}
    refused(
        place,
        tar_bytes(files) if form == "tar" else zip_bytes(files),
        r"holds the member .* outside the folder|would be extracted to|absolute path",
    )


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "../evil"),
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "good"),
        (tarfile.LNKTYPE, "../../evil"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_links_and_devices(place: Path, kind: bytes, target: str) -> None:
    refused(place, special(kind, target=target), "holds 'special', a link or a device")
    assert tree(place) == {}


def test_link_in_a_zip_file(place: Path) -> None:
    refused(place, zip_bytes({"special": b"../evil"}, stat.S_IFLNK | 0o777), "holds 'special', a link or a device")


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_limits(place: Path, form: str) -> None:
    """A few compressed bytes that unpack to many, and many members."""
    pack = tar_bytes if form == "tar" else zip_bytes
    refused(place, pack({"big": bytes(10_000_000)}), "holds more than 5000000 bytes", max_bytes=5_000_000)
    assert sum(path.stat().st_size for path in place.rglob("*")) <= 5_000_000
    refused(place, pack({str(number): b"" for number in range(30)}), "more than 20 members", max_members=20)


def test_name_of_a_file_and_a_folder(place: Path) -> None:
    refused(place, tar_bytes({"a": b"", "a/b": b""}), "members that collide")


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.parametrize("position", [-1, -6, 40])
def test_flipped_bit_in_a_compressed_archive(place: Path, position: int) -> None:
    """In the length, in the check sum behind the last byte, and in the content."""
    content = tar_bytes({"a": bytes(range(256)) * 40})
    refused(place, flip(content, position % len(content)), "is damaged")


def test_flipped_bit_in_a_header(place: Path) -> None:
    """tarfile alone would take a broken second header for the end of the archive."""
    content = tar_bytes({"a": b"one", "b": b"two", "c": b"three"}, "w")
    refused(place, flip(content, 1024), "is damaged or truncated")


@pytest.mark.parametrize("length", [300, 512, 700, 1024, 1600])
def test_truncated_tar(place: Path, length: int) -> None:
    """Within a header, within a file, and between the two."""
    content = tar_bytes({"a": b"one", "b": bytes(2000)}, "w")
    refused(place, content[:length], "is damaged or truncated")


@pytest.mark.parametrize("length", [1, 100, -1, -4, -8])
def test_truncated_zip(place: Path, length: int) -> None:
    content = zip_bytes({"a": b"one", "b": bytes(2000)})
    refused(place, content[:length], "is damaged or truncated")


def test_flipped_bit_in_a_zip_file(place: Path) -> None:
    content = zip_bytes({"a": bytes(range(256))})
    refused(place, flip(content, 100), "is damaged or truncated")


@pytest.mark.parametrize(
    "content", [b"", b"text", gzip.compress(b"text" * 1000), bytes(5)], ids=["empty", "text", "gzip", "zeros"]
)
def test_no_archive(place: Path, content: bytes) -> None:
    refused(place, content, "is damaged or truncated")


def test_excluded_format(place: Path) -> None:
    archive = place.parent / "archive"
    archive.write_bytes(zip_bytes(FILES))
    with pytest.raises(CorruptFileError, match="is a zip file, which archive_format excludes"):
        unpack(archive, place, formats=("tar",))
    archive.write_bytes(tar_bytes(FILES))
    with pytest.raises(CorruptFileError, match="is not a zip file, and archive_format allows nothing else"):
        unpack(archive, place, formats=("zip",))
