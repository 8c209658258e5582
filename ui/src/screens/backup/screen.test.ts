import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { demoTransport } from '../../lib/demo'; // eslint-disable-line no-restricted-imports
import { announce } from '../../lib/state/bus';
import { jobs } from '../../lib/state/jobs.svelte';
import { route } from '../../lib/state/route.svelte';
import { session } from '../../lib/state/session.svelte';
import * as shell from '../../lib/tauri';
import { subscribe, useTransport } from '../../lib/tauri';
import Backup from './Backup.svelte';

let screen: Record<string, unknown> | null = null;
let closed = () => {};

/** The screen over the demo, and all that it asks of the shell. */
function open(options: string, detail = '', quick = 'quick=1&') {
  const transport = demoTransport(new URLSearchParams(`files=3&slow=0&${quick}${options}`));
  const asked: { command: string; args: Record<string, unknown> }[] = [];
  useTransport({
    ...transport,
    invoke: (command, args) => {
      asked.push({ command, args: JSON.parse(JSON.stringify(args)) as Record<string, unknown> });
      return transport.invoke(command, args);
    },
  });
  let open = true;
  // The last test's shell may still have work under way; it is not this one's.
  closed = () => (open = false);
  void subscribe({ event: (e) => open && announce(e), drag: () => {}, offered: () => {} });
  route.go('backup', detail);
  screen = mount(Backup, { target: document.body });
  return { asked, of: (command: string) => asked.filter((a) => a.command === command).map((a) => a.args) };
}

afterEach(async () => {
  if (screen) await unmount(screen);
  screen = null;
  closed();
  jobs.clear();
  document.body.replaceChildren();
  useTransport(null);
});

const get = (id: string) => document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
const find = (id: string) => vi.waitFor(() => get(id) ?? expect.fail(`no ${id}`), { interval: 5, timeout: 4_000 });
async function click(id: string) {
  (await find(id)).click();
  flushSync();
}
async function type(id: string, text: string) {
  const input = (await find(id)) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  flushSync();
}
/** Chooses in a list. The test's DOM finds no chosen option by `:checked`, as a browser does. */
function pick(list: HTMLSelectElement, value: string) {
  list.value = value;
  list.querySelector = ((query: string) => (query === ':checked' ? list.options[list.selectedIndex] : list.ownerDocument.querySelector(query))) as typeof list.querySelector;
  list.dispatchEvent(new Event('change', { bubbles: true }));
  flushSync();
}
const able = (id: string) => vi.waitFor(() => expect((get(id) as HTMLButtonElement | null)?.disabled).toBe(false), { interval: 5, timeout: 4_000 });

