"""A strict reader of HTML pages: elements must match, and each text is kept with the elements around it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    parents: list["Element"]


@dataclass
class Page(HTMLParser):
    """A parsed page: `elements` in order, `texts` with the open elements around each."""

    source: str
    elements: list[Element] = field(default_factory=list)
    texts: list[tuple[str, list[Element]]] = field(default_factory=list)

    def __post_init__(self):
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = []
        self.feed(self.source)
        self.close()
        assert not self.open, f"never closed: {[element.name for element in self.open]}"

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in {tag}: {attrs}"
        element = Element(tag, dict(attrs), list(self.open))
        self.elements.append(element)
        if tag not in ("meta", "br", "hr"):
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].name == tag, f"</{tag}> closes {self.open[-1].name}"
        self.open.pop()

    def handle_data(self, data):
        self.texts.append((data, list(self.open)))
