// Listing a store of 100,000 files: when the first line comes, and what memory it takes.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { depot, inDirectory, report, runNode } from './measure.js';

const blobs = 100_000;

await inDirectory(async (directory) => {
  runNode([depot, 'init'], { cwd: directory });
  for (let number = 0; number < blobs; number += 1) {
    const entry = path.join(directory, 'files', randomUUID());
    mkdirSync(entry);
    writeFileSync(path.join(entry, 'file'), '');
    writeFileSync(path.join(entry, 'metadata.json'), '{}');
  }
  const started = process.hrtime.bigint();
  const child = spawn(process.execPath, [depot, 'list'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const first = Number(process.hrtime.bigint() - started) / 1e9;
  child.stdout.resume();
  await once(child, 'exit');
  const all = Number(process.hrtime.bigint() - started) / 1e9;
  report(`first line of ${blobs} : whole list`, first / all, 'times', 0.5);
  report(
    `memory to list ${blobs}`,
    runNode([depot, 'list'], { cwd: directory }).megabytes,
    'MB',
    120,
  );
});
