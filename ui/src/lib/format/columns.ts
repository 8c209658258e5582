/** A column's type as a person says it; the engine's own name goes into the tooltip. */
const WHOLE = /^U?(TINYINT|SMALLINT|INTEGER|INT|BIGINT|HUGEINT)$/;

export function columnType(type: string): string {
  const name = type.toUpperCase();
  if (WHOLE.test(name)) return 'integer';
  const decimal = /^DECIMAL\(\d+,\s*(\d+)\)$/.exec(name);
  if (decimal) {
    const places = Number(decimal[1]);
    return places === 0 ? 'integer' : `decimal, ${places} ${places === 1 ? 'place' : 'places'}`;
  }
  if (/^TIMESTAMP(TZ| WITH TIME ZONE)$/.test(name)) return 'date and time, with zone';
  if (/^TIMESTAMP(_S|_MS|_NS)?$/.test(name)) return 'date and time';
  return NAMES[name] ?? type;
}

const NAMES: Record<string, string> = {
  VARCHAR: 'text',
  STRING: 'text',
  DOUBLE: 'number',
  NUMBER: 'number',
  FLOAT: 'number',
  BOOLEAN: 'true or false',
  DATE: 'date',
  TIME: 'time of day',
  BLOB: 'raw bytes',
};

/** Why a column is what it is: core's words, with its types said as above. */
export function evidenceWords(evidence: string): string {
  if (evidence === 'text') return 'text throughout';
  return evidence.replace(/^as ([A-Z][A-Z_ ]*(?:\(\d+,\s*\d+\))?),/, (_, type: string) => `as ${columnType(type)},`);
}
