"""Values of every BSON type, encoded by hand: the driver can't encode all that MongoDB stores."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from bson import Decimal128
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

_CODEC = CodecOptions(
    document_class=RawBSONDocument,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


@dataclass(frozen=True)
class Encoded:
    """A value as BSON has it: the byte of its type, and its data."""

    type: int
    data: bytes = b""


def document(fields: Mapping[str, Encoded]) -> RawBSONDocument:
    """A document of encoded values."""
    return RawBSONDocument(_document(**fields), _CODEC)


def _document(**fields: Encoded) -> bytes:
    elements = b"".join(
        bytes([value.type]) + name.encode() + b"\0" + value.data for name, value in fields.items()
    )
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def _text(data: bytes) -> bytes:
    return struct.pack("<i", len(data) + 1) + data + b"\0"


def _scoped(code: bytes, scope: bytes) -> bytes:
    data = _text(code) + scope
    return struct.pack("<i", len(data) + 4) + data


def _binary(subtype: int, data: bytes) -> bytes:
    return struct.pack("<iB", len(data), subtype) + data


def int32(number: int) -> Encoded:
    """A 32-bit integer."""
    return Encoded(0x10, struct.pack("<i", number))


def int64(number: int) -> Encoded:
    """A 64-bit integer."""
    return Encoded(0x12, struct.pack("<q", number))


def double(number: float) -> Encoded:
    """A double."""
    return Encoded(0x01, struct.pack("<d", number))


def decimal(text: str) -> Encoded:
    """A Decimal128."""
    return Encoded(0x13, Decimal128(text).bid)


def string(text: str) -> Encoded:
    """A string."""
    return Encoded(0x02, _text(text.encode()))


def date(milliseconds: int) -> Encoded:
    """A date, in milliseconds since 1970."""
    return Encoded(0x09, struct.pack("<q", milliseconds))


_UNDEFINED, _NULL = Encoded(0x06), Encoded(0x0A)
_OBJECT_ID = bytes(range(12))

NUMBERS: Mapping[str, Encoded] = {
    "0": int32(0),
    "-0.0": double(-0.0),
    "decimal -0": decimal("-0"),
    "1": int32(1),
    "1 of 64 bits": int64(1),
    "1.0": double(1.0),
    "decimal 1": decimal("1"),
    "decimal 1.00": decimal("1.00"),
    "0.1": double(0.1),
    "decimal 0.1": decimal("0.1"),
    "0.1 + 0.2": double(0.1 + 0.2),
    "1e-300": double(1e-300),
    "decimal 7E-32": decimal("7E-32"),
    "decimal 15E-1": decimal("15E-1"),
    "decimal 0E+6000": decimal("0E+6000"),
    "decimal 1E-6176": decimal("1E-6176"),
    "0.0000005": double(0.0000005),
    "decimal 0.0000015": decimal("0.0000015"),
    "the largest": int64(10**12 - 1),
    "the smallest": int64(1 - 10**12),
    "the largest double": double(999999999999.9999),
    "the largest decimal": decimal("999999999999.9999999999999999999999"),
    "1e12": double(1e12),
    "2**63 - 1": int64(2**63 - 1),
    "1e300": double(1e300),
    "decimal 1E+6000": decimal("1E+6000"),
    "NaN": double(float("nan")),
    "NaN with a payload": Encoded(0x01, struct.pack("<Q", 0xFFF8000000000001)),
    "decimal NaN": decimal("NaN"),
    "decimal -NaN": decimal("-NaN"),
    "Infinity": double(float("inf")),
    "decimal -Infinity": decimal("-Infinity"),
}
"""Numbers of all types, many of them equal."""

VALUES: Mapping[str, Encoded] = {
    **NUMBERS,
    "string": string("x"),
    "string of a number": string("1"),
    "string with NUL": string("a\0b"),
    "empty string": string(""),
    "document {}": Encoded(0x03, _document()),
    "document {a: 1}": Encoded(0x03, _document(a=int32(1))),
    "document {a: 1.0}": Encoded(0x03, _document(a=double(1))),
    "document {a: [1]}": Encoded(0x03, _document(a=Encoded(0x04, _document(**{"0": int64(1)})))),
    "document {a: [1.0]}": Encoded(
        0x03, _document(a=Encoded(0x04, _document(**{"0": decimal("1.0")})))
    ),
    "binary": Encoded(0x05, _binary(0, b"x")),
    "old binary": Encoded(0x05, _binary(2, struct.pack("<i", 1) + b"x")),
    "UUID": Encoded(0x05, _binary(4, bytes(16))),
    "ObjectId": Encoded(0x07, _OBJECT_ID),
    "false": Encoded(0x08, b"\0"),
    "true": Encoded(0x08, b"\1"),
    "date": date(0),
    "date of the year 292278994": date(2**63 - 1),
    "null": _NULL,
    "DBPointer": Encoded(0x0C, _text(b"x") + _OBJECT_ID),
    "JavaScript": Encoded(0x0D, _text(b"x")),
    "symbol": Encoded(0x0E, _text(b"x")),
    "another symbol": Encoded(0x0E, _text(b"y")),
    "JavaScript with scope": Encoded(0x0F, _scoped(b"x", _document())),
    "JavaScript with scope {a: 1}": Encoded(0x0F, _scoped(b"x", _document(a=int32(1)))),
    "timestamp": Encoded(0x11, struct.pack("<q", 5)),
    "MinKey": Encoded(0xFF),
    "MaxKey": Encoded(0x7F),
}
"""Values that can be a document's `_id`."""

REFERENCES: Mapping[str, Encoded] = {
    **VALUES,
    "string of invalid UTF-8": Encoded(0x02, _text(b"\xff")),
    "another string of invalid UTF-8": Encoded(0x02, _text(b"\xfe")),
    "document {a: null}": Encoded(0x03, _document(a=_NULL)),
    "document {a: undefined}": Encoded(0x03, _document(a=_UNDEFINED)),
    "document {a: MinKey}": Encoded(0x03, _document(a=Encoded(0xFF))),
    "document {$gt: 1}": Encoded(0x03, _document(**{"$gt": int32(1)})),
    "document {$ref: x}": Encoded(0x03, _document(**{"$ref": string("x")})),
    "array []": Encoded(0x04, _document()),
    "array [1]": Encoded(0x04, _document(**{"0": int32(1)})),
    "array [1.0]": Encoded(0x04, _document(**{"0": double(1)})),
    "array [undefined]": Encoded(0x04, _document(**{"0": _UNDEFINED})),
    "array [x]": Encoded(0x04, _document(**{"0": string("x")})),
    "undefined": _UNDEFINED,
    "regular expression": Encoded(0x0B, b"x\0\0"),
    "regular expression with options": Encoded(0x0B, b"x\0i\0"),
}
"""Values of every type that a field can have."""
