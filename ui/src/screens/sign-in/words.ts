import type { KeyringState } from '../../lib/contract/KeyringState';

export const KEY_SHAPE = 'RL- and three groups of eight letters and digits.';

export const KEYRING: Record<KeyringState, { headline: string; text: string }> = {
  ready: { headline: 'The keyring is ready', text: 'This computer’s own place for passwords. Your key is kept there, and not among Redline’s files.' },
  locked: { headline: 'The keyring is locked', text: 'Retry once it is open, or keep the key another way.' },
  absent: { headline: 'No keyring answers on this machine', text: 'Start one and retry, or keep the key another way.' },
  denied: { headline: 'The keyring refused', text: 'Allow Redline in its settings and retry, or keep the key another way.' },
};

/** What the keyring says of itself, unless the headline says the same. */
export function keyringDetail(detail: string, headline: string): string {
  const plain = (text: string) => text.toLowerCase().replace(/\bsystem |[.]$/g, '').trim();
  return plain(detail) === plain(headline) ? '' : detail;
}

export const KEEP = {
  passphrase_file: {
    label: 'In a file, behind a passphrase',
    text: 'Encrypted on this machine. You type the passphrase each time you open Redline.',
  },
  session_only: {
    label: 'For this session only',
    text: 'Forgotten when Redline closes. You paste the key again next time.',
  },
} as const;

export const PASSPHRASE_LEAST = 8;
