"""Parsers of graph files: edge lists, CSV and GraphML, from text to labels and edges.

Every parser raises :class:`~theory.errors.InputError` with the line number of what it cannot read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from theory.errors import InputError

HEADER_PAIRS = (
    ("source", "target"),
    ("from", "to"),
    ("src", "dst"),
    ("tail", "head"),
    ("start", "end"),
    ("sender", "receiver"),
)
"""Names of the two columns of a CSV file with edges, in lower case."""

LINES_ARE_DIRECTED = "every line is one directed edge, from its first vertex to its second"


@dataclass
class RawGraph:
    """What a file says: vertices that it lists by themselves, edges as written, and remarks for the reader."""

    directed: bool
    vertices: list[str] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decode(data: bytes) -> str:
    """UTF-8 text, with or without a byte order mark; binary data are refused."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte {error.start}): give an edge list, CSV or GraphML.") from error
    if "\0" in text:
        raise InputError(f"binary data (a zero at character {text.index(chr(0))}): give an edge list, CSV or GraphML.")
    return text


def parse_edge_list(text: str) -> RawGraph:
    """Two labels a line, separated by blanks; further columns are ignored, ``#`` starts a comment."""
    graph = RawGraph(directed=True, notes=[LINES_ARE_DIRECTED])
    widest = 0
    for number, line in enumerate(_lines(text), start=1):
        labels = re.sub(r"(^|\s)#.*", "", line).split()
        if not labels:
            continue
        if len(labels) < 2:
            hint = "; name the file .csv if commas separate the labels" if "," in line else ""
            raise InputError(f"line {number} is {clip(line)}: give two labels a line, tail and head{hint}.")
        widest = max(widest, len(labels))
        graph.edges.append((labels[0], labels[1]))
    if widest > 2:
        graph.notes.append("columns after the second are ignored")
    return graph


def parse_csv(text: str) -> RawGraph:
    """Rows of tail and head, separated by commas, semicolons or tabs, with or without a header.

    The first row is a header if it names a pair of :data:`HEADER_PAIRS` (then these columns are read), or if its first
    two cells are not whole numbers while those of all other rows are.  Lines that start with ``#`` are comments.
    """
    lines = [(number, line) for number, line in enumerate(_lines(text), start=1)]
    lines = [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
    graph = RawGraph(directed=True, notes=[LINES_ARE_DIRECTED])
    if not lines:
        return graph
    unquoted = re.sub(r'"[^"]*"', "", lines[0][1])
    delimiter = next((mark for mark in ",;\t" if mark in unquoted), ",")
    rows = [(number, _cells(number, line, delimiter)) for number, line in lines]
    columns = _header_columns([cells for _, cells in rows])
    if columns is not None:
        graph.notes.append(f"line {rows[0][0]} is read as a header")
        rows = rows[1:]
    tail, head = columns or (0, 1)
    for number, cells in rows:
        if len(cells) <= max(tail, head) or not cells[tail] or not cells[head]:
            raise InputError(
                f"line {number} is {clip(delimiter.join(cells))}: give a tail and a head in columns {tail + 1} and "
                f"{head + 1}, separated by {delimiter!r}."
            )
        graph.edges.append((cells[tail], cells[head]))
    return graph


def _lines(text: str) -> list[str]:
    """Lines as an editor counts them: ended by LF, CR LF or CR alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _cells(number: int, line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        raise InputError(f"line {number} is {clip(line)} ({error}): give cells separated by {delimiter!r}.") from error


def _header_columns(rows: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """Columns of tail and head if the first row is a header."""
    names = [cell.lower() for cell in rows[0]]
    for tail, head in HEADER_PAIRS:
        if tail in names and head in names:
            return names.index(tail), names.index(head)
    numeric = [all(re.fullmatch(r"[+-]?\d+", cell) for cell in row[:2]) for row in rows]
    named = not any(re.fullmatch(r"[+-]?\d+", cell) for cell in rows[0][:2])
    return (0, 1) if named and len(rows) > 1 and all(numeric[1:]) else None


def parse_graphml(data: bytes) -> RawGraph:
    """The nodes and edges of one GraphML graph, by their ``id``; all other data are ignored.

    A document type declaration is refused, so no entity is ever expanded; so are nested graphs, hyperedges and a file
    with both directed and undirected edges.
    """
    reader = _GraphML()
    parser = expat.ParserCreate(namespace_separator="}")

    def refuse_doctype(*_: object) -> None:
        raise InputError(f"line {parser.CurrentLineNumber} declares a document type: give GraphML without <!DOCTYPE>.")

    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = lambda name, attributes: reader.start(name, attributes, parser.CurrentLineNumber)
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not well-formed XML ({error}): give GraphML.") from error
    return reader.result()


class _GraphML:
    """Collects what :func:`parse_graphml` needs while the elements go by."""

    def __init__(self) -> None:
        self.vertices: list[str] = []
        self.edges: list[tuple[str, str]] = []
        self.graphs = 0
        self.default = True
        self.kinds: set[bool] = set()

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        tag = name.rpartition("}")[2]
        if tag == "graph":
            self.graphs += 1
            self.default = attributes.get("edgedefault", "directed") != "undirected"
            if self.graphs > 1:
                raise InputError(f"line {line} begins a second or a nested graph: give a file with one graph.")
        elif tag == "hyperedge":
            raise InputError(f"line {line} is a hyperedge: give edges between two nodes.")
        elif tag == "node":
            self.vertices.append(_attribute("id", tag, attributes, line))
        elif tag == "edge":
            ends = [_attribute(end, tag, attributes, line) for end in ("source", "target")]
            self.edges.append((ends[0], ends[1]))
            self.kinds.add(attributes["directed"] == "true" if "directed" in attributes else self.default)

    def result(self) -> RawGraph:
        if not self.graphs:
            raise InputError("XML without a <graph>: give GraphML.")
        if len(self.kinds) > 1:
            raise InputError("directed and undirected edges in one file: give a graph of one kind.")
        directed = self.kinds.pop() if self.kinds else self.default
        return RawGraph(directed, self.vertices, self.edges)


def _attribute(name: str, tag: str, attributes: dict[str, str], line: int) -> str:
    value = attributes.get(name, "")
    if not value:
        raise InputError(f"line {line} is a <{tag}> without {name}: give every node an id and every edge two ends.")
    return value


def clip(text: str) -> str:
    """Quoted, on one line, and short enough for an error."""
    return repr(text if len(text) <= 60 else text[:59] + "…")
