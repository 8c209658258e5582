import type { KeyringState } from '../../lib/contract/KeyringState';

export const KEY_SHAPE = 'RL- and three groups of eight.';

export const KEYRING: Record<KeyringState, { headline: string; text: string }> = {
  ready: { headline: 'The keyring is ready', text: 'Your key is kept there and never written to a file.' },
  locked: { headline: 'The keyring is locked', text: 'Unlock it, then retry. Or keep the key another way.' },
  absent: { headline: 'No keyring answers on this machine', text: 'Start one, then retry. Or keep the key another way.' },
  denied: { headline: 'The keyring refused', text: 'Allow Redline in its settings, then retry. Or keep the key another way.' },
};

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
