import { DepotError } from './errors.js';

/**
 * Times as DEPOT stores them. UTC for all storages, `YYYY-MM-DD HH:MM:SS`; local time of the
 * server, with microseconds, in the `blobs` table of a database.
 */

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** `YYYY-MM-DD HH:MM:SS` in UTC. */
export function formatUtc(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ');
}

/** `YYYY-MM-DDTHH:MM:SSZ`, or null. */
export function formatIso(time: Date | null): string | null {
  return time === null ? null : `${time.toISOString().slice(0, 19)}Z`;
}

interface WallClock {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
}

const timestamp =
  /^\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:T|\s+)(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?Z?\s*$/;

function parseWallClock(text: string): WallClock | null {
  const match = timestamp.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const millisecond = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const wall = { year, month, day, hour, minute, second, millisecond };
  const time = asUtc(wall);
  const exists = time.getUTCMonth() + 1 === month && time.getUTCDate() === day && hour < 24;
  return exists && minute < 60 && second < 60 ? wall : null;
}

function asUtc(wall: WallClock): Date {
  const time = new Date(0);
  time.setUTCFullYear(wall.year, wall.month - 1, wall.day);
  time.setUTCHours(wall.hour, wall.minute, wall.second, wall.millisecond);
  return time;
}

/** The instant of a UTC timestamp without a zone, or null where the text is none. */
export function parseUtc(text: string): Date | null {
  const wall = parseWallClock(text);
  return wall === null ? null : asUtc(wall);
}

/** Converts between instants and the wall clock of one zone. */
export interface ZoneClock {
  readonly zone: string;
  /** `YYYY-MM-DD HH:MM:SS.ffffff`, as SQLAlchemy writes a naive datetime into SQLite. */
  format(time: Date): string;
  /** Of an hour that the clock shows twice, the first, as Python does; null where no time. */
  parse(text: string): Date | null;
}

/** The clock of an IANA zone such as `Europe/Berlin`; without a zone, of this machine's. */
export function zoneClock(zone?: string): ZoneClock {
  let parts: Intl.DateTimeFormat;
  try {
    parts = new Intl.DateTimeFormat('en-GB', {
      ...(zone === undefined ? {} : { timeZone: zone }),
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new DepotError('config', `unknown time zone ${JSON.stringify(zone)}`, {
      hint: 'Use a name such as Europe/Berlin or UTC.',
    });
  }
  const offsetAt = remembered((time: Date): number => {
    const fields = new Map(parts.formatToParts(time).map(({ type, value }) => [type, value]));
    const field = (name: Intl.DateTimeFormatPartTypes): number => Number(fields.get(name));
    const wall = new Date(0);
    wall.setUTCFullYear(field('year'), field('month') - 1, field('day'));
    wall.setUTCHours(field('hour'), field('minute'), field('second'), time.getUTCMilliseconds());
    return wall.getTime() - time.getTime();
  });
  return {
    zone: parts.resolvedOptions().timeZone,
    format(time) {
      const wall = new Date(time.getTime() + offsetAt(time));
      return `${formatUtc(wall)}.${pad(wall.getUTCMilliseconds(), 3)}000`;
    },
    parse(text) {
      const wall = parseWallClock(text);
      return wall === null ? null : instantOf(asUtc(wall).getTime(), offsetAt);
    },
  };
}

/** Asking for an offset is slow: of a quarter of an hour without a change it is asked for once. */
function remembered(offsetAt: (time: Date) => number): (time: Date) => number {
  const quarter = 15 * 60 * 1000;
  const known = new Map<number, number>();
  const ask = (time: number): number => {
    const offset = known.get(time) ?? offsetAt(new Date(time));
    if (known.size > 10_000) known.clear();
    known.set(time, offset);
    return offset;
  };
  return (time) => {
    const start = Math.floor(time.getTime() / quarter) * quarter;
    const offset = ask(start);
    return offset === ask(start + quarter) ? offset : offsetAt(time);
  };
}

/** A day before and a day after lie on either side of any change of the zone's offset. */
function instantOf(wall: number, offsetAt: (time: Date) => number): Date {
  const day = 24 * 60 * 60 * 1000;
  const before = offsetAt(new Date(wall - day));
  const after = offsetAt(new Date(wall + day));
  const candidates = [before, after].map((offset) => wall - offset);
  const valid = candidates.filter((time) => time + offsetAt(new Date(time)) === wall);
  return new Date(valid.length > 0 ? Math.min(...valid) : wall - before);
}
