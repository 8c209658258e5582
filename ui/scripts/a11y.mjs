/**
 * Looks at every screen as a person with a keyboard or a screen reader meets it:
 * axe on each, in both themes, over the demo build, served under the window's own
 * Content-Security-Policy and with frozen prototypes, as in the app. Fails on any
 * axe finding, any violation of the policy, and any error in the console.
 *
 * With a word, only the views that have it in their name.
 *
 * Needs a Chromium: CHROMIUM=/path, else `chromium` or `google-chrome` on the PATH.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const SCREENS = [
  ['sign in', '?session=none&profiles=0'],
  ['sign in, keyring locked', '?session=none&keyring=locked'],
  ['sign in, refused', '?session=none&profiles=0', async (p) => {
    await p.fill('[data-testid=signin-key]', 'RL-ABCD1234-EFGH5678-00000000');
    await p.click('[data-testid=signin-submit]');
    await p.waitForSelector('[data-testid=signin-error]');
  }],
  ['files', '?files=1284&jobs=some', async (p) => p.click('[data-name="prices_2024.csv"]')],
  ['files, several selected', '?files=1284', async (p) => {
    await p.click('[data-testid=files-row] >> nth=0');
    await p.click('[data-testid=files-row] >> nth=4', { modifiers: ['Shift'] });
  }],
  ['files, missing', '?files=1284', async (p) => p.click('[data-name="positions.duckdb"]')],
  ['files, none', '?files=0'],
  ['files, error', '?files=5&fail=list_files'],
  ['files, none found', '?files=30', async (p) => {
    await p.fill('[data-testid=files-search]', 'nothing like this');
    await p.waitForSelector('[data-testid=files-none-found]');
  }],
  ['files, dropping', '?files=30&drag=1', async (p) => p.waitForSelector('[data-testid=drop-overlay]')],
  ['files, undo', '?files=30', async (p) => {
    await p.click('[data-testid=files-row] >> nth=2');
    await p.click('[data-testid=details-delete]');
    await p.waitForSelector('[data-testid=toast-undo]');
  }],
  ['import results', '?files=1284&jobs=some', async (p) => p.click('[data-testid=job-results]')],
  ['jobs ended', '?files=30', async (p) => {
    await p.click('[data-testid=files-verify]');
    await p.waitForSelector('[data-testid=job][data-state=done]');
  }],
  ['trash', '?files=1284#/files/trash', async (p) => p.click('[data-testid=files-row]')],
  ['trash, emptying', '?files=1284#/files/trash', async (p) => {
    await p.click('[data-testid=trash-empty]');
    await p.waitForSelector('[data-testid=trash-dialog]');
  }],
  ['banners', '?files=3&new=1&notice=1'],
  ['convert', '?files=1284#/convert'],
  ['convert, ticked', '?files=1284#/convert', async (p) => {
    await p.click('[data-testid=convert-tick] >> nth=0');
    await p.click('[data-testid=convert-tick] >> nth=2');
    await p.waitForSelector('[data-testid=convert-take]');
  }],
  ['convert, plan', '?files=1284#/convert/1283', async (p) => {
    await p.click('[data-testid=convert-to-csv]');
    await p.waitForSelector('[data-testid=convert-losses]');
  }],
  ['convert, rejects and choices', '?files=1284#/convert/1276', async (p) => {
    await p.waitForSelector('[data-testid=convert-choice]');
    await p.click('[data-testid=convert-repairs]');
  }],
  ['convert, every option', '?files=1284#/convert/1276', async (p) => {
    await p.waitForSelector('[data-testid=convert-plan]');
    for (const part of ['reading', 'table', 'writing']) await p.click(`[data-testid=options-${part}]`);
  }],
  ['convert, columns', '?files=1284#/convert/1284', async (p) => {
    await p.waitForSelector('[data-testid=convert-plan]');
    await p.click('[data-testid=columns-edit]');
  }],
  ['convert, preset', '?files=1284#/convert/1284', async (p) => {
    await p.waitForSelector('[data-testid=convert-plan]');
    await p.click('[data-testid=options-writing]');
    await p.selectOption('[data-testid=option-codec]', 'zstd');
    await p.click('[data-testid=preset-save]');
    await p.waitForSelector('[data-testid=preset-dialog]');
  }],
  ['convert, running', '?files=1284#/convert/1284', async (p) => {
    await p.click('[data-testid=convert-run]');
    await p.waitForSelector('[data-testid=convert-running]');
  }],
  ['convert, proved', '?files=1284&quick=1#/convert/1284', async (p) => {
    await p.click('[data-testid=convert-run]');
    await p.waitForSelector('[data-testid=certificate]');
  }],
  ['convert, batch', '?files=1284#/convert/1284,1276,1281,1277', async (p) => p.waitForSelector('[data-state=refused]')],
  ['convert, merge', '?files=1284#/convert/1284,1276,1281', async (p) => {
    await p.waitForSelector('[data-testid=batch-file][data-state=ready]');
    await p.locator('[data-testid=mode-merge]').check({ force: true });
    await p.waitForSelector('[data-testid=merge-column]');
  }],
  ['convert, merge by position', '?files=1284#/convert/1284,1276,1281', async (p) => {
    await p.waitForSelector('[data-testid=batch-file][data-state=ready]');
    await p.locator('[data-testid=mode-merge]').check({ force: true });
    await p.locator('[data-testid=merge-by-position]').check({ force: true });
    await p.waitForTimeout(500);
  }],
  ['convert, refused', '?files=1284#/convert/1277', async (p) => p.waitForSelector('[data-testid=convert-error]')],
  ['history', '?files=30#/history/36'],
  ['history, merged and left out', '?files=30#/history/33'],
  ['history, failed', '?files=30#/history/31'],
  ['history, error', '?files=30&fail=history#/history'],
  ['tables', '?files=1284#/tables', async (p) => p.click('[data-testid=tables-row] >> nth=0')],
  ['tables, none', '?files=30#/tables'],
  ['tables, error', '?files=30&fail=data_tables#/tables'],
  ['tables, dropping one', '?files=1284#/tables', async (p) => {
    await p.click('[data-testid=tables-row] >> nth=0');
    await p.click('[data-testid=table-drop]');
    await p.waitForSelector('[data-testid=drop-dialog]');
  }],
  ['tables, adding', '?files=1284#/tables/add:1276', async (p) => p.waitForSelector('[data-testid=profile-short] table')],
  ['grid', '?files=1284#/tables/table:ticks', async (p) => {
    await p.waitForSelector('[data-testid=grid-row]');
    await p.focus('[data-testid=grid]');
    await p.keyboard.press('Control+End');
  }],
  ['grid, column', '?files=1284&quick=1#/tables/table:prices', async (p) => {
    await p.click('[data-testid=grid-column][data-name=price]');
    await p.waitForSelector('[data-testid=column-profile]');
    await p.selectOption('[data-testid=filter-op]', 'between');
  }],
  ['grid, filtered and sorted', '?files=1284&quick=1#/tables/table:prices', async (p) => {
    await p.click('[data-testid=grid-column][data-name=ticker]');
    await p.selectOption('[data-testid=filter-op]', 'is');
    await p.fill('[data-testid=filter-value]', 'AAPL');
    await p.click('[data-testid=filter-apply]');
    await p.click('[data-testid=sort-down]');
    await p.waitForSelector('[data-testid=grid-sort]');
  }],
  ['grid, nothing matches', '?files=1284&quick=1#/tables/table:prices', async (p) => {
    await p.click('[data-testid=grid-column][data-name=ticker]');
    await p.fill('[data-testid=filter-value]', 'nothing');
    await p.click('[data-testid=filter-apply]');
    await p.waitForSelector('[data-testid=grid-none]');
  }],
  ['grid, missing', '?files=1284#/tables/table:positions', async (p) => p.waitForSelector('[data-testid=grid-error]')],
  ['sql', '?files=1284#/tables/sql', async (p) => p.locator('[data-testid=sql-history]').check({ force: true })],
  ['sql, result', '?files=1284&quick=1#/tables/sql', async (p) => {
    await p.fill('[data-testid=sql-editor]', 'SELECT * FROM prices');
    await p.click('[data-testid=sql-run]');
    await p.waitForSelector('[data-testid=grid-row]');
  }],
  ['sql, refused', '?files=1284&quick=1#/tables/sql', async (p) => {
    await p.fill('[data-testid=sql-editor]', 'DROP TABLE prices');
    await p.click('[data-testid=sql-run]');
    await p.waitForSelector('[data-testid=sql-error]');
  }],
  ['sql, exporting', '?files=1284&quick=1#/tables/sql', async (p) => {
    await p.fill('[data-testid=sql-editor]', 'SELECT * FROM prices');
    await p.click('[data-testid=sql-run]');
    await p.click('[data-testid=sql-export]');
    await p.waitForSelector('[data-testid=export-dialog]');
    await p.click('[data-testid=options-writing]');
  }],
  ['history, without a certificate', '?files=30#/history/1', async (p) => p.waitForSelector('[data-testid=certificate][data-verdict=unknown]')],
  ['history, none', '?files=30&empty=1#/history'],
  ['dashboard', '?files=1284#/dashboard'],
  ['dashboard, one day', '?files=3#/dashboard'],
  ['dashboard, table', '?files=1284#/dashboard', async (p) => p.keyboard.press('t')],
  ['dashboard, none', '?files=0#/dashboard'],
  ['backup', '?files=30&backup=met#/backup', async (p) => p.waitForSelector('[data-testid=restore-point]')],
  ['backup, restore point', '?files=30#/backup', async (p) => {
    await p.click('[data-testid=restore-point] >> nth=0');
    await p.waitForSelector('[data-testid=point-details] li');
  }],
  ['backup, a point that is another’s', '?files=30#/backup', async (p) => p.click('[data-testid=restore-point][data-state=forged]')],
  ['backup, running', '?files=30#/backup', async (p) => {
    await p.click('[data-testid=backup-run]');
    await p.waitForSelector('[data-testid=backup-pause]');
  }],
  ['backup, paused', '?files=30#/backup', async (p) => {
    await p.click('[data-testid=backup-run]');
    await p.click('[data-testid=backup-pause]');
    await p.waitForSelector('[data-testid=backup-resume]');
  }],
  ['backup, nothing sent', '?files=30&backup=first#/backup'],
  ['backup, stale', '?files=30&backup=stale#/backup'],
  ['backup, broken', '?files=30&backup=broken#/backup'],
  ['backup, offline', '?files=30&backup=offline#/backup', async (p) => p.waitForSelector('[data-testid=backup-offline]')],
  ['backup, locked', '?files=30&backup=locked#/backup', async (p) => {
    await p.fill('[data-testid=unlock-passphrase]', 'not this one');
    await p.click('[data-testid=unlock-submit]');
    await p.waitForSelector('[data-testid=unlock-error]');
  }],
  ['backup, mass delete', '?files=30&backup=mass#/backup', async (p) => {
    await p.waitForSelector('[data-testid=backup-mass-delete]');
    await p.click('[data-testid=backup-run]');
    await p.waitForSelector('[data-testid=mass-dialog]');
  }],
  ['backup, files gone, a restore to undo', '?files=30&backup=undo#/backup', async (p) => {
    await p.click('[data-testid=restore-undo-run]');
    await p.waitForSelector('[data-testid=undo-dialog]');
  }],
  ['backup, kept side by side', '?files=30&backup=met&quick=1#/backup', async (p) => {
    await p.click('[data-testid=backup-run]');
    await p.click('[data-testid=job-results]');
    await p.waitForSelector('[data-testid=import-result]');
  }],
  ['backup, broken off', '?files=30&backup=failed&quick=1#/backup', async (p) => {
    await p.click('[data-testid=backup-run]');
    await p.waitForSelector('[data-testid=backup-stopped]');
  }],
  ['backup, proof', '?files=30&backup=broken#/backup/proof'],
  ['backup, keeping', '?files=30&points=400#/backup/keep', async (p) => {
    await p.locator('[data-testid=retention-rules]').check({ force: true });
    await p.waitForSelector('[data-testid=retention-plan]');
  }],
  ['backup, bucket', '?files=30&backup=rules#/backup/bucket', async (p) => {
    await p.waitForSelector('[data-testid=bucket-rule]');
    await p.click('[data-testid=backup-policy-open]');
    await p.waitForSelector('[data-testid=backup-policy]');
  }],
  ['backup, the bucket’s rule', '?files=30&backup=rules#/backup/bucket', async (p) => {
    await p.click('[data-testid=own-rule-open]');
    await p.waitForSelector('[data-testid=own-rule-effects] li');
  }],
  ['backup, paused on the bucket’s page', '?files=30&backup=failed#/backup', async (p) => {
    await p.click('[data-testid=backup-run]');
    await p.click('[data-testid=backup-pause]');
    await p.click('[data-testid=backup-view-bucket]');
    await p.waitForSelector('[data-testid=backup-held]');
    await p.locator('[data-testid=limit-some]').check({ force: true });
    await p.fill('[data-testid=limit-rate]', 'fast');
  }],
  ['backup, switching versions on', '?files=30#/backup/bucket', async (p) => p.click('[data-testid=versioning-on]')],
  ['backup, encrypting', '?files=30&backup=first#/backup/bucket', async (p) => {
    await p.click('[data-testid=encryption-on]');
    await p.fill('[data-testid=passphrase]', 'short');
  }],
  ['backup, waiting for the network', '?files=30&backup=away#/backup', async (p) => {
    await p.click('[data-testid=backup-run]');
    await p.waitForSelector('[data-testid=backup-waiting]');
  }],
  ['backup, paused beside', '?files=30&backup=rules#/backup', async (p) => {
    await p.click('[data-testid=backup-run]');
    await p.click('[data-testid=backup-pause]');
    await p.click('[data-testid=backup-view-bucket]');
    await p.waitForSelector('[data-testid=backup-held]');
  }],
  ['backup, long names', '?files=30&backup=long&points=10000#/backup', async (p) => p.click('[data-testid=restore-point] >> nth=1')],
  ['backup, a large plan', '?files=30&backup=long#/backup', async (p) => {
    await p.click('[data-testid=restore-latest]');
    await p.waitForSelector('[data-testid=restore-plan]');
  }],
  ['files, backed up or not', '?files=1284&backup=met', async (p) => {
    await p.waitForSelector('[data-backup=newer_elsewhere]');
    await p.click('[data-backup=changed] >> nth=0');
    await p.waitForSelector('[data-testid=details-backup]');
  }],
  ['backup, encrypted', '?files=30&backup=encrypted#/backup/bucket', async (p) => p.waitForSelector('[data-testid=encryption-in-the-clear]')],
  ['backup, encrypting from the start', '?files=30&backup=none#/backup', async (p) => {
    await p.click('[data-testid=backup-encrypt-open]');
    await p.locator('[data-testid=backup-encrypt-on]').check();
    await p.waitForSelector('[data-testid=backup-encrypt-costs]');
    await p.fill('[data-testid=passphrase]', 'four plain words here');
    await p.fill('[data-testid=passphrase-again]', 'four plain words');
  }],
  ['backup, choosing a service', '?files=30&backup=none#/backup', async (p) => {
    await p.locator('[data-testid=backup-provider-r2]').check({ force: true });
    await p.fill('[data-testid=backup-account]', 'acme');
    await p.click('[data-testid=backup-sse-open]');
  }],
  ['backup, an own server', '?files=30&backup=none#/backup', async (p) => {
    await p.locator('[data-testid=backup-provider-minio]').check({ force: true });
    await p.fill('[data-testid=backup-endpoint]', 'http://minio.lan:9000');
  }],
  ['files, in the cloud only', '?files=1284#/files', async (p) => p.click('[data-name="genome_matrix.parquet"]')],
  ['files, earlier versions', '?files=1284&points=40&quick=1#/files', async (p) => {
    await p.click('[data-name="trades_q3.feather"]');
    await p.click('[data-testid=details-versions]');
    await p.waitForSelector('[data-testid=versions-said][data-asking=false]');
  }],
  ['files, an earlier version’s plan', '?files=1284#/files', async (p) => {
    await p.click('[data-name="trades_q3.feather"]');
    await p.click('[data-testid=details-versions]');
    await p.click('[data-testid=version-restore] >> nth=0');
    await p.waitForSelector('[data-testid=version-effect]');
  }],
  ['files, freeing space', '?files=1284#/files', async (p) => {
    await p.click('[data-name="trades_q3.feather"]');
    await p.click('[data-testid=details-free]');
    await p.waitForSelector('[data-testid=free-dialog]');
  }],
  ['files, a link', '?files=1284#/files', async (p) => {
    await p.click('[data-name="trades_q3.feather"]');
    await p.click('[data-testid=details-link]');
    await p.click('[data-testid=link-make]');
    await p.waitForSelector('[data-testid=link-url]');
  }],
  ['backup, set up', '?files=30&backup=none#/backup', async (p) => {
    for (const [id, value] of [['bucket-name', 'denied'], ['region', 'eu-central-1'], ['access-key', 'a'], ['secret-key', 's']]) await p.fill(`[data-testid=backup-${id}]`, value);
    await p.click('[data-testid=backup-save]');
    await p.waitForSelector('[data-testid=backup-check]');
  }],
  ['restore plan', '?files=30#/backup', async (p) => {
    await p.click('[data-testid=restore-latest]');
    await p.waitForSelector('[data-testid=restore-dialog]');
  }],
  ['restore, some files', '?files=30#/backup', async (p) => {
    await p.click('[data-testid=restore-latest]');
    await p.locator('[data-testid=restore-some]').check({ force: true });
    await p.fill('[data-testid=restore-which]', 'ticks');
    await p.waitForSelector('[data-path*=ticks]');
    await p.click('[data-testid=restore-tick] >> nth=0');
  }],
  ['settings', '?files=30#/settings'],
];

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next one, then.
    }
  }
  console.error('No Chromium found. hint: install one, or set CHROMIUM to its path.');
  process.exit(2);
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const server = await preview({ build: { outDir: 'dist-demo' }, preview: { port: 0, host: '127.0.0.1' }, logLevel: 'silent' });
const base = server.resolvedUrls.local[0];
const browser = await chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox', '--disable-gpu'] });
let found = 0;
let looked = 0;
/** `npm run a11y -- backup` looks at the views with that in their name. */
const wanted = SCREENS.filter(([name]) => name.includes(process.argv[2] ?? ''));

