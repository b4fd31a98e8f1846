import { InvalidArgumentError } from 'commander';

/** Letters of a size; binary, as rclone and restic take them. */
const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

const second = 1000;
const day = 24 * 60 * 60 * second;

/** Units of an age, in milliseconds. There is no `m`: restic's are months, rclone's minutes. */
const ageUnits: Readonly<Record<string, number>> = {
  s: second,
  min: 60 * second,
  h: 60 * 60 * second,
  d: day,
  w: 7 * day,
  y: 365 * day,
};

/** Far more than any file's, and a time that `Date` still has when it is taken from now. */
const oldest = 10_000 * 365 * day;

/**
 * The whole bytes of an option such as `--larger-than 10M`: a number, alone or with k, M, G or T in
 * either case, powers of 1024, which may be followed by `iB`.
 */
export function parseSize(text: string): number {
  const [, number = '', unit = ''] =
    /^(\d+|\d+\.\d+(?=[a-z]))([kmgt]?)(?:(?<=\D)iB?)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (byteUnits[unit.toLowerCase()] ?? Number.NaN));
  if (number !== '' && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    'It must be a size: 1000 (bytes), 100k, 10M, 1.5G or 2T, in powers of 1024.',
  );
}

/** Bytes a second, as `parseSize` reads them; at least one. */
export function parseRate(text: string): number {
  const bytes = parseSize(text);
  if (bytes > 0) return bytes;
  throw new InvalidArgumentError('It must be more than nothing; leave it out for no limit.');
}

/** The milliseconds of an option such as `--older-than 7d`: a number with s, min, h, d, w or y. */
export function parseAge(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text) ?? [];
  const milliseconds = Math.round(Number(number) * (ageUnits[unit] ?? Number.NaN));
  if (milliseconds <= oldest) return milliseconds;
  throw new InvalidArgumentError('It must be an age: 30min, 12h, 7d, 2w or 1y.');
}

/** Milliseconds as `parseAge` reads them, in the largest unit up to days that they are whole of. */
export function formatAge(milliseconds: number): string {
  const lengthOf = (unit: string): number => ageUnits[unit] ?? second;
  const unit = ['d', 'h', 'min'].find((one) => milliseconds % lengthOf(one) === 0) ?? 's';
  return `${milliseconds / lengthOf(unit)}${unit}`;
}

/** The moment of an option such as `--since 7d` or `--since 2026-01-31`: an age, or a time in UTC. */
export function parseMoment(text: string): Date {
  if (/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?$/.test(text)) {
    const time = new Date(text);
    const day = text.slice(0, 10);
    // JavaScript takes 31 February for 3 March.
    if (!Number.isNaN(time.getTime()) && time.toISOString().startsWith(day)) return time;
  } else if (!/^\d{4}-/.test(text)) {
    return new Date(Date.now() - parseAge(text));
  }
  throw new InvalidArgumentError(
    'It must be a day or a time in UTC: 2026-01-31, 2026-01-31T12:00Z.',
  );
}
