/**
 * Where a view stands in a list that may be longer than a browser can scroll.
 * Browsers stop at some 16 to 33 million pixels; past MAX_PX the scroll bar stands
 * for a longer way than it is, and both ends of the one are the ends of the other.
 * All in pixels.
 */
export const MAX_PX = 10_000_000;

export interface Way {
  /** The whole list. */
  full: number;
  /** The view onto it. */
  room: number;
}

/** What the browser is told the list is long. */
export function sizerOf({ full }: Way): number {
  return Math.min(full, MAX_PX);
}

export function isScaled({ full }: Way): boolean {
  return full > MAX_PX;
}

export function maxTop({ full, room }: Way): number {
  return Math.max(0, full - room);
}

function maxBar(way: Way): number {
  return Math.max(0, sizerOf(way) - way.room);
}

/** Where the scroll bar stands for a place in the list. */
export function barOf(top: number, way: Way): number {
  if (!isScaled(way)) return top;
  const most = maxTop(way);
  return most === 0 ? 0 : (top / most) * maxBar(way);
}

/** The place in the list for where the scroll bar stands. */
export function topOf(bar: number, way: Way): number {
  if (!isScaled(way)) return bar;
  const most = maxBar(way);
  return most === 0 ? 0 : Math.min(maxTop(way), (bar / most) * maxTop(way));
}

/** The rows in view and `over` more on either side; last before first when there are none. */
export function span(top: number, room: number, rowHeight: number, count: number, over: number): { first: number; last: number } {
  return {
    first: Math.max(0, Math.floor(top / rowHeight) - over),
    last: Math.min(count - 1, Math.ceil((top + room) / rowHeight) + over),
  };
}

/**
 * Which row stands in a slot of a ring of `count`, when `first` is the first of them:
 * as `first` moves on, only the rows at the ends change their slot's content.
 */
export function ringed(slot: number, first: number, count: number): number {
  return count === 0 ? 0 : first + ((((slot - first) % count) + count) % count);
}

/** The least move that brings `from` to `to` into view. */
export function revealed(top: number, room: number, from: number, to: number): number {
  if (from < top) return from;
  return to > top + room ? to - room : top;
}
