import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import type { StandardSchema, StorageModule } from '../../src/modules/contract.js';
import { checkModuleSettings } from '../../src/modules/settings.js';

const storage = { name: 'files', where: 'there' };

async function check(
  schema: StandardSchema | undefined,
  values: Readonly<Record<string, string>>,
): Promise<unknown> {
  const options = Object.entries(values).map(([key, value]) => {
    return [key, { value, origin: { file: '', line: null, section: null, key } }] as const;
  });
  const open: StorageModule['open'] = () => expect.unreachable('it is not opened');
  const module = schema === undefined ? { open } : { open, schema };
  return checkModuleSettings(module, new Map(options), storage);
}

describe('settings', () => {
  test('are what the schema makes of the options', async () => {
    const port = v.optional(v.pipe(v.string(), v.transform(Number)), '1');
    const schema = v.object({ host: v.string(), port });
    expect(await check(schema, { host: 'h' })).toEqual({ host: 'h', port: 1 });
    expect(await check(schema, { host: 'h', port: '80' })).toEqual({ host: 'h', port: 80 });
    expect(await check(v.looseObject({}), { any: 'x' })).toEqual({ any: 'x' });
    expect(await check(undefined, {})).toEqual({});
  });

  test('may come of a schema that is a function, and answers later', async () => {
    const schema = Object.assign(() => {}, {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: async (value: unknown) => ({ value }),
      },
    });
    expect(await check(schema, { any: 'x' })).toEqual({ any: 'x' });
  });

  test.each([
    { path: ['key'], says: 'key: wrong' },
    { path: [{ key: 'key' }], says: 'key: wrong' },
    { path: ['key', 0, 'deeper'], says: 'key: wrong' },
    { path: ['other'], says: 'there: storage files needs the option other: wrong' },
    { path: [Symbol('x')], says: 'there: storage files needs the option Symbol(x): wrong' },
    { path: [], says: 'there: storage files: wrong' },
    { path: undefined, says: 'there: storage files: wrong' },
  ])('are refused where the first issue says: $path', async ({ path, says }) => {
    const issues = [{ message: 'wrong', path }, { message: 'also wrong' }];
    const schema: StandardSchema = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) },
    };
    await expect(check(schema, { key: 'v' })).rejects.toMatchObject({
      kind: 'config',
      message: says,
    });
  });

  test('never show an option’s value, however the schema speaks of it', async () => {
    const spoken = fc.constantFrom(
      (value: string) => value,
      (value: string) => `received "${value}"`,
      (value: string) => `received ${JSON.stringify(value)}`,
    );
    // What is neither in our own words nor in the schema's.
    const secret = fc.string({ unit: 'binary', minLength: 8 }).map((text) => `\u2603${text}\u2603`);
    await fc.assert(
      fc.asyncProperty(secret, spoken, fc.boolean(), async (value, speak, throws) => {
        const validate = (): { issues: { message: string }[] } => {
          if (throws) throw new Error(speak(value));
          return { issues: [{ message: speak(value) }] };
        };
        const schema: StandardSchema = {
          '~standard': { version: 1, vendor: 'test', validate },
        };
        const error = await check(schema, { password: value }).catch((one: Error) => one);
        const { message } = error as Error;
        expect(message).toContain('***');
        expect(message).not.toContain('\u2603');
        expect(message).not.toContain('\n');
      }),
    );
  });
});
