"""How two ONNX models differ, part by part: metadata, IR version, opset, interface, graph, weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from bisect_cache.cache.drift import Finding, Kind, Severity, largest_difference
from bisect_cache.cache.models.parsing import CannotParse, parsed, text
from bisect_cache.printable import printable

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

_METADATA = ("producer_name", "producer_version", "domain", "model_version", "doc_string")
_SHOWN = 6
_LONGEST_DETAIL = 1000
_INPUTS_SHOWN = 20


@dataclass(frozen=True)
class Sides:
    """How the two models are called, and what a reader does about a difference."""

    first: str
    then: str
    """Stands before what the second model has: ``opset ai.onnx is 17, later 18``."""
    if_differs: str = ""
    if_equal: str = ""


CHECKED = Sides(
    first="the committed model",
    then="regenerated",
    if_differs=" Restore the file from version control; if the change is meant, run `bisect-cache generate` and "
    "commit the result.",
    if_equal=" Regenerate when convenient.",
)


def compare_models(file: str, committed: bytes, regenerated: bytes, sides: Sides = CHECKED) -> list[Finding]:
    """What differs between two models of one name; nothing where their bytes are equal.

    A committed file that is no ONNX model is one finding of kind ``corrupt``. Bytes that differ while every part
    is equal are kind ``writer``: the serialiser's doing.
    """
    if committed == regenerated:
        return []
    try:
        before, now = parsed(committed), parsed(regenerated)
    except CannotParse as error:
        return [Finding(file, "corrupt", "error", f"{error}; restore it from version control")]
    found = [
        Finding(file, kind, severity, f"{'; '.join(details)}.{sides.if_differs}")
        for kind, severity, details in (
            _part("metadata", "warning", _metadata(before, now, sides.then)),
            _part("ir-version", "warning", _ir_version(before, now, sides.then)),
            _part("opset", "error", _opsets(before, now, sides.then)),
            _part("interface", "error", _interface(before.graph, now.graph, sides.then)),
            _part("graph", "error", _graph(before, now, sides.then)),
            _part("weights", "error", _weights(before.graph, now.graph, sides)),
        )
        if details
    ]
    if not found and not _alike(before, now):
        return [Finding(file, "graph", "error", f"they differ in parts that have no name here.{sides.if_differs}")]
    return found or [
        Finding(
            file,
            "writer",
            "notice",
            f"{sides.first} has {len(committed)} bytes, {sides.then} {len(regenerated)}, and every part of the model "
            f"is equal: the serialiser's doing.{sides.if_equal}",
        )
    ]


def _part(kind: Kind, severity: Severity, details: Iterator[str]) -> tuple[Kind, Severity, list[str]]:
    listed = [printable(detail, _LONGEST_DETAIL) for detail in details]
    if len(listed) > _SHOWN:
        listed = [*listed[:_SHOWN], f"and {len(listed) - _SHOWN} more"]
    return kind, severity, listed


def _metadata(before: ModelProto, now: ModelProto, then: str) -> Iterator[str]:
    for name in _METADATA:
        old, new = (value if isinstance(value := getattr(model, name), int) else text(value) for model in (before, now))
        if old != new:
            yield f"{name} is {old!r:.80}, {then} {new!r:.80}"
    old_props, new_props = _properties(before), _properties(now)
    for key in sorted(old_props.keys() | new_props.keys()):
        if old_props.get(key) != new_props.get(key):
            yield f"metadata_props[{key!r:.80}] differs"
    if before.graph.name != now.graph.name:
        yield f"the graph's name is {text(before.graph.name)!r:.80}, {then} {text(now.graph.name)!r:.80}"
    if before.graph.doc_string != now.graph.doc_string:
        yield "the graph's doc string differs"
    if _properties(before.graph) != _properties(now.graph):
        yield "the graph's metadata_props differ"


def _properties(message: Any) -> dict[str, str]:
    return {text(prop.key): text(prop.value) for prop in getattr(message, "metadata_props", ())}


def _ir_version(before: ModelProto, now: ModelProto, then: str) -> Iterator[str]:
    if before.ir_version != now.ir_version:
        yield f"IR version is {before.ir_version}, {then} {now.ir_version}"


def _opsets(before: ModelProto, now: ModelProto, then: str) -> Iterator[str]:
    old = {text(opset.domain) or "ai.onnx": opset.version for opset in before.opset_import}
    new = {text(opset.domain) or "ai.onnx": opset.version for opset in now.opset_import}
    for domain in sorted(old.keys() | new.keys()):
        if old.get(domain) != new.get(domain):
            yield f"opset {domain} is {old.get(domain, 'absent')}, {then} {new.get(domain, 'absent')}"


def _interface(before: GraphProto, now: GraphProto, then: str) -> Iterator[str]:
    for what, old_side, new_side in (
        ("input", before.input, now.input),
        ("output", before.output, now.output),
    ):
        old = [_value_info(value) for value in old_side]
        new = [_value_info(value) for value in new_side]
        if old != new:
            yield f"{what}s are {', '.join(old) or 'none'}, {then} {', '.join(new) or 'none'}"
        elif [_canonical(value) for value in old_side] != [_canonical(value) for value in new_side]:
            yield f"{what}s differ in more than name, type and shape"


def _value_info(value: Any) -> str:
    from onnx import TensorProto

    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        return f"{text(value.name)} (no tensor)"
    kind = TensorProto.DataType.Name(tensor.elem_type) if tensor.elem_type in TensorProto.DataType.values() else "?"
    shape = [text(d.dim_param) or (str(d.dim_value) if d.HasField("dim_value") else "?") for d in tensor.shape.dim]
    return f"{text(value.name)} {kind} [{', '.join(shape)}]"


def _graph(before: ModelProto, now: ModelProto, then: str) -> Iterator[str]:
    for position, (old, new) in enumerate(zip_longest(before.graph.node, now.graph.node)):
        if old is None or new is None:
            yield f"{len(before.graph.node)} nodes, {then} {len(now.graph.node)}"
            return
        if _canonical(old) == _canonical(new):
            continue
        shape = [_call(old), _call(new)]
        yield (
            f"node {position} is {shape[0]}, {then} {shape[1]}"
            if shape[0] != shape[1]
            else (f"node {position} ({text(old.op_type)}) differs in its {_node_difference(old, new)}")
        )
    for name in ("functions", "training_info"):
        if [_canonical(part) for part in getattr(before, name)] != [_canonical(part) for part in getattr(now, name)]:
            yield f"{name} differ"
    for name in ("value_info", "quantization_annotation", "sparse_initializer"):
        old_parts, new_parts = getattr(before.graph, name), getattr(now.graph, name)
        if [_canonical(part) for part in old_parts] != [_canonical(part) for part in new_parts]:
            yield f"{name} differ"


def _call(node: Any) -> str:
    more = [f"… {len(node.input)} in all"] if len(node.input) > _INPUTS_SHOWN else []
    return (
        f"{text(node.op_type):.80}({', '.join([*(f'{text(name):.80}' for name in node.input[:_INPUTS_SHOWN]), *more])})"
    )


def _node_difference(old: Any, new: Any) -> str:
    if list(old.output) != list(new.output):
        return "outputs"
    before, now = ({text(a.name): _canonical(a) for a in node.attribute} for node in (old, new))
    if changed := [name for name in before | now if before.get(name) != now.get(name)]:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        return f"attributes {', '.join(f'{name:.80}' for name in changed[:_SHOWN])}{more}"
    if [_canonical(a) for a in old.attribute] != [_canonical(a) for a in new.attribute]:
        return "attributes"
    return "name or doc string"


def _canonical(message: Any) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


def _weights(before: GraphProto, now: GraphProto, sides: Sides) -> Iterator[str]:
    old, new = _by_name(before.initializer), _by_name(now.initializer)
    for name in [*new, *(name for name in old if name not in new)]:
        called = f"initialiser {name[0]!r:.80}"
        if name not in old:
            yield f"{called} is not in {sides.first}"
        elif name not in new:
            yield f"{called} is only in {sides.first}"
        elif difference := _tensor_difference(old[name], new[name], sides.then):
            yield f"{called}: {difference}"


def _by_name(tensors: Iterable[TensorProto]) -> dict[tuple[str, int], TensorProto]:
    """By name and, where a name stands more than once, how often it stood before."""
    found: dict[tuple[str, int], TensorProto] = {}
    seen: Counter[str] = Counter()
    for tensor in tensors:
        name = text(tensor.name)
        found[name, seen[name]] = tensor
        seen[name] += 1
    return found


def _tensor_difference(old: TensorProto, new: TensorProto, then: str) -> str | None:
    if _canonical(old) == _canonical(new):
        return None
    if (old.data_type, list(old.dims)) != (new.data_type, list(new.dims)):
        return f"shape {list(old.dims)} or type differs from the {then} {list(new.dims)}"
    a, b = _values(old), _values(new)
    if a is None or b is None:
        return "its data differs"
    if a.tobytes() == b.tobytes():
        return None
    if a.dtype.kind not in "fiu":
        return "its data differs"
    differs = a.ravel().view(f"<u{a.itemsize}") != b.ravel().view(f"<u{b.itemsize}")
    return (
        f"{int(differs.sum())} of {a.size} values differ, {largest_difference(a.ravel()[differs], b.ravel()[differs])}"
    )


def _values(tensor: TensorProto) -> Any:
    from onnx import TensorProto as Proto
    from onnx import numpy_helper

    if tensor.data_location == Proto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError):  # a tensor that is not what it says of itself
        return None


def _alike(before: ModelProto, now: ModelProto) -> bool:
    """Whether two models are equal in all that their format knows, however it was written down."""
    return _canonical(before) == _canonical(now) or _canonical(_plain(before)) == _canonical(_plain(now))


def _plain(model: ModelProto) -> ModelProto:
    """A model with what has several spellings in one: defaults unsaid, sets in order, tensors as raw data."""
    from onnx import ModelProto, TensorProto

    plain = ModelProto()
    plain.CopyFrom(model)
    plain.DiscardUnknownFields()
    for opset in plain.opset_import:
        opset.domain = text(opset.domain) if text(opset.domain) != "ai.onnx" else ""
    for index, tensor in enumerate(plain.graph.initializer):
        values = _values(tensor)
        if values is not None and values.dtype.kind in "fiub":
            raw = TensorProto(raw_data=values.tobytes())
            for field, value in tensor.ListFields():
                if not field.name.endswith("_data"):
                    getattr(raw, field.name).extend(value) if hasattr(value, "extend") else setattr(
                        raw, field.name, value
                    )
            plain.graph.initializer[index].CopyFrom(raw)
    for each in (plain, plain.graph, *plain.opset_import, *plain.graph.initializer):
        for field, value in each.ListFields():
            if field.message_type is None and not hasattr(value, "extend") and value == field.default_value:
                each.ClearField(field.name)
    for parts in (plain.metadata_props, plain.opset_import, plain.graph.initializer, plain.graph.metadata_props):
        parts.sort(key=_canonical)
    return plain
