"""How Sphinx makes the site. `build_site.py` gathers the sources; nothing is executed, and nothing is asked of a network."""

import pathlib

project, author, copyright = "devmemlab", "devmemlab contributors", "devmemlab contributors"
extensions = ["myst_nb", "sphinx.ext.napoleon"]
default_role = "code"
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_number_source_lines = False
suppress_warnings = ["mystnb.unknown_mime_type", "misc.highlighting_failure", "ref.python"]      # namesakes in different rooms

html_theme = "pydata_sphinx_theme"
html_title = "devmemlab"
html_static_path = [str(pathlib.Path(__file__).resolve().parent / "static")]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_show_sourcelink = html_copy_source = False
html_sidebars = {name: [] for name in ("index", "levels", "words", "errors", "elsewhere", "instructor")}
html_theme_options = {
    "show_prev_next": True,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 8,
    "navigation_depth": 2,
    "search_as_you_type": False,
}