describe('the backup screen', () => {
  it('stands while the bucket cannot be reached, and says what is known without it', async () => {
    open('backup=offline');
    expect((await find('backup-offline')).textContent).toContain('Everything else works');
    expect(get('backup-proven')?.textContent).toBe('Proven restorable');
    expect((get('restore-latest') as HTMLButtonElement).disabled).toBe(true);
  });

  it('has the drill beside the words that ask for it', async () => {
    const { of } = open('backup=unproven');
    expect((await find('backup-headline')).textContent).toBe('Backed up, not proven yet');
    await able('backup-drill');
    await click('backup-drill');
    await vi.waitFor(() => expect(get('backup-proven')?.textContent).toBe('Proven restorable'), { interval: 5, timeout: 4_000 });
    expect(of('drill_backup').length).toBe(1);
    expect(get('backup-drill')).toBeNull();
  });

  it('asks before a backup leaves out what was deleted in masses', async () => {
    const { of } = open('backup=mass');
    await find('backup-mass-delete');
    await click('backup-run');
    expect((await find('mass-dialog')).textContent).toContain('1,204 of 1,284 files');
    expect(of('run_backup')).toEqual([]);
    await click('mass-confirm');
    await vi.waitFor(() => expect(of('run_backup')).toEqual([{ confirmRemovals: true }]));
  });

  it('says why a backup broke off, what is kept, and goes on when told to', async () => {
    const { of } = open('backup=failed');
    await able('backup-run');
    await click('backup-run');
    expect((await find('backup-stopped')).textContent).toMatch(/Could not reach.*Check the network.*What was sent is kept/s);
    await click('backup-again');
    await vi.waitFor(() => expect(of('run_backup').length).toBe(2));
  });

  it('shows exactly what a restore would do before it does anything', async () => {
    const { of } = open('backup=some');
    await able('restore-latest');
    await click('restore-latest');
    expect((await find('restore-new')).textContent).toContain('35');
    expect(get('restore-differing')?.textContent).toContain('yours go to the trash');
    await click('restore-some');
    expect((get('restore-run') as HTMLButtonElement).disabled).toBe(true);
    await type('restore-which', 'summary');
    await vi.waitFor(() => expect(get('restore-run')?.textContent).toContain('Restore 1 file'), { interval: 5, timeout: 4_000 });
    expect(of('run_restore')).toEqual([]);
    await click('restore-run');
    await vi.waitFor(() => expect(of('run_restore')).toMatchObject([{ only: ['**/*summary*'], paths: [] }]));
    // Not pinned to the point that was shown: with it come the points of other devices.
    expect(of('run_restore')[0]!.at).toBeNull();
  });

  it('runs nothing that was not shown, though a newer point was made meanwhile', async () => {
    const { of } = open('backup=some');
    await able('restore-latest');
    await click('restore-latest');
    await find('restore-run');
    await shell.runBackup();
    await vi.waitFor(() => expect(jobs.finished.length).toBeGreaterThan(0));
    await click('restore-run');
    expect((await find('restore-newer')).textContent).toContain('A newer restore point was made meanwhile');
    expect(of('run_restore')).toEqual([]);
    await able('restore-run');
    await click('restore-run');
    await vi.waitFor(() => expect(of('run_restore')).toMatchObject([{ at: null, only: [], paths: [] }]));
  });

  it('leads to the form where the keys of the bucket are missing', async () => {
    open('backup=keyless');
    expect((await find('backup-bucket-error')).textContent).toContain('The keys of the bucket are not held');
    await click('backup-enter-keys');
    expect(await find('backup-access-key')).toBeTruthy();
  });

  it('goes back to the very point that was chosen', async () => {
    const { of } = open('backup=some');
    (await vi.waitFor(() => document.querySelectorAll<HTMLElement>('[data-testid="restore-point"]')[1] ?? expect.fail('no second point'))).click();
    flushSync();
    const id = (await find('point-details')).dataset.id;
    await able('restore-from');
    await click('restore-from');
    await click('restore-run');
    await vi.waitFor(() => expect(of('run_restore')).toMatchObject([{ at: id }]));
  });

  it('refuses a restore that does not fit', async () => {
    open('backup=full');
    await able('restore-latest');
    await click('restore-latest');
    expect((await find('restore-plan')).textContent).toContain('first, or restore some files');
    expect((get('restore-run') as HTMLButtonElement).disabled).toBe(true);
  });

  it('takes a restore back only when asked twice', async () => {
    const { of } = open('backup=undo');
    await click('restore-undo-run');
    expect((await find('undo-dialog')).textContent).toContain('12 files that came back go to the trash');
    expect(of('undo_restore')).toEqual([]);
    await click('undo-confirm');
    await vi.waitFor(() => expect(of('undo_restore').length).toBe(1));
  });

  it('opens the plan for a file that asked for itself', async () => {
    const { of } = open('backup=some', 'restore:archive/2023/a: b.csv');
    await find('restore-dialog');
    expect(of('plan_restore').at(-1)).toMatchObject({ at: null, paths: ['archive/2023/a: b.csv'] });
  });
});

