import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'ini';
import { DepotError } from '../../errors.js';
import { errorCode, fileError, makePrivateDirectory } from '../../files.js';
import type { Context } from '../context.js';
import { writeError } from '../writable.js';

const settings = {
  depot: {
    'depot.0.name': 'files',
    'depot.0.backend': 'local',
    'depot.0.storage_path': '%(here)s/files',
  },
};

const comment = `# Storages of depot. This file is read as Python's ConfigParser reads it:
# comments are whole lines, %(here)s is the directory of this file.
# A Kotti site needs no file like this: use its own, with  depot -c production.ini …

`;

export function registerInit(program: Command, start: () => Context): void {
  program
    .command('init')
    .description('write a first configuration: local files beside it')
    .argument('[file]', 'the configuration', 'depot.ini')
    .action((file: string) => init(start(), file));
}

async function init({ output }: Context, file: string): Promise<void> {
  const text = comment + stringify(settings, { whitespace: true });
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw writeError(error, file);
    throw new DepotError('refused', `cannot write ${file}: it exists already`, {
      hint: 'Name another file: depot init FILE',
    });
  }
  const directory = path.join(path.dirname(file), 'files');
  try {
    await makePrivateDirectory(directory);
  } catch (error) {
    await rm(file);
    throw fileError(error, `cannot make the directory ${directory}`);
  }
  await output.data(file, { file });
}