for (const theme of ['light', 'dark']) {
  for (const [name, url, act] of wanted) {
    const page = await browser.newPage({ viewport: { width: 1180, height: 800 }, colorScheme: theme, reducedMotion: 'reduce' });
    const say = (what) => {
      found += 1;
      console.error(`${name}, ${theme}: ${what}`);
    };
    page.on('pageerror', (e) => say(`threw ${e.message}`));
    page.on('console', (m) => m.type() === 'error' && say(`said ${m.text()}`));
    // The app's `freezePrototype`.
    await page.addInitScript('Object.freeze(Object.prototype)');
    await page.goto(`${base}${url}`);
    try {
      await page.waitForSelector('nav, form, [role=alert]');
      await page.waitForTimeout(350);
      await act?.(page);
      await page.waitForTimeout(250);
      // Through the debugger, which the policy does not bind.
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      for (const v of violations) {
        say(`${v.impact} ${v.id}: ${v.help}`);
        for (const n of v.nodes.slice(0, 3)) console.error(`    ${n.target.join(' ')}\n      ${n.failureSummary.split('\n').slice(1).join(' ').trim()}`);
      }
      looked += 1;
    } catch (e) {
      say(e.message.split('\n')[0]);
    }
    await page.close();
  }
}

await browser.close();
await server.close();
console.log(`${looked} views looked at, ${found} findings`);
process.exit(found > 0 || looked !== wanted.length * 2 ? 1 : 0);
