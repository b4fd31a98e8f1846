import { setImmediate } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { DepotError, exitCodes } from '../errors.js';
import type { Manager } from '../manager.js';
import { registerCommands } from './commands.js';
import type { Context } from './context.js';
import { counted, Output, OutputError, type Verbosity } from './output.js';
import { createProgram } from './program.js';
import { noLog, openRunLog } from './run-log.js';
import { type Signals, watchSignals } from './signals.js';
import { readVersion } from './version.js';

interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly logJson?: string;
}

/** Runs the command line; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const program = createProgram();
  let context: Context | undefined;
  const signals = watchSignals();
  await registerCommands(program, args, () => {
    context = createContext(program.opts<GlobalOptions>(), signals.signal);
    context.output.log.write('start', { version: readVersion(), process: process.pid, args });
    return context;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return signals.exitCode() ?? context?.exitCode ?? 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? await codeOfHelp(signals) : exitCodes.usage;
    }
    const interrupted = signals.exitCode();
    if (interrupted !== null) return interrupted;
    context ??= createContext({}, signals.signal);
    if (error instanceof OutputError && error.closed) return context.exitCode;
    context.output.error(error);
    return error instanceof DepotError ? exitCodes[error.kind] : exitCodes.failed;
  } finally {
    signals.stop();
    await closeManager(context?.output);
  }
}

/** Help is not written by an `Output`: whether standard output took it is known a moment later. */
async function codeOfHelp({ signal, exitCode }: Signals): Promise<number> {
  await setImmediate();
  const interrupted = exitCode();
  if (interrupted !== null || !signal.aborted) return interrupted ?? 0;
  const error = new OutputError(signal.reason);
  if (error.closed) return 0;
  createContext({}, signal).output.error(error);
  return exitCodes.failed;
}

let opened: Promise<Manager> | undefined;

function createContext(options: GlobalOptions, signal: AbortSignal): Context {
  const verbosity: Verbosity = options.quiet ? 'quiet' : options.verbose ? 'verbose' : 'normal';
  const tell = (text: string): void => output.error(new DepotError('failed', text));
  const output: Output = new Output({
    json: options.json === true,
    verbosity,
    out: process.stdout,
    err: process.stderr,
    signal,
    log: options.logJson === undefined ? noLog : openRunLog(options.logJson, tell),
  });
  return {
    output,
    signal,
    exitCode: 0,
    config: options.config,
    manager() {
      opened ??= openManager(options.config, output);
      return opened;
    },
  };
}

async function openManager(config: string | undefined, output: Output): Promise<Manager> {
  const [{ loadConfiguration }, { Manager }, { exposedSecrets }] = await Promise.all([
    import('../config/settings.js'),
    import('../manager.js'),
    import('./exposed-secrets.js'),
  ]);
  const file = config ?? (process.env.DEPOT_CONFIG || 'depot.ini');
  const configuration = await loadConfiguration({ file, env: process.env });
  for (const notice of configuration.notices) output.detail(notice);
  for (const exposed of await exposedSecrets(configuration)) {
    output.note(
      `${exposed} holds secrets, and everybody on this machine may read it: chmod o-r ${exposed}`,
    );
  }
  return new Manager(configuration, {
    notice: (text) => output.note(text),
    retried: (whom) => output.log.write('retry', { whom }),
  });
}

async function closeManager(output: Output | undefined): Promise<void> {
  const manager = await opened?.catch(() => undefined);
  opened = undefined;
  await manager?.close();
  for (const [whom, count] of manager?.retries ?? []) {
    output?.detail(`${whom}: ${counted(count, 'request')} sent once more`);
  }
  output?.log.close();
}
