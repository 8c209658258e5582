/**
 * Where a bucket can be: what each service asks for, in its own words, and how
 * that becomes an endpoint and a region. Pure; core is told only the outcome.
 */

export type ProviderId = 'aws' | 'r2' | 'b2' | 'wasabi' | 'minio' | 'garage' | 'other';

export interface Provider {
  id: ProviderId;
  label: string;
  /** Under the name, where it is chosen. */
  text: string;
  /** What stands for the endpoint: nothing, an account's id, a region that makes it, or the address itself. */
  place: 'region' | 'account' | 'endpoint';
  regionLabel: string;
  regionExample: string;
  /** Taken where none is given. Empty: one has to be given. */
  regionDefault: string;
  regionHint: string;
  endpointExample: string;
  keyLabels: [string, string];
  /** Where a person finds the keys, and with what rights. */
  keysHint: string;
  /** Of what it is good to know before the first backup. */
  note: string;
  /** Rights are given by an IAM policy that can be copied. */
  policy: boolean;
}

const PAIR: [string, string] = ['Access key', 'Secret key'];

export const PROVIDERS: Provider[] = [
  {
    id: 'aws',
    label: 'AWS S3',
    text: 'Amazon’s own.',
    place: 'region',
    regionLabel: 'Region',
    regionExample: 'eu-central-1',
    regionDefault: '',
    regionHint: 'Beside the bucket’s name in the S3 console.',
    endpointExample: '',
    keyLabels: ['Access key ID', 'Secret access key'],
    keysHint: 'IAM › Users › Security credentials › Create access key. Give that user the policy below and nothing else.',
    note: '',
    policy: true,
  },
  {
    id: 'r2',
    label: 'Cloudflare R2',
    text: 'Reading is free.',
    place: 'account',
    regionLabel: 'Jurisdiction',
    regionExample: '',
    regionDefault: 'auto',
    regionHint: '',
    endpointExample: '0123456789abcdef0123456789abcdef',
    keyLabels: ['Access Key ID', 'Secret Access Key'],
    keysHint: 'R2 › Manage API tokens › Create token, with “Object Read & Write” for this bucket. The two S3 keys are shown once, under the token.',
    note: 'R2 keeps no earlier versions of an object; Redline’s restore points do not need it to.',
    policy: false,
  },
  {
    id: 'b2',
    label: 'Backblaze B2',
    text: 'Cheap to keep.',
    place: 'region',
    regionLabel: 'Region',
    regionExample: 'eu-central-003',
    regionDefault: '',
    regionHint: 'The middle of the bucket’s “Endpoint”: s3.eu-central-003.backblazeb2.com.',
    endpointExample: '',
    keyLabels: ['keyID', 'applicationKey'],
    keysHint: 'Application keys › Add a new application key, Read and Write, for this bucket. The master key does not work with S3.',
    note: '',
    policy: false,
  },
  {
    id: 'wasabi',
    label: 'Wasabi',
    text: 'One flat price.',
    place: 'region',
    regionLabel: 'Region',
    regionExample: 'eu-central-2',
    regionDefault: '',
    regionHint: 'Beside the bucket’s name in Wasabi’s console.',
    endpointExample: '',
    keyLabels: PAIR,
    keysHint: 'Access keys › Create access key, for a user of its own with the policy below.',
    note: 'Wasabi charges every object for at least 90 days, also those that retention removes earlier.',
    policy: true,
  },
  {
    id: 'minio',
    label: 'MinIO',
    text: 'Your own server.',
    place: 'endpoint',
    regionLabel: 'Region',
    regionExample: 'us-east-1',
    regionDefault: 'us-east-1',
    regionHint: 'Only where the server was given one.',
    endpointExample: 'https://minio.example.net:9000',
    keyLabels: PAIR,
    keysHint: 'Access keys › Create access key; paste the policy below where it asks for one.',
    note: '',
    policy: true,
  },
  {
    id: 'garage',
    label: 'Garage',
    text: 'Your own servers.',
    place: 'endpoint',
    regionLabel: 'Region',
    regionExample: 'garage',
    regionDefault: 'garage',
    regionHint: 's3_region in garage.toml.',
    endpointExample: 'https://garage.example.net:3900',
    keyLabels: ['Key ID', 'Secret key'],
    keysHint: 'garage key create redline, then garage bucket allow --read --write BUCKET --key redline.',
    note: 'Garage keeps no earlier versions of an object; Redline’s restore points do not need it to.',
    policy: false,
  },
  {
    id: 'other',
    label: 'Another',
    text: 'Anything S3.',
    place: 'endpoint',
    regionLabel: 'Region',
    regionExample: 'us-east-1',
    regionDefault: 'us-east-1',
    regionHint: 'Many take any; leave it empty unless the service names one.',
    endpointExample: 'https://s3.example.net',
    keyLabels: PAIR,
    keysHint: 'Keys that may read and write in this bucket alone.',
    note: '',
    policy: true,
  },
];

export function provider(id: ProviderId): Provider {
  return PROVIDERS.find((p) => p.id === id) ?? PROVIDERS[PROVIDERS.length - 1]!;
}

export interface Place {
  region: string;
  endpoint_url: string | null;
}

export type R2Jurisdiction = '' | 'eu' | 'fedramp';

