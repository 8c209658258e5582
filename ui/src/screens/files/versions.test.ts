import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { demoTransport } from '../../lib/demo'; // eslint-disable-line no-restricted-imports
import type { FileVersionsView } from '../../lib/contract/FileVersionsView';
import type { FileView } from '../../lib/contract/FileView';
import { bucket } from '../../lib/state/bucket.svelte';
import { announce } from '../../lib/state/bus';
import * as shell from '../../lib/tauri';
import { subscribe, useTransport } from '../../lib/tauri';
import FileDetails from './FileDetails.svelte';
import VersionsDialog from './VersionsDialog.svelte';

let shown: Record<string, unknown> | null = null;
let closed = () => {};

/** Over the demo; `between` may hold an answer back, or give another. */
function over(options: string, between: (command: string, answer: () => Promise<unknown>) => Promise<unknown> = (_, answer) => answer()) {
  const transport = demoTransport(new URLSearchParams(`files=12&slow=0&quick=1&${options}`));
  const asked: { command: string; args: Record<string, unknown> }[] = [];
  useTransport({
    ...transport,
    invoke: (command, args) => {
      asked.push({ command, args: JSON.parse(JSON.stringify(args)) as Record<string, unknown> });
      return between(command, () => transport.invoke(command, args));
    },
  });
  let open = true;
  closed = () => (open = false);
  void subscribe({ event: (e) => open && announce(e), drag: () => {}, offered: () => {} });
  return (command: string) => asked.filter((a) => a.command === command).map((a) => a.args);
}

const onclose = vi.fn();

async function open(options: string, between?: Parameters<typeof over>[1], with_: Partial<FileView> = {}) {
  const of = over(options, between);
  const file = { ...(await shell.fileDetails(5)), ...with_ };
  shown = mount(VersionsDialog, { target: document.body, props: { file, onclose } });
  flushSync();
  return { of, file };
}

afterEach(async () => {
  if (shown) await unmount(shown);
  shown = null;
  closed();
  onclose.mockClear();
  bucket.clear();
  document.body.replaceChildren();
  useTransport(null);
});

const get = (id: string) => document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
const all = (id: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];
const find = (id: string) => vi.waitFor(() => get(id) ?? expect.fail(`no ${id}`), { interval: 5, timeout: 4_000 });
async function click(id: string) {
  (await find(id)).click();
  flushSync();
}
const said = (words: RegExp) => vi.waitFor(() => expect(get('versions-said')?.textContent).toMatch(words), { interval: 5, timeout: 4_000 });

const answer = (over: Partial<FileVersionsView>): FileVersionsView => ({ versions: [], looked_at: 16, remaining: 0, next: null, skipped_points: [], ...over });

