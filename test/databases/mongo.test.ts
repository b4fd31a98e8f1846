import { Binary, BSON, Double, Int32, Long, ObjectId, Timestamp, UUID } from 'mongodb';
import { describe, expect, test } from 'vitest';
import type { Database, Table, TextChange, TextRow } from '../../src/databases/database.js';
import { allTexts } from '../../src/references/all-texts.js';
import {
  columnName,
  findColumns,
  namedColumns,
  pages,
  rowName,
} from '../../src/references/columns.js';
import { describeWithServer } from '../servers/servers.js';
import { allRows, tableOf, texts } from './conformance/harness.js';
import { locks } from './conformance/locks.js';
import { bytesOf, insertGolden, openMongoDatabase, openUri, ordered } from './mongo-harness.js';

/** A reference with keys of every kind, as an application might have made them. */
function reference(id: string, storage = 'files'): [string, unknown][] {
  return [
    ['depot_name', storage],
    ['files', [`${storage}/${id}`]],
    ['file_id', id],
    ['path', `${storage}/${id}`],
    ['10', new Int32(1)],
    ['2', new Double(1)],
    ['size', Long.fromString('9007199254740993')],
    ['at', new Date(7)],
    ['by', new ObjectId('6b03b653c4f27106aba1e681')],
    ['ratio', new Double(0.1)],
    ['raw', new Binary(Buffer.from('ab'))],
    ['_public_url', null],
  ];
}

const id = (number: number): string => `1b6e2c1e-0a64-11f1-9c70-0242ac12000${number}`;

async function rowsIn(
  database: Database,
  collection: string,
  column: string,
): Promise<{ table: Table; rows: TextRow[] }> {
  const table = await tableOf(database, collection);
  return { table, rows: await allRows(database, { table, column, limit: 100 }) };
}

/** A change of a reference's text from one storage to another. */
function move(table: Table, { column = '', position, text }: TextRow, to = 'moved'): TextChange {
  const after = text
    .replaceAll('"files/', `"${to}/`)
    .replace('"depot_name": "files"', `"depot_name": "${to}"`);
  return { table, column, position, before: text, after };
}

