/**
 * Looks at every screen as a person with a keyboard or a screen reader meets it:
 * axe on each, in both themes, over the demo build, served under the window's own
 * Content-Security-Policy and with frozen prototypes, as in the app. Fails on any
 * axe finding, any violation of the policy, and any error in the console.
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
  ['convert, plan', '?files=1284#/convert/1283', async (p) => {
    await p.click('[data-testid=convert-to-csv]');
    await p.waitForSelector('[data-testid=convert-losses]');
  }],
  ['convert, proved', '?files=1284#/convert/1284', async (p) => {
    await p.click('[data-testid=convert-run]');
    await p.waitForSelector('[data-testid=certificate]');
  }],
  ['convert, refused', '?files=1284#/convert/1277', async (p) => p.waitForSelector('[data-testid=convert-error]')],
  ['history', '?files=30#/history/36'],
  ['history, without a certificate', '?files=30#/history/1', async (p) => p.waitForSelector('[data-testid=certificate][data-verdict=unknown]')],
  ['history, none', '?files=30&empty=1#/history'],
  ['dashboard', '?files=1284#/dashboard'],
  ['dashboard, one day', '?files=3#/dashboard'],
  ['dashboard, table', '?files=1284#/dashboard', async (p) => p.keyboard.press('t')],
  ['dashboard, none', '?files=0#/dashboard'],
  ['backup', '?files=30#/backup', async (p) => p.click('[data-testid=backup-checks]')],
  ['backup, set up', '?files=30&backup=none#/backup', async (p) => {
    for (const [id, value] of [['bucket-name', 'denied'], ['region', 'eu-central-1'], ['access-key', 'a'], ['secret-key', 's']]) await p.fill(`[data-testid=backup-${id}]`, value);
    await p.click('[data-testid=backup-save]');
    await p.waitForSelector('[data-testid=backup-check]');
  }],
  ['restore plan', '?files=30#/backup', async (p) => {
    await p.click('[data-testid=restore-from]');
    await p.waitForSelector('[data-testid=restore-dialog]');
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

for (const theme of ['light', 'dark']) {
  for (const [name, url, act] of SCREENS) {
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
process.exit(found > 0 || looked !== SCREENS.length * 2 ? 1 : 0);
