import type { FileStatus } from '../../lib/contract/FileStatus';

export const STATUS: Record<FileStatus, { word: string; text: string }> = {
  stored: { word: 'stored', text: 'The bytes are here.' },
  missing: {
    word: 'missing',
    text: 'Its row is known, but the bytes are gone from the store’s folder. Restore it from a backup, add the file again, or move it to the trash.',
  },
  trashed: { word: 'in the trash', text: 'It can be put back until the trash is emptied.' },
  cloud_only: { word: 'in the cloud only', text: 'The bytes are in the bucket; restore to have them here.' },
};

export const EMPTY = {
  store: {
    title: 'Nothing stored yet',
    text: 'Drop files or folders anywhere on this window, or add them. They are copied in and checked; the originals stay where they are.',
  },
  filtered: { title: 'No file matches', text: 'Try fewer words, or another type.' },
  trash: { title: 'The trash is empty', text: 'Deleted files wait here until you empty it.' },
};
