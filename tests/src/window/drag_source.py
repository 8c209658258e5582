"""A window in the corner of the screen whose contents can be dragged away: the files named as
arguments. Says `at X Y`, where to press, then `dropped` or `cancelled`, and ends."""

import pathlib
import sys

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk

URIS = [pathlib.Path(path).absolute().as_uri() for path in sys.argv[1:]]
outcome = "dropped"


def say(text):
    print(text, flush=True)


def offer(_widget, _context, selection, _info, _time):
    selection.set_uris(URIS)


def failed(_widget, _context, _result):
    global outcome
    outcome = "cancelled"
    return False


def ended(_widget, _context):
    say(outcome)
    # The other side may still be asking for the data.
    GLib.timeout_add(300, Gtk.main_quit)


def ready():
    _, x, y = box.get_window().get_origin()
    say(f"at {x + 50} {y + 30}")
    return False


window = Gtk.Window(title="Files")
window.set_decorated(False)
window.set_keep_above(True)
window.set_default_size(100, 60)
window.move(0, 0)
box = Gtk.EventBox()
box.add(Gtk.Label(label="Files"))
window.add(box)
box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
box.drag_source_add_uri_targets()
box.connect("drag-data-get", offer)
box.connect("drag-failed", failed)
box.connect("drag-end", ended)
window.show_all()
# Placed and painted by then; pressing earlier would miss.
GLib.timeout_add(300, ready)
Gtk.main()
