import { describe, expect, it } from 'vitest';
import css from './tokens.css?raw';

type Tokens = Record<string, string>;

function theme(name: string): Tokens {
  const block = css.slice(css.indexOf(`[data-theme='${name}']`)).match(/\{([^}]*)\}/)?.[1] ?? '';
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1]!, m[2]!]));
}

function luminance(hex: string): number {
  const channel = (at: number) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ['bg', 'surface', 'raised', 'sel', 'hover'];
const TEXT: [string, string[]][] = [
  ['ink', [...GROUNDS, 'ok-bg', 'warn-bg', 'danger-bg']],
  ['muted', GROUNDS],
  ['ok', ['bg', 'surface', 'raised', 'sel', 'hover', 'ok-bg']],
  ['warn', ['bg', 'surface', 'raised', 'sel', 'hover', 'warn-bg']],
  ['danger', ['bg', 'surface', 'raised', 'sel', 'hover', 'danger-bg']],
  ['on-ink', ['ink', 'ink-hover']],
];
/** Marks that carry meaning without being text: 3:1. */
const MARKS: [string, string[]][] = [
  ['red', ['bg', 'surface']],
  ['focus', GROUNDS],
];

describe.each(['light', 'dark'])('%s', (name) => {
  const tokens = theme(name);
  const pairs = (of: [string, string[]][]) => of.flatMap(([fore, grounds]) => grounds.map((ground) => [fore, ground] as const));

  it.each(pairs(TEXT))('%s on %s reads at 4.5:1', (fore, ground) => {
    expect(contrast(tokens[fore]!, tokens[ground]!)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(pairs(MARKS))('%s on %s shows at 3:1', (fore, ground) => {
    expect(contrast(tokens[fore]!, tokens[ground]!)).toBeGreaterThanOrEqual(3);
  });

  it('has the same tokens as the other theme', () => {
    expect(Object.keys(tokens).sort()).toEqual(Object.keys(theme(name === 'light' ? 'dark' : 'light')).sort());
    expect(Object.keys(tokens).length).toBeGreaterThan(25);
  });
});