describe('the keys of a bucket', () => {
  it('go in, and nothing of them stays in the page', async () => {
    const { asked } = open('backup=none');
    await type('backup-bucket-name', 'acme-redline');
    await type('backup-region', 'eu-central-1');
    await type('backup-access-key', 'AKIAEXAMPLE');
    await type('backup-secret-key', 'hunter2-secret');
    await able('backup-save');
    (await find('backup-form')).dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    await find('backup-status');
    // The news may be here before the answer.
    await vi.waitFor(() => expect(asked.filter((a) => a.command === 'backup_status').length).toBeGreaterThan(1), { interval: 5, timeout: 4_000 });
    expect(asked.filter((a) => JSON.stringify(a.args).includes('hunter2')).map((a) => a.command)).toEqual(['set_bucket']);
    expect(document.body.innerHTML).not.toContain('hunter2');
    await click('backup-view-bucket');
    route.go('backup', 'bucket');
    flushSync();
    await click('backup-edit');
    expect((await find('backup-secret-key') as HTMLInputElement).value).toBe('');
    expect((get('backup-secret-key') as HTMLInputElement).placeholder).toContain('Held');
    // Unchanged, they are not sent again: null keeps the ones that are held.
    (await find('backup-form')).dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    await vi.waitFor(() => expect(asked.filter((a) => a.command === 'set_bucket').at(-1)?.args).toMatchObject({ setup: { access_key: null, secret_key: null } }));
  });

  it('can come from an AWS profile, of which the name alone goes in', async () => {
    const { of } = open('backup=none');
    await type('backup-bucket-name', 'acme-redline');
    expect(of('aws_profiles'), 'the files are read when asked for').toEqual([]);
    await click('backup-keys-profile');
    const choice = (await find('backup-profile')) as HTMLSelectElement;
    expect([...choice.options].map((o) => o.value)).toEqual(['default', 'lab', 'work']);
    expect(get('backup-access-key')).toBeNull();
    expect((get('backup-region') as HTMLInputElement).value).toBe('eu-central-1');
    pick(choice, 'work');
    await able('backup-save');
    (await find('backup-form')).dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    await find('backup-status');
    expect(of('set_bucket')).toMatchObject([{ setup: { aws_profile: 'work', access_key: null, secret_key: null, region: 'eu-west-1' } }]);
    route.go('backup', 'bucket');
    flushSync();
    expect((await find('bucket-connection')).textContent).toContain('AWS profile work');
    await click('backup-edit');
    await vi.waitFor(() => expect((get('backup-profile') as HTMLSelectElement | null)?.value).toBe('work'));
  });

  it('of a profile for another server show that server', async () => {
    open('backup=none');
    await click('backup-keys-profile');
    const choice = (await find('backup-profile')) as HTMLSelectElement;
    pick(choice, 'lab');
    expect(((await find('backup-endpoint')) as HTMLInputElement).value).toBe('https://minio.lab.example:9000');
    pick(choice, 'work');
    expect(get('backup-endpoint'), 'the keys of one are not sent to the other’s server').toBeNull();
    expect((get('backup-region') as HTMLInputElement).value).toBe('eu-west-1');
  });

  it('of profiles that cannot be read are told why, and can be entered still', async () => {
    open('backup=none&aws=broken');
    await click('backup-keys-profile');
    expect((await find('backup-profiles-error')).textContent).toContain('line 3');
    expect((get('backup-save') as HTMLButtonElement).disabled).toBe(true);
    await click('backup-keys');
    expect(await find('backup-access-key')).toBeTruthy();
  });

  it('say so where there is no profile', async () => {
    open('backup=none&aws=none');
    await click('backup-keys-profile');
    expect((await find('backup-profiles-none')).textContent).toContain('aws configure');
  });

  it('of a .env file never come into the page at all', async () => {
    const { asked } = open('backup=none');
    await click('backup-env');
    await find('backup-status');
    expect(asked.filter((a) => a.command.startsWith('set_bucket')).map((a) => [a.command, a.args])).toEqual([['set_bucket_from_env', {}]]);
  });

  it('that lack a right are told which, and nothing is saved', async () => {
    open('backup=none');
    for (const [id, text] of [['bucket-name', 'denied'], ['region', 'eu-central-1'], ['access-key', 'a'], ['secret-key', 'b']] as const) await type(`backup-${id}`, text);
    (await find('backup-form')).dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    expect((await find('backup-missing')).textContent).toMatch(/s3:GetObject\s*,\s*s3:ListBucket/);
    expect(get('backup-missing')?.textContent).not.toContain('s3:DeleteObject');
    expect(get('backup-status')).toBeNull();
  });
});

