"""Opens the parts of an Excel workbook: XML files in a ZIP archive, each read in pieces and within limits."""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.parsers import expat

from messaging.contact_files.limits import MAX_DIRECTORY_BYTES, MAX_ELEMENTS, MAX_UNPACKED_BYTES, UnreadableFile

_PIECE_BYTES = 65_536
_DEEPEST = 1000
_LONGEST_TAG_BYTES = 1_000_000
_END_OF_DIRECTORY = b"PK\x05\x06"
_DAMAGED = "The workbook is damaged. Open it in a spreadsheet, save it as .xlsx or as CSV, and send that file."
_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, struct.error)

Attributes = Mapping[str, str]


class DamagedWorkbook(UnreadableFile):
    """The archive or its XML is not as it must be."""

    def __init__(self) -> None:
        super().__init__(_DAMAGED)


class Package:
    """The archive. Counts what is unpacked: the sizes that the archive states are not trusted."""

    def __init__(self, data: bytes) -> None:
        _check_directory(data)
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
            self.names = frozenset(self._archive.namelist())
        except (*_ERRORS, ValueError):
            raise DamagedWorkbook from None
        self._left = MAX_UNPACKED_BYTES
        self._elements = 0

    def read_xml(self, name: str, start: StartHandler, end: EndHandler, text: TextHandler) -> Iterator[None]:
        """Parse the part, and yield after each piece, so that the caller can take what its handlers have collected.

        A document type, and so any entity of its own, is refused. Raises UnreadableFile.
        """
        depth = fed = 0

        def start_element(element: str, attributes: Attributes) -> None:
            nonlocal depth
            depth += 1
            self._elements += 1
            start(element, attributes)

        def end_element(element: str) -> None:
            nonlocal depth
            depth -= 1
            end(element)

        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = start_element
        parser.EndElementHandler = end_element
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_document_type
        try:
            with self._archive.open(name) as part:
                while piece := part.read(_PIECE_BYTES):
                    self._left -= len(piece)
                    if self._left < 0:
                        megabytes = MAX_UNPACKED_BYTES // 1_000_000
                        raise UnreadableFile(f"The workbook unpacks to more than {megabytes} MB. Send it as CSV.")
                    parser.Parse(piece, False)
                    fed += len(piece)
                    if self._elements > MAX_ELEMENTS:
                        raise UnreadableFile("The workbook has too many cells. Split it, or send it as CSV.")
                    if depth > _DEEPEST or fed - parser.CurrentByteIndex > _LONGEST_TAG_BYTES:
                        raise DamagedWorkbook  # what the parser holds of it would take any amount of memory
                    yield
                parser.Parse(b"", True)
                yield
        except KeyError:
            raise DamagedWorkbook from None
        except (*_ERRORS, expat.ExpatError, UnicodeError):
            raise DamagedWorkbook from None

    def read_small(self, name: str, start: StartHandler) -> None:
        """Parse a part of which only the elements and their attributes matter."""
        for _ in self.read_xml(name, start, lambda _name: None, lambda _text: None):
            pass

    def related(self, name: str) -> Mapping[str, str]:
        """Return the parts that this part refers to, by the id of the relation."""
        folder, file = posixpath.split(name)
        relations = posixpath.join(folder, "_rels", f"{file}.rels")
        found: dict[str, str] = {}

        def start(element: str, attributes: Attributes) -> None:
            if local_name(element) == "Relationship" and "Id" in attributes:
                target = attributes.get("Target", "")
                found[attributes["Id"]] = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")

        if relations in self.names:
            self.read_small(relations, start)
        return found


StartHandler = Callable[[str, Attributes], Any]
EndHandler = Callable[[str], Any]
TextHandler = Callable[[str], Any]


def local_name(element: str) -> str:
    """Return the name without the prefix that some programs write."""
    return element.rpartition(":")[2]


def _refuse_document_type(*_: object) -> None:
    raise UnreadableFile("The workbook has a document type declaration, which Excel never writes. It is refused.")


def _check_directory(data: bytes) -> None:
    """Refuse an archive with a very long list of parts: zipfile would read all of it into memory."""
    start = data.rfind(_END_OF_DIRECTORY, max(0, len(data) - 65_557))
    if start < 0 or len(data) < start + 22:
        raise DamagedWorkbook
    (size,) = struct.unpack_from("<L", data, start + 12)
    if size > MAX_DIRECTORY_BYTES:
        raise UnreadableFile("The file is not an Excel workbook: it has far too many parts.")