/** What was typed into the form. */
export interface Typed {
  region: string;
  endpoint: string;
  account: string;
  jurisdiction: R2Jurisdiction;
}

/** The endpoint and the region of what was typed. */
export function placeOf(p: Provider, typed: Typed): Place {
  const region = typed.region.trim() || p.regionDefault;
  switch (p.id) {
    case 'aws':
      return { region, endpoint_url: null };
    case 'r2':
      return { region: 'auto', endpoint_url: `https://${accountOf(typed.account)}${typed.jurisdiction ? `.${typed.jurisdiction}` : ''}.r2.cloudflarestorage.com` };
    case 'b2':
      return { region, endpoint_url: `https://s3.${region}.backblazeb2.com` };
    case 'wasabi':
      return { region, endpoint_url: `https://s3.${region}.wasabisys.com` };
    default:
      return { region, endpoint_url: endpointOf(typed.endpoint) };
  }
}

/** An account's id, also out of the whole address as the dashboard shows it. */
function accountOf(text: string): string {
  const typed = text.trim().toLowerCase();
  return /^(?:https?:\/\/)?([0-9a-f]{32})\b/.exec(typed)?.[1] ?? typed;
}

/** An address as people type it: with or without its scheme, with a slash too many. */
function endpointOf(text: string): string {
  const typed = text.trim().replace(/([^:/])\/+$/, '$1');
  return typed === '' || /^https?:\/\//i.test(typed) ? typed : `${isLocal(typed) ? 'http' : 'https'}://${typed}`;
}

function isLocal(address: string): boolean {
  return /^(?:https?:\/\/)?(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)(?::|\/|$)/i.test(address);
}

/** The form again, out of what core keeps. */
export function typedOf(place: Place): { id: ProviderId; typed: Typed } {
  const none: Typed = { region: place.region, endpoint: '', account: '', jurisdiction: '' };
  const url = place.endpoint_url ?? '';
  if (url === '') return { id: 'aws', typed: none };
  const r2 = /^https:\/\/([0-9a-f]{32})(?:\.(eu|fedramp))?\.r2\.cloudflarestorage\.com\/?$/i.exec(url);
  if (r2) return { id: 'r2', typed: { ...none, account: r2[1]!, jurisdiction: (r2[2] ?? '') as R2Jurisdiction } };
  if (/^https:\/\/s3\.[\w-]+\.backblazeb2\.com\/?$/i.test(url)) return { id: 'b2', typed: none };
  if (/^https:\/\/s3(?:\.[\w-]+)?\.wasabisys\.com\/?$/i.test(url)) return { id: 'wasabi', typed: none };
  const id = /minio/i.test(url) ? 'minio' : place.region === 'garage' || /garage/i.test(url) ? 'garage' : 'other';
  return { id, typed: { ...none, endpoint: url } };
}

/** What is off with a bucket's name; empty while it is empty or well. */
export function bucketProblem(name: string): string {
  const typed = name.trim();
  if (typed === '') return '';
  if (/^s3:\/\//i.test(typed)) return 'The name alone, without s3://.';
  if (typed.includes('/')) return 'The name alone: the folders below it are Redline’s to make.';
  if (/[A-Z]/.test(typed)) return 'Names of buckets have no capitals.';
  const odd = typed.match(/[^a-z0-9.-]/u);
  if (odd) return `“${odd[0]}” cannot be part of a bucket’s name.`;
  if (typed.length < 3 || typed.length > 63) return 'Names of buckets have 3 to 63 characters.';
  return /^[a-z0-9].*[a-z0-9]$/.test(typed) ? '' : 'Names of buckets begin and end with a letter or a digit.';
}

/** What is off with what stands for the endpoint. */
export function placeProblem(p: Provider, typed: Typed): string {
  if (p.place === 'account') {
    if (typed.account.trim() === '') return '';
    return /^[0-9a-f]{32}$/.test(accountOf(typed.account)) ? '' : 'An account ID has 32 characters, 0 to 9 and a to f.';
  }
  if (p.place === 'region') {
    const region = typed.region.trim();
    return region === '' || /^[a-z0-9-]+$/.test(region) ? '' : 'Only the region’s short name, such as ' + p.regionExample + '.';
  }
  const url = endpointOf(typed.endpoint);
  if (url === '') return '';
  try {
    const { pathname, host, username } = new URL(url);
    if (username) return 'The address alone; the keys go below.';
    if (host === '') return 'The address of the server, such as ' + p.endpointExample + '.';
    return pathname === '/' || pathname === '' ? '' : 'The address of the server alone, without the bucket.';
  } catch {
    return 'The address of the server, such as ' + p.endpointExample + '.';
  }
}

/** Said where what is typed works but leaks. */
export function placeWarning(p: Provider, typed: Typed): string {
  if (p.place !== 'endpoint') return '';
  const url = endpointOf(typed.endpoint);
  return /^http:\/\//i.test(url) && !isLocal(url) ? 'Without https anyone on the way can read what is sent.' : '';
}

/** Whether nothing is missing but the keys. */
export function placeComplete(p: Provider, typed: Typed): boolean {
  if (placeProblem(p, typed) !== '') return false;
  if (p.place === 'account') return typed.account.trim() !== '';
  if (p.place === 'endpoint') return typed.endpoint.trim() !== '';
  return typed.region.trim() !== '' || p.regionDefault !== '';
}
