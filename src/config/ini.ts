import { isUtf8 } from 'node:buffer';
import { DepotError } from '../errors.js';
import { describeOrigin, describePlace, type Origin } from './origin.js';
import { strip, stripEnd, stripStart } from './python-text.js';

/** A value as written, before any interpolation. */
export interface RawValue {
  text: string;
  origin: Origin;
}

export type RawSection = Map<string, RawValue>;

/** A configuration file as Python 3.11's ConfigParser reads it for PasteDeploy. */
export interface IniFile {
  /** Absolute path. */
  file: string;
  /** Python refuses a file with one; here it is read past. */
  byteOrderMark: boolean;
  /** `[DEFAULT]`. */
  defaults: RawSection;
  /** The other sections by name, in the file's order, without what they inherit. */
  sections: Map<string, RawSection>;
}

/** Python's universal newlines: no other character ends a line. */
const lineEnd = /\r\n|\r|\n/;

const defaultSection = 'DEFAULT';

/** The state of a reading: the file so far, and what a continuation line would continue. */
interface Reading {
  ini: IniFile;
  section: { name: string; values: RawSection } | undefined;
  /** The lines of each value, joined at the end. */
  lines: Map<RawValue, string[]>;
  value: RawValue | undefined;
  indent: number;
  /** Numbers of the lines that are neither header nor setting; Python reports them together. */
  badLines: number[];
}

/**
 * Reads what Python 3.11's `configparser` reads with PasteDeploy's settings: case-sensitive keys,
 * `=` and `:`, whole-line comments, strict about duplicates.
 *
 * @param file absolute path, for origins and errors
 * @throws DepotError `config` where Python raises, with file and line and never the line's text
 */
export function parseIni(file: string, bytes: Uint8Array): IniFile {
  const text = decode(file, bytes);
  const byteOrderMark = text.startsWith('\ufeff');
  const reading: Reading = {
    ini: { file, byteOrderMark, defaults: new Map(), sections: new Map() },
    section: undefined,
    lines: new Map(),
    value: undefined,
    indent: 0,
    badLines: [],
  };
  const lines = (byteOrderMark ? text.slice(1) : text).split(lineEnd);
  lines.forEach((line, index) => {
    readLine(reading, line, index + 1);
  });
  if (reading.badLines.length > 0) throw noDelimiter(file, reading.badLines);
  for (const [value, parts] of reading.lines) value.text = stripEnd(parts.join('\n'));
  return reading.ini;
}

function readLine(reading: Reading, line: string, number: number): void {
  const text = strip(line);
  if (text.startsWith('#') || text.startsWith(';')) return;
  if (text === '') {
    continueValue(reading, '');
    return;
  }
  const indent = line.length - stripStart(line).length;
  if (indent > reading.indent && reading.value !== undefined) {
    continueValue(reading, text);
    return;
  }
  reading.indent = indent;
  const header = /^\[(.+)\]/s.exec(text)?.[1];
  if (header !== undefined) openSection(reading, header, number);
  else readSetting(reading, text, number);
}

function continueValue(reading: Reading, text: string): void {
  if (reading.value !== undefined) reading.lines.get(reading.value)?.push(text);
}

function openSection(reading: Reading, name: string, line: number): void {
  const { ini } = reading;
  reading.value = undefined;
  if (name === defaultSection) {
    reading.section = { name, values: ini.defaults };
    return;
  }
  if (ini.sections.has(name)) {
    throw new DepotError(
      'config',
      `${describePlace(ini.file, line)} [${name}]: the file already has this section`,
      { hint: 'Join the two sections into one.' },
    );
  }
  const values: RawSection = new Map();
  ini.sections.set(name, values);
  reading.section = { name, values };
}

function readSetting(reading: Reading, text: string, line: number): void {
  const { section, ini } = reading;
  if (section === undefined) {
    throw new DepotError(
      'config',
      `${describePlace(ini.file, line)}: no section header above the first setting`,
      { hint: 'Put a line such as [app:main] above it.' },
    );
  }
  const delimiter = text.search(/[=:]/);
  if (delimiter < 1) reading.badLines.push(line);
  if (delimiter < 0) return;
  const key = stripEnd(text.slice(0, delimiter));
  const origin: Origin = { file: ini.file, line, section: section.name, key };
  const earlier = section.values.get(key);
  if (earlier !== undefined) {
    throw new DepotError(
      'config',
      `${describeOrigin(origin)}: the section already has this key, on line ${earlier.origin.line}`,
      { hint: 'Remove one of the two.' },
    );
  }
  const value: RawValue = { text: '', origin };
  section.values.set(key, value);
  reading.lines.set(value, [strip(text.slice(delimiter + 1))]);
  // Python takes an empty key for none, so that nothing continues its value.
  reading.value = key === '' ? undefined : value;
}

function noDelimiter(file: string, lines: number[]): DepotError {
  const place =
    lines.length === 1
      ? describePlace(file, lines[0])
      : `${describePlace(file)} lines ${lines.join(', ')}`;
  return new DepotError('config', `${place}: neither a section header nor KEY = VALUE`, {
    hint: 'Indent a line that continues the value above; begin a comment with # or ;.',
  });
}

function decode(file: string, bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  if (isUtf8(bytes)) return text;
  const offset = firstInvalidByte(bytes, text);
  const line = buffer.toString('utf8', 0, offset).split(lineEnd).length;
  throw new DepotError(
    'config',
    `${describePlace(file, line)}: not UTF-8, the byte at offset ${offset} is 0x${bytes[offset]?.toString(16)}`,
    { hint: 'Save the file as UTF-8.' },
  );
}

/** The decoder put U+FFFD there: encoded again, the bytes differ from that character on. */
function firstInvalidByte(bytes: Uint8Array, decoded: string): number {
  const again = Buffer.from(decoded);
  let offset = again.findIndex((byte, index) => byte !== bytes[index]);
  while (((again[offset] ?? 0) & 0xc0) === 0x80) offset -= 1;
  return offset;
}
