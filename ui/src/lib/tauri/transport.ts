/**
 * The one door to the shell. In the window it is Tauri's IPC; in a plain browser
 * during development it is the demo, which a production bundle does not contain.
 */
import { Channel, invoke } from '@tauri-apps/api/core';
import type { ErrorReport } from '../contract/ErrorReport';

export type Unlisten = () => void;

export interface Transport {
  invoke(command: string, args: Record<string, unknown>): Promise<unknown>;
  listen(event: string, handler: (payload: unknown) => void): Promise<Unlisten>;
}

interface Said {
  event: string;
  payload: unknown;
}

const heard = new Map<string, Set<(payload: unknown) => void>>();
let opened: Promise<unknown> | null = null;

/**
 * All that the shell says comes over one channel of ours. Tauri's own events are
 * closed to the page: its drop event holds paths, and any page may listen to it.
 */
async function listen(event: string, handler: (payload: unknown) => void): Promise<Unlisten> {
  const handlers = heard.get(event) ?? new Set();
  heard.set(event, handlers.add(handler));
  opened ??= invoke('subscribe', {
    channel: new Channel<Said>((said) => heard.get(said.event)?.forEach((tell) => tell(said.payload))),
  });
  await opened;
  return () => void handlers.delete(handler);
}

const shell: Transport = { invoke: (command, args) => invoke(command, args), listen };

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
