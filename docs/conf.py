"""Configuration of the pages: no network is used, neither to build nor to read them."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from inventories import write_inventories  # noqa: E402
from local_mathjax import copy_mathjax  # noqa: E402

GENERATED = HERE / "_static" / "generated"
copy_mathjax(GENERATED)

project = "mixture-of-parrots"
copyright = "the mixture-of-parrots authors"
version = release = installed_version("mixture-of-parrots")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_proof",
    "sphinxcontrib.bibtex",
    "sphinx_copybutton",
    "api_pages",
    "audit_tables",
    "command_output",
    "drawn_bounds",
    "explore_page",
    "math_lint",
    "registry_tables",
    "result_panels",
    "settings_tables",
    "statement_card",
]
exclude_patterns = ["_build", "_ext", "_static", "results"]
default_role = "mention"
nitpicky = True
numfig = math_numfig = True
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = "Mixture of parrots"
html_static_path = ["_static"]
html_css_files = ["site.css", "explore/explore.css"]
html_show_sourcelink = False
html_copy_source = False
html_domain_indices = False

mathjax_path = f"generated/{copy_mathjax(GENERATED).name}"
mathjax_options = {"defer": "defer"}
# Without these two packages an unknown macro or bad TeX becomes an error node that the page test finds.
mathjax3_config = {"tex": {"packages": {"[-]": ["noundefined", "noerrors"]}}}

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

toc_object_entries = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_use_type_comments = False
autodoc_type_aliases = {"NDArray": "NDArray", "ArrayLike": "ArrayLike"}
nitpick_ignore_regex = [
    # Names of other projects that our small inventories lack are printed without a link; our own must all resolve.
    ("py:.*", r"(distributed|matplotlib|numpy|pyarrow|rich|sqlite3|sympy|torch|tyro)\..*"),
    # dask's Client is imported for type checkers only; tyro's Positional[X] is printed as an alias of Annotated.
    ("py:class", r"Client|Positional|(\w+\.)*Annotated"),
    # Private base classes are named by those who derive from them, and have no entry.
    ("py:class", r"([\w.]+\.)?_\w+"),
    # Type variables.
    ("py:class", r"([\w.]+\.)?[A-Z]|parrots\.checkpoint\.Config|parrots\.decoder\.ensemble\.Result"),
]

intersphinx_mapping = write_inventories(GENERATED)