describe('the earlier versions of a file', () => {
  it('are looked for to the end, what is known is not told again, and what could not be read is said', async () => {
    const { of, file } = await open('points=40');
    await said(/All 40 restore points were looked at/);
    const asked = of('file_versions');
    expect(asked.map((a) => a.olderThan === null)).toEqual([true, false, false]);
    expect(asked[0]).toMatchObject({ relativePath: file.relative_path, known: [file.sha256] });
    expect((asked[2]!.known as string[]).length).toBeGreaterThan((asked[1]!.known as string[]).length);
    expect(all('version')[0]!.textContent).toMatch(/from (Desk|Laptop).*MB.*Restore…/s);
    expect(get('versions-skipped')?.textContent).toMatch(/\d+ restore points could not be read/);
  });

  it('stop being looked for when told to, and go on from there', async () => {
    const held: (() => void)[] = [];
    const { of } = await open('points=40', (command, give) =>
      command === 'file_versions' ? new Promise((done) => held.push(() => done(give()))) : give(),
    );
    await vi.waitFor(() => expect(held.length).toBe(1));
    held[0]!();
    await said(/16 of 40/);
    await vi.waitFor(() => expect(held.length).toBe(2));
    await click('versions-stop');
    await said(/Stopped after 16 of 40/);
    // An answer that comes later is not waited for, nor asked on from.
    held[1]!();
    await new Promise((done) => setTimeout(done, 20));
    expect(of('file_versions').length).toBe(2);
    await click('versions-more');
    await vi.waitFor(() => expect(held.length).toBe(3));
    expect(of('file_versions')[2]!.olderThan).toBe(of('file_versions')[1]!.olderThan);
    held[2]!();
    await said(/32 of 40/);
  });

  it('are asked for no more once the dialog is gone', async () => {
    const held: (() => void)[] = [];
    const { of } = await open('points=40', (command, give) =>
      command === 'file_versions' ? new Promise((done) => held.push(() => done(give()))) : give(),
    );
    await vi.waitFor(() => expect(held.length).toBe(1));
    await unmount(shown!);
    shown = null;
    held[0]!();
    await new Promise((done) => setTimeout(done, 20));
    expect(of('file_versions').length).toBe(1);
  });

  it('come back by a plan first, as that one file of that one point', async () => {
    const { of, file } = await open('points=24');
    await said(/All 24/);
    const point = all('version')[1]!.dataset.point;
    all('version-restore')[1]!.click();
    flushSync();
    expect((await find('version-effect')).textContent).toMatch(/takes the place of the file that is here, which goes to the trash.*Nothing else is touched/s);
    expect(of('plan_restore')).toEqual([{ at: point, only: [], paths: [file.relative_path] }]);
    expect(of('run_restore')).toEqual([]);
    await click('version-run');
    await vi.waitFor(() => expect(onclose).toHaveBeenCalled());
    expect(of('run_restore')).toEqual([{ at: point, only: [], paths: [file.relative_path] }]);
  });

  it('stay as they are until asked: back from a plan is the list', async () => {
    const { of } = await open('points=24');
    await said(/All 24/);
    const many = all('version').length;
    all('version-restore')[0]!.click();
    flushSync();
    await click('version-back');
    expect(all('version').length).toBe(many);
    expect(of('run_restore')).toEqual([]);
  });

  it('are not restored where there is no room', async () => {
    await open('points=24', async (command, give) => (command === 'plan_restore' ? { ...((await give()) as object), bytes: 9e9, free_bytes: 1e9 } : give()));
    await said(/All 24/);
    all('version-restore')[0]!.click();
    flushSync();
    await vi.waitFor(() => expect(document.body.textContent).toContain('Free 8 GB first'));
    expect((get('version-run') as HTMLButtonElement).disabled).toBe(true);
  });

  it('may be none', async () => {
    await open('points=24', (command, give) => (command === 'file_versions' ? Promise.resolve(answer({})) : give()));
    expect((await find('versions-none')).textContent).toContain('None of them has other bytes');
  });

  it('hold what was lost here, too', async () => {
    const { of } = await open('points=24', undefined, { status: 'missing' });
    await said(/All 24/);
    expect(of('file_versions')[0]!.known).toEqual([]);
  });

  it('say why the bucket was not asked, and look again when told to', async () => {
    let refuse = true;
    const { of } = await open('points=24', (command, give) =>
      command === 'file_versions' && refuse ? Promise.reject({ code: 'network', message: 'Could not reach the bucket.', hint: 'Check the network.', retryable: true }) : give(),
    );
    expect((await find('versions-error')).textContent).toContain('Could not reach the bucket.');
    refuse = false;
    get('versions-error')!.querySelector('button')!.click();
    await said(/All 24/);
    expect(of('file_versions').length).toBe(3);
  });

  it('are asked for once a pause has ended', async () => {
    let paused = true;
    const { of } = await open('points=24', async (command, give) => {
      if (command === 'pause_transfers') paused = false;
      return command === 'transfer' ? { ...((await give()) as object), paused } : give();
    });
    await said(/Transfers are paused/);
    expect(of('file_versions')).toEqual([]);
    await click('versions-resume');
    await said(/All 24/);
  });
});

describe('the details of a file', () => {
  async function details(options: string, trash = false) {
    const of = over(options);
    await bucket.load();
    const file = await shell.fileDetails(5);
    shown = mount(FileDetails, { target: document.body, props: { file, trash, onclose } });
    flushSync();
    return of;
  }

  it('lead to its earlier versions', async () => {
    await details('points=24');
    await click('details-versions');
    expect((await find('versions-dialog')).textContent).toContain('Earlier versions of');
  });

  it('say in words what it was before it was edited in place', async () => {
    over('points=24');
    const revisions = [100, 200, 300, 4_000_000].map((size_bytes, n) => ({ sha256: `a${n}`, size_bytes, until: `2026-11-1${n}T08:00:00Z` }));
    const file = { ...(await shell.fileDetails(5)), metadata: { revisions } };
    shown = mount(FileDetails, { target: document.body, props: { file, trash: false, onclose } });
    flushSync();
    expect((await find('details-revisions')).textContent).toMatch(/^\s*4 MB until .*300 B until .*200 B until .*and 1 more\s*$/s);
    expect(get('details')?.textContent).not.toContain('sha256');
  });

  it('offer none without a bucket, in the trash, or while the backup is locked', async () => {
    for (const [options, trash] of [['backup=none', false], ['points=24', true], ['backup=locked', false]] as const) {
      const of = await details(options, trash);
      await new Promise((done) => setTimeout(done, 30));
      flushSync();
      expect(get('details'), options).not.toBeNull();
      expect(get('details-versions'), options).toBeNull();
      expect(of('file_versions')).toEqual([]);
      await unmount(shown!);
      shown = null;
      document.body.replaceChildren();
    }
  });
});
