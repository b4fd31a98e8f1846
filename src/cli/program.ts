import { Command, CommanderError, Option } from 'commander';
import { readVersion } from './version.js';

/** `depot` itself, without its commands. */
export function createProgram(): Command {
  return new Command('depot')
    .description('Administers the blob storages of filedepot and the Kotti CMS.')
    .option(
      '-c, --config <file>',
      'configuration: FILE or FILE#APP (default: $DEPOT_CONFIG, else ./depot.ini)',
    )
    .option('--json', 'one JSON object per line on standard output')
    .addOption(new Option('-q, --quiet', 'only data and errors').conflicts('verbose'))
    .option('-v, --verbose', 'say more on standard error')
    .option('--log-json <file>', 'append to FILE what happens, a JSON object on each line')
    .option('-V, --version', 'print the version')
    .on('option:version', printVersion)
    .exitOverride();
}

/** Unlike commander's own way this reads the version only when it is asked for. */
function printVersion(): never {
  process.stdout.write(`${readVersion()}\n`);
  throw new CommanderError(0, 'commander.version', '');
}
