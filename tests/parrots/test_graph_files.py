"""Graphs from files: every format, what is changed on the way, and refusals in one line with the line number."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrots.graph_files import RawGraph, decode, parse_csv, parse_edge_list, parse_graphml
from parrots.graphs import LoadedGraph, load_graph, networkx_graphs, simple_graph
from theory.errors import InputError

LABELS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='#,;"'), min_size=1)
EDGES = st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=12)


def named_edges(graph: LoadedGraph) -> set[tuple[str, str]]:
    return {(graph.labels[u], graph.labels[v]) for u, v in graph.edges.tolist()}


def load(tmp_path: Path, name: str, content: str | bytes) -> LoadedGraph:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_graph(str(path))


def test_an_edge_list_is_directed_and_keeps_its_labels(tmp_path: Path) -> None:
    graph = load(tmp_path, "g.txt", "# a comment\nanna  bert # likes\n\nbert\tcécile 3.5\r\n")
    assert graph.labels == ("anna", "bert", "cécile")
    assert named_edges(graph) == {("anna", "bert"), ("bert", "cécile")}
    assert "every line is one directed edge, from its first vertex to its second" in graph.notes
    assert "columns after the second are ignored" in graph.notes


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("source,target\na,b\nb,c\n", {("a", "b"), ("b", "c")}),
        ("a,b\nb,c\n", {("a", "b"), ("b", "c")}),
        ("weight;To;From\n1;b;a\n2;c;b\n", {("a", "b"), ("b", "c")}),
        ("x,y\n1,2\n2,3\n", {("1", "2"), ("2", "3")}),
        ('"van Gogh, V.";b\n b ; c\n', {("van Gogh, V.", "b"), ("b", "c")}),
        ("a\tb\nb\tc\n", {("a", "b"), ("b", "c")}),
        ("\ufeffsource,target\r\na,b\r\nb,c\r\n", {("a", "b"), ("b", "c")}),
    ],
)
def test_csv_with_and_without_a_header(tmp_path: Path, content: str, expected: set[tuple[str, str]]) -> None:
    assert named_edges(load(tmp_path, "g.csv", content)) == expected


@pytest.mark.parametrize("directed", [True, False])
def test_graphml_as_networkx_writes_it(tmp_path: Path, directed: bool) -> None:
    original = nx.gnp_random_graph(9, 0.3, seed=1, directed=directed)
    original.add_node("alone")
    nx.write_graphml(original, tmp_path / "g.graphml")
    graph = load_graph(str(tmp_path / "g.graphml"))
    both_ways = original.to_directed()
    assert graph.labels == tuple(str(vertex) for vertex in original)
    assert named_edges(graph) == {(str(u), str(v)) for u, v in both_ways.edges}
    assert any("both directions" in note for note in graph.notes) != directed


@pytest.mark.parametrize("name", ["karate_club_graph", "les_miserables_graph", "sedgewick_maze_graph"])
def test_networkx_graphs_by_name(name: str) -> None:
    graph = load_graph(name)
    original = getattr(nx, name)()
    assert graph.vertices == len(original)
    loops = nx.number_of_selfloops(original)
    assert len(graph.edges) == 2 * (original.number_of_edges() - loops)
    assert nx.is_isomorphic(graph.digraph(), nx.DiGraph(original.to_directed().edges))


def test_only_generators_without_arguments_are_named() -> None:
    assert "karate_club_graph" in networkx_graphs()
    assert not {"complete_graph", "read_edgelist", "DiGraph", "freeze"} & set(networkx_graphs())


def test_loops_and_repeats_are_dropped_and_said(tmp_path: Path) -> None:
    graph = load(tmp_path, "g.txt", "a b\na b\na b\nb c\nc c\nb a\n")
    assert named_edges(graph) == {("a", "b"), ("b", "a"), ("b", "c")}
    assert "dropped 1 self-loop: no length-2 path has one" in graph.notes
    assert "merged 2 duplicate edges" in graph.notes
    clean = load(tmp_path, "h.txt", "a b\nb c\n")
    assert not any("dropped" in note or "merged" in note for note in clean.notes)


def test_an_undirected_edge_given_both_ways_is_one_edge(tmp_path: Path) -> None:
    body = '<edge source="a" target="b"/><edge source="b" target="a"/><edge source="b" target="c"/>'
    graph = load(tmp_path, "g.graphml", f'<graphml><graph edgedefault="undirected">{body}</graph></graphml>')
    assert named_edges(graph) == {("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")}
    assert "merged 1 duplicate edge" in graph.notes


def test_labels_match_as_text_and_then_as_whole_numbers(tmp_path: Path) -> None:
    graph = load(tmp_path, "g.txt", "07 7\n7 b\n+4 b\n")
    assert [graph.labels[graph.find(label, "source")] for label in ("07", "7", "4", "004")] == ["07", "7", "+4", "+4"]
    with pytest.raises(InputError, match=r"target '007' is not one of the 4 vertices"):
        graph.find("007", "target")  # both 07 and 7 are that number
    with pytest.raises(InputError, match="'07'"):
        graph.find("0", "source")


FILES = {
    "missing.txt": (None, "neither a file"),
    "empty.txt": (b"", "empty"),
    "blank.csv": (b"\n# nothing\n", "empty"),
    "one.txt": (b"a b\nc\n", "line 2 is 'c'"),
    "commas.txt": (b"a,b\n", "name the file .csv"),
    "short.csv": (b"a,b\n\nc\n", "line 3 is 'c'"),
    "hole.csv": (b"a,b\nc,\n", "line 2 is 'c,'"),
    "quote.csv": (b'a,b\n"c"d,e\n', "line 2"),
    "junk.txt": (bytes(range(256)), "not UTF-8 text"),
    "zeros.txt": (b"a b\n\0\0\0\n", "binary data"),
    "two.txt": (b"a b\nb a\n", "2 vertices"),
    "loop.txt": (b"a a\n", "1 vertex"),
    "cut.graphml": (b"<graphml><graph>", "not well-formed XML"),
    "other.xml": (b"<svg/>", "without a <graph>"),
    "noid.graphml": (b"<graphml><graph>\n<node/></graph></graphml>", "line 2 is a <node> without id"),
    "noend.graphml": (b"<graphml><graph><edge source='a'/></graph></graphml>", "line 1 is a <edge> without target"),
    "hyper.graphml": (b"<graphml><graph><hyperedge/></graph></graphml>", "hyperedge"),
    "two.graphml": (b"<graphml><graph/><graph/></graphml>", "second or a nested graph"),
    "mixed.graphml": (
        b"<graphml><graph><edge source='a' target='b'/><edge source='b' target='a' directed='false'/>"
        b"</graph></graphml>",
        "directed and undirected",
    ),
    "codec.graphml": (b"<?xml version='1.0' encoding='no-such'?><graphml/>", "not well-formed XML"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    content, says = FILES[name]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        load_graph(str(path))
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    """A billion laughs and an external file: both need a document type, which is refused before anything grows."""
    lines = ["<!ENTITY a0 'ha'>", *(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 12))]
    for declaration in ("".join(lines), "<!ENTITY a11 SYSTEM 'file:///etc/passwd'>"):
        bomb = f"<!DOCTYPE g [{declaration}]><graphml><graph><node id='&a11;'/></graph></graphml>"
        with pytest.raises(InputError, match="declares a document type"):
            load(tmp_path, "bomb.graphml", bomb)


@pytest.mark.parametrize("spec", ["/dev/zero", "/", "", "karate", "null_graph", "graph_atlas_g", "x" * 5000, "a\0b"])
def test_what_is_no_graph_is_refused(spec: str) -> None:
    with pytest.raises(InputError) as refused:
        load_graph(spec)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_a_close_name_is_suggested() -> None:
    with pytest.raises(InputError, match="did you mean karate_club_graph"):
        load_graph("karate_club")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parrots.graphs.MAX_FILE_BYTES", 2**20)
    with pytest.raises(InputError, match="2 MiB: give a file of at most 1 MiB"):
        load(tmp_path, "g.txt", b"a b\n" * 2**19)


@given(EDGES)
def test_what_is_written_is_read_back(edges: list[tuple[str, str]]) -> None:
    assert parse_edge_list("".join(f"{u} {v}\n" for u, v in edges)).edges == edges
    table = io.StringIO()
    csv.writer(table).writerows([("source", "target"), *edges])
    assert parse_csv(table.getvalue()).edges == edges
    graph = nx.MultiDiGraph()
    graph.add_edges_from(edges)
    xml = "\n".join(nx.generate_graphml(graph))
    assert sorted(parse_graphml(xml.encode()).edges) == sorted(edges)


@given(st.one_of(st.binary(), st.text().map(str.encode), st.text('ab,;#"\t\n 01<>/&').map(str.encode)), st.data())
def test_any_bytes_are_read_or_refused_in_one_line(data: bytes, choice: st.DataObject) -> None:
    wrapped = b"<graphml><graph edgedefault='undirected'>" + data + b"</graph></graphml>"
    for parse, content in (
        (lambda b: parse_edge_list(decode(b)), data),
        (lambda b: parse_csv(decode(b)), data),
        (parse_graphml, choice.draw(st.sampled_from([data, wrapped]))),
    ):
        try:
            raw = parse(content)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert all(u and v for u, v in raw.edges)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30))
def test_a_loaded_graph_is_simple_and_has_all_its_vertices(edges: list[tuple[int, int]]) -> None:
    raw = RawGraph(directed=True, vertices=["0", "1", "2"], edges=[(str(u), str(v)) for u, v in edges])
    graph = simple_graph(raw, "test")
    assert named_edges(graph) == {(str(u), str(v)) for u, v in edges if u != v}
    assert len(np.unique(graph.edges, axis=0)) == len(graph.edges)
    assert set(graph.labels) == {"0", "1", "2"} | {str(vertex) for edge in edges for vertex in edge}
    assert set(graph.digraph().edges) == {tuple(edge) for edge in graph.edges.tolist()}
