# SPDX-License-Identifier: BSD-2-Clause
"""Pictures as parts of the page: what is one document's own must not reach the others.

Names are made unique, the rules of a style sheet are confined to the picture, and what they say for
a dark scheme follows the page's switch. Scripts, foreign content and references that leave the file
are refused.
"""

import re
import xml.etree.ElementTree as ET

from . import Trouble

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
FORBIDDEN = {"script", "foreignObject", "image", "iframe"}
DARK = re.compile(r"@media[^{]*prefers-color-scheme:\s*dark[^{]*\{((?:[^{}]*\{[^{}]*\})*)\s*\}")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")

ET.register_namespace("", SVG)


def inline(text, ident, title, description=""):
    """An SVG document as an element with this id, which a reader of screens knows by its title."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise Trouble("%s is no SVG: %s" % (title, error)) from error
    if root.tag != "{%s}svg" % SVG:
        raise Trouble("%s is no SVG: its first element is %s" % (title, root.tag))
    for node in root.iter():
        check(node, title)
        rename(node, ident)
    for style in root.iter("{%s}style" % SVG):
        style.text = confine(style.text or "", "#" + ident)
    describe(root, ident, title, description)
    return ET.tostring(root, encoding="unicode")


def check(node, title):
    name = node.tag.rpartition("}")[2]
    if name in FORBIDDEN or any(key.lower().startswith("on") for key in node.attrib):
        raise Trouble("%s has a <%s> in it, which may do something: the report takes pictures only"
                      % (title, name))
    for key in (XLINK, "href"):
        if not node.get(key, "#").startswith("#"):
            raise Trouble("%s refers to %s, outside the report" % (title, node.get(key)))
    if name == "style" and re.search(r"@import|url\(\s*['\"]?(?!#)", node.text or ""):
        raise Trouble("%s has a style that refers to another file" % title)


def rename(node, prefix):
    """ids, and what refers to them."""
    if node.get("id"):
        node.set("id", "%s-%s" % (prefix, node.get("id")))
    for key, value in list(node.attrib.items()):
        if key in (XLINK, "href") and value.startswith("#"):
            node.attrib.pop(key)
            node.set("href", "#%s-%s" % (prefix, value[1:]))
        elif "url(#" in value:
            node.set(key, value.replace("url(#", "url(#%s-" % prefix))


def describe(root, ident, title, description):
    for name in ("title", "desc"):
        for old in root.findall("{%s}%s" % (SVG, name)):
            root.remove(old)
    for name, words in (("desc", description), ("title", title)):
        if words:
            node = ET.Element("{%s}%s" % (SVG, name), {"id": "%s-%s" % (ident, name)})
            node.text = words
            root.insert(0, node)
    for name in ("aria-label", "width", "height"):
        root.attrib.pop(name, None)
    root.set("id", ident)
    root.set("role", "img")
    root.set("aria-labelledby", ident + "-title" + (" %s-desc" % ident if description else ""))


def confine(css, scope):
    """A flat style sheet, with at most one level of @media for a dark scheme."""
    dark = [match[1] for match in DARK.finditer(css)]
    light = DARK.sub("", css)
    lines = rules(light, scope)
    for part in dark:
        lines += ["@media screen and (prefers-color-scheme: dark) {"]
        lines += rules(part, ":root:not([data-theme=light]) " + scope)
        lines += ["}", "@media screen {"] + rules(part, ":root[data-theme=dark] " + scope) + ["}"]
    return "\n".join(lines)


def rules(css, scope):
    found = []
    for selectors, body in RULE.findall(css):
        names = [name.strip() for name in selectors.split(",")]
        found.append("%s {%s}" % (", ".join(scoped(name, scope) for name in names), body.strip()))
    return found


def scoped(selector, scope):
    """`svg` itself is the element that has the id."""
    return scope + selector[3:] if re.match(r"svg\b", selector) else "%s %s" % (scope, selector)
