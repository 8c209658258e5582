import { describe, expect, it } from 'vitest';
import { mayBeTable, sentence, sourceName, verdictWords } from './words';

describe('a verdict', () => {
  it('is green for proved alone and red for what was found to differ', () => {
    expect(verdictWords('proved', 0)).toEqual({ word: 'proved', look: 'ok' });
    expect(verdictWords('lossy', 1)).toEqual({ word: '1 loss, accepted', look: 'warn' });
    expect(verdictWords('failed', 0)).toEqual({ word: 'not proved', look: 'danger' });
  });

  it('claims nothing of a conversion without a certificate, or with one it does not know', () => {
    for (const verdict of ['unknown', 'notarised', '']) expect(verdictWords(verdict, 0)).toEqual({ word: 'not checked', look: 'muted' });
    expect(sourceName('')).toBe('a file no longer stored');
  });
});

describe('a sentence of core’s', () => {
  it('ends as one', () => {
    expect(['The system keyring is locked', 'It is well.', 'Why?', ''].map(sentence)).toEqual(['The system keyring is locked.', 'It is well.', 'Why?', '']);
  });
});

describe('what may be a table', () => {
  it('is told by the type, or by a format that was recognised', () => {
    for (const [file_type, format] of [['csv', 'csv'], ['text', 'other'], ['numpy', 'npz'], ['excel', 'other'], ['other', 'parquet']] as const) expect(mayBeTable({ file_type, format })).toBe(true);
    for (const [file_type, format] of [['pdf', 'pdf'], ['image', 'other'], ['archive', 'other'], ['other', '']] as const) expect(mayBeTable({ file_type, format })).toBe(false);
  });
});
