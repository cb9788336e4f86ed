# SPDX-License-Identifier: BSD-2-Clause
"""What viewers demand of the trace-event format: the members of each kind of event and their types,
names of tracks, begin and end balanced, and time that goes on in each track."""

import collections

NUMBER = (int, float)
ALL = {"ph": str, "name": str, "pid": int, "tid": int, "ts": NUMBER}
MORE = {"X": {"dur": NUMBER, "cat": str, "args": dict}, "M": {"args": dict}, "B": {}, "E": {}}
METADATA = ("process_name", "thread_name")


class Wrong(Exception):
    """The value says what, and with which event."""


def check(data):
    """Raises Wrong, or returns how many events there are."""
    last, spans, named = {}, collections.defaultdict(list), set()
    for event in data["traceEvents"]:
        check_members(event)
        track = event["pid"], event["tid"]
        if event["ph"] == "M":
            named.add((event["name"],) + track)
            continue
        if not all((name,) + track in named for name in METADATA[1:]):
            raise Wrong("the track has no name: %r" % event)
        if event["ts"] < last.get(track, 0):
            raise Wrong("time goes back: %r" % event)
        last[track] = event["ts"]
        follow(event, spans[track])
    if any(spans.values()):
        raise Wrong("what has begun does not end: %r" % dict(spans))
    return len(data["traceEvents"])


def check_members(event):
    members = {**ALL, **MORE.get(event.get("ph"), {"ph": None})}
    for name, kind in members.items():
        if kind is None or not isinstance(event.get(name), kind):
            raise Wrong("%s of %r" % (name, event))
    if set(event) != set(members):
        raise Wrong("more than is known: %r" % event)
    if event["ph"] == "M" and event["name"] not in METADATA:
        raise Wrong("metadata of no kind: %r" % event)
    if event["ts"] < 0 or event.get("dur", 0) < 0:
        raise Wrong("a time before 0: %r" % event)


def follow(event, stack):
    if event["ph"] == "B":
        stack.append(event["name"])
    elif event["ph"] == "E" and (not stack or stack.pop() != event["name"]):
        raise Wrong("what ends has not begun: %r" % event)
