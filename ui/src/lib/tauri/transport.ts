/**
 * The one door to the shell. In the window it is Tauri's IPC; in a plain browser
 * during development it is the demo, which a production bundle does not contain.
 */
import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type { ErrorReport } from '../contract/ErrorReport';

export type Unlisten = () => void;

export interface Transport {
  invoke(command: string, args: Record<string, unknown>): Promise<unknown>;
  listen(event: string, handler: (payload: unknown) => void): Promise<Unlisten>;
}

const shell: Transport = {
  invoke: (command, args) => invoke(command, args),
  listen: (event, handler) => listen(event, (e) => handler(e.payload)),
};

let transport: Promise<Transport> | null = null;

async function choose(): Promise<Transport> {
  if ((import.meta.env.DEV || import.meta.env.MODE === 'demo') && !('__TAURI_INTERNALS__' in window)) {
    const { demoTransport } = await import('../demo');
    return demoTransport(new URLSearchParams(window.location.search));
  }
  return shell;
}

/** For tests: put another transport in place, or null to choose again. */
export function useTransport(other: Transport | null): void {
  transport = other && Promise.resolve(other);
}

export function door(): Promise<Transport> {
  transport ??= choose();
  return transport;
}

/** Whatever was thrown, as an error a person can read. */
export function toReport(thrown: unknown): ErrorReport {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && 'code' in thrown && 'hint' in thrown) {
    return thrown as ErrorReport;
  }
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    code: String('internal') as ErrorReport['code'],
    message: `The window and the app behind it could not talk: ${said}`,
    hint: 'Try again. If it stays like this, close Redline and open it again; stored files are not affected.',
    retryable: true,
  };
}

/** Calls a command; rejects with an `ErrorReport` and nothing else. */
export async function call<T>(command: string, args: Record<string, unknown> = {}): Promise<T> {
  try {
    return (await (await door()).invoke(command, args)) as T;
  } catch (thrown) {
    throw toReport(thrown);
  }
}
