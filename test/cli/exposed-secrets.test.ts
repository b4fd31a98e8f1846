import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, newDirectory } from './depot.js';

const configuration = `[depot]
depot.0.name = archive
depot.0.backend = s3
depot.0.bucket = blobs
depot.0.access_key_id = somebody
depot.0.secret_access_key = hidden
`;

function newConfiguration(mode: number): string {
  const here = newDirectory();
  writeFileSync(path.join(here, 'depot.ini'), configuration);
  chmodSync(path.join(here, 'depot.ini'), mode);
  return here;
}

describe.skipIf(process.platform === 'win32').concurrent('a configuration with secrets', () => {
  test('that everybody may read is warned of, unless quiet', async () => {
    const here = newConfiguration(0o644);
    const warned = await depot(here, ['storages']);
    expect(warned.code).toBe(0);
    expect(warned.err).toMatch(/depot\.ini holds secrets, .*: chmod o-r .*depot\.ini\n$/);
    expect(await depot(here, ['-q', 'storages'])).toMatchObject({ code: 0, err: '' });
  });

  test('that only its owner and group may read is not', async () => {
    const kept = await depot(newConfiguration(0o640), ['storages']);
    expect(kept).toMatchObject({ code: 0, err: '' });
  });
});
