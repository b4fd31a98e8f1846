// Many small blobs out of SQLite into local files, beside others who write as many files.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPython } from '../test/interop/environment.ts';
import { inDirectory, report } from './measure.js';
import { makeSite, migrate } from './site.js';

const [blobs, size] = [10_000, 10_000];
const filedepot = fileURLToPath(new URL('filedepot.py', import.meta.url));

/** Seconds that `action` takes. */
function secondsOf(action) {
  const started = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - started) / 1e9;
}

/** One file after the other, each synchronized: the least that keeps a promise. */
function writePlainFiles(directory) {
  mkdirSync(directory);
  const bytes = randomBytes(size);
  for (let number = 0; number < blobs; number += 1) {
    const handle = openSync(path.join(directory, String(number)), 'wx');
    writeSync(handle, bytes);
    fsyncSync(handle);
    closeSync(handle);
  }
}

/** Python's filedepot, which synchronizes nothing, verifies nothing and changes no reference. */
function copyWithFiledepot(python, directory) {
  const args = [filedepot, path.join(directory, 'Kotti.db'), path.join(directory, 'python')];
  const { status } = spawnSync(python, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('Python cannot copy');
}

await inDirectory((directory) => {
  makeSite(directory, { blobs, size });
  const plain = secondsOf(() => writePlainFiles(path.join(directory, 'plain')));
  const { seconds, megabytes } = migrate(directory, 'dbfiles', 'localfs');
  const what = `${blobs} blobs of 10 kB, SQLite to local files`;
  report(`${what} : fsynced files`, seconds / plain, 'times');
  const python = findPython();
  if (python === undefined) console.log(`${what} : filedepot: skipped, there is no Python with it`);
  else {
    const copied = secondsOf(() => copyWithFiledepot(python, directory));
    report(`${what} : filedepot`, seconds / copied, 'times');
  }
  report('blobs a second', blobs / seconds, '');
  report('memory meanwhile', megabytes, 'MB', 150);
});