describe('keep rules', () => {
  it('show what they would drop before they can be put in force', async () => {
    const { of } = open('backup=some&points=100', 'keep');
    await click('retention-rules');
    expect((get('retention-save') as HTMLButtonElement).disabled).toBe(true);
    expect((await find('retention-plan')).dataset.dropped).not.toBe('0');
    await able('retention-save');
    expect(get('retention-save')?.textContent).toMatch(/Use these rules, drop \d+/);
    expect(of('set_retention')).toEqual([]);
    await type('retention-last', 'x');
    expect(get('retention-save') as HTMLButtonElement).toHaveProperty('disabled', true);
    await type('retention-last', '5');
    await able('retention-save');
    await click('retention-save');
    await vi.waitFor(() => expect(of('set_retention')).toMatchObject([{ rules: { last: 5, daily: 14 } }]));
  });
});

describe('the bucket’s own rules', () => {
  it('change only after what it means was shown, and an empty rule is taken out', async () => {
    const { of } = open('backup=rules', 'bucket');
    await click('own-rule-open');
    await vi.waitFor(() => expect(get('own-rule-effects')?.textContent).toContain('Restore points do not change'), { interval: 5, timeout: 4_000 });
    await type('own-rule-abort', 'soon');
    expect((get('own-rule-save') as HTMLButtonElement).disabled).toBe(true);
    for (const id of ['own-rule-abort', 'own-rule-archive', 'own-rule-expire']) await type(id, '');
    await able('own-rule-save');
    expect(get('own-rule-save')?.textContent).toContain('Remove the rule');
    expect(of('set_own_rule')).toEqual([]);
    await click('own-rule-save');
    await vi.waitFor(() => expect(of('set_own_rule')).toEqual([{ rule: null }]));
  });

  it('keep versions only once that was confirmed', async () => {
    const { of } = open('backup=some', 'bucket');
    await click('versioning-on');
    expect((await find('versioning-dialog')).textContent).toContain('no way back');
    expect(of('set_versioning')).toEqual([]);
    await click('versioning-confirm');
    await vi.waitFor(() => expect(get('bucket-versioning')?.dataset.state).toBe('on'), { interval: 5, timeout: 4_000 });
  });
});

