export { formatBytes, formatBytesOf, formatRate } from './bytes';
export { formatCount, plural } from './count';
export { formatDay, formatFull, formatMoment, formatWhen } from './dates';
export { readKey } from './key';
export { folderOf, formatTag, shortHash, typeName } from './names';
export { formatDuration, formatTimeLeft } from './time';
