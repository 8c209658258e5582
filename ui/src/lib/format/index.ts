export { formatBytes, formatBytesOf, formatRate } from './bytes';
export { columnType, evidenceWords } from './columns';
export { shellWords } from './command';
export { formatCount, plural } from './count';
export { formatDay, formatFull, formatMoment, formatWhen } from './dates';
export { readKey } from './key';
export { capital, folderOf, formatTag, shortHash, typeName } from './names';
export { formatDuration, formatTimeLeft } from './time';
