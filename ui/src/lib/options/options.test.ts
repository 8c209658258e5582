import { describe, expect, it } from 'vitest';
import { optionsFor } from '../demo/formats'; // eslint-disable-line no-restricted-imports
import { choicesOf, clashes, moved, settingsOf } from './columns';
import { otherLabel, otherway, perColumn, sections, summary, usable, withOption } from './form';
import { mapped, mergeColumns, positions } from './merge';
import { joinNames, splitNames } from './names';
import { nameFor, sqlName } from './sql-names';
import { pieces } from './sql-text';

const names = (list: string[]) => list.map((name) => ({ name }));

describe('lists of names', () => {
  it('come back as they went in, whatever is in the names', () => {
    for (const list of [['a'], ['a', 'b,c', 'd"e'], ['', ' x ', 'ü'], ['"'], [',', '""']]) expect(splitNames(joinNames(list))).toEqual(list);
  });

  it('are read as core reads them', () => {
    expect(splitNames('a, "b,c" ,"d""e"')).toEqual(['a', 'b,c', 'd"e']);
  });
});

describe('columns to choose', () => {
  const columns = names(['id', 'zip', 'price']);

  it('set nothing while all is as it was', () => {
    expect(settingsOf(choicesOf(columns, {}), columns, { codec: 'zstd' })).toEqual({ codec: 'zstd' });
  });

  it('say which, in which order, under which name and as which type', () => {
    const rows = moved(choicesOf(columns, {}), 2, 0).map((r) => (r.source === 'zip' ? { ...r, on: false } : r.source === 'id' ? { ...r, name: 'key', type: 'VARCHAR' } : r));
    expect(settingsOf(rows, columns, {})).toEqual({ select: 'price,id', 'rename.id': 'key', 'type.id': 'VARCHAR' });
  });

  it('come back from the options as they were, with those left out at the end', () => {
    const set = { select: 'price,id', 'rename.id': 'key', 'type.id': 'VARCHAR' };
    const rows = choicesOf(columns, set);
    expect(rows.map((r) => [r.source, r.on, r.name, r.type])).toEqual([['price', true, 'price', ''], ['id', true, 'key', 'VARCHAR'], ['zip', false, 'zip', '']]);
    expect(settingsOf(rows, columns, set)).toEqual(set);
  });

  it('point out names that two would share, whatever their case', () => {
    const rows = choicesOf(columns, { 'rename.zip': 'ID' });
    expect(clashes(rows)).toEqual(['id', 'ID']);
  });
});

describe('the form of options', () => {
  const options = optionsFor('csv', 'parquet');

  it('has three parts, and asks nothing twice', () => {
    const parts = sections(options);
    expect(parts.map((p) => p.part)).toEqual(['reading', 'table', 'writing']);
    const keys = parts.flatMap((p) => p.fields.map((f) => f.key));
    expect(keys).toContain('encoding');
    expect(keys).toContain('prove');
    expect(keys).not.toContain('select');
    expect(keys).not.toContain('on_reject');
    expect(keys).not.toContain('table');
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('says what is set, and what happens when nothing is', () => {
    const [reading] = sections(options);
    expect(summary(reading!, {})).toBe('as found in the file');
    expect(summary(reading!, { delimiter: ';', header: 'no' })).toBe('Delimiter: semicolon · Header: no');
  });

  it('leaves a part out that has nothing to ask', () => {
    const writing = options.filter((o) => o.group === 'writing');
    expect(sections(writing).map((p) => p.part)).toEqual(['writing']);
    expect(sections([])).toEqual([]);
  });

  it('takes an empty answer as none', () => {
    expect(withOption({ codec: 'zstd' }, 'codec', '')).toEqual({});
    expect(perColumn({ 'fill.a.b': '0', fill: 'x' }, 'fill.')).toEqual([['a.b', '0']]);
  });

  it('hands core only what the formats at hand know', () => {
    const set = { codec: 'zstd', sheet: 'One', 'rename.a': 'b', nonsense: '1' };
    expect(usable(set, options)).toEqual({ codec: 'zstd', 'rename.a': 'b' });
  });

  it('turns core’s other way into a change and into words', () => {
    expect(otherway('header=no')).toEqual(['header', 'no']);
    expect(otherway('delimiter==')).toEqual(['delimiter', '=']);
    expect(otherway('nothing')).toBeNull();
    expect(otherLabel('date order', 'date_order=dmy')).toBe('day, month, year');
    expect(otherLabel('delimiter', 'delimiter=;')).toBe('semicolon');
    expect(otherLabel('Price', 'type.price=VARCHAR')).toBe('type price: VARCHAR');
  });
});

describe('several files in one table', () => {
  const a = [{ name: 'id', type_name: 'BIGINT' }, { name: 'zip', type_name: 'VARCHAR' }];
  const b = [{ name: 'id', type_name: 'DOUBLE' }, { name: 'postcode', type_name: 'VARCHAR' }];

  it('meet by name, and say where a column is missing', () => {
    const columns = mergeColumns([a, b], [['postcode', 'zip']]);
    expect(columns.map((c) => [c.name, c.types, c.into])).toEqual([['id', ['BIGINT', 'DOUBLE'], ''], ['zip', ['VARCHAR', null], ''], ['postcode', [null, 'VARCHAR'], 'zip']]);
  });

  it('meet by position, the wider one sticking out', () => {
    expect(positions([a, [...b, { name: 'x', type_name: 'DATE' }]]).map((p) => p.names)).toEqual([['id', 'id'], ['zip', 'postcode'], [null, 'x']]);
  });

  it('map a column once, and take it back', () => {
    const map = mapped(mapped([], 'postcode', 'zip'), 'postcode', 'id');
    expect(map).toEqual([['postcode', 'id']]);
    expect(mapped(map, 'postcode', '')).toEqual([]);
  });
});

describe('names in SQL', () => {
  it('are made of a file’s, and free', () => {
    expect(nameFor('Prices 2024 (1).csv.gz', [])).toBe('prices_2024_1');
    expect(nameFor('2024.csv', [])).toBe('t_2024');
    expect(nameFor('Übersicht.xlsx', ['ubersicht'])).toBe('ubersicht_2');
    expect(nameFor('…', [])).toBe('table');
  });

  it('stand in quotes where SQL wants them', () => {
    expect(sqlName('prices')).toBe('prices');
    expect(sqlName('select')).toBe('"select"');
    expect(sqlName('a "b".csv')).toBe('"a ""b"".csv"');
  });
});

describe('a query under the editor', () => {
  it('is the same text, cut up', () => {
    for (const sql of ['SELECT \'a -- b\' AS "from" -- rest\nFROM t', 'SELECT 1e5, x2 /* open', "'never closed", '']) expect(pieces(sql).map((p) => p.text).join('')).toBe(sql);
  });

  it('knows a key word from one in a text or a name', () => {
    const kinds = pieces('SELECT \'from\', "where" FROM t -- where').filter((p) => p.kind === 'key').map((p) => p.text);
    expect(kinds).toEqual(['SELECT', 'FROM']);
  });
});