describeWithServer('mongodb', 'a database in MongoDB', (server) => {
  locks({ open: async () => openMongoDatabase(server) });

  test('has its references where Ming says, whatever their depth', async () => {
    const { database, raw } = openMongoDatabase(server);
    const { expected } = await insertGolden(raw);
    const columns = await findColumns([database]);
    const fields = expected.map(({ field }) => `documents.${field.replaceAll(/\.\d+/g, '')}`);
    expect(columns.map(columnName).sort()).toEqual([...new Set(fields)].sort());
    const found: unknown[] = [];
    for (const column of columns) {
      for await (const page of pages(column)) {
        for (const row of page) {
          const keys = Object.keys(JSON.parse(row.text));
          found.push([rowName(column, row), keys, JSON.parse(row.text).file_id]);
        }
      }
    }
    const wanted = expected.map(({ document, field, key_order: keys, files }) => [
      `documents.${field.replaceAll(/\.\d+/g, '')} _id=${document}`,
      keys,
      files[0]?.file_id,
    ]);
    expect(found.map(String).sort()).toEqual(wanted.map(String).sort());
  });

  test('is walked in the order of its identifiers, of all types, each once', async () => {
    const { database, raw } = openMongoDatabase(server);
    const ids = [
      ...[1, new Double(2.5), Long.fromString('9007199254740993'), -7, 'a', 'B', '', 'ä'],
      ...[
        { a: 1, b: 2 },
        { b: 2, a: 1 },
        ordered([
          ['10', 1],
          ['2', 1],
        ]),
      ],
      ...[new UUID(), new Binary(Buffer.from('x')), new ObjectId(), new ObjectId(), true, false],
      ...[new Date(5), new Date(-5), new Timestamp({ t: 1, i: 2 })],
    ];
    for (const [index, _id] of ids.entries()) {
      await raw.collection('odd').insertOne({ _id, v: `text ${index}` } as never);
    }
    const table = await tableOf(database, 'odd');
    const whole = await allRows(database, { table, column: 'v', limit: 1000 });
    expect(texts(whole).sort()).toEqual(ids.map((_, index) => `text ${index}`).sort());
    for (const limit of [1, 2, 7]) {
      const rows = await allRows(database, { table, column: 'v', limit });
      expect(texts(rows)).toEqual(
        texts(await allRows(database, { table, column: 'v', limit: 1000 })),
      );
    }
    for (const { position, text } of whole) {
      expect(await database.textAt(table, 'v', position)).toBe(text);
      const change = { table, column: 'v', position, before: text, after: `${text}!` };
      expect(await database.change([change, change])).toEqual([true, false]);
    }
    const now = await raw.collection('odd').find().toArray();
    expect(now.map(({ v }) => v).sort()).toEqual(ids.map((_, index) => `text ${index}!`).sort());
  });

  test('keeps all types and the order of keys when a reference changes', async () => {
    const { database, raw } = openMongoDatabase(server);
    const document = (storage: string) =>
      ordered([
        ['_id', 1],
        ['9', 'before'],
        [
          'pages',
          [
            ordered([
              ['3', 0],
              ['file', ordered(reference(id(1), storage))],
            ]),
            'x',
          ],
        ],
        ['0', new Date(1)],
      ]);
    await raw.collection('d').insertOne(document('files'));
    const { table, rows } = await rowsIn(database, 'd', 'pages.file');
    expect(rows).toHaveLength(1);
    expect(await database.change(rows.map((row) => move(table, row)))).toEqual([true]);
    const wanted = Buffer.from(BSON.serialize(document('moved'))).toString('hex');
    expect(await bytesOf(raw, 'd', 1)).toBe(wanted);
    const [now] = (await rowsIn(database, 'd', 'pages.file')).rows as [TextRow];
    expect(now.text).toBe(move(table, rows[0] as TextRow).after);
  });

  test('says false of a reference that was changed, replaced or deleted meanwhile', async () => {
    const { database, raw } = openMongoDatabase(server);
    const own = (number: number, field: unknown = ordered(reference(id(number)))) => ({
      _id: number,
      f: field,
    });
    await raw
      .collection('d')
      .insertMany([1, 2, 3, 4, 5, 6].map((number) => own(number)) as never[]);
    const { table, rows } = await rowsIn(database, 'd', 'f');
    const d = raw.collection<{ _id: number }>('d');
    await d.updateOne({ _id: 1 }, { $set: { 'f.note': 'new' } });
    await d.updateOne({ _id: 2 }, { $set: { f: 'text' } });
    await d.deleteOne({ _id: 3 });
    await d.updateOne({ _id: 4 }, { $set: { f: ordered(reference(id(4)).toReversed()) } });
    await d.updateOne({ _id: 5 }, { $set: { 'f.files': [`files/${id(5)}`, 'more'] } });
    const others = await Promise.all([1, 2, 4, 5].map((one) => bytesOf(raw, 'd', one)));
    const made = await database.change(rows.map((row) => move(table, row)));
    expect(made).toEqual([false, false, false, false, false, true]);
    expect(await Promise.all([1, 2, 4, 5].map((one) => bytesOf(raw, 'd', one)))).toEqual(others);
    expect(await database.textAt(table, 'f', (rows[2] as TextRow).position)).toBeNull();
    expect(await database.textAt(table, 'f', (rows[1] as TextRow).position)).toBe('text');
  });

  test('follows a reference that moves in its list, and overwrites no other', async () => {
    const { database, raw } = openMongoDatabase(server);
    const list = (...numbers: number[]) =>
      numbers.map((number) => ({ file: ordered(reference(id(number))) }));
    const d = raw.collection<{ _id: number; pages: unknown }>('d');
    await d.insertOne({ _id: 1, pages: list(1, 2, 3) });
    const { table, rows } = await rowsIn(database, 'd', 'pages.file');
    await d.updateOne({ _id: 1 }, { $set: { pages: list(4, 3, 1) } });
    const made = await database.change(rows.map((row) => move(table, row)));
    expect(made).toEqual([true, false, true]);
    const { pages: now } = (await d.findOne({ _id: 1 })) as unknown as {
      pages: { file: { path: string } }[];
    };
    expect(now.map(({ file }) => file.path)).toEqual([
      `files/${id(4)}`,
      `moved/${id(3)}`,
      `moved/${id(1)}`,
    ]);
  });

  test('makes changes that others make at the same time, to one end', async () => {
    const { database, reopen, raw } = openMongoDatabase(server);
    const d = raw.collection<{ _id: number; f: string[] }>('d');
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    await d.insertMany(numbers.map((_id) => ({ _id, f: ['0', 'x'] })));
    const { table, rows } = await rowsIn(database, 'd', 'f');
    const own = rows.filter(({ text }) => text === '0');
    const others = [database, await reopen(), await reopen()];
    for (let round = 0; round < 5; round += 1) {
      const [before, after] = [`${round}`, `${round + 1}`];
      const all = own.map(({ position }) => ({ table, column: 'f', position, before, after }));
      const made = await Promise.all(others.map((one) => one.change(all)));
      // Not once exactly: FerretDB's updates are not atomic as MongoDB's are.
      for (const index of numbers.keys()) expect(made.some((one) => one[index])).toBe(true);
    }
    expect(await d.countDocuments({ f: ['5', 'x'] })).toBe(numbers.length);
  });

  test('may be changed twice in one go, and by nothing at all', async () => {
    const { database, raw } = openMongoDatabase(server);
    await raw.collection<{ _id: number; v: string }>('d').insertOne({ _id: 1, v: 'a' });
    const { table, rows } = await rowsIn(database, 'd', 'v');
    const [{ position }] = rows as [TextRow];
    const steps = [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'd'],
    ] as const;
    const all = steps.map(([before, after]) => ({ table, column: 'v', position, before, after }));
    expect(await database.change(all)).toEqual([true, false, true]);
    expect(await database.textAt(table, 'v', position)).toBe('d');
    expect(await database.change([])).toEqual([]);
  });

  test.each(['text ', 'Text', 'Text  ', 'Text\0', '', 'TEXT ', 'Te\u0301xt '])(
    'compares strings to the byte: %j',
    async (before) => {
      const { database, raw } = openMongoDatabase(server);
      await raw.collection<{ _id: number; v: string }>('d').insertOne({ _id: 1, v: 'Text ' });
      const { table, rows } = await rowsIn(database, 'd', 'v');
      const [{ position }] = rows as [TextRow];
      expect(
        await database.change([{ table, column: 'v', position, before, after: 'wrong' }]),
      ).toEqual([false]);
      expect(
        await database.change([
          { table, column: 'v', position, before: 'Text ', after: 'é\0"\n😀' },
        ]),
      ).toEqual([true]);
      expect(await database.textAt(table, 'v', position)).toBe('é\0"\n😀');
    },
  );

  test('a page ends with a whole document, and early where texts are long', async () => {
    const { database, raw } = openMongoDatabase(server);
    const long = 'x'.repeat(3_000_000);
    const d = raw.collection<{ _id: number; v: string[] }>('d');
    for (const _id of [1, 2, 3, 4]) await d.insertOne({ _id, v: [long, 'a', 'b'] });
    const table = await tableOf(database, 'd');
    const first = await database.texts({ table, column: 'v', limit: 100 });
    expect(first).toHaveLength(9);
    expect(await database.texts({ table, column: 'v', limit: 1 })).toHaveLength(3);
    const after = (first[4] as TextRow).position;
    expect(await database.texts({ table, column: 'v', limit: 100, after })).toHaveLength(6);
    const end = (first.at(-1) as TextRow).position;
    const rest = await database.texts({ table, column: 'v', limit: 100, after: end });
    expect(
      await database.texts({
        table,
        column: 'v',
        limit: 100,
        after: (rest.at(-1) as TextRow).position,
      }),
    ).toEqual([]);
  });

  test('finds what names a blob in strings, keys, identifiers and UUIDs of any field', async () => {
    const { database, raw } = openMongoDatabase(server);
    await insertGolden(raw);
    const uuid = '3c1b9742-f338-4dcf-a812-e60d74b46c69';
    await raw.collection('notes').insertMany([
      { _id: 'a' as never, body: `<img src="/depot/gridfs/6b03b653c4f27106aba1e682">` },
      { _id: 'b' as never, by_file: { '6b03b653c4f27106aba1e685': true } },
      { _id: 'c' as never, deep: [{ file: new ObjectId('6b03b653c4f27106aba1e687') }] },
      { _id: 'd' as never, blob: new UUID(uuid) },
    ]);
    const found = new Map<string, string[]>();
    const collections = new Set<string>();
    for await (const { column, rows } of allTexts(database)) {
      collections.add(column.table.name);
      for (const row of rows) {
        const name = rowName(column, row);
        found.set(name, [...(found.get(name) ?? []), row.text]);
      }
    }
    expect(found.get('notes.body _id=a')).toEqual([
      expect.stringContaining('6b03b653c4f27106aba1e682'),
    ]);
    expect(found.get('notes.* _id=b')).toEqual([
      expect.stringContaining('6b03b653c4f27106aba1e685'),
    ]);
    expect(found.get('notes.deep.file _id=c')).toEqual(['6b03b653c4f27106aba1e687']);
    expect(found.get('notes.blob _id=d')?.join()).toContain(uuid.replaceAll('-', ''));
    expect([...collections].sort()).toEqual(['documents', 'filedepot.files', 'notes']);
    const blobs = [...found].filter(([name]) => name.startsWith('filedepot.files'));
    expect(blobs.some(([, all]) => all.join().includes('6b03b653c4f27106aba1e682'))).toBe(false);
  });

  test('a document that is a reference itself, and a text that holds one, are changed too', async () => {
    const { database, raw } = openMongoDatabase(server);
    await raw.collection('d').insertOne(ordered([['_id', id(1)], ...reference(id(1))]));
    const text = JSON.stringify(Object.fromEntries(reference(id(2)).slice(0, 4)));
    await raw.collection<{ _id: number; v: string[] }>('d').insertOne({ _id: 2, v: ['x', text] });
    expect((await findColumns([database])).map(columnName)).toEqual(['d.*']);
    const { table, rows } = await rowsIn(database, 'd', '*');
    const all = rows.filter(({ text: one }) => one.includes('"depot_name"'));
    expect(all.map(({ column }) => column).sort()).toEqual(['*', 'v']);
    expect(await database.change(all.map((row) => move(table, row)))).toEqual([true, true]);
    const wanted = ordered([['_id', id(1)], ...reference(id(1), 'moved')]);
    expect(await bytesOf(raw, 'd', id(1))).toBe(
      Buffer.from(BSON.serialize(wanted)).toString('hex'),
    );
  });

  test('says of fields that no update can address why they stay', async () => {
    const { database, raw } = openMongoDatabase(server);
    const odd = ordered([...reference(id(1)), ['$note', 'x']]);
    const inserted = await raw
      .collection('d')
      .insertOne({ f: odd })
      .then(
        () => true,
        () => false,
      );
    // This server may know no such names at all; then there is nothing to refuse.
    if (!inserted)
      await raw.collection('d').insertOne({ f: ordered([...reference(id(1)), ['', 'x']]) });
    const { table, rows } = await rowsIn(database, 'd', 'f');
    expect(rows[0]?.unchangeable).toMatch(
      /^MongoDB cannot address the field "(\$note)?" in an update$/,
    );
    expect(await database.change(rows.map((row) => move(table, row)))).toEqual([false]);
  });

  test('takes fields by name where a document has them', async () => {
    const { database, raw } = openMongoDatabase(server);
    await insertGolden(raw);
    const [column] = await namedColumns([database], ['documents.meta.cover.deep']);
    expect(column?.column.name).toBe('meta.cover.deep');
    await expect(namedColumns([database], ['documents.nothing'])).rejects.toMatchObject({
      kind: 'not-found',
    });
    await expect(namedColumns([database], ['nowhere.file'])).rejects.toMatchObject({
      kind: 'not-found',
    });
    const table = await tableOf(database, 'documents');
    await expect(
      database.texts({ table, column: 'name', where: '1 = 1', limit: 1 }),
    ).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringMatching(
        /^mongodb:\/\/[\d.:]+\/depot-\w+ is a MongoDB database, which knows no SQL$/,
      ),
    });
  });
});

describe('a MongoDB that cannot be reached', () => {
  test.each([['mongodb://user:hush@127.0.0.1:9/site', 'unreachable', /nothing listens there/]])(
    'is told in one line without a secret: %s',
    async (uri, kind, message) => {
      const database = openUri(uri, 2000);
      const failed = database.tables();
      await expect(failed).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
      await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining('hush') });
      await database.close();
    },
  );

  test.each([
    ['mongodb://user:hush@127.0.0.1/', /names no database/],
    ['mongodb://user:hush@127.0.0.1/a?nonsense=1', /not valid: option nonsense is not supported/],
  ])('is a mistake of the configuration: %s', (uri, message) => {
    expect(() => openUri(uri)).toThrow(message);
    expect(() => openUri(uri)).not.toThrow(/hush/);
  });
});
