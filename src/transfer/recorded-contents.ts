import { readdirSync } from 'node:fs';
import path from 'node:path';
import type Sqlite from 'better-sqlite3';
import type { BlobInfo } from '../backend.js';
import { DepotError, messageOf } from '../errors.js';
import { errorCode, fileError } from '../files.js';
import { openToRead } from './state-file.js';

/** Milliseconds before a migration from which a time is not taken for a wrong clock's or zone's. */
const margin = 24 * 60 * 60 * 1000;

/** The contents that migrations have noted, in the state files of a directory. */
export interface RecordedContents {
  /**
   * The file that has noted other contents of this blob, and not this one, where nobody has replaced
   * it since; else null.
   *
   * @param sha256 of the blob's bytes, in hexadecimal
   */
  contradiction(path: string, blob: BlobInfo, sha256: string): string | null;
  close(): void;
}

interface StateFile {
  readonly file: string;
  readonly handle: Sqlite.Database;
  /** When the first of its runs began, in milliseconds. */
  readonly since: number;
  contentsOf(path: string): string[];
}

/** Opens all state files of the directory; `notice` is told of what is none. */
export function openRecordedContents(
  directory: string,
  notice: (text: string) => void,
): RecordedContents {
  const files = stateFilesIn(directory).flatMap((file): StateFile[] => {
    try {
      return [openStateFile(file)];
    } catch (error) {
      notice(`What it may have noted is not compared: ${messageOf(error)}`);
      return [];
    }
  });
  return {
    contradiction(blob, { lastModified }, sha256) {
      const changed = lastModified?.getTime() ?? Number.POSITIVE_INFINITY;
      const other = files.find(({ since, contentsOf }) => {
        if (changed > since - margin) return false;
        const noted = contentsOf(blob);
        // A service's own checksum of a copy says nothing of this one.
        const comparable = noted.every((content) => /^[0-9a-f]{64}$/.test(content));
        return noted.length > 0 && comparable && !noted.includes(sha256);
      });
      return other?.file ?? null;
    },
    close() {
      for (const { handle } of files) handle.close();
    },
  };
}

function stateFilesIn(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.sqlite'));
    return names.sort().map((name) => path.join(directory, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw fileError(error, `cannot list ${directory}`);
  }
}

function openStateFile(file: string): StateFile {
  const handle = openToRead(file);
  try {
    const since = handle.prepare<[], string>('SELECT min(started) FROM runs').pluck().get();
    const select = handle.prepare<[{ 1: string }], string>(
      `SELECT sha256 FROM contents WHERE path = ?1 UNION ALL
       SELECT sha256 FROM copies WHERE source = ?1`,
    );
    const contentsOf = (blob: string): string[] => select.pluck().all({ 1: blob });
    return { file, handle, since: Date.parse(since ?? ''), contentsOf };
  } catch (error) {
    handle.close();
    throw new DepotError('failed', `cannot read the state file ${file}: ${messageOf(error)}`);
  }
}
