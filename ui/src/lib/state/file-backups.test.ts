import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FileBackup } from '../contract/FileBackup';
import type { FileContent } from '../contract/FileContent';
import type { FileView } from '../contract/FileView';
import { DemoCatalog } from '../demo/catalog'; // eslint-disable-line no-restricted-imports
import { useTransport } from '../tauri';
import { announce } from './bus';
import { FileBackups } from './file-backups.svelte';

afterEach(() => useTransport(null));

/** A shell that only says what the last point has. */
function serve(state: (file: FileContent) => FileBackup | null) {
  const asked: FileContent[][] = [];
  useTransport({
    invoke: async (command, args) => {
      if (command !== 'file_backups') throw new Error(command);
      const files = args.files as FileContent[];
      asked.push(files);
      const states = files.map(state);
      return states.includes(null) ? null : { point: '7', created_at: '2026-11-21T09:00:00Z', files: states };
    },
    listen: async () => () => {},
  });
  return asked;
}

const page = (offset: number): FileView[] => new DemoCatalog(1_000_000, 0).page({ file_type: null, search: null, sort: 'added', reverse: false, offset, limit: 200, trash: false }).files;
const eventually = (check: () => void) => vi.waitFor(check, { interval: 2, timeout: 2_000 });

describe('what the last point has of the files in view', () => {
  it('is asked for a block at once, and once, however many of its rows are drawn', async () => {
    const asked = serve((f) => (f.relative_path.length % 2 ? 'changed' : 'backed_up'));
    const backups = new FileBackups();
    const [one, two] = [page(0), page(999_800)];
    for (let i = 0; i < 40; i += 1) expect(backups.of(one, i)).toBeUndefined();
    await eventually(() => expect(backups.of(one, 0)).toBeDefined());
    for (let i = 0; i < 40; i += 1) expect(backups.of(one, i)).toBe(one[i]!.relative_path.length % 2 ? 'changed' : 'backed_up');
    expect(asked.map((files) => files.length)).toEqual([200]);
    expect(asked[0]![7]).toEqual({ relative_path: one[7]!.relative_path, sha256: one[7]!.sha256 });
    backups.of(two, 0);
    await eventually(() => expect(asked.length).toBe(2));
  });

  it('is asked again after a backup, and stays in view meanwhile', async () => {
    let now: FileBackup = 'not_yet';
    const asked = serve(() => now);
    const backups = new FileBackups();
    const files = page(0);
    backups.of(files, 0);
    await eventually(() => expect(backups.of(files, 0)).toBe('not_yet'));
    now = 'backed_up';
    announce({ type: 'backup' });
    await eventually(() => {
      const said = backups.of(files, 0);
      expect(['not_yet', 'backed_up']).toContain(said);
      expect(said).toBe('backed_up');
    });
    expect(asked.length).toBe(2);
  });

  it('says nothing without a bucket', async () => {
    const asked = serve(() => null);
    const backups = new FileBackups();
    const files = page(0);
    backups.of(files, 0);
    await eventually(() => expect(asked.length).toBe(1));
    expect(backups.of(files, 0)).toBeUndefined();
  });
});
