import { closeSync, openSync, writeSync } from 'node:fs';
import { fileError } from '../files.js';
import { jsonOf } from './json.js';

type LogEvent = 'start' | 'item' | 'retry' | 'problem' | 'error' | 'summary';

/** A log of a run for programs: a JSON object on each line, with a time and what happened. */
export interface RunLog {
  write(event: LogEvent, fields: object): void;
  close(): void;
}

/** For those who asked for none. */
export const noLog: RunLog = { write() {}, close() {} };

/**
 * Appends to a file, which only its owner may read where it is new. Each line is there when the
 * event is over, so that it is not lost with the process. A disk that gets full ends the log and
 * not the run: `failed` is told once.
 */
export function openRunLog(file: string, failed: (text: string) => void): RunLog {
  let handle: number | null;
  try {
    handle = openSync(file, 'a', 0o600);
  } catch (error) {
    throw fileError(error, `cannot write the log ${file}`);
  }
  const close = (): void => {
    if (handle !== null) closeSync(handle);
    handle = null;
  };
  return {
    write(event, fields) {
      if (handle === null) return;
      const entry = { time: new Date().toISOString(), event, ...fields };
      const line = jsonOf(
        'type' in entry && entry.type === event ? { ...entry, type: undefined } : entry,
      );
      try {
        writeSync(handle, `${line}\n`);
      } catch (error) {
        close();
        failed(`The log ends here: ${fileError(error, `cannot write to ${file}`).message}`);
      }
    },
    close,
  };
}
