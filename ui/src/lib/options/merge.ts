/** Which columns several files have between them, and what goes into what. */
import type { ColumnProfileView } from '../contract/ColumnProfileView';

export interface MergeColumn {
  name: string;
  /** For each file, in order: the type there, or null where it has no such column. */
  types: (string | null)[];
  /** The column that it goes into, when not its own. */
  into: string;
}

/** The union of the files' columns by name, in the order in which they first appear. */
export function mergeColumns(files: Pick<ColumnProfileView, 'name' | 'type_name'>[][], map: [string, string][]): MergeColumn[] {
  const found = new Map<string, MergeColumn>();
  files.forEach((columns, at) => {
    for (const column of columns) {
      const row = found.get(column.name) ?? { name: column.name, types: files.map(() => null), into: '' };
      row.types[at] = column.type_name;
      found.set(column.name, row);
    }
  });
  for (const [from, to] of map) {
    const row = found.get(from);
    if (row) row.into = to;
  }
  return [...found.values()];
}

/** By position: the name of each file's column at each place; the first file's names are kept. */
export function positions(files: Pick<ColumnProfileView, 'name' | 'type_name'>[][]): { names: (string | null)[]; types: (string | null)[] }[] {
  const width = Math.max(0, ...files.map((f) => f.length));
  return Array.from({ length: width }, (_, i) => ({ names: files.map((f) => f[i]?.name ?? null), types: files.map((f) => f[i]?.type_name ?? null) }));
}

/** The map with `from` going into `to`; an empty `to`, or itself, takes it back. */
export function mapped(map: [string, string][], from: string, to: string): [string, string][] {
  const rest = map.filter(([name]) => name !== from);
  return to === '' || to === from ? rest : [...rest, [from, to]];
}
