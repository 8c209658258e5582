export const EMPTY = {
  store: {
    title: 'Nothing stored yet',
    text: 'Drop files or folders anywhere on this window, or add them. They are copied in and checked; the originals stay where they are.',
  },
  filtered: { title: 'No file matches', text: 'Try fewer words, or another type.' },
  trash: { title: 'The trash is empty', text: 'Deleted files wait here until you empty it.' },
};
