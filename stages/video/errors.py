"""What is wrong with a video, and why a file could not be opened as one: the decoder says neither."""

from __future__ import annotations

from pathlib import Path

from stages.errors import ArtifactError

_CONVERT = "convert it: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"
_HEAD = 4096
_MOVIE_LIMIT = 1 << 24
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")
_CONTAINERS = {
    "Matroska": (0, b"\x1a\x45\xdf\xa3"),
    "AVI": (8, b"AVI "),
    "ASF": (0, b"\x30\x26\xb2\x75"),
    "FLV": (0, b"FLV"),
    "Ogg": (0, b"OggS"),
    "MPEG": (0, b"\x00\x00\x01"),
    "MPEG-TS": (0, b"\x47"),
    "MPEG-TS of a camera": (4, b"\x47"),
}
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")


class VideoError(ArtifactError):
    """A video that cannot be read, or not to its end.

    Attributes:
        frames_read: how many frames of the clip had been read before.
    """

    def __init__(self, message: str, hint: str = "", frames_read: int = 0) -> None:
        super().__init__(message, hint)
        self.frames_read = frames_read


def refuse_foreign(path: Path) -> None:
    """Raise where ``path`` is no video at all, though a decoder might show it as one (a text file, a single picture).

    Raises:
        VideoError: the file is absent, empty, not readable, text or an image.
    """
    head = _head(path)
    if not head:
        raise VideoError(f"{path} is empty (0 bytes).", hint="copy or download it again")
    if head.startswith(_IMAGES) or _is_text(head):
        what = "text" if _is_text(head) else "a single image"
        raise VideoError(f"{path} is not a video: it holds {what}.")


def why_unreadable(path: Path) -> VideoError:
    """Return the error for a file that the decoder refused to open."""
    head = _head(path)
    if head[4:8] in _BOXES:
        return _why_mp4(path)
    container = next((name for name, (at, magic) in _CONTAINERS.items() if head[at : at + len(magic)] == magic), None)
    if container is None:
        return VideoError(f"{path} is not a video: it begins like no known video format.", hint="copy or download it again")
    codec = _printable(head[head.find(b"vids") + 4 :][:4]) if container == "AVI" and b"vids" in head else ""
    return _unknown_codec(path, container, codec)


def _why_mp4(path: Path) -> VideoError:
    movie = _box(path, b"moov")
    if movie is None:
        return VideoError(
            f"{path} is cut off: its index (moov) is missing, so that no frame can be found.",
            hint="copy or download it again; a recording that was interrupted needs a repair tool",
        )
    if b"vide" not in movie:
        return VideoError(f"{path} holds no frames: it has no video track.")
    at = movie.find(b"stsd", movie.find(b"vide"))
    return _unknown_codec(path, "MP4", _printable(movie[at + 16 : at + 20]) if at >= 0 else "")


def _unknown_codec(path: Path, container: str, codec: str) -> VideoError:
    named = f" (codec '{codec}')" if codec else ""
    return VideoError(f"{path} is a video in {container}, but its pictures{named} cannot be decoded.", hint=_CONVERT)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError:
        raise VideoError(f"{path} does not exist.") from None
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}.") from None


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) and head.isascii()


def _box(path: Path, name: bytes) -> bytes | None:
    """Return the content of an MP4 file's top-level box, None where the file ends before it."""
    size_of_file = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size_of_file:
            file.seek(at)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            size = int.from_bytes(header[8:16], "big") if size == 1 else size
            if header[4:8] == name and at + size <= size_of_file:
                file.seek(at)
                return file.read(min(size, _MOVIE_LIMIT))
            if size < 8:
                return None
            at += size
    return None


def _printable(code: bytes) -> str:
    return code.decode("ascii", "replace").strip("\0 ") if code.isascii() else code.hex()
