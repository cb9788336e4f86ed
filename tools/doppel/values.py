# SPDX-License-Identifier: BSD-2-Clause
"""Values of properties in a description, and the sentences for those that are none."""

import re

from . import Refusal, sizes

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
NAME_RULE = "use 1 to 31 of a-z, 0-9 and -, the first not -"


def cell(node, name, place, default=None):
    if name not in node.props:
        return default
    value = node.props[name]
    if len(value) != 4:
        raise Refusal("%s is not one number: write it as %s = <1>;" % (place.named(name), name))
    return int.from_bytes(value, "big")


def string(node, name, place, default=None):
    if name not in node.props:
        return default
    value = node.props[name]
    if value.count(b"\0") != 1 or not value.endswith(b"\0"):
        raise Refusal("%s is not one string: write it as %s = \"...\";" % (place.named(name), name))
    return _text(value[:-1], name, place)


def strings(node, name, place):
    """The strings of a list; none when the property is missing."""
    if name not in node.props:
        return []
    value = node.props[name]
    if not value.endswith(b"\0"):
        raise Refusal("%s is no list of strings: write it as %s = \"...\", \"...\";"
                      % (place.named(name), name))
    return [_text(part, name, place) for part in value[:-1].split(b"\0")]


def flag(node, name, place):
    if node.props.get(name):
        raise Refusal("%s has a value: write \"%s;\" alone" % (place.named(name), name))
    return name in node.props


def size(node, name, place, low, high):
    """Bytes, or None when the property is missing."""
    text = string(node, name, place)
    if text is None:
        return None
    value = sizes.parse(text, place.named(name))
    if not low <= value <= high:
        raise Refusal("%s of %s is out of range: give %s to %s"
                      % (place.named(name), text, sizes.text(low), sizes.text(high)))
    return value


def refuse_unknown(node, known, place):
    for name in node.props:
        if name not in known:
            raise Refusal("%s is an unknown property: known are %s"
                          % (place.named(name), ", ".join(known)))


def _text(value, name, place):
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refusal("%s is not UTF-8 text: correct it" % place.named(name))
