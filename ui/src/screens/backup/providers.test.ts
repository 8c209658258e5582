import { describe, expect, it } from 'vitest';
import { bucketProblem, placeComplete, placeOf, placeProblem, placeWarning, PROVIDERS, provider, typedOf, type Typed } from './providers';

const typed = (patch: Partial<Typed> = {}): Typed => ({ region: '', endpoint: '', account: '', jurisdiction: '', ...patch });
const ACCOUNT = '0123456789abcdef0123456789abcdef';

describe('where a bucket is', () => {
  it('follows from what the service asks for', () => {
    expect(placeOf(provider('aws'), typed({ region: ' eu-central-1 ' }))).toEqual({ region: 'eu-central-1', endpoint_url: null });
    expect(placeOf(provider('r2'), typed({ account: ACCOUNT }))).toEqual({ region: 'auto', endpoint_url: `https://${ACCOUNT}.r2.cloudflarestorage.com` });
    expect(placeOf(provider('r2'), typed({ account: ACCOUNT, jurisdiction: 'eu' })).endpoint_url).toBe(`https://${ACCOUNT}.eu.r2.cloudflarestorage.com`);
    expect(placeOf(provider('b2'), typed({ region: 'eu-central-003' })).endpoint_url).toBe('https://s3.eu-central-003.backblazeb2.com');
    expect(placeOf(provider('wasabi'), typed({ region: 'eu-central-2' })).endpoint_url).toBe('https://s3.eu-central-2.wasabisys.com');
    expect(placeOf(provider('garage'), typed({ endpoint: 'garage.lan:3900/' }))).toEqual({ region: 'garage', endpoint_url: 'https://garage.lan:3900' });
    expect(placeOf(provider('minio'), typed({ endpoint: 'localhost:9000' }))).toEqual({ region: 'us-east-1', endpoint_url: 'http://localhost:9000' });
  });

  it('is found again in what core keeps, so that changing one begins where it was set up', () => {
    for (const p of PROVIDERS) {
      const given = typed({ region: p.place === 'region' ? p.regionExample : '', endpoint: p.place === 'endpoint' ? p.endpointExample : '', account: p.place === 'account' ? ACCOUNT : '', jurisdiction: p.id === 'r2' ? 'eu' : '' });
      const place = placeOf(p, given);
      const again = typedOf(place);
      expect(again.id).toBe(p.id);
      expect(placeOf(provider(again.id), again.typed)).toEqual(place);
    }
  });

  it('takes the whole address as R2 shows it', () => {
    expect(placeOf(provider('r2'), typed({ account: `https://${ACCOUNT}.r2.cloudflarestorage.com/acme` })).endpoint_url).toBe(`https://${ACCOUNT}.r2.cloudflarestorage.com`);
  });

  it('is complete only without a problem', () => {
    expect(placeComplete(provider('aws'), typed())).toBe(false);
    expect(placeComplete(provider('aws'), typed({ region: 'eu-central-1' }))).toBe(true);
    expect(placeComplete(provider('r2'), typed({ account: 'acme' }))).toBe(false);
    expect(placeComplete(provider('other'), typed({ endpoint: 'https://s3.example.net' }))).toBe(true);
  });
});

describe('what is off', () => {
  it('with a name is said in words', () => {
    for (const good of ['', 'acme-redline', 'a.b.c', '123']) expect(bucketProblem(good)).toBe('');
    for (const bad of ['s3://acme', 'acme/files', 'Acme', 'acme_redline', 'ab', '-acme', 'x'.repeat(64)]) expect(bucketProblem(bad)).toMatch(/^.+\.$/);
  });

  it('with an address is said before anything is sent there', () => {
    expect(placeProblem(provider('minio'), typed({ endpoint: 'https://minio.lan:9000/acme' }))).toContain('without the bucket');
    expect(placeProblem(provider('minio'), typed({ endpoint: 'https://key:secret@minio.lan' }))).toContain('keys go below');
    expect(placeProblem(provider('minio'), typed({ endpoint: 'https://' }))).not.toBe('');
    expect(placeProblem(provider('aws'), typed({ region: 'Europe (Frankfurt)' }))).toContain('eu-central-1');
  });

  it('with a line in the clear is a warning, except on this machine', () => {
    expect(placeWarning(provider('minio'), typed({ endpoint: 'http://minio.lan:9000' }))).toContain('https');
    expect(placeWarning(provider('minio'), typed({ endpoint: 'http://127.0.0.1:9000' }))).toBe('');
    expect(placeWarning(provider('minio'), typed({ endpoint: 'https://minio.lan:9000' }))).toBe('');
  });
});

describe('each service', () => {
  it('says what its keys are called and where they are', () => {
    for (const p of PROVIDERS) {
      expect(p.keysHint).toMatch(/\.$/);
      expect(p.keyLabels.every(Boolean)).toBe(true);
      expect(p.place === 'endpoint' ? p.endpointExample : 'x').not.toBe('');
    }
  });
});
