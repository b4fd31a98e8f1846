// How long a command takes to start, beside Node itself.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { depot, inDirectory, interleaved, report, runNode } from './measure.js';

const rounds = 25;

await inDirectory((directory) => {
  runNode([depot, 'init'], { cwd: directory });
  for (let number = 0; number < 10; number += 1) {
    const file = path.join(directory, `${number}.txt`);
    writeFileSync(file, String(number));
    runNode([depot, 'put', file], { cwd: directory });
  }
  mkdirSync(path.join(directory, 'empty'));
  const [node, version, list] = interleaved(
    [
      { args: ['-e', '0'], cwd: directory },
      { args: [depot, '--version'], cwd: directory },
      { args: [depot, 'list'], cwd: directory },
    ],
    rounds,
  );
  report('depot --version : node -e 0', version / node, 'times', 1.5);
  report('depot list of a small store : node -e 0', list / node, 'times', 2.5);
});
