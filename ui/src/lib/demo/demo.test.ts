import { describe, expect, it } from 'vitest';
import source from '../tauri/index.ts?raw';
import { demoTransport } from '.';

describe('the demo', () => {
  it('answers every command that the window has', async () => {
    const commands = [...source.matchAll(/call<[^(]*>\('(\w+)'/g)].map((m) => m[1]!);
    expect(commands.length).toBeGreaterThan(70);
    const shell = demoTransport(new URLSearchParams('files=3&slow=0'));
    const unknown: string[] = [];
    for (const command of commands) {
      await shell.invoke(command, {}).catch((e: unknown) => {
        if (String((e as { message?: string }).message).startsWith('No command')) unknown.push(command);
      });
    }
    expect(unknown).toEqual([]);
  });
});
