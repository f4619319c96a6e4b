"""The tag bytes of Julia's Serialization: what the first byte of a value says. Source: Julia's stdlib/Serialization, protocol 24.

The tags below are the same in every version of the protocol that Julia 1.x has written; what has changed between them is how code is
written, and code is not read here.
"""

from __future__ import annotations

from typing import Any

HEADER, NEWEST, LITTLE = 55, 24, 0
"""The tag of the header, the newest protocol that is known (Julia 1.10), and the number of little-endian byte order."""


class Symbol(str):
    """A name of Julia's, as `:relu`."""

    __slots__ = ()


NUMBERS = {2: "i1", 3: "u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 8: "<i8", 9: "<u8", 12: "<f2", 13: "<f4", 14: "<f8"}
"""NumPy's types of the numbers that stand behind these tags."""

NAMES = {
    2: "Int8", 3: "UInt8", 4: "Int16", 5: "UInt16", 6: "Int32", 7: "UInt32", 8: "Int64", 9: "UInt64", 12: "Float16", 13: "Float32",
    14: "Float64", 1: "Symbol", 10: "Int128", 11: "UInt128", 15: "Char", 16: "DataType", 17: "Union", 18: "UnionAll", 20: "Tuple",
    21: "Array", 31: "Module", 33: "String", 69: "Bool", 70: "Any", 71: "Bottom", 73: "Type",
}  # fmt: skip
"""Julia's names of the types that stand for themselves."""

SYMBOL, UINT128, DATATYPE, UNION, UNIONALL, TUPLE, ARRAY, TYPEVAR, MODULE, STRING = 1, 11, 16, 17, 18, 20, 21, 28, 31, 33
UNDEFINED, BACK, LONG_BACK, SHORT_BACK, LONG_TUPLE, LONG_SYMBOL, LONG_STRING, SHORT_INT = 41, 42, 43, 44, 45, 46, 48, 49
OBJECT, MUTABLE, IDENTITY_DICT, SHARED = 52, 53, 56, 57
CODE = {19, *range(22, 28), 29, 30, 32, 34, 35, 36, 37, 38, 39, 40, 47, 50, 51, 54, 58, 59}
"""Tags of code and of what holds it, types that are written with their definition among them."""

FIRST_VALUE, FIRST_SYMBOL, FIRST_INT32, FIRST_INT64 = 68, 79, 190, 223
VALUES: dict[int, Any] = {68: (), 76: False, 77: True, 78: None}

_SYMBOLS = (
    "Any Array TypeVar Box Tuple Ptr return call :: Function = == === gotoifnot A B C M N T S X Y a b c d e f g h i j k l m n o p q r s t "
    "u v w x y z add_int sub_int mul_int add_float sub_float new mul_float bitcast start done next indexed_iterate getfield meta eq_int "
    "slt_int sle_int ne_int push_loc pop_loc pop arrayset arrayref apply_type inbounds getindex setindex! Core ! + Base static_parameter "
    "convert colon #self# #temp# tuple"
)
SYMBOLS = dict(enumerate(map(Symbol, [*_SYMBOLS.split(" "), ""]), FIRST_SYMBOL))
"""Names that are one byte long."""
