import { describe, expect, it } from 'vitest';
import { KEYRING, keyringDetail } from './words';

describe('what the keyring says of itself', () => {
  it('is left out where the headline says it', () => {
    expect(keyringDetail('The system keyring is locked', KEYRING.locked.headline)).toBe('');
    expect(keyringDetail('The system keyring did not answer within 2 s', KEYRING.locked.headline)).toBe('The system keyring did not answer within 2 s');
  });
});