describe('transfers', () => {
  const eventually = (check: () => void) => vi.waitFor(check, { interval: 5, timeout: 4_000 });

  it('pause and go on as one and the same backup, and nothing asks the bucket in between', async () => {
    const { asked, of } = open('backup=some', '', '');
    await able('backup-run');
    await click('backup-run');
    await find('backup-pause');
    const from = asked.length;
    await click('backup-pause');
    expect((await find('backup-paused')).textContent).toContain('nothing new begins');
    const job = jobs.running[0]!;
    const before = job.bytes_done;
    // Longer than the screen waits before it asks again.
    await new Promise((resolve) => setTimeout(resolve, 800));
    const bucket = ['plan_backup', 'restore_points'];
    expect(asked.slice(from).filter((a) => bucket.includes(a.command))).toEqual([]);
    expect(asked.slice(from).some((a) => a.command === 'backup_status')).toBe(true);
    expect(jobs.get(job.id)).toMatchObject({ state: 'running', bytes_done: before });
    expect((get('restore-latest') as HTMLButtonElement).disabled).toBe(true);
    await click('backup-resume');
    await find('backup-pause');
    await eventually(() => expect(asked.slice(from).filter((a) => bucket.includes(a.command)).length).toBe(2));
    expect(of('pause_transfers')).toEqual([{ paused: true }, { paused: false }]);
    expect([of('run_backup').length, of('cancel_job').length]).toEqual([1, 0]);
    expect(jobs.running.map((j) => j.id)).toEqual([job.id]);
  });

  it('that are paused are the reason that pages give for standing still, and the way on is there', async () => {
    const { asked, of } = open('backup=rules');
    await able('backup-run');
    await shell.pauseTransfers(true);
    for (const [view, said] of [['proof', 'none begins'], ['keep', 'worked out once you resume'], ['bucket', 'are read once you resume']] as const) {
      route.go('backup', view);
      flushSync();
      await eventually(() => expect(get('backup-held')?.textContent).toContain('Transfers are paused'));
      expect(get('backup-held')?.textContent).toContain(said);
      expect((get(view === 'proof' ? 'proof-run' : view === 'keep' ? 'backup-run' : 'backup-probe') as HTMLButtonElement).disabled).toBe(true);
    }
    // Longer than any page waits before it asks.
    await new Promise((resolve) => setTimeout(resolve, 400));
    const bucket = ['plan_retention', 'bucket_rules', 'encryption'];
    expect(asked.filter((a) => bucket.includes(a.command))).toEqual([]);
    await click('backup-held-resume');
    await find('bucket-versioning');
    expect(get('backup-held')).toBeNull();
    expect(of('pause_transfers').at(-1)).toEqual({ paused: false });
  });

  it('that are cancelled while paused do not stay held back', async () => {
    const { asked } = open('backup=some', '', '');
    await able('backup-run');
    await click('backup-run');
    await click('backup-pause');
    await find('backup-paused');
    await click('backup-cancel');
    await eventually(() => expect(asked.filter((a) => a.command === 'cancel_job' || a.command === 'pause_transfers').map((a) => a.args.paused ?? a.command)).toEqual([true, 'cancel_job', false]));
    await eventually(() => expect(get('backup-paused')).toBeNull());
  });

  it('by themselves and their limit are settings, saved one at a time', async () => {
    const { of } = open('backup=some', 'bucket');
    await session.load();
    await find('transfers');
    expect(get('automatic-switch')?.getAttribute('aria-checked')).toBe('true');
    await click('automatic-switch');
    await eventually(() => expect(get('automatic-switch')?.getAttribute('aria-checked')).toBe('false'));
    expect(get('limit-save')).toBeNull();
    await click('limit-some');
    await type('limit-rate', '0');
    expect((get('limit-save') as HTMLButtonElement).disabled).toBe(true);
    await type('limit-rate', '2.5');
    await able('limit-save');
    await click('limit-save');
    await eventually(() => expect(get('limit-save')).toBeNull());
    expect((get('limit-rate') as HTMLInputElement).value).toBe('2.5');
    await click('limit-none');
    await click('limit-save');
    await eventually(() => expect(get('limit-save')).toBeNull());
    const saved = of('save_settings').map((a) => a.settings as { auto_backup: boolean; bandwidth_limit: number | null });
    expect(saved.map((s) => [s.auto_backup, s.bandwidth_limit])).toEqual([[false, null], [false, 2_500_000], [false, null]]);
  });

  it('say why the last automatic backup did not go through', async () => {
    open('backup=failed');
    const said = (await find('backup-automatic')).textContent;
    expect(said).toContain('Could not reach');
    expect(said).toMatch(/Tried again (today|tomorrow|\d)/);
  });
});

