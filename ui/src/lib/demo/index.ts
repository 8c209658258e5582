import type { Transport } from '../tauri/transport';
export function demoTransport(_: URLSearchParams): Transport { throw new Error('x'); }