describe('encryption before sending', () => {
  const SECRET = 'four plain words here';
  const send = (form: string) => document.querySelector(form)!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
  const eventually = (check: () => void) => vi.waitFor(check, { interval: 5, timeout: 4_000 });

  it('is chosen at set-up: what it costs first, then a passphrase twice, then with the bucket in one step', async () => {
    const { of } = open('backup=none');
    await type('backup-bucket-name', 'acme-redline');
    await type('backup-region', 'eu-central-1');
    await type('backup-access-key', 'AKIA');
    await type('backup-secret-key', 'secret');
    await able('backup-save');
    await click('backup-encrypt-open');
    await click('backup-encrypt-on');
    expect((await find('backup-encrypt-costs')).textContent).toContain('loses the backup');
    await eventually(() => expect((get('backup-save') as HTMLButtonElement).disabled).toBe(true));
    await type('passphrase', 'short');
    await type('passphrase-again', 'short');
    expect((get('backup-save') as HTMLButtonElement).disabled).toBe(true);
    await type('passphrase', SECRET);
    await type('passphrase-again', `${SECRET}s`);
    expect((get('backup-save') as HTMLButtonElement).disabled).toBe(true);
    await type('passphrase-again', SECRET);
    await able('backup-save');
    // Whoever thinks better of it sends no passphrase.
    await click('backup-encrypt-off');
    await able('backup-save');
    await click('backup-encrypt-on');
    expect((get('backup-save') as HTMLButtonElement).disabled).toBe(true);
    await type('passphrase', SECRET);
    await type('passphrase-again', SECRET);
    await able('backup-save');
    send('[data-testid=backup-form]');
    await eventually(() => expect(of('set_bucket').length).toBe(1));
    expect(of('set_bucket')[0]).toMatchObject({ setup: { bucket: 'acme-redline', recovery_passphrase: SECRET } });
    expect(of('turn_on_encryption')).toEqual([]);
    await find('backup-status');
    expect(document.body.innerHTML).not.toContain(SECRET);
  });

  it('is off at set-up unless it is asked for', async () => {
    const { of } = open('backup=none');
    await type('backup-bucket-name', 'acme-redline');
    await type('backup-region', 'eu-central-1');
    await type('backup-access-key', 'AKIA');
    await type('backup-secret-key', 'secret');
    await able('backup-save');
    send('[data-testid=backup-form]');
    await eventually(() => expect(of('set_bucket')).toMatchObject([{ setup: { recovery_passphrase: null } }]));
  });

  it('says later what it costs, and takes a passphrase twice before anything changes', async () => {
    const { of } = open('backup=first', 'bucket');
    await eventually(() => expect(get('encryption')?.textContent).toContain('loses the backup'));
    await click('encryption-on');
    await type('passphrase', SECRET);
    await type('passphrase-again', 'four plain words');
    expect((get('encryption-confirm') as HTMLButtonElement).disabled).toBe(true);
    await type('passphrase-again', SECRET);
    await able('encryption-confirm');
    send('#encryption-form');
    await eventually(() => expect(get('encryption')?.dataset.state).toBe('on'));
    expect(of('turn_on_encryption')).toEqual([{ passphrase: SECRET }]);
    expect(document.body.innerHTML).not.toContain(SECRET);
  });

  it('names what stays in the clear, and changes the passphrase without the old one', async () => {
    const { of } = open('backup=encrypted', 'bucket');
    expect((await find('encryption-in-the-clear')).textContent).toContain('not encrypted');
    await click('encryption-change');
    await type('passphrase', SECRET);
    await type('passphrase-again', SECRET);
    await able('encryption-confirm');
    send('#encryption-form');
    await eventually(() => expect(get('encryption-dialog')).toBeNull());
    expect(of('change_passphrase')).toEqual([{ passphrase: SECRET }]);
  });

  it('asks for the passphrase where the key is not here, and lists what is locked until then', async () => {
    const { of } = open('backup=locked');
    await find('backup-locked');
    await eventually(() => expect(get('restore-point')?.dataset.state).toBe('locked'));
    expect(get('backup-headline')?.textContent).toBe('Locked');
    // What the bucket answers says the same, and is not said twice.
    expect(get('backup-bucket-error')).toBeNull();
    expect((get('backup-run') as HTMLButtonElement).disabled).toBe(true);
    expect((get('restore-latest') as HTMLButtonElement).disabled).toBe(true);
    await type('unlock-passphrase', 'not this one');
    send('[data-testid=unlock]');
    expect((await find('unlock-error')).textContent).toContain('does not open this backup');
    await type('unlock-passphrase', 'open sesame');
    send('[data-testid=unlock]');
    await eventually(() => expect(get('backup-locked')).toBeNull());
    await able('restore-latest');
    expect(of('unlock_encryption').length).toBe(2);
    expect(document.body.innerHTML).not.toContain('open sesame');
  });
});
